//! A whole profile as plain JSON, for scripts: stacks with weights, and nothing to decode.
//!
//! # The format
//!
//! One JSON object, UTF-8. Fields, kinds and labels are added in the future, but none is renamed or removed, nor does one
//! change its unit or meaning.
//!
//! | field | is |
//! | --- | --- |
//! | `firetower` | the version that wrote it |
//! | `subject` | what it is of, in words |
//! | `start`, `duration` | Unix nanoseconds at which it starts, nanoseconds that it covers |
//! | `frequency` | samples a second and CPU; `null` if not known |
//! | `total` | `samples` and `nanoseconds` of CPU time, of all stacks |
//! | `unattributed` | samples by reason (a label), of stacks that are not whole and named |
//! | `frames` | the distinct frames, see below |
//! | `stacks` | the distinct stacks (if labels are kept: once for each set of labels), see below |
//!
//! A frame has
//!
//! | field | is |
//! | --- | --- |
//! | `kind` | `python`, `kernel`, `other` (a function in a profile of another program, in a language that is not known), `process`, `thread`, `interpreter` (labels, at the root end), `unknown`, `truncated` (the root end of a stack that was deeper than what is kept) |
//! | `function` | its name (from Python 3.11 on the qualified one), the kernel's symbol, the label's text; empty if `unknown` or `truncated` |
//! | `file` | `co_filename` as the interpreter has it; `null` where there is none |
//! | `line` | the line being run, from 1; `null` where there is none, and in a profile by function |
//! | `first_line` | the function's first line; `null` where there is none |
//! | `origin` | `own`, `package`, `library`, `kernel`, `label` or `unknown`: where the code comes from, as colours tell |
//! | `reason` | of an `unknown` frame: why, a label; else the field is not there |
//!
//! and a stack
//!
//! | field | is |
//! | --- | --- |
//! | `frames` | indices in the list of frames, root first |
//! | `samples`, `nanoseconds` | its own weight, without that of stacks above it |
//! | `labels` | an object of texts: `pid`, `tid`, `thread`, `command`…; the field is not there if the profile keeps none |
//!
//! Texts are the target's own, escaped as JSON has it and nothing else; bytes that are no text are U+FFFD.
//!
//! It must not know where the bytes go.

use std::collections::BTreeMap;

use serde::Serialize;

use super::tables::Tables;
use super::{Origin, RenderError, unattributed};
use crate::model::{Frame, FrameKind, Profile};

#[derive(Serialize)]
struct File<'a> {
    firetower: &'static str,
    subject: &'a str,
    start: u64,
    duration: u64,
    frequency: Option<u32>,
    total: Total,
    unattributed: BTreeMap<&'static str, u64>,
    frames: Vec<FileFrame<'a>>,
    stacks: Vec<Stack<'a>>,
}

#[derive(Serialize)]
struct Total {
    samples: u64,
    nanoseconds: u64,
}

#[derive(Serialize)]
struct FileFrame<'a> {
    kind: &'static str,
    function: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    first_line: Option<u32>,
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Stack<'a> {
    frames: Vec<u32>,
    samples: u64,
    nanoseconds: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'a str, &'a str>,
}

/// The profile as JSON.
///
/// # Errors
/// None so far: a profile without samples is one like any other.
pub fn render(profile: &Profile) -> Result<Vec<u8>, RenderError> {
    let tables = Tables::new(profile);
    let frames =
        tables.frames.iter().map(|place| file_frame(tables.functions[place.function as usize], place.line));
    let stacks = tables.samples.iter().map(|row| Stack {
        frames: tables.root_first(row.stack),
        samples: row.weight.samples,
        nanoseconds: row.weight.nanoseconds,
        labels: profile.labels.of_sample(row.index).iter().map(|(name, value)| (&**name, &**value)).collect(),
    });
    let (total, about) = (profile.total(), &profile.about);
    let file = File {
        firetower: env!("CARGO_PKG_VERSION"),
        subject: &about.subject,
        start: about.start,
        duration: about.duration,
        frequency: (about.frequency > 0).then_some(about.frequency),
        total: Total { samples: total.samples, nanoseconds: total.nanoseconds },
        unattributed: unattributed(profile)
            .into_iter()
            .map(|(reason, weight)| (reason.label(), weight.samples))
            .collect(),
        frames: frames.collect(),
        stacks: stacks.collect(),
    };
    Ok(serde_json::to_vec(&file).expect("numbers and texts are JSON, and a Vec takes them"))
}

fn file_frame(frame: &Frame, line: u32) -> FileFrame<'_> {
    FileFrame {
        kind: frame.kind.name(),
        function: &frame.function,
        file: (!frame.file.is_empty()).then_some(&*frame.file),
        line: (line > 0).then_some(line),
        first_line: (frame.first_line > 0).then_some(frame.first_line),
        origin: Origin::of(frame).label(),
        reason: match frame.kind {
            FrameKind::Unknown(reason) => Some(reason.label()),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::tests::{labelled, profile, python};
    use super::*;
    use crate::model::Reason;

    fn file(profile: &Profile) -> Value {
        serde_json::from_slice(&render(profile).expect("JSON has everything")).expect("JSON")
    }

    #[test]
    fn the_whole_of_a_small_profile() {
        let (f, reason) = (Frame { first_line: 3, ..python("f", "/srv/x.py", 5) }, Reason::NotPython);
        let file = file(&labelled(&[
            (&[f, Frame::bare(FrameKind::Kernel, "vfs_read")], 2, &[("pid", "7"), ("tid", "8")]),
            (&[Frame::unknown(reason)], 1, &[("pid", "9")]),
        ]));
        assert_eq!(
            file,
            json!({
                "firetower": env!("CARGO_PKG_VERSION"),
                "subject": "python app.py (pid 4242)",
                "start": 1_700_000_000_000_000_000_u64, "duration": 60_000_000_000_u64, "frequency": 99,
                "total": { "samples": 3, "nanoseconds": 30_000_000 },
                "unattributed": { reason.label(): 1 },
                "frames": [
                    { "kind": "python", "function": "f", "file": "/srv/x.py", "line": 5, "first_line": 3, "origin": "own" },
                    { "kind": "kernel", "function": "vfs_read", "file": null, "line": null, "first_line": null,
                      "origin": "kernel" },
                    { "kind": "unknown", "function": "", "file": null, "line": null, "first_line": null,
                      "origin": "unknown", "reason": reason.label() },
                ],
                "stacks": [
                    { "frames": [0, 1], "samples": 2, "nanoseconds": 20_000_000, "labels": { "pid": "7", "tid": "8" } },
                    { "frames": [2], "samples": 1, "nanoseconds": 10_000_000, "labels": { "pid": "9" } },
                ],
            })
        );
    }

    #[test]
    fn nothing_is_a_profile_too() {
        let file = file(&profile(&[]));
        assert_eq!((&file["total"]["samples"], &file["stacks"]), (&json!(0), &json!([])));
    }

    proptest! {
        /// Whatever the names are, they come back as they were.
        #[test]
        fn any_name_survives_the_format(name in ".*", path in ".*", command in ".+") {
            let file = file(&labelled(&[(&[python(&name, &path, 7)], 1, &[("command", &command)])]));
            prop_assert_eq!(&file["frames"][0]["function"], &json!(name));
            prop_assert_eq!(file["frames"][0]["file"].as_str().unwrap_or_default(), path);
            prop_assert_eq!(&file["stacks"][0]["labels"]["command"], &json!(command));
        }
    }
}
