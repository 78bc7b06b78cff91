//! Folded stacks, a line for each: `root;…;leaf COUNT`.
//!
//! A count may have a fraction. A line may have two counts, before and after: a difference of two profiles, which is no
//! profile; whoever draws differences reads the lines with [`split`].

use rustc_hash::FxHashMap;

use super::builder::Builder;
use super::{Format, Found, ImportError, Measure, names};
use crate::model::{Frame, FrameId, StackId, Weight};

/// Fractions of more digits than this are cut off.
const DIGITS: usize = 9;

/// A count as it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    /// What is before the point.
    pub whole: u64,
    /// What is behind it, in billionths.
    pub billionths: u32,
}

impl Count {
    /// Reads `12`, `12.` or `12.5`; nothing else is one.
    pub fn parse(text: &str) -> Option<Count> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return None;
        }
        let fraction = &fraction[..fraction.len().min(DIGITS)];
        let billionths = format!("{fraction:0<DIGITS$}").parse().ok()?;
        Some(Count { whole: whole.parse().ok()?, billionths })
    }
}

/// A line, apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line<'a> {
    /// Frames, root first, with `;` between them. Not empty.
    pub stack: &'a str,
    /// The count before, if there are two.
    pub before: Option<Count>,
    /// The count; if there are two, the one after.
    pub count: Count,
}

/// The parts of a line; `None` if it is no stack with a count.
pub fn split(line: &str) -> Option<Line<'_>> {
    let (stack, count) = counted(line)?;
    match counted(stack) {
        Some((stack, before)) => Some(Line { stack, before: Some(before), count }),
        None => Some(Line { stack, before: None, count }),
    }
}

/// The same where there is one count only: what looks like another is the end of a frame's name.
pub fn split_one(line: &str) -> Option<Line<'_>> {
    counted(line).map(|(stack, count)| Line { stack, before: None, count })
}

fn counted(line: &str) -> Option<(&str, Count)> {
    let (stack, count) = line.trim_end().rsplit_once(|c: char| c.is_ascii_whitespace())?;
    let stack = stack.trim_end();
    (!stack.is_empty()).then_some(())?;
    Some((stack, Count::parse(count)?))
}

/// Whether a line is there for people, or says what the rest is of.
pub fn is_comment(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with("# ") || line.trim_end() == "#"
}

/// Reads the lines. Those that are no stacks are counted.
pub(super) fn read(text: &str) -> Result<Found, ImportError> {
    read_frames(text, Format::Folded, names::folded)
}

/// The same for lines whose frames are to be taken apart in another way.
pub(super) fn read_frames(
    text: &str,
    format: Format,
    frame_of: impl Fn(&str) -> Frame,
) -> Result<Found, ImportError> {
    let mut builder = Builder::default();
    let mut frames: FxHashMap<&str, FrameId> = FxHashMap::default();
    let mut fractions: FxHashMap<StackId, u64> = FxHashMap::default();
    let mut skipped = 0;
    if is_difference(text) {
        return Err(ImportError::Unsupported {
            what: "a difference of two profiles: each stack has two counts".to_owned(),
            hint: "draw it: firetower flamegraph FILE",
        });
    }
    for (number, line) in (1_u64..).zip(text.lines()) {
        if is_comment(line) {
            continue;
        }
        let Some(parts) = split_one(line) else {
            skipped += 1;
            continue;
        };
        if parts.count.whole == u64::MAX {
            return Err(ImportError::invalid(format, format!("line {number}"), "the count is too large"));
        }
        let texts = parts.stack.split(';');
        let Some(stack) = builder.stack_of(texts, &mut frames, |text, _| frame_of(text))? else { continue };
        builder.add(stack, Weight { samples: parts.count.whole, nanoseconds: 0 })?;
        if parts.count.billionths > 0 {
            *fractions.entry(stack).or_default() += u64::from(parts.count.billionths);
        }
    }
    let notes = match fractions.len() {
        0 => Vec::new(),
        _ => vec!["counts have fractions: the sum of each stack was rounded to a whole number".to_owned()],
    };
    let mut fractions: Vec<_> = fractions.into_iter().collect();
    fractions.sort_unstable();
    for (stack, billionths) in fractions {
        builder.add(stack, Weight { samples: (billionths + 500_000_000) / 1_000_000_000, nanoseconds: 0 })?;
    }
    Ok(Found { builder, measure: Measure::Samples, skipped, notes })
}

/// Whether every stack has two counts: with only some, a frame's name ends in a number.
fn is_difference(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !is_comment(line)).filter_map(split).peekable();
    lines.peek().is_some() && lines.all(|line| line.before.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(whole: u64, billionths: u32) -> Count {
        Count { whole, billionths }
    }

    #[test]
    fn lines() {
        let one = |stack, count| Some(Line { stack, before: None, count });
        for (line, expected) in [
            ("a;b 12", one("a;b", count(12, 0))),
            ("a b;c d\t 12  ", one("a b;c d", count(12, 0))),
            ("a 1.25", one("a", count(1, 250_000_000))),
            ("a 1.", one("a", count(1, 0))),
            ("a 0.0000000019", one("a", count(0, 1))),
            ("a 10 12", Some(Line { stack: "a", before: Some(count(10, 0)), count: count(12, 0) })),
            ("a;b", None),
            ("12", None),
            (" 12", None),
            ("a -1", None),
            ("a 1e3", None),
            ("a .5", None),
            ("a 99999999999999999999", None),
            ("", None),
        ] {
            assert_eq!(split(line), expected, "{line:?}");
        }
    }
}
