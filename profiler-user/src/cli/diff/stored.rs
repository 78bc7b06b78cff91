//! The two profiles that are compared, out of ranges of a store's history: `now-2h..now-1h`.

use std::io;
use std::path::Path;

use super::sides::Side;
use crate::cli::exit::{Exit, Failure};
use crate::http::{selector, time};
use crate::model::About;
use crate::model::select::{Select, SelectError};
use crate::model::selector::Selector;
use crate::query::{self, View};
use crate::store::{self, ReadError, Snapshot};

const NANOSECONDS: u64 = 1_000_000_000;
/// What stands between the two ends of a range.
const BETWEEN: &str = "..";

/// A range as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    text: String,
    since: time::Moment,
    until: time::Moment,
}

/// Reads `FROM..UNTIL`; an end that is missing is now.
///
/// # Errors
/// In words, with what is allowed.
pub(super) fn range(text: &str) -> Result<Range, String> {
    let (since, until) =
        text.split_once(BETWEEN).ok_or("a range is FROM..UNTIL, as in now-2h..now-1h".to_owned())?;
    let moment = |word: &str| {
        let allowed = "now, now-15m, now-2h, now-1d, Unix seconds, or 2026-01-31T12:00:00Z";
        time::moment(word.trim()).ok_or(format!("{word:?} is no time; a time is {allowed}"))
    };
    let until = if until.trim().is_empty() { "now" } else { until };
    Ok(Range { text: text.to_owned(), since: moment(since)?, until: moment(until)? })
}

/// Reads which series are meant.
///
/// # Errors
/// In words, with what is allowed.
pub(super) fn series(text: &str) -> Result<Selector, String> {
    selector::parse(text).map_err(|error| format!("{error}; a selector is {}", selector::HINT))
}

/// What is asked of a store.
pub(super) struct Question<'a> {
    pub directory: &'a Path,
    pub before: &'a Range,
    pub after: &'a Range,
    pub selector: Option<&'a Selector>,
    pub lines: bool,
    /// Unix nanoseconds.
    pub now: u64,
}

impl Question<'_> {
    /// Both sides, as they were at one moment.
    ///
    /// # Errors
    /// If the store can't be read, or a range makes no sense or has no samples.
    pub(super) fn ask(&self) -> Result<(Side, Side), Failure> {
        let (before, after) = (self.bounds(self.before)?, self.bounds(self.after)?);
        let read = store::read(self.directory, |snapshot| {
            Ok((self.side(snapshot, self.before, before)?, self.side(snapshot, self.after, after)?))
        });
        let read = read.map_err(|error| failure(&error))?;
        let (mut left, mut right) = read.answer;
        for (side, (_, until)) in [(&mut left, before), (&mut right, after)] {
            if side.profile.samples.is_empty() {
                let message = format!("the store has no samples of {}", side.name);
                return Err(Failure::new(Exit::NoSamples, message)
                    .hint("ask for another range, or for more with another --selector"));
            }
            if read.until < until {
                let missing = (until - read.until).div_ceil(NANOSECONDS);
                side.notes.push(format!("the store has nothing of its last {missing} s (yet)"));
            }
        }
        left.notes.extend(read.unreadable.iter().map(|reason| format!("a file is missing: {reason}")));
        Ok((left, right))
    }

    /// Whole seconds, Unix nanoseconds.
    fn bounds(&self, range: &Range) -> Result<(u64, u64), Failure> {
        let second = |time: u64| time - time % NANOSECONDS;
        let (since, until) = (second(range.since.at(self.now)), second(range.until.at(self.now)));
        if since >= until {
            let message = format!("the range {} has no second in it", range.text);
            return Err(
                Failure::new(Exit::Usage, message).hint("its first time is to be earlier than its second")
            );
        }
        Ok((since, until))
    }

    fn side(
        &self,
        snapshot: &Snapshot,
        range: &Range,
        (since, until): (u64, u64),
    ) -> Result<Side, SelectError> {
        let view = View { lines: self.lines, ..View::default() };
        let selector = self.selector.cloned().unwrap_or_default();
        let select = Select { since, until, selector, by: view.labels(), stacks: true, ..Select::default() };
        let selected = snapshot.select(&select)?;
        let mut profile = query::profile(&selected, &select, view)?;
        profile.about = About { start: since, duration: until - since, ..profile.about };
        let mut notes = Vec::new();
        if selected.complete_since > since {
            let missing = selected.complete_since.min(until) - since;
            notes.push(format!("its first {} s are not whole in the store", missing.div_ceil(NANOSECONDS)));
        }
        let name = range.text.clone();
        Ok(Side { name, profile, format: None, samples: true, nanoseconds: true, notes })
    }
}

fn failure(error: &ReadError) -> Failure {
    let failure = Failure::new(Exit::BadInput, error.to_string());
    match error {
        ReadError::NoStore(_) => failure.hint("name the directory that `firetower serve --store` has"),
        ReadError::Store { source, .. } if is_denied(&**source) => {
            failure.hint("history is for its owner alone: run this as the user of the service, or as root")
        }
        ReadError::Changes(_) => failure.hint("try again"),
        ReadError::Select(SelectError::TooLarge { .. }) => {
            failure.hint("ask for shorter ranges, or for less with --selector")
        }
        _ => failure,
    }
}

/// Whether the system says that this user may not.
fn is_denied(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let found = range("now-2h..now-1h").unwrap();
        assert_eq!(
            (found.since, found.until),
            (time::Moment::Ago(7200 * NANOSECONDS), time::Moment::Ago(3600 * NANOSECONDS))
        );
        assert_eq!(range("now-1h..").unwrap().until, time::Moment::Ago(0));
        assert_eq!(
            range("1700000000 .. 1700000060").unwrap().since,
            time::Moment::At(1_700_000_000 * NANOSECONDS)
        );
        for text in ["", "now-1h", "..", "now-1h..soon", "now-1h...now", "yesterday..now"] {
            assert!(range(text).is_err(), "{text}");
        }
    }
}
