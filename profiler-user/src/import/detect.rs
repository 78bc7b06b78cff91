//! Which format bytes are in, by nothing but the bytes. It must not know files.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Format, ImportError, austin, folded, json_within, perf, pprof, pyflame, text};

/// Lines that are looked at where all must be alike.
const LINES: usize = 1_000;

/// The format of bytes that are not compressed.
pub(super) fn format(bytes: &[u8]) -> Result<Format, ImportError> {
    if let Some(known) = unsupported(bytes) {
        return Err(known);
    }
    // Before text: its first byte is most often a line feed.
    if pprof::is_it(bytes) {
        return Ok(Format::Pprof);
    }
    if bytes.contains(&0) {
        return Err(ImportError::Unrecognised);
    }
    let text = text(bytes);
    let has_stack = || text.lines().any(|line| folded::split_one(line).is_some());
    if text.trim_start().starts_with('{') {
        match json(bytes) {
            // A function's name may start with a brace.
            Err(ImportError::Invalid { .. }) if has_stack() => {}
            answer => return answer,
        }
    }
    if perf::is_it(&text) {
        Ok(Format::Perf)
    } else if austin::is_it(&text) {
        Ok(Format::Austin)
    } else if pyflame::is_it(&text, LINES) {
        Ok(Format::Pyflame)
    } else if has_stack() {
        Ok(Format::Folded)
    } else {
        Err(ImportError::Unrecognised)
    }
}

/// Files that people have at hand and that are no profile which can be read.
fn unsupported(bytes: &[u8]) -> Option<ImportError> {
    let known: [(&[u8], &str, &str); 8] = [
        (b"MOJ", "Austin's binary format", "write text: austin without -b, or convert it with mojo2austin"),
        (b"PERFILE2", "a recording of perf", "make it text first: perf script -i FILE"),
        (
            b"2ELIFREP",
            "a recording of perf",
            "make it text first, on the machine that wrote it: perf script -i FILE",
        ),
        (b"<?xml", "a drawing, not a profile", "give the file that it was drawn from"),
        (b"<svg", "a drawing, not a profile", "give the file that it was drawn from"),
        (b"<!doctype", "a web page, not a profile", "give the file that it was made from"),
        (b"<html", "a web page, not a profile", "give the file that it was made from"),
        (b"\x7fELF", "a program, not a profile", "profile it: firetower record -- COMMAND"),
    ];
    known
        .into_iter()
        .find(|(start, ..)| bytes.len() >= start.len() && bytes[..start.len()].eq_ignore_ascii_case(start))
        .map(|(_, what, hint)| ImportError::Unsupported { what: what.to_owned(), hint })
}

/// The members of a file that tell what it is.
#[derive(Deserialize)]
struct Probe {
    firetower: Option<IgnoredAny>,
    stacks: Option<IgnoredAny>,
    shared: Option<IgnoredAny>,
    profiles: Option<IgnoredAny>,
    meta: Option<IgnoredAny>,
    threads: Option<IgnoredAny>,
    nodes: Option<IgnoredAny>,
    #[serde(rename = "traceEvents")]
    trace_events: Option<IgnoredAny>,
}

fn json(bytes: &[u8]) -> Result<Format, ImportError> {
    let probe: Probe = serde_json::from_slice(json_within(bytes)?)
        .map_err(|error| ImportError::json(Format::Json, &error))?;
    let unsupported = |what: &str| {
        let hint = "give it as pprof, as folded stacks or for speedscope";
        Err(ImportError::Unsupported { what: what.to_owned(), hint })
    };
    match probe {
        Probe { firetower: Some(_), stacks: Some(_), .. } => Ok(Format::Json),
        Probe { shared: Some(_), profiles: Some(_), .. } => Ok(Format::Speedscope),
        Probe { meta: Some(_), threads: Some(_), .. } => unsupported("a profile for the Firefox Profiler"),
        Probe { nodes: Some(_), .. } => {
            unsupported("a profile of Chrome's tools, or an answer of firetower's API")
        }
        Probe { trace_events: Some(_), .. } => unsupported("a trace, not a profile"),
        _ => unsupported("JSON, but of no profile that is known"),
    }
}
