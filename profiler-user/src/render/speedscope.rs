//! The file format of [speedscope](https://www.speedscope.app): JSON that <https://www.speedscope.app> opens from a disk,
//! with nothing uploaded.
//!
//! By [its schema](https://www.speedscope.app/file-format-schema.json), a list of frames that all profiles share, and
//! profiles of type `sampled`: stacks, root first, with weights in nanoseconds of CPU time (in samples, if the profile
//! knows no time). There is a profile for each thread if the labels of samples are kept, else one; the first one shown is
//! that with the most weight. Samples have no order in time here: those that share their root end are side by side, and the
//! view over time is one more flame graph. A frame's line is the one being run, or in a profile by function the function's
//! first one. It must not know where the file goes.

use serde::Serialize;

use super::tables::{Row, Tables, Thread, function_name};
use super::{RenderError, visible};
use crate::model::Profile;

#[derive(Serialize)]
struct File {
    #[serde(rename = "$schema")]
    schema: &'static str,
    exporter: &'static str,
    name: String,
    #[serde(rename = "activeProfileIndex")]
    active_profile_index: usize,
    shared: Shared,
    profiles: Vec<Sampled>,
}

#[derive(Serialize)]
struct Shared {
    frames: Vec<Frame>,
}

#[derive(Serialize)]
struct Frame {
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    file: String,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

#[derive(Serialize)]
struct Sampled {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    unit: &'static str,
    #[serde(rename = "startValue")]
    start: u64,
    #[serde(rename = "endValue")]
    end: u64,
    /// Indices of frames, root first.
    samples: Vec<Vec<u32>>,
    /// Of the sample with the same index.
    weights: Vec<u64>,
}

/// The profile as speedscope's JSON.
///
/// # Errors
/// [`RenderError::Empty`]: speedscope refuses a file without samples.
pub fn render(profile: &Profile) -> Result<Vec<u8>, RenderError> {
    let tables = Tables::new(profile);
    if tables.samples.is_empty() {
        return Err(RenderError::empty(profile));
    }
    let unit = Unit::of(profile);
    let subject = visible(&profile.about.subject);
    let profiles: Vec<Sampled> =
        tables.threads().iter().map(|thread| sampled(&tables, thread, unit, &subject)).collect();
    let heaviest =
        profiles.iter().enumerate().max_by_key(|(index, thread)| (thread.end, std::cmp::Reverse(*index)));
    let frames = tables.frames.iter().map(|place| {
        let function = tables.functions[place.function as usize];
        let line = [place.line, function.first_line].into_iter().find(|&line| line > 0);
        Frame { name: function_name(function), file: visible(&function.file), line }
    });
    let file = File {
        schema: "https://www.speedscope.app/file-format-schema.json",
        exporter: concat!("firetower ", env!("CARGO_PKG_VERSION")),
        name: subject.clone(),
        active_profile_index: heaviest.map_or(0, |(index, _)| index),
        shared: Shared { frames: frames.collect() },
        profiles,
    };
    Ok(serde_json::to_vec(&file).expect("numbers and texts are JSON, and a Vec takes them"))
}

/// What weights are in.
#[derive(Clone, Copy)]
enum Unit {
    Nanoseconds,
    Samples,
}

impl Unit {
    fn of(profile: &Profile) -> Unit {
        if profile.total().nanoseconds > 0 { Unit::Nanoseconds } else { Unit::Samples }
    }

    fn weight(self, row: &Row) -> u64 {
        match self {
            Unit::Nanoseconds => row.weight.nanoseconds,
            Unit::Samples => row.weight.samples,
        }
    }
}

fn sampled(tables: &Tables, thread: &Thread, unit: Unit, subject: &str) -> Sampled {
    let weights: Vec<u64> = thread.rows.iter().map(|row| unit.weight(row)).collect();
    Sampled {
        kind: "sampled",
        name: thread.title().unwrap_or_else(|| subject.to_owned()),
        unit: match unit {
            Unit::Nanoseconds => "nanoseconds",
            Unit::Samples => "none",
        },
        start: 0,
        end: weights.iter().sum(),
        samples: thread.rows.iter().map(|row| tables.root_first(row.stack)).collect(),
        weights,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{labelled, profile, python};
    use super::*;
    use crate::model;
    use crate::model::{FrameKind, Reason};

    fn file(profile: &Profile) -> Value {
        serde_json::from_slice(&render(profile).expect("samples")).expect("JSON")
    }

    #[test]
    fn without_labels_there_is_one_profile() {
        let f = model::Frame { first_line: 3, ..python("f", "x.py", 0) };
        let file = file(&profile(&[
            (&[f.clone(), python("g", "x.py", 9)], 2),
            (&[f, model::Frame::bare(FrameKind::Kernel, "vfs_read")], 1),
            (&[model::Frame::unknown(Reason::NotPython)], 4),
        ]));
        assert_eq!(
            file["shared"]["frames"],
            json!([
                { "name": "f", "file": "x.py", "line": 3 },
                { "name": "g", "file": "x.py", "line": 9 },
                { "name": "vfs_read_[k]" },
                { "name": "[not a Python process]" },
            ])
        );
        assert_eq!(
            file["profiles"],
            json!([{
                "type": "sampled", "name": "python app.py (pid 4242)", "unit": "nanoseconds",
                "startValue": 0, "endValue": 70_000_000,
                "samples": [[0, 1], [0, 2], [3]], "weights": [20_000_000, 10_000_000, 40_000_000],
            }])
        );
    }

    #[test]
    fn with_labels_each_thread_is_a_profile_and_the_heaviest_is_shown() {
        let (f, g) = (python("f", "x.py", 0), python("g", "x.py", 0));
        let file = file(&labelled(&[
            (
                std::slice::from_ref(&f),
                1,
                &[("pid", "7"), ("tid", "7"), ("thread", "main"), ("command", "python app.py")],
            ),
            (&[f.clone(), g.clone()], 2, &[("pid", "7"), ("tid", "8"), ("thread", "worker")]),
            (&[g], 3, &[("pid", "7"), ("tid", "8"), ("thread", "worker")]),
        ]));
        let names: Vec<&Value> =
            file["profiles"].as_array().expect("a list").iter().map(|one| &one["name"]).collect();
        assert_eq!(
            names,
            ["main (thread 7 of process 7, python app.py)", "worker (thread 8 of process 7, ?)"]
        );
        assert_eq!(
            (&file["activeProfileIndex"], &file["profiles"][1]["endValue"]),
            (&json!(1), &json!(50_000_000))
        );
    }

    #[test]
    fn a_profile_that_knows_no_time_is_in_samples() {
        let mut profile = profile(&[(&[python("f", "x.py", 0)], 5)]);
        profile.samples[0].1.nanoseconds = 0;
        let file = file(&profile);
        assert_eq!(
            (&file["profiles"][0]["unit"], &file["profiles"][0]["weights"]),
            (&json!("none"), &json!([5]))
        );
    }
}
