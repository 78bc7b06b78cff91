//! What pyflame writes: folded stacks with frames `file:function:line` (with `-n` without the line), `(idle)` and
//! `(failed)`; or with `--flamechart` two lines for each sample, Unix microseconds and a stack without a count.

use rustc_hash::FxHashMap;

use super::builder::Builder;
use super::{Format, Found, ImportError, Measure, folded, names};
use crate::model::{Frame, FrameId, FrameKind, Weight};

/// What stands for a process that runs nothing, and for a sample that could not be taken.
const NO_STACKS: [&str; 2] = ["(idle)", "(failed)"];

/// Whether this is pyflame's text beyond doubt.
pub(super) fn is_it(text: &str, most: usize) -> bool {
    if has_times(text) {
        return true;
    }
    let mut stacks = text.lines().filter_map(folded::split).take(most).peekable();
    let mut sure = false;
    let all = stacks.all(|line| {
        NO_STACKS.contains(&line.stack)
            || line.stack.split(';').all(|frame| {
                sure = true;
                names::surely_with_colons(frame)
            })
    });
    all && sure
}

/// Whether the text is that of `--flamechart`: a number by itself, then a stack without a count.
pub fn has_times(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else { return false };
    is_time(first) && is_stack(second.trim_end())
}

fn is_time(line: &str) -> bool {
    let line = line.trim_end();
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_stack(line: &str) -> bool {
    NO_STACKS.contains(&line) || line.trim_end_matches(';').split(';').all(names::surely_with_colons)
}

pub(super) fn read(text: &str) -> Result<Found, ImportError> {
    if has_times(text) { with_times(text) } else { folded::read_frames(text, Format::Pyflame, frame) }
}

/// One sample for each stack. Its time is that of the line before, which orders it and no more.
fn with_times(text: &str) -> Result<Found, ImportError> {
    let mut builder = Builder::default();
    let mut frames: FxHashMap<&str, FrameId> = FxHashMap::default();
    let mut skipped = 0;
    let mut times: Option<(u64, u64)> = None;
    for line in text.lines().map(str::trim_end) {
        if let Some(time) = is_time(line).then(|| line.parse().ok()).flatten() {
            times = Some(times.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
            continue;
        }
        if line.is_empty() {
            continue;
        }
        if !is_stack(line) {
            skipped += 1;
            continue;
        }
        let texts = line.trim_end_matches(';').split(';');
        if let Some(stack) = builder.stack_of(texts, &mut frames, |text, _| frame(text))? {
            builder.add(stack, Weight { samples: 1, nanoseconds: 0 })?;
        }
    }
    if let Some((first, last)) = times {
        builder.about.start = first.saturating_mul(1_000);
        builder.about.duration = (last - first).saturating_mul(1_000);
    }
    Ok(Found { builder, measure: Measure::Samples, skipped, notes: Vec::new() })
}

fn frame(text: &str) -> Frame {
    names::with_colons(text).unwrap_or_else(|| Frame::bare(FrameKind::Other, text))
}
