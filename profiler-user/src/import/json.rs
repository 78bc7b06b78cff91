//! firetower's own plain JSON. Fields that are not needed may be missing, and new ones are no error.

use serde::Deserialize;

use super::builder::Builder;
use super::{Format, Found, ImportError, Measure};
use crate::model::{Frame, FrameId, FrameKind, Reason, Weight};

/// The kind of frames that have a reason.
const UNKNOWN: &str = "unknown";

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    subject: String,
    #[serde(default)]
    start: u64,
    #[serde(default)]
    duration: u64,
    frequency: Option<u32>,
    frames: Vec<FileFrame>,
    stacks: Vec<Stack>,
}

#[derive(Deserialize)]
struct FileFrame {
    kind: String,
    function: String,
    file: Option<String>,
    line: Option<u32>,
    first_line: Option<u32>,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Stack {
    frames: Vec<u32>,
    samples: u64,
    nanoseconds: u64,
}

pub(super) fn read(bytes: &[u8]) -> Result<Found, ImportError> {
    let file: File =
        serde_json::from_slice(bytes).map_err(|error| ImportError::json(Format::Json, &error))?;
    let mut builder = Builder::default();
    builder.about = crate::model::About {
        start: file.start,
        duration: file.duration,
        frequency: file.frequency.unwrap_or(0),
        subject: file.subject,
    };
    let frames: Vec<FrameId> = file.frames.into_iter().map(|frame| builder.frame(model(frame))).collect();
    let mut has_time = false;
    for (index, stack) in file.stacks.iter().enumerate() {
        let mut ids = Vec::with_capacity(stack.frames.len());
        for frame in &stack.frames {
            let id = frames.get(*frame as usize).copied().ok_or_else(|| {
                let at = format!("stacks[{index}].frames");
                ImportError::invalid(Format::Json, at, format!("there is no frame {frame}"))
            });
            ids.push(id?);
        }
        let Some(id) = builder.stack(ids)? else { continue };
        has_time |= stack.nanoseconds > 0;
        builder.add(id, Weight { samples: stack.samples, nanoseconds: stack.nanoseconds })?;
    }
    let measure = if has_time { Measure::Both } else { Measure::Samples };
    Ok(Found { builder, measure, skipped: 0, notes: Vec::new() })
}

fn model(frame: FileFrame) -> Frame {
    if frame.kind == UNKNOWN {
        let reason = Reason::ALL.iter().find(|reason| Some(reason.label()) == frame.reason.as_deref());
        return match reason {
            Some(reason) => Frame::unknown(*reason),
            // One that a later version has.
            None => {
                let reason = frame.reason.unwrap_or_else(|| UNKNOWN.to_owned());
                Frame::bare(FrameKind::Other, format!("[{reason}]"))
            }
        };
    }
    Frame {
        kind: FrameKind::named(&frame.kind).unwrap_or(FrameKind::Other),
        function: frame.function.into(),
        file: frame.file.unwrap_or_default().into(),
        line: frame.line.unwrap_or(0),
        first_line: frame.first_line.unwrap_or(0),
    }
}
