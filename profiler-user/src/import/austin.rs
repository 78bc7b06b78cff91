//! What Austin writes as text: `P<pid>;T<thread>;file:function:line;… METRIC`, and lines `# name: value` that say what the
//! metric is: microseconds of wall or CPU time, bytes, or `time,idle,bytes`.

use rustc_hash::FxHashMap;

use super::builder::Builder;
use super::{Format, Found, ImportError, Measure, names};
use crate::model::{Frame, FrameId, FrameKind, Weight};

/// Whether this is Austin's text.
pub(super) fn is_it(text: &str) -> bool {
    if text.starts_with("# austin: ") {
        return true;
    }
    text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#')).is_some_and(is_sample)
}

/// A line that has a process and a thread.
fn is_sample(line: &str) -> bool {
    let Some((process, rest)) = line.split_once(';') else { return false };
    let id = |text: &str, letter: char| {
        text.strip_prefix(letter).is_some_and(|id| id.starts_with(|c: char| c.is_ascii_hexdigit()))
    };
    id(process, 'P') && id(rest.split([';', ' ']).next().unwrap_or_default(), 'T')
}

/// What is measured.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Microseconds.
    Time,
    /// `time,idle,bytes`.
    Full,
}

pub(super) fn read(text: &str) -> Result<Found, ImportError> {
    let mut builder = Builder::default();
    let mut frames: FxHashMap<&str, FrameId> = FxHashMap::default();
    let mut mode = Mode::Time;
    let mut skipped = 0;
    for (number, line) in (1_u64..).zip(text.lines()) {
        if let Some((name, value)) = line.strip_prefix("# ").and_then(|rest| rest.split_once(": ")) {
            match (name, value.trim_end()) {
                ("mode", "memory") => {
                    return Err(ImportError::Unsupported {
                        what: "a memory profile of Austin: bytes are neither samples nor time".to_owned(),
                        hint: "run austin without -m",
                    });
                }
                ("mode", "full") => mode = Mode::Full,
                // Microseconds.
                ("duration", value) => {
                    builder.about.duration = value.parse().unwrap_or(0_u64).saturating_mul(1_000);
                }
                _ => {}
            }
            continue;
        }
        let Some((stack, metric)) = line.trim_end().rsplit_once(' ').filter(|(stack, _)| is_sample(stack))
        else {
            skipped += u64::from(!line.trim().is_empty() && !line.starts_with('#'));
            continue;
        };
        let microseconds = microseconds(metric, mode).ok_or_else(|| {
            ImportError::invalid(Format::Austin, format!("line {number}"), what(metric, mode))
        })?;
        if let Some(stack) = builder.stack_of(stack.split(';'), &mut frames, frame)? {
            let nanoseconds = microseconds.saturating_mul(1_000);
            builder.add(stack, Weight { samples: 0, nanoseconds })?;
        }
    }
    Ok(Found { builder, measure: Measure::Nanoseconds, skipped, notes: Vec::new() })
}

fn microseconds(metric: &str, mode: Mode) -> Option<u64> {
    let time = match mode {
        Mode::Time => metric,
        Mode::Full => {
            let mut parts = metric.split(',');
            let time = parts.next()?;
            (parts.count() == 2).then_some(time)?
        }
    };
    time.parse().ok()
}

fn what(metric: &str, mode: Mode) -> String {
    let metric: String = metric.chars().take(40).collect();
    match mode {
        Mode::Time => format!("{metric:?} is no number of microseconds"),
        Mode::Full => format!("{metric:?} is not `time,idle,bytes`, as the mode is `full`"),
    }
}

/// Process and thread come first.
fn frame(text: &str, depth: usize) -> Frame {
    match depth {
        0 => Frame::bare(FrameKind::Process, text),
        1 => Frame::bare(FrameKind::Thread, text),
        _ => names::with_colons(text).unwrap_or_else(|| Frame::bare(FrameKind::Other, text)),
    }
}
