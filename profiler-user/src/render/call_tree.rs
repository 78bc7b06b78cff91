//! The call tree as JSON: what the API answers and what a saved page has inside, with what other answers have in common
//! with it: frames, amounts, times.
//!
//! Units are in the names; what is not known is `null`, never 0 or empty. It must not know routes and statuses.

use rustc_hash::FxHashMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::tree::Tree;
use super::{Origin, frame_text, unattributed};
use crate::model::{Frame, FrameId, FrameKind, Profile, Stacks, Weight, modules};

/// A call tree. `nodes` are arrays of equal length in pre-order, node 0 is the root.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct ProfileTree {
    #[serde(flatten)]
    pub(crate) head: Head,
    pub(crate) frames: Vec<WireFrame>,
    pub(crate) nodes: Nodes,
}

/// What a profile is of, and how much it is.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Head {
    subject: String,
    start_unix_seconds: f64,
    /// What was really covered: less than asked for if the agent has not run that long.
    duration_seconds: f64,
    /// Samples a second and CPU; 0 where it was not always the same.
    frequency_hertz: u32,
    /// From this time on nothing that was sampled is missing.
    complete_since_unix_seconds: f64,
    total: Amount,
    unattributed: Unattributed,
}

/// Samples, and the CPU time that they stand for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Amount {
    samples: u64,
    cpu_seconds: f64,
}

/// What is not attributed to a whole, named Python stack.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Unattributed {
    #[serde(flatten)]
    amount: Amount,
    /// Largest first.
    reasons: Vec<WireReason>,
}

/// How much is not attributed for one reason.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct WireReason {
    reason: &'static str,
    text: &'static str,
    #[serde(flatten)]
    amount: Amount,
}

/// A function, a process, a thread, or a reason why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[schema(as = Frame)]
pub(crate) struct WireFrame {
    /// As in the flame graph and the folded stacks.
    pub(crate) text: String,
    name: String,
    file: Option<String>,
    line: Option<u32>,
    first_line: Option<u32>,
    /// The Python module that the file is, dotted, as far as its path tells; `kernel` for kernel frames. As in the store.
    module: Option<String>,
    /// `python`, `kernel`, `other`, `process`, `thread`, `interpreter`, `unknown`, `truncated` or `pruned`.
    kind: &'static str,
    /// `own`, `package`, `library`, `kernel`, `label` or `unknown`.
    origin: &'static str,
}

/// The nodes of a call tree: arrays of equal length.
#[derive(Clone, Default, Serialize, ToSchema)]
pub(crate) struct Nodes {
    /// Index in `frames`; `null` for the root.
    pub(crate) frame: Vec<Option<usize>>,
    /// Index in these arrays, smaller than the node's own; 0 for the root.
    pub(crate) parent: Vec<usize>,
    /// Samples of the node and all that is above it. Children that are too small to be listed are in it.
    pub(crate) total: Vec<u64>,
    /// Samples of the node alone.
    #[serde(rename = "self")]
    pub(crate) own: Vec<u64>,
}

impl ProfileTree {
    /// The tree of a profile without the nodes that have less than `least_share` of its samples. `complete_since`: Unix
    /// nanoseconds.
    pub(crate) fn new(profile: &Profile, least_share: f64, complete_since: u64) -> ProfileTree {
        let tree = Tree::new(profile);
        let least = (tree.nodes[0].total.samples as f64 * least_share).ceil() as u64;
        let tree = tree.pruned(least);
        let mut frames = FrameTable::default();
        let mut nodes = Nodes::default();
        for node in &tree.nodes {
            nodes.frame.push(node.frame.map(|id| frames.index(&profile.stacks, id)));
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
        let head = Head {
            subject: profile.about.subject.clone(),
            start_unix_seconds: seconds(profile.about.start),
            duration_seconds: seconds(profile.about.duration),
            frequency_hertz: profile.about.frequency,
            complete_since_unix_seconds: seconds(complete_since),
            total: Amount::new(tree.nodes[0].total),
            unattributed: Unattributed { amount: Amount::new(sum), reasons },
        };
        ProfileTree { head, frames: frames.frames, nodes }
    }
}

/// Frames of a tree, each once, in the order of first use.
#[derive(Default)]
pub(crate) struct FrameTable {
    pub(crate) frames: Vec<WireFrame>,
    index_of: FxHashMap<FrameId, usize>,
}

impl FrameTable {
    /// The index of a frame of `stacks`, which must be the same for all.
    pub(crate) fn index(&mut self, stacks: &Stacks, id: FrameId) -> usize {
        *self.index_of.entry(id).or_insert_with(|| {
            self.frames.push(WireFrame::new(stacks.frame(id)));
            self.frames.len() - 1
        })
    }
}

impl Amount {
    pub(crate) fn new(weight: Weight) -> Amount {
        Amount { samples: weight.samples, cpu_seconds: seconds(weight.nanoseconds) }
    }
}

impl WireFrame {
    pub(crate) fn new(frame: &Frame) -> WireFrame {
        let known = |number: u32| (number != 0).then_some(number);
        let module = modules::module(frame.kind, &frame.file);
        WireFrame {
            text: frame_text(frame),
            name: frame.function.to_string(),
            file: (!frame.file.is_empty()).then(|| frame.file.to_string()),
            line: known(frame.line),
            first_line: known(frame.first_line),
            module: (!module.is_empty()).then_some(module),
            kind: match frame.kind {
                FrameKind::Truncated if !frame.function.is_empty() => "pruned",
                kind => kind.name(),
            },
            origin: Origin::of(frame).label(),
        }
    }
}

/// Nanoseconds in seconds.
pub(crate) fn seconds(nanoseconds: u64) -> f64 {
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
            serde_json::to_value(ProfileTree::new(&profile, 0.0, 1_500_000_000)).unwrap(),
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
                     "module": null, "kind": "unknown", "origin": "unknown"},
                    {"text": "main (/srv/app.py:3)", "name": "main", "file": "/srv/app.py", "line": 3,
                     "first_line": 1, "module": "app", "kind": "python", "origin": "own"},
                ],
                "nodes": {"frame": [null, 0, 1], "parent": [0, 0, 0], "total": [4, 1, 3], "self": [0, 1, 3]},
                "complete_since_unix_seconds": 1.5,
            })
        );
    }

    #[test]
    fn an_empty_profile_has_only_the_root() {
        let tree = serde_json::to_value(ProfileTree::new(&Profile::default(), 0.01, 0)).unwrap();
        assert_eq!(tree["nodes"], json!({"frame": [null], "parent": [0], "total": [0], "self": [0]}));
    }
}
