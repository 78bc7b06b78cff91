//! Which time a request is about, in whole seconds, and whether it is over for good. It must not know what is asked.

use super::given::{Given, refused};
use super::parameters::{MAX_SECONDS, Parameter, SECONDS, STEP};
use crate::http::Live;
use crate::http::error::HttpError;

const NANOSECONDS: u64 = 1_000_000_000;
/// Longest range, nanoseconds.
const LONGEST: u64 = MAX_SECONDS * NANOSECONDS;
/// After so long no sample comes late and no window is pending, in nanoseconds.
const SETTLED: u64 = 120 * NANOSECONDS;

/// A range of whole seconds, Unix nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) since: u64,
    pub(super) until: u64,
    /// The same request will be about the same time always, and nothing is added to that any more.
    pub(super) settled: bool,
}

impl Range {
    /// The range from one parameter to another, or of the shorthand `seconds`.
    pub(super) fn read(
        given: &Given,
        from: &'static Parameter,
        until: &'static Parameter,
        live: &Live,
    ) -> Result<Range, HttpError> {
        let now = live.settings().clock.now();
        if let Some(seconds) = given.integer_if_given(&SECONDS)? {
            if given.has(from) || given.has(until) {
                let error = format!("seconds is given together with {} or {}", from.name, until.name);
                return Err(HttpError::bad_request(error, "give either"));
            }
            let kept = live.settings().retention;
            if live.history().is_none() && seconds > kept {
                return Err(HttpError::bad_request(
                    format!("seconds=\"{seconds}\" is not possible"),
                    format!("a whole number from 1 to {kept}, which is how long samples are kept"),
                ));
            }
            return Ok(Range::last(seconds, now));
        }
        let (begin, end) = (given.moment(from)?, given.moment(until)?);
        let begin_text = || format!("{} is not before {}", from.name, until.name);
        let second = |at: u64| at - at % NANOSECONDS;
        let since = second(begin.at(now));
        if begin.at(now) >= end.at(now) {
            return Err(HttpError::bad_request(begin_text(), "let the first be earlier than the second"));
        }
        let running = second(now);
        // A part of a second is not apart from the rest of it: it is taken whole, but for the one that is running.
        let until_at = end.at(now).next_multiple_of(NANOSECONDS).min(running);
        if since >= until_at {
            return Err(HttpError::bad_request(
                format!("{} has no whole second that is over before {}", from.name, until.name),
                "ask for a range that has begun at least a second ago",
            ));
        }
        if until_at - since > LONGEST {
            return Err(HttpError::bad_request(
                format!("from {} to {} is too long", from.name, until.name),
                format!("at most {} days at once", LONGEST / NANOSECONDS / 86_400),
            ));
        }
        let absolute = matches!((begin, end), (super::time::Moment::At(_), super::time::Moment::At(_)));
        Ok(Range { since, until: until_at, settled: absolute && end.at(now).saturating_add(SETTLED) <= now })
    }

    /// The last `seconds` that are over at `now` (Unix nanoseconds). The second that is running is left out: with it,
    /// rates would swing with the fraction of it that has passed.
    pub(super) fn last(seconds: u64, now: u64) -> Range {
        let until = now - now % NANOSECONDS;
        Range { since: until.saturating_sub(seconds * NANOSECONDS), until, settled: false }
    }

    /// The same, and what has passed of the second that is running: for who follows the present and would rather see a
    /// sample at once than a second later. It ends at `now`, so that rates are right.
    pub(super) fn last_and_running(seconds: u64, now: u64) -> Range {
        Range { until: now, ..Range::last(seconds, now) }
    }

    /// Nanoseconds from its begin to its end.
    pub(super) fn length(self) -> u64 {
        self.until - self.since
    }

    /// The length of its steps in nanoseconds, if one is asked for. There may be at most `most` of them.
    pub(super) fn step(self, given: &Given, most: u64) -> Result<Option<u64>, HttpError> {
        let step = given.length(&STEP)?;
        match step.map(|step| (step / NANOSECONDS, self.length().div_ceil(step))) {
            Some((seconds, steps)) if steps > most => Err(HttpError::bad_request(
                format!("step={seconds} gives {steps} steps"),
                format!("at most {most}: a longer step, or a shorter range"),
            )),
            _ => Ok(step),
        }
    }

    /// A range of at most so many whole seconds.
    pub(super) fn at_most(self, seconds: u64, parameter: &Parameter) -> Result<Range, HttpError> {
        if self.length() <= seconds * NANOSECONDS {
            return Ok(self);
        }
        let mut error = refused(parameter, "…");
        error.error = format!("the range is longer than {seconds} s");
        error.hint = format!("ask for at most {seconds} s, by {} and the end of the range", parameter.name);
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parameters::{FROM, UNTIL};
    use super::*;
    use crate::clock::Clock;
    use crate::http::LiveSettings;

    fn live() -> Live {
        let clock = Clock::new().expect("the time");
        Live::new(LiveSettings { frequency: 19, retention: 900, started: clock.now(), clock })
    }

    fn read(query: &[(&str, &str)]) -> Result<Range, HttpError> {
        let pairs = query.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let given = Given::read(&[&FROM, &UNTIL, &SECONDS], pairs)?;
        Range::read(&given, &FROM, &UNTIL, &live())
    }

    #[test]
    fn the_running_second_is_left_out_but_for_who_follows_it() {
        let range = Range::last(2, 1000 * NANOSECONDS + 500);
        assert_eq!((range.since, range.until), (998 * NANOSECONDS, 1000 * NANOSECONDS));
        let live = Range::last_and_running(2, 1000 * NANOSECONDS + 500);
        assert_eq!((live.since, live.until), (998 * NANOSECONDS, 1000 * NANOSECONDS + 500));
        for query in [&[][..], &[("from", "now-1m")], &[("seconds", "60")]] {
            let range = read(query).unwrap();
            assert_eq!((range.length(), range.settled), (60 * NANOSECONDS, false), "{query:?}");
        }
    }

    #[test]
    fn parts_of_seconds_are_taken_whole() {
        let range = read(&[("from", "1700000000.7"), ("until", "1700000010.2")]).unwrap();
        let seconds = 1_700_000_000 * NANOSECONDS;
        assert_eq!(range, Range { since: seconds, until: seconds + 11 * NANOSECONDS, settled: true });
        assert!(!read(&[("from", "1700000000"), ("until", "now-1000w")]).is_ok_and(|range| range.settled));
    }

    #[test]
    fn absurd_ranges_are_refused() {
        for (query, error) in [
            (&[("seconds", "5"), ("from", "now-1m")][..], "together"),
            (&[("seconds", "901")], "seconds=\"901\""),
            (&[("from", "now")], "from is not before until"),
            (&[("from", "8000000000"), ("until", "8000000001")], "no whole second"),
            (&[("from", "0")], "too long"),
            (&[("until", "0")], "from is not before until"),
        ] {
            let refused = read(query).unwrap_err();
            assert!(refused.error.contains(error), "{query:?}: {}", refused.error);
        }
    }
}
