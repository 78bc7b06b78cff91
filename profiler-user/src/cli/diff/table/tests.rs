//! The table as people see it. They must not know how profiles are read.

use super::super::verdicts;
use super::*;
use crate::query::{Comparing, Diff, diff};

fn sides() -> (Side, Side) {
    let before = Side::of_stacks("a.folded", &[(&["main", "parse"], 10), (&["main", "render"], 990)]);
    let after = Side::of_stacks("b.folded", &[(&["main", "parse"], 500), (&["main", "rend\x1b[2Jer"], 1500)]);
    (before, after)
}

fn shown(normalised: bool, order: Order, change: impl Fn(&mut Side)) -> String {
    let (mut before, after) = sides();
    change(&mut before);
    let unit = if normalised { Unit::Samples } else { Unit::Nanoseconds };
    let comparing =
        Comparing { units: (unit, unit), normalised, order, max_nodes: usize::MAX, max_changes: usize::MAX };
    let diff: Diff = diff(&before.profile, &after.profile, comparing);
    let rows = diff.changes.iter().take(2).copied().collect();
    let verdicts = verdicts(&diff);
    let report =
        Report { before: &before, after: &after, diff: &diff, lines: false, rows, hidden: 2, verdicts };
    render(&report, false)
}

#[test]
fn a_row_has_both_sides_the_change_its_interval_and_what_it_comes_to() {
    let text = shown(true, Order::Own, |_| ());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "before  a.folded: 1000 samples, 10.000 s of CPU time");
    assert_eq!(lines[1], "after   b.folded: 2000 samples, 20.000 s of CPU time");
    assert!(lines[3].starts_with("own %      →  points"), "{text}");
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        cells(lines[4]),
        [
            "99.00", "0.00", "-99.00", "-99.46", "…", "-98.15", "shrank", "990", "→", "0", "-99.00",
            "shrank", "render", "(app.py)"
        ]
    );
    // A name can't write to the terminal.
    assert!(lines[5].ends_with("grew    rend␛[2Jer (app.py)"), "{text}");
    assert_eq!(
        lines[7],
        "By their own: 2 grew, 1 shrank, 1 within noise; 2 functions more are not shown (--limit, --min-change)"
    );
    // Wherever a column is, its heads and cells end or begin together.
    let at = |line: &str, word: &str| line.split(word).next().map(|before| before.chars().count());
    assert_eq!(at(lines[3], "function"), at(lines[4], "render"));
}

#[test]
fn amounts_are_in_seconds_and_are_sorted_by_the_whole() {
    let text = shown(false, Order::Total, |_| ());
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[3].starts_with("total s"), "{text}");
    assert!(text.contains("rend␛[2Jer") && lines[4].contains("0.000  15.000  +15.000"), "{text}");
}

#[test]
fn without_numbers_of_samples_nothing_is_said_of_noise() {
    let text = shown(true, Order::Own, |before| {
        before.samples = false;
        before.profile.samples.iter_mut().for_each(|(_, weight)| weight.samples = 0);
    });
    assert!(text.contains("not known") && text.contains("? → 1500"), "{text}");
    assert!(text.contains("what is noise can't be told") && !text.contains("grew"), "{text}");
}
