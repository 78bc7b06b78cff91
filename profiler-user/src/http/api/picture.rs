//! A call tree that changes, as a first picture and what changed since: what the live stream sends.
//!
//! Nodes have numbers that stay theirs for as long as they are there, so that a change names a node and not a place. It
//! must not know when a picture is made, nor how it is sent.

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};
use serde::Serialize;
use utoipa::ToSchema;

use super::tree::{Head, ProfileTree, WireFrame};

/// Frames that were in earlier pictures and not in the last one, before a new first picture is due.
const MOST_STALE_FRAMES: usize = 10_000;

/// The data of the events `profile` and `delta`.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Changes {
    #[serde(flatten)]
    head: Head,
    /// Frames to append to those that were sent before; with `profile` all that there are.
    frames: Vec<WireFrame>,
    /// Nodes that are new or have other numbers than before; with `profile` all that there are.
    nodes: ChangedNodes,
    /// Numbers of nodes that are not there any more.
    removed: Vec<u32>,
}

/// Arrays of equal length. Parents come before their children.
#[derive(Default, Serialize, ToSchema)]
struct ChangedNodes {
    /// The node's number; 0 is the root.
    id: Vec<u32>,
    /// Index in the frames that were sent; `null` for the root.
    frame: Vec<Option<usize>>,
    /// Number of the parent; 0 for the root.
    parent: Vec<u32>,
    total: Vec<u64>,
    #[serde(rename = "self")]
    own: Vec<u64>,
}

/// What was sent.
#[derive(Default)]
pub(super) struct Picture {
    frames: IndexSet<WireFrame, FxBuildHasher>,
    /// By parent and frame.
    nodes: FxHashMap<(u32, Option<usize>), Sent>,
    next: u32,
    round: u64,
}

#[derive(Clone, Copy)]
struct Sent {
    id: u32,
    total: u64,
    own: u64,
    /// In which it was last there.
    round: u64,
}

impl Picture {
    /// What changes to become this tree, with the name of the event.
    pub(super) fn become_tree(&mut self, tree: ProfileTree) -> (&'static str, Changes) {
        let used = tree.frames.len();
        if self.round == 0 || self.frames.len() > used + MOST_STALE_FRAMES {
            *self = Picture::default();
            return ("profile", self.changes(tree));
        }
        ("delta", self.changes(tree))
    }

    fn changes(&mut self, tree: ProfileTree) -> Changes {
        self.round += 1;
        let known = self.frames.len();
        let frames: Vec<usize> =
            tree.frames.into_iter().map(|frame| self.frames.insert_full(frame).0).collect();
        let mut changed = ChangedNodes::default();
        let mut ids: Vec<u32> = Vec::with_capacity(tree.nodes.frame.len());
        for index in 0..tree.nodes.frame.len() {
            let frame = tree.nodes.frame[index].map(|frame| frames[frame]);
            // The root is its own parent, and the first.
            let parent = ids.get(tree.nodes.parent[index]).copied().unwrap_or(0);
            let (total, own) = (tree.nodes.total[index], tree.nodes.own[index]);
            let sent = self.nodes.entry((parent, frame)).or_insert_with(|| {
                self.next += 1;
                Sent { id: self.next - 1, total: 0, own: 0, round: 0 }
            });
            ids.push(sent.id);
            if sent.round == 0 || (sent.total, sent.own) != (total, own) {
                changed.id.push(sent.id);
                changed.frame.push(frame);
                changed.parent.push(parent);
                changed.total.push(total);
                changed.own.push(own);
            }
            *sent = Sent { id: sent.id, total, own, round: self.round };
        }
        let mut removed = Vec::new();
        self.nodes.retain(|_, sent| {
            let is_there = sent.round == self.round;
            if !is_there {
                removed.push(sent.id);
            }
            is_there
        });
        removed.sort_unstable();
        let frames = self.frames.iter().skip(known).cloned().collect();
        Changes { head: tree.head, frames, nodes: changed, removed }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::model::{Frame, FrameKind, Profile, Weight};

    fn tree(stacks: &[(Vec<u8>, u64)]) -> ProfileTree {
        let mut profile = Profile::default();
        for (names, samples) in stacks {
            let frames = names.iter().map(|name| Frame::bare(FrameKind::Python, format!("f{name}")));
            let stack = profile.stacks.intern(frames).unwrap();
            profile.samples.push((stack, Weight { samples: *samples, nanoseconds: samples * 10 }));
        }
        ProfileTree::new(&profile, 0.0, 0)
    }

    /// Path of texts → (total, own) of a tree as the API answers it.
    fn shown(tree: &ProfileTree) -> BTreeMap<String, (u64, u64)> {
        let nodes = &tree.nodes;
        let mut paths: Vec<String> = Vec::new();
        for (frame, parent) in nodes.frame.iter().zip(&nodes.parent) {
            paths.push(match frame {
                Some(frame) => format!("{}/{}", paths[*parent], tree.frames[*frame].text),
                None => String::new(),
            });
        }
        let numbers = nodes.total.iter().copied().zip(nodes.own.iter().copied());
        paths.into_iter().zip(numbers).collect()
    }

    /// A client: what it knows after some events.
    #[derive(Default)]
    struct Client {
        frames: Vec<String>,
        /// By number: frame, parent, total, own.
        nodes: BTreeMap<u64, (Option<u64>, u64, u64, u64)>,
    }

    impl Client {
        fn apply(&mut self, event: &str, data: &Value) {
            if event == "profile" {
                *self = Client::default();
            }
            let numbers = |name: &str| data["nodes"][name].as_array().unwrap().clone();
            for frame in data["frames"].as_array().unwrap() {
                self.frames.push(frame["text"].as_str().unwrap().to_owned());
            }
            for removed in data["removed"].as_array().unwrap() {
                assert!(self.nodes.remove(&removed.as_u64().unwrap()).is_some());
            }
            let [id, frame, parent, total, own] = ["id", "frame", "parent", "total", "self"].map(numbers);
            for at in 0..id.len() {
                let number = |values: &[Value]| values[at].as_u64().unwrap();
                let node = (frame[at].as_u64(), number(&parent), number(&total), number(&own));
                self.nodes.insert(number(&id), node);
            }
        }

        fn shown(&self) -> BTreeMap<String, (u64, u64)> {
            let path = |mut id: u64| {
                let mut path = String::new();
                while let (Some(frame), parent, ..) = self.nodes[&id] {
                    path = format!("/{}{path}", self.frames[frame as usize]);
                    id = parent;
                }
                path
            };
            self.nodes.iter().map(|(&id, &(_, _, total, own))| (path(id), (total, own))).collect()
        }
    }

    proptest! {
        #[test]
        fn applying_the_changes_gives_the_picture(
            pictures in prop::collection::vec(
                prop::collection::vec((prop::collection::vec(0_u8..4, 1..5), 1_u64..4), 0..8),
                1..8,
            ),
        ) {
            let (mut picture, mut client) = (Picture::default(), Client::default());
            for (index, stacks) in pictures.iter().enumerate() {
                let (event, changes) = picture.become_tree(tree(stacks));
                prop_assert_eq!(event, if index == 0 { "profile" } else { "delta" });
                client.apply(event, &serde_json::to_value(changes).unwrap());
                prop_assert_eq!(client.shown(), shown(&tree(stacks)));
            }
        }
    }

    #[test]
    fn what_stays_is_not_sent_again() {
        let mut picture = Picture::default();
        let first = [(vec![1, 2], 5), (vec![3], 1)];
        let (_, changes) = picture.become_tree(tree(&first));
        assert_eq!((changes.nodes.id.len(), changes.frames.len()), (4, 3));
        let (_, changes) = picture.become_tree(tree(&first));
        assert_eq!((changes.nodes.id.len(), changes.frames.len(), changes.removed.len()), (0, 0, 0));
        let (event, changes) = picture.become_tree(tree(&[(vec![1, 2], 5), (vec![1, 4], 1)]));
        assert_eq!(event, "delta");
        assert_eq!((changes.nodes.id, changes.removed), (vec![1, 4], vec![3]));
        assert_eq!(changes.frames.len(), 1);
    }

    #[test]
    fn frames_that_are_gone_are_not_remembered_for_ever() {
        let mut picture = Picture::default();
        let mut events = Vec::new();
        for round in 0..3 {
            let mut profile = Profile::default();
            for name in 0..MOST_STALE_FRAMES {
                let frame = Frame::bare(FrameKind::Python, format!("{round} {name}"));
                let stack = profile.stacks.intern([frame]).unwrap();
                profile.samples.push((stack, Weight { samples: 1, nanoseconds: 1 }));
            }
            events.push(picture.become_tree(ProfileTree::new(&profile, 0.0, 0)).0);
        }
        picture.become_tree(tree(&[(vec![1], 1)]));
        assert_eq!(events, ["profile", "delta", "delta"]);
        assert!(picture.frames.len() < 2 * MOST_STALE_FRAMES, "{}", picture.frames.len());
    }
}
