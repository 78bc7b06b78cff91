//! Tries conditions on two profiles, and says in words how each came out. Pure.

use super::grammar::{Condition, Test, What};
use super::sides::Side;
use crate::cli::exit::{Exit, Failure};
use crate::model::{Frame, Profile, Weight};
use crate::query::confidence::{Difference, Seen, shares};
use crate::query::{Named, is_function, named};

/// How near a name must be to one that was asked for, to be meant perhaps: 0 has nothing in common with it, 1 is it. By how
/// they begin, and by how many letters differ.
const NEAR: (f64, f64) = (0.85, 0.6);
/// Most names that are offered.
const MOST_OFFERED: usize = 3;
/// Functions that are named, of those that a condition means.
const MOST_NAMED: usize = 3;

/// How a condition came out.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// As it was written.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// The number that was tried, from 0 to 1: the share, or by how much it grew.
    pub value: f64,
    /// Its 95 % interval. `None`: there are no numbers of samples.
    pub interval: Option<(f64, f64)>,
    /// The shares of both sides.
    pub shares: (f64, f64),
    /// The functions that were meant, on either side.
    pub functions: Vec<String>,
    /// The whole story in a line, without a full stop.
    pub said: String,
    /// What the user should know besides.
    pub note: Option<String>,
}

/// Tries a condition.
///
/// # Errors
/// [`Exit::Usage`], if it is about growth and a side has no numbers of samples: it must not pass because nobody could tell.
pub(super) fn attempt(condition: &Condition, before: &Side, after: &Side) -> Result<Outcome, Failure> {
    let function = &condition.function;
    let (left, right) = (
        named(&before.profile, |frame| function.accepts(frame)),
        named(&after.profile, |frame| function.accepts(frame)),
    );
    let part = |named: &Named| match condition.what {
        What::Own => named.own,
        What::Total => named.total,
    };
    let shares_of = (share(before, part(&left)), share(after, part(&right)));
    let seen =
        |side: &Side, named: &Named| Seen { hits: part(named).samples, of: side.profile.total().samples };
    let (value, interval, holds) = match condition.test {
        Test::Share(comparison, limit) => {
            let interval = after.samples.then(|| seen(after, &right).interval()).flatten();
            (shares_of.1, interval, comparison.holds(shares_of.1, limit))
        }
        Test::Grows(comparison, limit) => {
            let Some(Difference { seen, low, high, .. }) = shares(seen(before, &left), seen(after, &right))
            else {
                return Err(no_samples(condition, before, after));
            };
            (seen, Some((low, high)), comparison.holds(seen, limit) && low > 0.0)
        }
    };
    let mut functions: Vec<String> = left.functions.iter().chain(&right.functions).map(shown).collect();
    functions.sort();
    functions.dedup();
    let mut outcome = Outcome {
        text: condition.text.clone(),
        holds,
        value,
        interval,
        shares: shares_of,
        functions,
        said: String::new(),
        note: missing(condition, before, after, &right),
    };
    outcome.said = said(condition, &outcome, (seen(before, &left), seen(after, &right)));
    Ok(outcome)
}

fn no_samples(condition: &Condition, before: &Side, after: &Side) -> Failure {
    let without = if before.samples { after } else { before };
    let message = format!(
        "{:?} can't be tried: {} has times and no numbers of samples, so growth can't be told from noise",
        condition.text, without.name
    );
    Failure::new(Exit::Usage, message)
        .hint("record both in a format that counts samples: folded, pprof or json")
}

fn share(side: &Side, part: Weight) -> f64 {
    let unit = side.unit();
    match unit.of(side.profile.total()) {
        0 => 0.0,
        all => unit.of(part) as f64 / all as f64,
    }
}

fn shown((function, file): &(String, String)) -> String {
    if file.is_empty() { function.clone() } else { format!("{function} ({file})") }
}

/// The outcome in a line.
fn said(condition: &Condition, outcome: &Outcome, (before, after): (Seen, Seen)) -> String {
    let what = match condition.what {
        What::Own => "own share",
        What::Total => "total share",
    };
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let interval = |unit: &str| match outcome.interval {
        Some((low, high)) => format!("95 % interval {:.2} to {:.2}{unit}", low * 100.0, high * 100.0),
        None => "no numbers of samples, so no interval".to_owned(),
    };
    let numbers = match condition.test {
        Test::Share(..) if outcome.interval.is_some() => {
            let of = format!("{} of {} samples", after.hits, after.of);
            format!("{what} {} ({of}, {})", percent(outcome.value), interval(" %"))
        }
        Test::Share(..) => format!("{what} {} ({})", percent(outcome.value), interval("")),
        Test::Grows(comparison, limit) => {
            let excluded = outcome.interval.is_some_and(|(low, _)| low > 0.0);
            let noise = match comparison.holds(outcome.value, limit) && !excluded {
                true => ", so it may be noise",
                false => "",
            };
            format!(
                "{what} {} → {}, {:+.2} points ({} → {} samples of {} and {}, {}{noise})",
                percent(outcome.shares.0),
                percent(outcome.shares.1),
                outcome.value * 100.0,
                before.hits,
                after.hits,
                before.of,
                after.of,
                interval(" points"),
            )
        }
    };
    let functions = match outcome.functions.as_slice() {
        [] | [_] => String::new(),
        several => {
            let named = several.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = if several.len() > MOST_NAMED { ", …" } else { "" };
            format!("; {} functions together: {named}{more}", several.len())
        }
    };
    let state = if outcome.holds { "holds" } else { "does not hold" };
    format!("{:?} {state}: {numbers}{functions}", condition.text)
}

/// What is said of a name that the later side does not have: it may be mistyped, and then the condition guards nothing.
fn missing(condition: &Condition, before: &Side, after: &Side, right: &Named) -> Option<String> {
    if !right.functions.is_empty() {
        return None;
    }
    let said = format!("{:?}: no function in {} is called so; its share is 0", condition.text, after.name);
    let is_in = |side: &Side| {
        side.profile.stacks.frames().any(|frame| is_function(frame) && condition.function.accepts(frame))
    };
    if is_in(before) {
        return Some(format!("{said} ({} has it)", before.name));
    }
    let near = condition.function.name().map(|name| nearest(name, &after.profile)).unwrap_or_default();
    Some(match near.as_slice() {
        [] => said,
        near => format!("{said}; the nearest names: {}", near.join(", ")),
    })
}

/// The names that are most like one, the most alike first.
fn nearest(name: &str, profile: &Profile) -> Vec<String> {
    let alike = |frame: &Frame| {
        let function = &*frame.function;
        let last = function.rsplit_once('.').map_or(function, |(_, last)| last);
        let begins = strsim::jaro_winkler(name, function).max(strsim::jaro_winkler(name, last));
        let letters = strsim::normalized_damerau_levenshtein(name, last);
        (begins >= NEAR.0 || letters >= NEAR.1).then_some(begins.max(letters))
    };
    let functions = profile.stacks.frames().filter(|frame| is_function(frame));
    let mut near: Vec<(f64, String)> = functions
        .filter_map(|frame| {
            Some((alike(frame)?, shown(&(frame.function.to_string(), frame.file.to_string()))))
        })
        .collect();
    near.sort_by(|left, right| right.0.total_cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
    near.dedup();
    near.into_iter().take(MOST_OFFERED).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::super::grammar::parse;
    use super::*;

    fn sides() -> (Side, Side) {
        let before = Side::of_stacks("a", &[(&["main", "Api.get"], 20), (&["main"], 980)]);
        let after = Side::of_stacks(
            "b",
            &[(&["main", "Api.get", "parse"], 50), (&["main", "get"], 10), (&["main"], 940)],
        );
        (before, after)
    }

    fn tried(text: &str) -> Outcome {
        let (before, after) = sides();
        attempt(&parse(text).expect(text), &before, &after).expect(text)
    }

    #[test]
    fn conditions_hold_or_do_not() {
        for (text, holds) in [
            ("get > 5%", true),
            ("get > 6%", false),
            ("get >= 6%", true),
            ("own(get) > 0.5%", true),
            ("own(get) > 1%", false),
            ("Api.get <= 5%", true),
            ("main > 99%", true),
            ("nobody > 0%", false),
            ("nobody < 1%", true),
            ("get grows > 2%", true),
            ("get grows > 4%", false),
            ("own(get) grows > 0%", false),
            ("parse grows > 4.9%", true),
            ("main grows > 0%", false),
            ("app.py:/^(parse|get)$/ > 5.9%", true),
        ] {
            assert_eq!(tried(text).holds, holds, "{text}: {}", tried(text).said);
        }
    }

    #[test]
    fn growth_within_noise_does_not_hold_and_says_so() {
        let before = Side::of_stacks("a", &[(&["f"], 5), (&["main"], 95)]);
        let after = Side::of_stacks("b", &[(&["f"], 9), (&["main"], 91)]);
        let outcome = attempt(&parse("f grows > 2%").unwrap(), &before, &after).unwrap();
        assert!(!outcome.holds && outcome.said.contains("may be noise"), "{}", outcome.said);
        let (low, high) = outcome.interval.unwrap();
        assert!(low < 0.0 && high > 0.04, "{outcome:?}");
    }

    #[test]
    fn an_outcome_says_share_and_interval() {
        assert_eq!(
            tried("get > 5%").said,
            "\"get > 5%\" holds: total share 6.00 % (60 of 1000 samples, 95 % interval 4.69 to 7.65 %); \
             2 functions together: Api.get (app.py), get (app.py)"
        );
        let said = tried("parse grows > 2%").said;
        assert!(
            said.contains("0.00 % → 5.00 %, +5.00 points (0 → 50 samples of 1000 and 1000, 95 %"),
            "{said}"
        );
    }

    #[test]
    fn a_name_that_is_not_there_is_said_with_those_that_are_like_it() {
        let note = tried("gte > 5%").note.expect("a note");
        assert!(
            note.contains("no function in b is called so; its share is 0; the nearest names: "),
            "{note}"
        );
        assert!(note.contains("get (app.py)") && !note.contains("main"), "{note}");
        assert_eq!(tried("get > 5%").note, None);
        let (after, before) = sides();
        let gone = attempt(&parse("parse > 5%").unwrap(), &before, &after).unwrap();
        assert!(gone.note.expect("a note").ends_with("its share is 0 (b has it)"));
    }

    #[test]
    fn growth_of_times_alone_can_not_be_told() {
        let (before, mut after) = sides();
        after.samples = false;
        after.profile.samples.iter_mut().for_each(|(_, weight)| weight.samples = 0);
        let error = attempt(&parse("get grows > 2%").unwrap(), &before, &after).unwrap_err();
        assert!(error.exit == Exit::Usage && error.message.contains("b has times"), "{error}");
        let share = attempt(&parse("get > 5%").unwrap(), &before, &after).unwrap();
        assert!(share.holds && share.interval.is_none(), "{share:?}");
    }
}
