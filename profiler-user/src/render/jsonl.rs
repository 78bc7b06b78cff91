//! Single samples as JSON lines: for scripts, flame charts and comparisons that need to know when and where each one was.
//!
//! # The format
//!
//! One JSON object on a line of its own for each sample, UTF-8, in the order in which the samples were taken; of two that
//! were taken on two CPUs at nearly the same time, either may come first. Fields and kinds of frames are added to the format
//! in the future, but none is renamed or removed, nor does one change its unit or meaning.
//!
//! | field | is |
//! | --- | --- |
//! | `time` | when: `CLOCK_MONOTONIC` nanoseconds, what `time.monotonic_ns()` answers in the process |
//! | `unix` | the same moment in Unix nanoseconds, by the wall clock as it was when the recording began |
//! | `pid`, `tid` | the process and thread, as `/proc` shows them |
//! | `thread` | the thread's name as the kernel has it (`comm`): at most 15 bytes |
//! | `cpu` | the CPU that it ran on, from 0 |
//! | `weight` | nanoseconds of CPU time that the sample stands for |
//! | `stack` | its frames, root first; never empty |
//! | `reason` | why there is no whole, named Python stack, a label as in the closing summary; `null` if there is one |
//! | `truncated` | `true`: the stack was deeper than what is kept, and its root end is missing |
//!
//! A frame has
//!
//! | field | is |
//! | --- | --- |
//! | `kind` | `python`, `kernel`, or `unknown`: it stands for what is not known |
//! | `function` | its name (from Python 3.11 on the qualified one), or the kernel's symbol; empty if `unknown` |
//! | `file` | `co_filename` as the interpreter has it; `null` where there is none |
//! | `line` | the exact line being run, from 1; `null` where there is none |
//! | `reason` | of an `unknown` frame: why, a label; else the field is not there |
//!
//! Texts are the target's own, escaped as JSON has it and nothing else; bytes that are no text are U+FFFD.

use serde::Serialize;

use crate::model::{Frame, FrameKind, Sample};

#[derive(Serialize)]
struct Line<'a> {
    time: u64,
    unix: u64,
    pid: u32,
    tid: u32,
    thread: &'a str,
    cpu: u32,
    weight: u64,
    stack: Vec<LineFrame<'a>>,
    reason: Option<&'static str>,
    truncated: bool,
}

/// A frame by itself, as JSON.
#[derive(Serialize)]
pub(crate) struct LineFrame<'a> {
    kind: &'static str,
    function: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// Appends the sample's line, newline included.
pub fn append(sample: &Sample<'_>, to: &mut Vec<u8>) {
    let mut truncated = false;
    let mut stack: Vec<LineFrame> = Vec::new();
    for frame in sample.stacks.leaf_first(sample.stack) {
        match frame.kind {
            FrameKind::Python | FrameKind::Kernel | FrameKind::Unknown(_) | FrameKind::Other => {
                stack.push(LineFrame::new(frame));
            }
            FrameKind::Truncated => truncated = true,
            // No frame of a sample's stack.
            FrameKind::Process | FrameKind::Thread | FrameKind::Interpreter => {}
        }
    }
    stack.reverse();
    let line = Line {
        time: sample.time,
        unix: sample.unix,
        pid: sample.pid.0,
        tid: sample.tid.0,
        thread: sample.thread,
        cpu: sample.cpu,
        weight: sample.weight.nanoseconds,
        stack,
        reason: sample.reason.map(|reason| reason.label()),
        truncated,
    };
    serde_json::to_writer(&mut *to, &line).expect("numbers and texts are JSON, and a Vec takes them");
    to.push(b'\n');
}

impl<'a> LineFrame<'a> {
    pub(crate) fn new(frame: &'a Frame) -> LineFrame<'a> {
        LineFrame {
            kind: frame.kind.name(),
            function: &frame.function,
            file: (!frame.file.is_empty()).then_some(&*frame.file),
            line: (frame.line > 0).then_some(frame.line),
            reason: match frame.kind {
                FrameKind::Unknown(reason) => Some(reason.label()),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::tests::python;
    use super::*;
    use crate::model::{Pid, Reason, Stacks, Tid, Weight};

    fn line(frames: &[Frame], thread: &str, reason: Option<Reason>) -> String {
        let mut stacks = Stacks::default();
        let stack = stacks.intern(frames.iter().cloned()).expect("a frame");
        let mut bytes = Vec::new();
        let sample = Sample {
            time: 12_000_000_345,
            unix: 1_700_000_000_000_000_345,
            pid: Pid(4242),
            tid: Tid(4243),
            thread,
            cpu: 1,
            weight: Weight { samples: 1, nanoseconds: 10_101_010 },
            stacks: &stacks,
            stack,
            reason,
        };
        append(&sample, &mut bytes);
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn the_bytes_of_a_line() {
        let frames = [
            Frame::bare(FrameKind::Truncated, ""),
            python("Worker.run", "/srv/app.py", 12),
            python("<lambda>", "", 0),
            Frame::bare(FrameKind::Kernel, "vfs_read"),
        ];
        assert_eq!(
            line(&frames, "worker", None),
            "{\"time\":12000000345,\"unix\":1700000000000000345,\"pid\":4242,\"tid\":4243,\"thread\":\"worker\",\
             \"cpu\":1,\"weight\":10101010,\"stack\":[\
             {\"kind\":\"python\",\"function\":\"Worker.run\",\"file\":\"/srv/app.py\",\"line\":12},\
             {\"kind\":\"python\",\"function\":\"<lambda>\",\"file\":null,\"line\":null},\
             {\"kind\":\"kernel\",\"function\":\"vfs_read\",\"file\":null,\"line\":null}],\
             \"reason\":null,\"truncated\":true}\n"
        );
    }

    #[test]
    fn what_is_not_known_has_its_reason_on_the_frame_and_on_the_sample() {
        let frames = [python("f", "x.py", 1), Frame::unknown(Reason::CodeUnreadable)];
        let line: Value =
            serde_json::from_str(&line(&frames, "t", Some(Reason::CodeUnreadable))).expect("JSON");
        let label = Reason::CodeUnreadable.label();
        assert_eq!(line["reason"], json!(label));
        assert_eq!(
            line["stack"][1],
            json!({ "kind": "unknown", "function": "", "file": null, "line": null, "reason": label })
        );
    }

    proptest! {
        /// Whatever the names are, it is one line, and they come back as they were.
        #[test]
        fn any_name_survives_the_format(names in prop::collection::vec((".*", ".*"), 1..5), thread in ".*") {
            let frames: Vec<Frame> = names.iter().map(|(name, file)| python(name, file, 7)).collect();
            let line = line(&frames, &thread, None);
            prop_assert_eq!(line.matches('\n').count(), 1);
            let line: Value = serde_json::from_str(&line).expect("JSON");
            prop_assert_eq!(&line["thread"], &json!(thread));
            for (frame, (name, file)) in line["stack"].as_array().expect("frames").iter().zip(&names) {
                prop_assert_eq!(&frame["function"], &json!(name));
                prop_assert_eq!(frame["file"].as_str().unwrap_or_default(), file);
            }
        }
    }
}
