//! The JSON of the API, version 1. Fields are only ever added. The model knows nothing of it, and it must
//! know nothing of routes and statuses.
//!
//! Units are in the names; what is not known is `null`, never 0 or empty.

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::live::{LiveSettings, ProcessInfo, Readiness};
use crate::model::{Frame, FrameId, FrameKind, Profile, Weight};
use crate::render::tree::Tree;
use crate::render::{Origin, frame_text, unattributed};

/// Every answer that is not a success.
#[derive(Serialize)]
pub(super) struct Error<'a> {
    pub(super) error: &'a str,
    pub(super) hint: &'a str,
}

/// `/healthz` and `/readyz`.
#[derive(Serialize)]
pub(super) struct Status {
    pub(super) status: &'static str,
}

/// `/api/v1/processes`.
#[derive(Serialize)]
pub(super) struct Processes<'a> {
    version: &'static str,
    /// `starting`, `ready` or `failed`.
    status: &'static str,
    /// Why it failed.
    message: Option<&'a str>,
    frequency_hertz: u32,
    retention_seconds: u64,
    processes: Vec<Process<'a>>,
}

#[derive(Serialize)]
struct Process<'a> {
    pid: u32,
    command: &'a str,
    service: Option<&'a str>,
    container: Option<&'a str>,
    unit: Option<&'a str>,
    user: Option<&'a str>,
    python_version: Option<&'a str>,
    state: &'static str,
    /// Label and text of the reason why it is not profiled.
    reason: Option<&'static str>,
    reason_text: Option<&'static str>,
    threads: usize,
    samples: u64,
    cpu_seconds: f64,
    since_unix_seconds: f64,
}

impl<'a> Processes<'a> {
    pub(super) fn new(
        settings: LiveSettings,
        readiness: &'a Readiness,
        processes: &'a [ProcessInfo],
    ) -> Self {
        let (status, message) = match readiness {
            Readiness::Starting => ("starting", None),
            Readiness::Ready => ("ready", None),
            Readiness::Failed(message) => ("failed", Some(message.as_str())),
        };
        Processes {
            version: env!("CARGO_PKG_VERSION"),
            status,
            message,
            frequency_hertz: settings.frequency,
            retention_seconds: settings.retention,
            processes: processes.iter().map(Process::new).collect(),
        }
    }
}

impl<'a> Process<'a> {
    fn new(process: &'a ProcessInfo) -> Process<'a> {
        let labels = &*process.labels;
        Process {
            pid: process.pid.0,
            command: &process.command,
            service: known(&labels.service),
            container: known(&labels.container),
            unit: known(&labels.unit),
            user: known(&labels.user),
            python_version: process.python.as_deref(),
            state: process.state,
            reason: process.reason.map(|reason| reason.label()),
            reason_text: process.reason.map(|reason| reason.text()),
            threads: process.threads,
            samples: process.samples,
            cpu_seconds: process.cpu_seconds,
            since_unix_seconds: seconds(process.since),
        }
    }
}

/// A label's value; an empty one is none.
fn known(value: &str) -> Option<&str> {
    (!value.is_empty()).then_some(value)
}

/// `/api/v1/profile`: a call tree. `nodes` are arrays of equal length in pre-order, node 0 is the root.
#[derive(Serialize)]
pub(super) struct ProfileTree {
    subject: String,
    start_unix_seconds: f64,
    /// What was really covered: less than asked for if the agent has not run that long.
    duration_seconds: f64,
    frequency_hertz: u32,
    total: Amount,
    unattributed: Unattributed,
    frames: Vec<WireFrame>,
    nodes: Nodes,
}

#[derive(Serialize)]
struct Amount {
    samples: u64,
    cpu_seconds: f64,
}

#[derive(Serialize)]
struct Unattributed {
    #[serde(flatten)]
    amount: Amount,
    /// Largest first.
    reasons: Vec<WireReason>,
}

#[derive(Serialize)]
struct WireReason {
    reason: &'static str,
    text: &'static str,
    #[serde(flatten)]
    amount: Amount,
}

#[derive(Serialize)]
struct WireFrame {
    /// As in the flame graph and the folded stacks.
    text: String,
    name: String,
    file: Option<String>,
    line: Option<u32>,
    first_line: Option<u32>,
    /// `python`, `kernel`, `process`, `thread`, `interpreter`, `unknown` or `truncated`.
    kind: &'static str,
    /// `own`, `package`, `library`, `kernel`, `label` or `unknown`.
    origin: &'static str,
}

#[derive(Default, Serialize)]
struct Nodes {
    /// Index in `frames`; `null` for the root.
    frame: Vec<Option<usize>>,
    /// Index in these arrays, smaller than the node's own; 0 for the root.
    parent: Vec<usize>,
    /// Samples of the node and all that is above it. Children that are too small to be listed are in it.
    total: Vec<u64>,
    /// Samples of the node alone.
    #[serde(rename = "self")]
    own: Vec<u64>,
}

impl ProfileTree {
    /// The tree of a profile without the nodes that have less than `least_share` of its samples.
    pub(super) fn new(profile: &Profile, least_share: f64) -> ProfileTree {
        let tree = Tree::new(profile);
        let least = (tree.nodes[0].total.samples as f64 * least_share).ceil() as u64;
        let tree = tree.pruned(least);
        let mut frames = Vec::new();
        let mut index_of: FxHashMap<FrameId, usize> = FxHashMap::default();
        let mut nodes = Nodes::default();
        for node in &tree.nodes {
            nodes.frame.push(node.frame.map(|id| {
                *index_of.entry(id).or_insert_with(|| {
                    frames.push(WireFrame::new(profile.stacks.frame(id)));
                    frames.len() - 1
                })
            }));
            nodes.parent.push(node.parent);
            nodes.total.push(node.total.samples);
            nodes.own.push(node.own.samples);
        }
        let reasons = unattributed(profile);
        let mut sum = Weight::default();
        for (_, weight) in &reasons {
            sum += *weight;
        }
        let reasons = reasons
            .into_iter()
            .map(|(reason, weight)| WireReason {
                reason: reason.label(),
                text: reason.text(),
                amount: Amount::new(weight),
            })
            .collect();
        ProfileTree {
            subject: profile.about.subject.clone(),
            start_unix_seconds: seconds(profile.about.start),
            duration_seconds: seconds(profile.about.duration),
            frequency_hertz: profile.about.frequency,
            total: Amount::new(tree.nodes[0].total),
            unattributed: Unattributed { amount: Amount::new(sum), reasons },
            frames,
            nodes,
        }
    }
}

impl Amount {
    fn new(weight: Weight) -> Amount {
        Amount { samples: weight.samples, cpu_seconds: seconds(weight.nanoseconds) }
    }
}

impl WireFrame {
    fn new(frame: &Frame) -> WireFrame {
        let known = |number: u32| (number != 0).then_some(number);
        WireFrame {
            text: frame_text(frame),
            name: frame.function.to_string(),
            file: (!frame.file.is_empty()).then(|| frame.file.to_string()),
            line: known(frame.line),
            first_line: known(frame.first_line),
            kind: match frame.kind {
                FrameKind::Python => "python",
                FrameKind::Kernel => "kernel",
                FrameKind::Process => "process",
                FrameKind::Thread => "thread",
                FrameKind::Interpreter => "interpreter",
                FrameKind::Unknown(_) => "unknown",
                FrameKind::Truncated => "truncated",
            },
            origin: Origin::of(frame).label(),
        }
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{About, Reason};

    #[test]
    fn the_tree_of_a_profile() {
        let mut profile = Profile {
            about: About {
                start: 1_500_000_000,
                duration: 10_000_000_000,
                frequency: 19,
                subject: "python app.py (pid 7)".into(),
            },
            ..Profile::default()
        };
        let main = Frame {
            file: "/srv/app.py".into(),
            line: 3,
            first_line: 1,
            ..Frame::bare(FrameKind::Python, "main")
        };
        let weight = |samples| Weight { samples, nanoseconds: samples * 500_000_000 };
        let stack = profile.stacks.intern([main]).unwrap();
        profile.samples.push((stack, weight(3)));
        let stack = profile.stacks.intern([Frame::unknown(Reason::NotPythonThread)]).unwrap();
        profile.samples.push((stack, weight(1)));
        assert_eq!(
            serde_json::to_value(ProfileTree::new(&profile, 0.0)).unwrap(),
            json!({
                "subject": "python app.py (pid 7)",
                "start_unix_seconds": 1.5,
                "duration_seconds": 10.0,
                "frequency_hertz": 19,
                "total": {"samples": 4, "cpu_seconds": 2.0},
                "unattributed": {"samples": 1, "cpu_seconds": 0.5, "reasons": [
                    {"reason": "not_python_thread", "text": "not a Python thread", "samples": 1, "cpu_seconds": 0.5},
                ]},
                "frames": [
                    {"text": "[not a Python thread]", "name": "", "file": null, "line": null, "first_line": null,
                     "kind": "unknown", "origin": "unknown"},
                    {"text": "main (/srv/app.py:3)", "name": "main", "file": "/srv/app.py", "line": 3,
                     "first_line": 1, "kind": "python", "origin": "own"},
                ],
                "nodes": {"frame": [null, 0, 1], "parent": [0, 0, 0], "total": [4, 1, 3], "self": [0, 1, 3]},
            })
        );
    }

    #[test]
    fn an_empty_profile_has_only_the_root() {
        let tree = serde_json::to_value(ProfileTree::new(&Profile::default(), 0.01)).unwrap();
        assert_eq!(tree["nodes"], json!({"frame": [null], "parent": [0], "total": [0], "self": [0]}));
    }
}
