//! pprof: the format of `go tool pprof`, Parca, Pyroscope and many more, gzip around protocol buffers.
//!
//! Field numbers and rules are those of
//! [`profile.proto`](https://github.com/google/pprof/blob/main/proto/profile.proto); the messages are written down here
//! with the fields that are used. What the rules leave open:
//!
//! - Two values: `samples/count` and `cpu/nanoseconds`; the second is shown unless asked otherwise.
//! - All ids count from 1 in the order of their tables, as Parca's validation asks for.
//! - A function's name is the qualified one without its file, which has a field of its own. A process, thread,
//!   sub-interpreter, reason or cut is a function whose name is the frame's text: nothing is lost.
//! - There is no `system_name`: where it equals the name, `go tool pprof` takes both for mangled C++, and cuts
//!   `<module>` off as a template's argument.
//! - A location is a function and a line; 0 if the profile is by function. Python has no addresses: they are 0.
//! - Two mappings that stand for code rather than memory, `python` and `[kernel]`, so that tools don't look for symbols
//!   elsewhere. They have no build id: Python's code comes from many files, none of which has one.
//! - Labels are texts, `pid` and `tid` too: as numbers, tools would scale and format them as amounts.
//!
//! It must not know who asked, nor HTTP.

use std::io::Write;

use flate2::{Compression, GzBuilder};
use prost::Message;

use super::tables::{Strings, Tables, function_name};
use super::{RenderError, visible};
use crate::model::{Frame, FrameKind, Profile};

/// `perftools.profiles.Profile`.
#[derive(Clone, PartialEq, Message)]
struct ProfileMessage {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    mapping: Vec<Mapping>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    /// Unix nanoseconds.
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
    /// Indices of texts, like every `int64` below that names one.
    #[prost(int64, repeated, tag = "13")]
    comment: Vec<i64>,
    #[prost(int64, tag = "14")]
    default_sample_type: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    /// Leaf first.
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<Label>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    str: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Mapping {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "5")]
    filename: i64,
    #[prost(bool, tag = "7")]
    has_functions: bool,
    #[prost(bool, tag = "8")]
    has_filenames: bool,
    #[prost(bool, tag = "9")]
    has_line_numbers: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    mapping_id: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
    #[prost(int64, tag = "5")]
    start_line: i64,
}

/// Ids of the mappings; 0 is none.
const PYTHON: u64 = 1;
const KERNEL: u64 = 2;

/// The profile as gzip-compressed protocol buffers, with no time in the header of gzip.
///
/// # Errors
/// None so far: a profile without samples is one like any other.
pub fn render(profile: &Profile) -> Result<Vec<u8>, RenderError> {
    let message = message(profile).encode_to_vec();
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::default());
    Ok(gzip.write_all(&message).and_then(|()| gzip.finish()).expect("a Vec takes any bytes"))
}

fn message(profile: &Profile) -> ProfileMessage {
    let tables = Tables::new(profile);
    let mut strings = Strings::new();
    let mut text = |text: &str| strings.intern(text) as i64;
    let count = ValueType { kind: text("samples"), unit: text("count") };
    let cpu = ValueType { kind: text("cpu"), unit: text("nanoseconds") };
    let mapping = vec![
        Mapping {
            id: PYTHON,
            filename: text("python"),
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
        },
        // Tools take a name in brackets for something that is no file.
        Mapping {
            id: KERNEL,
            filename: text("[kernel]"),
            has_functions: true,
            has_filenames: false,
            has_line_numbers: false,
        },
    ];
    let mut function = Vec::with_capacity(tables.functions.len());
    for (id, frame) in (1..).zip(&tables.functions) {
        let name = text(&function_name(frame));
        let filename = text(&visible(&frame.file));
        function.push(Function { id, name, filename, start_line: frame.first_line.into() });
    }
    let location = (1..).zip(&tables.frames).map(|(id, place)| Location {
        id,
        mapping_id: mapping_of(tables.functions[place.function as usize]),
        line: vec![Line { function_id: u64::from(place.function) + 1, line: place.line.into() }],
    });
    let location = location.collect();
    let labels: Vec<Vec<Label>> = profile
        .labels
        .sets
        .iter()
        .map(|set| {
            set.iter().map(|(key, value)| Label { key: text(key), str: text(&visible(value)) }).collect()
        })
        .collect();
    let sample = tables.samples.iter().map(|row| Sample {
        location_id: tables.leaf_first(row.stack).map(|frame| u64::from(frame) + 1).collect(),
        value: vec![signed(row.weight.samples), signed(row.weight.nanoseconds)],
        label: profile
            .labels
            .of
            .get(row.index)
            .and_then(|&set| labels.get(set as usize))
            .cloned()
            .unwrap_or_default(),
    });
    ProfileMessage {
        sample_type: vec![count, cpu],
        sample: sample.collect(),
        mapping,
        location,
        function,
        time_nanos: signed(profile.about.start),
        duration_nanos: signed(profile.about.duration),
        period_type: Some(cpu),
        period: signed(period(profile)),
        comment: vec![text(&visible(&profile.about.subject))],
        default_sample_type: cpu.kind,
        string_table: strings.into_vec(),
    }
}

fn mapping_of(frame: &Frame) -> u64 {
    match frame.kind {
        FrameKind::Python => PYTHON,
        FrameKind::Kernel => KERNEL,
        FrameKind::Other
        | FrameKind::Process
        | FrameKind::Thread
        | FrameKind::Interpreter
        | FrameKind::Unknown(_)
        | FrameKind::Truncated => 0,
    }
}

/// Nanoseconds of CPU time between two samples: by the frequency, or else by the samples themselves; 0 if neither tells.
fn period(profile: &Profile) -> u64 {
    match profile.about.frequency {
        0 => {
            let total = profile.total();
            total.nanoseconds.checked_div(total.samples).unwrap_or(0)
        }
        frequency => 1_000_000_000 / u64::from(frequency),
    }
}

/// The format's numbers are signed; 292 years of nanoseconds fit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
