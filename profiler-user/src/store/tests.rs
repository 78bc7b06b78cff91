//! A store as a whole, in one process: what was submitted is what is answered, whatever became of it meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::names::{Level, Table};
use super::status::Files;
use super::steps::Steps;
use super::testing::window;
use super::*;
use crate::model::Weight;
use crate::model::select::{Select, SelectError, SelectTicks};
use crate::model::selector::{Comparison, Matcher, Selector};

const WINDOW: u64 = 10_000_000_000;

/// Nothing happens by itself.
pub(super) fn options(directory: &Path) -> Options {
    let never = Duration::from_secs(1_000_000);
    let first = window(0, 0).start;
    Options {
        intervals: Intervals { seal: never, compact: never, roll_up: never, retry: Duration::from_millis(1) },
        limits: Limits { max_age: never, max_bytes: 1 << 30 },
        clock: Arc::new(move || first),
        ..Options::new(directory.join("store"), "node".to_owned())
    }
}

/// Waits until it is so.
pub(super) fn until(store: &Store, what: impl Fn(&Status) -> bool) -> Status {
    let begun = Instant::now();
    loop {
        let status = store.status();
        if what(&status) {
            return status;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came: {status:#?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn everything() -> Select {
    Select { since: 0, until: u64::MAX, by: vec!["service".into()], stacks: true, ..Select::default() }
}

/// Weight by service and stack.
pub(super) fn content(snapshot: &Snapshot) -> BTreeMap<(String, String), Weight> {
    let selected = snapshot.select(&everything()).expect("an answer");
    let mut content: BTreeMap<(String, String), Weight> = BTreeMap::new();
    for row in &selected.rows {
        let group = selected.groups[row.group as usize][0].to_string();
        let frames = selected.stacks.root_first(row.stack.expect("stacks were asked for"));
        let stack: Vec<&str> = frames.iter().map(|frame| &*frame.function).collect();
        *content.entry((group, stack.join(";"))).or_default() += row.weight;
    }
    content
}

fn expected(windows: &[Window]) -> BTreeMap<(String, String), Weight> {
    let mut content: BTreeMap<(String, String), Weight> = BTreeMap::new();
    for window in windows {
        for row in &window.rows {
            let service = window.series[row.series as usize].labels.service.to_string();
            let frames = window.stacks.root_first(row.stack);
            let stack: Vec<&str> = frames.iter().map(|frame| &*frame.function).collect();
            *content.entry((service, stack.join(";"))).or_default() += row.weight;
        }
    }
    content
}

/// Unix milliseconds at which samples were taken in the first 700 s, and whether it says that it has all.
fn taken(snapshot: &Snapshot) -> (Vec<u64>, u64) {
    let since = window(0, 0).start;
    let question = SelectTicks { since, until: since + 70 * WINDOW, part: 1, ..SelectTicks::default() };
    let found = snapshot.ticks(&question).expect("an answer");
    let moments = found
        .counts
        .iter()
        .enumerate()
        .flat_map(|(at, count)| std::iter::repeat_n(since / 1_000_000 + at as u64, *count as usize));
    (moments.collect(), found.complete_since)
}

/// Holds that it has these windows whole and once: samples and moments.
#[track_caller]
fn holds(snapshot: &Snapshot, windows: &[Window], when: &str) {
    assert_eq!(content(snapshot), expected(windows), "{when}");
    let (moments, complete) = taken(snapshot);
    assert_eq!(moments, testing::moments(windows), "{when}");
    assert!(complete <= snapshot.complete_since().max(window(0, 0).start), "{when}: no moment is missing");
}

fn files(status: &Status, level: Level) -> u64 {
    status.segments.get(&(Table::Samples, level)).map_or(0, |found| found.files)
}

fn windows(count: u64) -> Vec<Window> {
    (0..count).map(|number| window(number, 3)).collect()
}

#[test]
fn what_was_submitted_is_answered_before_and_after_it_is_written_sealed_and_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let all = windows(4);
    let (store, opened) = Store::open(options(directory.path())).unwrap();
    assert_eq!(opened, Opened::default());
    all[..2].iter().for_each(|window| store.submit(window.clone()));
    holds(&store.snapshot(all[2..].to_vec()), &all, "queued and pending");
    let status = until(&store, |status| status.windows_written == 2);
    assert_eq!((status.rows_written, status.stacks_written, status.samples_written), (6, 3, 9));
    holds(&store.snapshot(vec![]), &all[..2], "");
    let status = store.close();
    assert_eq!((status.windows_queued, status.logs.files), (0, 1));

    let (store, opened) = Store::open(options(directory.path())).unwrap();
    assert_eq!(opened, Opened { windows: 2, ..Opened::default() });
    holds(&store.snapshot(vec![]), &all[..2], "");
    let status = until(&store, |status| status.logs.files == 0);
    assert_eq!(status.segments.values().map(|files| files.files).sum::<u64>(), 3, "{status:?}");
    holds(&store.snapshot(vec![]), &all[..2], "");
    store.submit(all[2].clone());
    let status = store.close();
    assert_eq!(status.stacks_written, 0, "they are known from the files");

    let (store, _) = Store::open(options(directory.path())).unwrap();
    holds(&store.snapshot(all[3..].to_vec()), &all, "");
}

#[test]
fn a_window_may_come_twice_with_what_was_late() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(directory.path())).unwrap();
    let twice = [window(0, 3), window(0, 2)];
    twice.iter().for_each(|window| store.submit(window.clone()));
    drop(store);
    let (store, _) = Store::open(options(directory.path())).unwrap();
    until(&store, |status| status.logs.files == 0);
    holds(&store.snapshot(vec![]), &twice, "");
}

#[test]
fn files_are_put_together_rolled_up_and_expire_at_last() {
    let directory = tempfile::tempdir().unwrap();
    let first = window(0, 0).start;
    let now = Arc::new(AtomicU64::new(first));
    let clock = now.clone();
    let options = Options {
        clock: Arc::new(move || clock.load(Ordering::Relaxed)),
        intervals: Intervals {
            seal: Duration::from_millis(1),
            compact: Duration::from_millis(50),
            roll_up: Duration::from_secs(3600),
            retry: Duration::from_millis(1),
        },
        limits: Limits { max_age: Duration::from_secs(7 * 24 * 3600), max_bytes: 1 << 30 },
        ..options(directory.path())
    };
    let (store, _) = Store::open(options).unwrap();
    let all = windows(30);
    for window in &all {
        store.submit(window.clone());
        std::thread::sleep(Duration::from_millis(2));
    }
    let files =
        |status: &Status, level| status.segments.get(&(Table::Samples, level)).map_or(0, |found| found.files);
    until(&store, |status| {
        status.compactions.count > 0 && status.logs.files == 0 && files(status, Level::Sealed) < 2
    });
    holds(&store.snapshot(vec![]), &all, "");
    now.store(first + 25 * 3600 * 1_000_000_000, Ordering::Relaxed);
    until(&store, |status| files(status, Level::RolledUp) == 1 && files(status, Level::Sealed) == 0);
    assert_eq!(content(&store.snapshot(vec![])), expected(&all));
    assert_eq!(store.snapshot(vec![]).complete_since(), first);
    // Moments are not kept for so long, and that is said.
    let status = until(&store, |status| status.segments.keys().all(|(table, _)| *table != Table::Ticks));
    assert_eq!(status.expired, Files::default(), "no limit made them go");
    assert_eq!(taken(&store.snapshot(vec![])), (vec![], first + 300_000_000_000));
    now.store(first + 9 * 24 * 3600 * 1_000_000_000, Ordering::Relaxed);
    let status = until(&store, |status| status.segments.is_empty());
    assert!(status.expired.files >= 2, "{status:?}");
    assert_eq!(store.snapshot(vec![]).complete_since(), first + 300_000_000_000);
    assert_eq!(content(&store.snapshot(vec![])), BTreeMap::new());
    until(&store, |_| std::fs::read_dir(directory.path().join("store/samples")).unwrap().count() == 0);
}

/// As they are after a version that has none: what has no moments is there, and that they are missing is said.
#[test]
fn windows_without_moments_are_there_and_those_with_some_stay_apart() {
    let directory = tempfile::tempdir().unwrap();
    let all = windows(6);
    for (number, window) in all.iter().enumerate() {
        let (store, _) = Store::open(options(directory.path())).unwrap();
        // What the run before has left is sealed first, so each window is in a file of its own.
        until(&store, |status| status.logs.files == 0);
        let ticks = if number == 2 { vec![] } else { window.ticks.clone() };
        store.submit(Window { ticks, ..window.clone() });
    }
    let with: Vec<Window> = [0, 1, 3, 4, 5].map(|number| all[number].clone()).to_vec();
    let intervals = Intervals { compact: Duration::from_millis(1), ..options(directory.path()).intervals };
    let (store, _) = Store::open(options(directory.path())).unwrap();
    for merged in [false, true] {
        let snapshot = store.snapshot(vec![]);
        assert_eq!(content(&snapshot), expected(&all), "{merged}");
        assert_eq!(taken(&snapshot), (testing::moments(&with), all[3].start), "{merged}");
    }
    drop(store);
    let (store, _) = Store::open(Options { intervals, ..options(directory.path()) }).unwrap();
    let compacted = |status: &Status| status.segments.contains_key(&(Table::Ticks, Level::Compacted));
    // One file alone is not put together with any.
    until(&store, |status| compacted(status) && files(status, Level::Sealed) < 2);
    let snapshot = store.snapshot(vec![]);
    assert_eq!(content(&snapshot), expected(&all));
    assert_eq!(taken(&snapshot), (testing::moments(&with), all[3].start));
}

#[test]
fn a_question_about_moments_is_about_its_range_and_series() {
    let directory = tempfile::tempdir().unwrap();
    let all = windows(6);
    let (store, _) = Store::open(options(directory.path())).unwrap();
    all[..3].iter().for_each(|window| store.submit(window.clone()));
    drop(store);
    // Some in files, some in the log, some not written yet.
    let (store, _) = Store::open(options(directory.path())).unwrap();
    until(&store, |status| status.logs.files == 0);
    store.submit(all[3].clone());
    until(&store, |status| status.windows_written == 1);
    let snapshot = store.snapshot(all[4..].to_vec());
    let only = Matcher::new("service", Comparison::Equal, "service-1").unwrap();
    let selector = Selector { matchers: vec![only] };
    // Neither end is where a window begins or ends.
    let (since, until) = (all[1].start + 3_000_000, all[5].start + 150_000_000);
    let question = SelectTicks { since, until, selector, part: 10, ..SelectTicks::default() };
    let found = snapshot.ticks(&question).unwrap();
    let one = |window: &Window| {
        let ticks = window.ticks.iter().filter(|ticks| ticks.series == 1).cloned().collect();
        Window { ticks, ..window.clone() }
    };
    let mut counts = vec![0; (until - since).div_ceil(10_000_000) as usize];
    for moment in testing::moments(&all.iter().map(one).collect::<Vec<_>>()) {
        if (since / 1_000_000..until / 1_000_000).contains(&moment) {
            counts[((moment - since / 1_000_000) / 10) as usize] += 1;
        }
    }
    assert!(counts.iter().sum::<u64>() > 10);
    assert_eq!((found.counts, found.complete_since), (counts, since));
    question.cancelled.cancel();
    assert!(matches!(snapshot.ticks(&question), Err(SelectError::Cancelled)));
}

#[test]
fn a_snapshot_stays_readable_and_its_files_go_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(directory.path())).unwrap();
    let all = windows(3);
    store.submit(all[0].clone());
    drop(store);
    let intervals = Intervals {
        seal: Duration::from_millis(1),
        compact: Duration::from_millis(1),
        ..options(directory.path()).intervals
    };
    let (store, _) = Store::open(Options { intervals, ..options(directory.path()) }).unwrap();
    until(&store, |status| status.logs.files == 0);
    let snapshot = store.snapshot(vec![]);
    for window in &all[1..] {
        store.submit(window.clone());
        until(&store, |status| status.logs.files == 0);
    }
    until(&store, |status| status.compactions.count > 0);
    holds(&snapshot, &all[..1], "");
    let sealed = directory.path().join("store/samples/node=node/date=2026-11-24/0-00000001-00000001.parquet");
    assert!(sealed.exists());
    drop(snapshot);
    until(&store, |_| !sealed.exists());
    holds(&store.snapshot(vec![]), &all, "");
}

#[test]
fn every_snapshot_has_every_window_once_whatever_the_store_does_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let intervals = Intervals {
        seal: Duration::from_millis(3),
        compact: Duration::from_millis(20),
        ..options(directory.path()).intervals
    };
    let (store, _) = Store::open(Options { intervals, ..options(directory.path()) }).unwrap();
    // What is in the aggregate, and its lock.
    let pending: Mutex<Vec<Window>> = Mutex::default();
    let all = windows(60);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for window in &all {
                pending.lock().unwrap().push(window.clone());
                let mut pending = pending.lock().unwrap();
                pending.drain(..).for_each(|window| store.submit(window));
                drop(pending);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let mut seen = 0;
        while seen < all.len() {
            let snapshot = {
                let pending = pending.lock().unwrap();
                store.snapshot(pending.clone())
            };
            let content = content(&snapshot);
            // Window n has n + 1 samples of each stack, so their sum tells which are there.
            let sums: Vec<u64> = (0..=all.len()).map(|count| (count * (count + 1) / 2) as u64).collect();
            let samples = content.values().next().map_or(0, |weight| weight.samples);
            let count = sums.binary_search(&samples).expect("a sum of the first windows");
            assert!(count >= seen, "{count} of {seen}");
            assert_eq!(content, expected(&all[..count]));
            assert_eq!(taken(&snapshot).0, testing::moments(&all[..count]));
            seen = count;
        }
    });
    until(&store, |status| status.logs.files == 0 && status.compactions.count > 0);
}

#[test]
fn what_finds_no_room_is_counted_and_said() {
    let directory = tempfile::tempdir().unwrap();
    let memory = Memory { queued_windows: 2, ..options(directory.path()).memory };
    // The disk does not answer.
    let stuck = Steps::new(Arc::new(|_: &str| Err(std::io::Error::other("the disk is gone"))));
    let (store, _) = Store::open(Options { memory, steps: stuck, ..options(directory.path()) }).unwrap();
    let all = windows(3);
    all.iter().for_each(|window| store.submit(window.clone()));
    let status = until(&store, |status| status.failing.contains_key("commit"));
    assert_eq!((status.windows_queued, status.windows_dropped, status.samples_dropped), (2, 1, 9));
    assert!(status.failing["commit"].contains("the disk is gone"), "{status:?}");
    holds(&store.snapshot(vec![]), &all[..2], "");
    assert_eq!(store.snapshot(vec![]).complete_since(), all[2].start + WINDOW);
    assert_eq!(store.close().windows_queued, 2, "who closes is told");
}

/// An error at any step of the way, once: nothing is lost, nothing comes twice.
#[test]
fn a_failure_at_any_step_is_made_good() {
    let mut steps = 0;
    for fail_at in 0.. {
        let directory = tempfile::tempdir().unwrap();
        let count = Arc::new(AtomicU64::new(0));
        let counter = count.clone();
        let step = Steps::new(Arc::new(move |name: &str| {
            match counter.fetch_add(1, Ordering::Relaxed) == fail_at {
                true => Err(std::io::Error::other(format!("no {name}"))),
                false => Ok(()),
            }
        }));
        let intervals = Intervals {
            seal: Duration::from_millis(1),
            compact: Duration::from_millis(1),
            ..options(directory.path()).intervals
        };
        let now = Arc::new(AtomicU64::new(window(0, 0).start));
        let options = || {
            let clock = now.clone();
            let clock: options::Clock = Arc::new(move || clock.load(Ordering::Relaxed));
            Options { intervals, clock, ..options(directory.path()) }
        };
        let (store, _) = Store::open(Options { steps: step, ..options() }).unwrap();
        let all = windows(3);
        for (number, window) in all.iter().enumerate() {
            store.submit(window.clone());
            until(&store, |status| status.windows_written == number as u64 + 1 && status.logs.files == 0);
            holds(&store.snapshot(vec![]), &all[..=number], &format!("step {fail_at}"));
            // The first two are put together, and the third stays as it is until the day has ended.
            until(&store, |status| files(status, Level::Sealed) < 2);
        }
        now.fetch_add(25 * 3600 * 1_000_000_000, Ordering::Relaxed);
        until(&store, |status| files(status, Level::Gathered) == 1 && files(status, Level::Sealed) == 0);
        let status = until(&store, |status| status.failing.is_empty());
        holds(&store.snapshot(vec![]), &all, &format!("step {fail_at}"));
        drop(store);
        let (store, opened) = Store::open(options()).unwrap();
        assert_eq!(opened, Opened::default(), "step {fail_at}");
        holds(&store.snapshot(vec![]), &all, &format!("step {fail_at}, opened again"));
        if count.load(Ordering::Relaxed) <= fail_at {
            assert_eq!(status.failures, 0);
            steps = fail_at;
            break;
        }
    }
    assert!(steps > 30, "{steps} steps");
}
