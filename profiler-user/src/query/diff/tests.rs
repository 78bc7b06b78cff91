//! Comparisons of small profiles by hand, and of simulated ones by what must come out. They must not know how a change is shown.

use super::super::confidence::tests::Random;
use super::super::profile::tests::of_names as profile;
use super::*;
use crate::model::FrameKind;

const COMPARING: Comparing = Comparing {
    units: (Unit::Samples, Unit::Samples),
    normalised: true,
    order: Order::Own,
    max_nodes: 100,
    max_changes: 100,
};

fn before() -> Profile {
    profile(&[(&["main", "slow"], 8), (&["main", "same"], 2)])
}

fn after() -> Profile {
    profile(&[(&["main", "fast"], 1), (&["main", "same"], 4)])
}

fn names(diff: &Diff) -> Vec<&str> {
    diff.changes.iter().map(|change| &*diff.frames[change.frame].function).collect()
}

#[test]
fn each_node_has_both_weights() {
    let diff = diff(&before(), &after(), Comparing { normalised: false, ..COMPARING });
    let mut shown: Vec<String> = diff
        .nodes
        .iter()
        .map(|node| {
            let name = node.frame.map_or("all", |frame| &diff.frames[frame].function);
            format!("{name} {}→{}", node.total.left.samples, node.total.right.samples)
        })
        .collect();
    shown.sort();
    assert_eq!(shown, ["all 10→5", "fast 0→1", "main 10→5", "same 2→4", "slow 8→0"]);
    assert!((diff.left_factor - 1.0).abs() < f64::EPSILON);
}

#[test]
fn the_functions_that_changed_most_come_first() {
    let first = |comparing: Comparing| {
        let diff = diff(&before(), &after(), comparing);
        (names(&diff).join(" "), diff.other_functions)
    };
    let absolute = Comparing { normalised: false, max_changes: 2, ..COMPARING };
    assert_eq!(first(absolute), ("slow same".into(), 2));
    assert_eq!(first(Comparing { order: Order::Total, ..absolute }), ("slow main".into(), 2));
    // Half the load: what was 2 of 10 would be 1 of 5, and is 4.
    assert_eq!(first(Comparing { max_changes: 3, ..COMPARING }), ("slow same fast".into(), 1));
}

#[test]
fn shares_and_values_are_of_what_is_compared() {
    let sides = diff(&before(), &after(), COMPARING);
    let same = sides.changes[1];
    assert_eq!((sides.values(same.own), sides.shares(same.own)), ((1.0, 4.0), (0.2, 0.8)));
    let times = Comparing { units: (Unit::Nanoseconds, Unit::Samples), ..COMPARING };
    let mixed = diff(&before(), &after(), times);
    assert_eq!(mixed.shares(mixed.changes[1].own), (0.2, 0.8));
}

#[test]
fn nothing_can_be_compared_too() {
    let diff = diff(&Profile::default(), &Profile::default(), COMPARING);
    assert_eq!((diff.nodes.len(), diff.changes.len()), (1, 0));
}

#[test]
fn without_samples_nothing_is_said_of_confidence() {
    let mut times = after();
    times.samples.iter_mut().for_each(|(_, weight)| weight.samples = 0);
    let comparing = Comparing { units: (Unit::Samples, Unit::Nanoseconds), ..COMPARING };
    for normalised in [true, false] {
        let diff = diff(&before(), &times, Comparing { normalised, ..comparing });
        assert_eq!(diff.changes.len(), 4);
        assert!(diff.changes.iter().all(|change| change.own_judged.is_none()));
    }
}

#[test]
fn a_function_is_the_same_where_its_first_line_has_moved() {
    let of = |functions: &[(&str, u32)]| {
        let mut profile = Profile::default();
        for (name, first_line) in functions {
            let frame = Frame { first_line: *first_line, ..Frame::bare(FrameKind::Python, *name) };
            let stack = profile.stacks.intern([frame]).unwrap();
            profile.samples.push((stack, Weight { samples: 5, nanoseconds: 50 }));
        }
        profile
    };
    let lines = |left: &[(&str, u32)], right: &[(&str, u32)]| {
        let diff = diff(&of(left), &of(right), COMPARING);
        let mut lines: Vec<_> = diff
            .changes
            .iter()
            .map(|change| {
                let frame = &diff.frames[change.frame];
                let (left, right) = (change.own.left.samples, change.own.right.samples);
                (frame.function.to_string(), frame.first_line, left, right)
            })
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&[("f", 3)], &[("f", 5)]), [("f".into(), 5, 5, 5)]);
    // A format that does not say the first line.
    assert_eq!(lines(&[("f", 3)], &[("f", 0)]), [("f".into(), 3, 5, 5)]);
    let both = [("<lambda>", 1), ("<lambda>", 2)];
    assert_eq!(lines(&both, &both), [("<lambda>".into(), 1, 5, 5), ("<lambda>".into(), 2, 5, 5)]);
    assert_eq!(lines(&both, &[("<lambda>", 4)]), [("<lambda>".into(), 4, 10, 5)]);
    assert_eq!(lines(&[("f", 3)], &[("g", 5)]), [("f".into(), 3, 5, 0), ("g".into(), 5, 0, 5)]);
}

#[test]
fn a_function_is_the_same_where_one_format_does_not_tell_its_kind() {
    let of = |kind| {
        let mut profile = Profile::default();
        let stack =
            profile.stacks.intern([Frame { file: "bin/job".into(), ..Frame::bare(kind, "f") }]).unwrap();
        profile.samples.push((stack, Weight { samples: 5, nanoseconds: 50 }));
        profile
    };
    for (left, right) in [(FrameKind::Python, FrameKind::Other), (FrameKind::Other, FrameKind::Python)] {
        let diff = diff(&of(left), &of(right), COMPARING);
        let kinds: Vec<FrameKind> =
            diff.changes.iter().map(|change| diff.frames[change.frame].kind).collect();
        assert_eq!(kinds, [FrameKind::Python]);
    }
    assert_eq!(diff(&of(FrameKind::Kernel), &of(FrameKind::Python), COMPARING).changes.len(), 2);
}

/// So many samples of sixty functions of very different shares; of one there is `more` in the other.
fn drawn(random: &mut Random, samples: usize, more: f64) -> Vec<usize> {
    let mut function = || if random.unit() < more { 30.0 } else { 60.0 * random.unit().powi(3) };
    (0..samples).map(|_| function() as usize).collect()
}

/// The profile of samples, by the numbers of their functions; some have a caller in common.
fn sampled(functions: impl Iterator<Item = usize>) -> Profile {
    let mut profile = Profile::default();
    let mut counts = std::collections::BTreeMap::<usize, u64>::new();
    functions.for_each(|number| *counts.entry(number).or_default() += 1);
    for (number, samples) in counts {
        let names = [format!("caller{}", number % 7), format!("f{number}")];
        let frames = names.iter().map(|name| Frame::bare(FrameKind::Python, name.as_str()));
        let stack = profile.stacks.intern(frames).unwrap();
        profile.samples.push((stack, Weight { samples, nanoseconds: samples * 10 }));
    }
    profile
}

#[test]
fn two_halves_of_one_profile_differ_by_noise_alone() {
    const TIMES: u32 = 400;
    for normalised in [true, false] {
        let mut random = Random(7);
        let mut alarms = [0, 0];
        for _ in 0..TIMES {
            let one = drawn(&mut random, 2000, 0.0);
            let (left, right): (Vec<usize>, Vec<usize>) = one.into_iter().partition(|_| random.unit() < 0.5);
            let sides = (sampled(left.into_iter()), sampled(right.into_iter()));
            let diff = diff(&sides.0, &sides.1, Comparing { normalised, ..COMPARING });
            let is_alarm =
                |judged: Option<Judged>| judged.is_some_and(|judged| judged.verdict != Verdict::Noise);
            alarms[0] += u32::from(diff.changes.iter().any(|change| is_alarm(change.own_judged)));
            alarms[1] += u32::from(diff.changes.iter().any(|change| is_alarm(change.total_judged)));
        }
        // Of twenty comparisons of the same, one may have a function that is said to have changed.
        assert!(alarms.iter().all(|alarms| *alarms <= TIMES * 7 / 100), "{normalised}: {alarms:?}");
    }
}

#[test]
fn what_has_changed_is_found() {
    const TIMES: usize = 50;
    let mut random = Random(8);
    let found = (0..TIMES).filter(|_| {
        let sides = [0.0, 0.03].map(|more| sampled(drawn(&mut random, 3000, more).into_iter()));
        let diff = diff(&sides[0], &sides[1], COMPARING);
        let grew = |change: &Change| change.own_judged.is_some_and(|judged| judged.verdict == Verdict::Grew);
        let grown: Vec<&Change> = diff.changes.iter().filter(|change| grew(change)).collect();
        grown.iter().any(|change| &*diff.frames[change.frame].function == "f30")
    });
    assert!(found.count() >= TIMES * 9 / 10);
}
