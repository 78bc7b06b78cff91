//! The output of `perf script`, folded by inferno.
//!
//! Events are looked at beforehand: inferno folds those of one kind, and adds up their periods, which are nanoseconds for
//! clocks and something else for all others. So it folds events without their periods, to count samples, and for clocks
//! once more with them. Frames of the kernel and of Python's own trampolines (`py::function:file`) are known as such.

use std::borrow::Cow;
use std::sync::LazyLock;

use inferno::collapse::Collapse;
use inferno::collapse::perf::{Folder, Options};
use regex::Regex;
use rustc_hash::FxHashMap;

use super::builder::Builder;
use super::{Format, Found, ImportError, Measure, folded, names};
use crate::model::{Frame, FrameId, FrameKind, Weight};

/// `comm pid/tid [cpu] time: period event:`; CPU, time and period may be missing.
static EVENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\S.*?\s+(?:-?\d+/)?\d+\s+(?:\[\d+\]\s+)?)(\d+\.\d+:\s+)?(?:(\d+)\s+)?([^\s:]\S*?):(.*)$")
        .expect("a regular expression")
});
/// `address symbol+offset (module)`.
static FRAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s*[0-9a-f]+ .*\(.*\)\s*$").expect("a regular expression"));

/// Whether this is `perf script`'s text: an event, then its stack.
pub(super) fn is_it(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.next().is_some_and(|line| EVENT.is_match(line))
        && lines.next().is_none_or(|line| FRAME.is_match(line))
}

/// The events of one kind, as inferno takes them.
struct Events {
    /// The kind's name, `cpu-clock` for example, with its modifiers as inferno has them.
    kind: String,
    with_periods: String,
    without: String,
    /// Of other kinds.
    others: u64,
    /// Lines that are neither event nor frame.
    skipped: u64,
}

pub(super) fn read(text: &str) -> Result<Found, ImportError> {
    let Some(events) = events(text) else {
        return Err(ImportError::invalid(Format::Perf, "all lines", "none is an event of perf script"));
    };
    let is_clock = ["cpu-clock", "task-clock"].contains(&events.kind.as_str());
    let mut builder = Builder::default();
    let mut frames = FxHashMap::default();
    let samples = fold(&events.without, &events.kind)?;
    add(&samples, &mut builder, &mut frames, |samples| Weight { samples, nanoseconds: 0 })?;
    if is_clock {
        let nanoseconds = fold(&events.with_periods, &events.kind)?;
        add(&nanoseconds, &mut builder, &mut frames, |nanoseconds| Weight { samples: 0, nanoseconds })?;
    }
    let notes = match events.others {
        0 => Vec::new(),
        others => {
            vec![format!("{others} events are not `{}`, the first kind, and were left out", events.kind)]
        }
    };
    let measure = if is_clock { Measure::Both } else { Measure::Samples };
    Ok(Found { builder, measure, skipped: events.skipped, notes })
}

fn events(text: &str) -> Option<Events> {
    let mut events: Option<Events> = None;
    let mut is_taken = false;
    let mut skipped = 0;
    for line in text.lines() {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            events.iter_mut().for_each(|events| events.blank());
            is_taken = false;
        } else if let Some(parts) = EVENT.captures(line) {
            let (head, kind, rest) = (&parts[1], &parts[4], &parts[5]);
            // inferno finds the event behind a time.
            let time = parts.get(2).map_or("0.0: ", |time| time.as_str());
            let period = parts.get(3).map_or("1", |period| period.as_str());
            let events = events.get_or_insert_with(|| Events {
                kind: kind.to_owned(),
                with_periods: String::new(),
                without: String::new(),
                others: 0,
                skipped: 0,
            });
            is_taken = events.kind == kind;
            if is_taken {
                // A name with a semicolon would be two frames.
                let head = head.replace(';', "；");
                events.blank();
                events.with_periods += &encoded(&format!("{head}{time}{period} {kind}:{rest}\n"));
                events.without += &encoded(&format!("{head}{time}{kind}:{rest}\n"));
            } else {
                events.others += 1;
            }
        } else if FRAME.is_match(line) {
            match &mut events {
                Some(events) if is_taken => events.line(line),
                Some(_) => {}
                None => skipped += 1,
            }
        } else {
            skipped += 1;
        }
    }
    events.map(|events| Events { skipped, ..events })
}

impl Events {
    fn blank(&mut self) {
        self.line("");
    }

    fn line(&mut self, line: &str) {
        let line = &encoded(line);
        for text in [&mut self.with_periods, &mut self.without] {
            text.push_str(line);
            text.push('\n');
        }
    }
}

/// Before the number of a character that is not ASCII, or one of these two.
const BEGIN: char = '\x01';
/// Behind it.
const END: char = '\x02';

/// A text in ASCII. inferno looks at the last bytes of a name, and panics if they begin within a character.
fn encoded(text: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_ascii() && letter != BEGIN && letter != END;
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let encoded = text.chars().map(|letter| match is_plain(letter) {
        true => letter.to_string(),
        false => format!("{BEGIN}{:x}{END}", u32::from(letter)),
    });
    Cow::Owned(encoded.collect())
}

/// The text that was encoded. What inferno has cut off stays away.
fn decoded(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    for part in text.split_inclusive(END) {
        let letter =
            part.strip_suffix(END).and_then(|part| part.rsplit_once(BEGIN)).and_then(|(before, number)| {
                let number = u32::from_str_radix(number, 16).ok()?;
                Some((before, char::from_u32(number)?))
            });
        match letter {
            Some((before, letter)) => {
                decoded.push_str(before);
                decoded.push(letter);
            }
            None => decoded.push_str(part),
        }
    }
    decoded
}

/// Folded lines.
fn fold(events: &str, kind: &str) -> Result<String, ImportError> {
    let mut options = Options::default();
    options.annotate_kernel = true;
    // inferno would take the first, and panics if there is none.
    options.event_filter = Some(encoded(kind).into_owned());
    options.nthreads = 1;
    let mut lines = Vec::new();
    Folder::from(options)
        .collapse(events.as_bytes(), &mut lines)
        .map_err(|error| ImportError::invalid(Format::Perf, "all lines", error.to_string()))?;
    Ok(decoded(&String::from_utf8_lossy(&lines)))
}

fn add(
    lines: &str,
    builder: &mut Builder,
    frames: &mut FxHashMap<String, FrameId>,
    weight: impl Fn(u64) -> Weight,
) -> Result<(), ImportError> {
    for line in lines.lines() {
        let Some(parts) = folded::split_one(line) else { continue };
        let mut ids = Vec::new();
        for (depth, text) in parts.stack.split(';').enumerate() {
            let id = match frames.get(text) {
                Some(id) if depth > 0 => *id,
                _ if depth > 0 => {
                    let id = builder.frame(frame(text));
                    frames.insert(text.to_owned(), id);
                    id
                }
                // The command.
                _ => builder.frame(Frame::bare(FrameKind::Process, text)),
            };
            ids.push(id);
        }
        if let Some(stack) = builder.stack(ids)? {
            builder.add(stack, weight(parts.count.whole))?;
        }
    }
    Ok(())
}

fn frame(text: &str) -> Frame {
    match text.strip_prefix("py::").and_then(|rest| rest.rsplit_once(':')) {
        Some((function, file)) => Frame { file: file.into(), ..Frame::bare(FrameKind::Python, function) },
        None => names::folded(text),
    }
}
