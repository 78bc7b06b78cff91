//! Sums, bounds, and what becomes of what does not fit.

use super::*;
use crate::model::{FrameKind, Labels};

const ONE: Weight = Weight { samples: 1, nanoseconds: 10_000_000 };

fn frames(names: &[&str]) -> Vec<Frame> {
    names.iter().map(|name| Frame::bare(FrameKind::Python, *name)).collect()
}

pub(super) fn series(pid: u32) -> Series {
    Series {
        pid: Pid(pid),
        command: "app".into(),
        labels: Labels::none(),
        tid: Tid(pid),
        thread: "main".into(),
        python: "3.12.1".into(),
        interpreter: Some(0),
    }
}

pub(super) fn add(aggregate: &mut Aggregate, second: u64, pid: u32, names: &[&str]) -> Option<Reason> {
    let series = aggregate.series(&series(pid));
    let stack = aggregate.intern(frames(names));
    aggregate.add(second * NANOSECONDS, series, stack, ONE)
}

/// `pid root;…;leaf samples`, sorted.
fn content(aggregate: &Aggregate, since: u64, until: u64) -> Vec<String> {
    let mut lines: Vec<String> = aggregate
        .weights(since * NANOSECONDS, until * NANOSECONDS)
        .map(|(series, stack, weight)| {
            let names: Vec<String> = aggregate
                .stacks()
                .root_first(stack)
                .iter()
                .map(|frame| match frame.kind {
                    FrameKind::Unknown(reason) => reason.label().to_owned(),
                    _ => frame.function.to_string(),
                })
                .collect();
            format!("{} {} {}", aggregate.series_of(series).pid, names.join(";"), weight.samples)
        })
        .collect();
    lines.sort();
    lines
}

pub(super) fn small(seconds: Option<u64>) -> Retention {
    Retention {
        seconds,
        window: None,
        max_entries: 4,
        max_nodes: 8,
        max_text_bytes: 1000,
        max_series: 3,
        max_ticks: 10,
    }
}

#[test]
fn the_same_stack_of_the_same_second_is_one_entry() {
    let mut aggregate = Aggregate::new(small(Some(10)), 0);
    for second in [5, 5, 6] {
        assert_eq!(add(&mut aggregate, second, 1, &["a", "b"]), None);
    }
    assert_eq!(aggregate.sizes().entries, 2);
    assert_eq!(content(&aggregate, 5, 6), ["1 a;b 2"]);
    assert_eq!(content(&aggregate, 0, 100), ["1 a;b 1", "1 a;b 2"]);
}

#[test]
fn a_late_sample_goes_to_its_own_second() {
    let mut aggregate = Aggregate::new(small(Some(10)), 0);
    for second in [7, 5, 6, 5] {
        assert_eq!(add(&mut aggregate, second, 1, &["a"]), None);
    }
    assert_eq!(content(&aggregate, 5, 6), ["1 a 2"]);
}

#[test]
fn without_retention_the_seconds_are_one() {
    let mut aggregate = Aggregate::new(small(None), 0);
    for second in [5, 100_000, 3] {
        assert_eq!(add(&mut aggregate, second, 1, &["a"]), None);
    }
    assert!(aggregate.maintain(200_000 * NANOSECONDS).is_none());
    assert_eq!(content(&aggregate, 0, u64::MAX / NANOSECONDS), ["1 a 3"]);
    assert_eq!(aggregate.complete_since(), 0);
}

#[test]
fn old_seconds_go() {
    let mut aggregate = Aggregate::new(small(Some(3)), 4 * NANOSECONDS);
    for second in [5, 6, 9] {
        assert_eq!(add(&mut aggregate, second, 1, &["a"]), None);
    }
    aggregate.maintain(9 * NANOSECONDS);
    assert_eq!(aggregate.sizes().entries, 2);
    assert_eq!(aggregate.complete_since(), 6 * NANOSECONDS);
    assert_eq!(aggregate.overflow(), Overflow::default());
}

#[test]
fn a_full_live_aggregate_drops_its_oldest_second_and_counts_it() {
    let mut aggregate = Aggregate::new(small(Some(100)), 0);
    for second in 1..=5 {
        assert_eq!(add(&mut aggregate, second, 1, &["a"]), None);
    }
    assert_eq!(aggregate.sizes().entries, 4);
    assert_eq!(content(&aggregate, 0, 3), ["1 a 1"]);
    assert_eq!(aggregate.complete_since(), 2 * NANOSECONDS);
    let overflow = aggregate.overflow();
    assert_eq!((overflow.seconds_dropped, overflow.samples_dropped), (1, 1));
}

#[test]
fn a_full_recording_folds_new_stacks_and_keeps_their_weight() {
    let mut aggregate = Aggregate::new(small(None), 0);
    for name in ["a", "b", "c", "d"] {
        assert_eq!(add(&mut aggregate, 1, 1, &[name]), None);
    }
    assert_eq!(add(&mut aggregate, 1, 1, &["e"]), Some(Reason::AgentTableFull));
    assert_eq!(add(&mut aggregate, 1, 1, &["f"]), Some(Reason::AgentTableFull));
    assert_eq!(add(&mut aggregate, 1, 1, &["a"]), None);
    assert_eq!(content(&aggregate, 0, 2), ["1 a 2", "1 agent_table_full 2", "1 b 1", "1 c 1", "1 d 1"]);
    assert_eq!(aggregate.overflow().folded_samples, 2);
}

#[test]
fn a_stack_that_finds_no_node_is_folded_but_a_known_one_is_found() {
    let mut aggregate = Aggregate::new(Retention { max_entries: 100, ..small(None) }, 0);
    assert_eq!(add(&mut aggregate, 1, 1, &["a", "b", "c", "d", "e", "f", "g"]), None);
    assert_eq!(add(&mut aggregate, 1, 1, &["x"]), Some(Reason::AgentTableFull));
    assert_eq!(add(&mut aggregate, 1, 1, &["a", "b"]), None);
    assert_eq!(aggregate.sizes().nodes, 8);
}

#[test]
fn names_count_against_their_limit() {
    let mut aggregate = Aggregate::new(Retention { max_text_bytes: 5, ..small(None) }, 0);
    assert_eq!(add(&mut aggregate, 1, 1, &["abc", "defg"]), None);
    assert_eq!(add(&mut aggregate, 1, 1, &["h"]), Some(Reason::AgentTableFull));
}

#[test]
fn series_past_the_limit_share_the_overflow_series() {
    let mut aggregate = Aggregate::new(Retention { max_entries: 100, ..small(None) }, 0);
    for pid in 1..=5 {
        assert_eq!(add(&mut aggregate, 1, pid, &["a"]), None);
    }
    assert_eq!(content(&aggregate, 0, 2), ["0 a 2", "1 a 1", "2 a 1", "3 a 1"]);
    assert_eq!(aggregate.overflow().unnamed_samples, 2);
}

#[test]
fn a_rebuild_keeps_what_is_live_and_makes_room() {
    let mut aggregate = Aggregate::new(small(Some(10)), 0);
    assert_eq!(add(&mut aggregate, 1, 1, &["old", "older", "oldest", "ancient"]), None);
    assert_eq!(add(&mut aggregate, 12, 2, &["a", "b"]), None);
    let generation = aggregate.generation();
    let live = aggregate.intern(frames(&["a", "b"]));
    let dead = aggregate.intern(frames(&["old"]));
    let moved = aggregate.maintain(14 * NANOSECONDS).expect("a rebuild");
    assert_eq!(moved.stacks.get(&live), Some(&aggregate.intern(frames(&["a", "b"]))));
    assert_eq!(moved.stacks.get(&dead), None);
    assert_ne!(aggregate.generation(), generation);
    assert_eq!(content(&aggregate, 0, 100), ["2 a;b 1"]);
    let sizes = aggregate.sizes();
    assert_eq!((sizes.nodes, sizes.frames, sizes.series), (3, 3, 2));
    assert_eq!(add(&mut aggregate, 14, 2, &["a", "b"]), None);
    assert_eq!(content(&aggregate, 14, 15), ["2 a;b 1"]);
}

#[test]
fn rebuilds_keep_a_distance() {
    let mut aggregate = Aggregate::new(small(Some(100)), 0);
    assert_eq!(add(&mut aggregate, 20, 1, &["a", "b", "c", "d", "e", "f", "g"]), None);
    assert!(aggregate.maintain(20 * NANOSECONDS).is_some());
    assert!(aggregate.maintain(21 * NANOSECONDS).is_none());
    assert!(aggregate.maintain(30 * NANOSECONDS).is_some());
}

#[test]
fn what_is_live_does_not_cause_rebuilds() {
    let mut aggregate = Aggregate::new(Retention { max_nodes: 10, ..small(Some(100)) }, 0);
    assert_eq!(add(&mut aggregate, 20, 1, &["a", "b", "c", "d", "e", "f", "g"]), None);
    assert!(aggregate.maintain(20 * NANOSECONDS).is_some());
    assert!(aggregate.maintain(40 * NANOSECONDS).is_none());
    assert_eq!(add(&mut aggregate, 40, 1, &["h"]), None);
    assert!(aggregate.maintain(50 * NANOSECONDS).is_some());
}

#[test]
fn an_empty_stack_says_why() {
    let mut aggregate = Aggregate::new(small(None), 0);
    assert_eq!(add(&mut aggregate, 1, 1, &[]), None);
    assert_eq!(content(&aggregate, 0, 2), ["1 no_python_frame 1"]);
}

fn totals(windows: &[Window]) -> Vec<(u64, u64)> {
    let samples = |window: &Window| window.rows.iter().map(|row| row.weight.samples).sum();
    windows.iter().map(|window| (window.start / NANOSECONDS, samples(window))).collect()
}

#[test]
fn windows_are_taken_when_they_are_over_and_late_samples_come_after() {
    let mut aggregate = Aggregate::new(Retention { window: Some(10), ..Retention::live(60) }, 0);
    let series = aggregate.series(&series(1));
    let stack = aggregate.intern(vec![Frame::bare(FrameKind::Python, "work")]);
    let one = Weight { samples: 1, nanoseconds: 10 };
    let add = |aggregate: &mut Aggregate, second: u64| {
        assert_eq!(aggregate.add(second * NANOSECONDS, series, stack, one), None);
    };
    for second in [101, 109, 110, 121] {
        add(&mut aggregate, second);
    }
    assert_eq!(totals(&aggregate.take_windows(109 * NANOSECONDS)), []);
    assert_eq!(totals(&aggregate.take_windows(120 * NANOSECONDS)), [(100, 2), (110, 1)]);
    assert_eq!(totals(&aggregate.pending_windows()), [(120, 1)]);
    add(&mut aggregate, 105);
    let late = aggregate.take_windows(125 * NANOSECONDS);
    assert_eq!(totals(&late), [(100, 1)]);
    assert_eq!((late[0].length, late[0].series.len()), (10 * NANOSECONDS, 1));
    assert_eq!(&*late[0].stacks.root_first(late[0].rows[0].stack)[0].function, "work");
}

/// Of each window and process the moments of its samples.
fn moments(windows: &[Window]) -> Vec<(u64, u32, Vec<u32>)> {
    let of = |window: &Window| {
        let ticks = window.ticks.iter();
        let row = |ticks: &WindowTicks| {
            let pid = window.series[ticks.series as usize].pid.0;
            (window.start / NANOSECONDS, pid, ticks.offsets.clone())
        };
        ticks.map(row).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = windows.iter().flat_map(of).collect();
    all.sort();
    all
}

#[test]
fn windows_have_the_millisecond_of_each_sample_over_a_rebuild_of_the_tables() {
    let mut aggregate = Aggregate::new(Retention { window: Some(10), ..small(Some(1000)) }, 0);
    let add = |aggregate: &mut Aggregate, milliseconds: u64, pid: u32, samples: u64| {
        let series = aggregate.series(&series(pid));
        let stack = aggregate.intern(frames(&["a"]));
        let _ = aggregate.add(milliseconds * 1_000_000, series, stack, Weight { samples, nanoseconds: 1 });
    };
    // A series that is gone after the rebuild, so that others get its id.
    let _ = aggregate.series(&series(9));
    for (milliseconds, pid, samples) in [(107_005, 1, 1), (100_000, 1, 2), (109_999, 2, 1), (110_000, 2, 1)] {
        add(&mut aggregate, milliseconds, pid, samples);
    }
    assert!(aggregate.maintain(111 * NANOSECONDS).is_some(), "the tables were full");
    add(&mut aggregate, 103_000, 2, 1);
    let expected = [(100, 1, vec![0, 0, 7005]), (100, 2, vec![3000, 9999]), (110, 2, vec![0])];
    assert_eq!(moments(&aggregate.pending_windows()), expected);
    assert_eq!(moments(&aggregate.take_windows(110 * NANOSECONDS)), expected[..2]);
    assert_eq!(moments(&aggregate.take_windows(120 * NANOSECONDS)), expected[2..]);
}

#[test]
fn moments_that_find_no_room_are_counted_and_their_samples_are_kept() {
    let mut aggregate = Aggregate::new(Retention { window: Some(10), ..Retention::live(60) }, 0);
    let series = aggregate.series(&series(1));
    let stack = aggregate.intern(frames(&["a"]));
    let add = |aggregate: &mut Aggregate, second: u64, samples: u64| {
        let weight = Weight { samples, nanoseconds: 1 };
        assert_eq!(aggregate.add(second * NANOSECONDS, series, stack, weight), None);
    };
    add(&mut aggregate, 100, 999_998);
    add(&mut aggregate, 111, 5);
    assert_eq!(aggregate.overflow().ticks_unstored, 3);
    assert_eq!(totals(&aggregate.take_windows(110 * NANOSECONDS)), [(100, 999_998)]);
    // What was taken makes room.
    add(&mut aggregate, 112, 4);
    assert_eq!(aggregate.overflow().ticks_unstored, 3);
    let rest = aggregate.take_windows(120 * NANOSECONDS);
    assert_eq!((totals(&rest), rest[0].ticks[0].offsets.len()), (vec![(110, 9)], 6));
}

#[test]
fn pending_windows_outlive_a_rebuild_of_the_tables() {
    let retention = Retention { window: Some(10), max_nodes: 4, ..Retention::live(60) };
    let mut aggregate = Aggregate::new(retention, 0);
    let series = aggregate.series(&series(1));
    let one = Weight { samples: 1, nanoseconds: 10 };
    for (second, name) in [(100, "old"), (300, "new")] {
        let stack = aggregate.intern(vec![Frame::bare(FrameKind::Python, name)]);
        assert_eq!(aggregate.add(second * NANOSECONDS, series, stack, one), None);
    }
    aggregate.intern(vec![Frame::bare(FrameKind::Python, "nobody's")]);
    assert!(aggregate.maintain(300 * NANOSECONDS).is_some(), "the tables were full");
    let windows = aggregate.take_windows(400 * NANOSECONDS);
    let names: Vec<_> = windows
        .iter()
        .map(|window| window.stacks.root_first(window.rows[0].stack)[0].function.to_string())
        .collect();
    assert_eq!(names, ["old", "new"]);
}
