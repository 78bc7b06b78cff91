//! Tables of frames and stacks: each frame once, each stack once, as a node on top of its parent.
//!
//! It must not know what a frame means.

use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use super::Frame;

/// Names a [`Frame`] in one [`Stacks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(u32);

/// Names a stack in one [`Stacks`]: the node of its leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackId(NonZeroU32);

impl FrameId {
    /// The id as an index: dense from 0, below [`Stacks::frame_count`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl StackId {
    /// The id as an index: dense from 0, below [`Stacks::node_count`]; a stack's parent has a smaller one.
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    /// The id with this index. One more, so that no parent takes no more room than a parent.
    fn of_index(index: usize) -> StackId {
        let number = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
        StackId(number.expect("fewer than four thousand million stacks"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    parent: Option<StackId>,
    frame: FrameId,
}

impl Hash for Node {
    /// Both numbers as one: what makes trees hashes little else, millions of times.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let parent = self.parent.map_or(0, |parent| parent.0.get());
        state.write_u64(u64::from(parent) << 32 | u64::from(self.frame.0));
    }
}

/// Frames and stacks, each kept once. Ids are dense, given in the order of first use, and never change.
#[derive(Clone, Debug, Default)]
pub struct Stacks {
    frames: IndexSet<Frame, FxBuildHasher>,
    nodes: IndexSet<Node, FxBuildHasher>,
}

impl Stacks {
    /// The id of this frame, new or known.
    pub fn intern_frame(&mut self, frame: Frame) -> FrameId {
        FrameId(self.frames.insert_full(frame).0 as u32)
    }

    /// The id of the stack that has `frame` on top of `parent` (`None`: at the root).
    pub fn push(&mut self, parent: Option<StackId>, frame: FrameId) -> StackId {
        StackId::of_index(self.nodes.insert_full(Node { parent, frame }).0)
    }

    /// The id of a whole stack, root first. `None` if it has no frame.
    pub fn intern(&mut self, root_first: impl IntoIterator<Item = Frame>) -> Option<StackId> {
        let mut stack = None;
        for frame in root_first {
            let frame = self.intern_frame(frame);
            stack = Some(self.push(stack, frame));
        }
        stack
    }

    /// The id of a whole stack, root first, if it is there; nothing is added.
    pub fn find<'a>(&self, root_first: impl IntoIterator<Item = &'a Frame>) -> Option<StackId> {
        let mut stack = None;
        for frame in root_first {
            let frame = FrameId(self.frames.get_index_of(frame)? as u32);
            stack = Some(StackId::of_index(self.nodes.get_index_of(&Node { parent: stack, frame })?));
        }
        stack
    }

    /// The frame with this id. Panics if the id is of another `Stacks`.
    pub fn frame(&self, id: FrameId) -> &Frame {
        self.frames.get_index(id.0 as usize).expect("a FrameId of this Stacks")
    }

    /// Every frame, in the order of its id.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter()
    }

    /// A stack's leaf frame and the stack below it.
    pub fn node(&self, id: StackId) -> (Option<StackId>, FrameId) {
        let node = self.nodes.get_index(id.index()).expect("a StackId of this Stacks");
        (node.parent, node.frame)
    }

    /// Every stack with its parent and leaf frame, in the order of its id: parents before children.
    pub fn nodes(&self) -> impl Iterator<Item = (StackId, Option<StackId>, FrameId)> {
        self.nodes.iter().enumerate().map(|(id, node)| (StackId::of_index(id), node.parent, node.frame))
    }

    /// The frames of a stack, leaf first.
    pub fn leaf_first(&self, id: StackId) -> impl Iterator<Item = &Frame> {
        let mut next = Some(id);
        std::iter::from_fn(move || {
            let (parent, frame) = self.node(next?);
            next = parent;
            Some(self.frame(frame))
        })
    }

    /// The frames of a stack, root first.
    pub fn root_first(&self, id: StackId) -> Vec<&Frame> {
        let mut frames: Vec<&Frame> = self.leaf_first(id).collect();
        frames.reverse();
        frames
    }

    /// Makes room for that many more frames and nodes.
    pub fn reserve(&mut self, frames: usize, nodes: usize) {
        self.frames.reserve(frames);
        self.nodes.reserve(nodes);
    }

    /// How many stack nodes there are.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// How many distinct frames there are.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FrameKind;

    fn frame(name: &str) -> Frame {
        Frame::bare(FrameKind::Python, name)
    }

    #[test]
    fn stacks_with_a_common_root_end_share_its_nodes() {
        let mut stacks = Stacks::default();
        let left = stacks.intern(["a", "b", "c"].map(frame)).expect("not empty");
        let right = stacks.intern(["a", "b", "d"].map(frame)).expect("not empty");
        assert_ne!(left, right);
        assert_eq!(stacks.node(left).0, stacks.node(right).0);
        assert_eq!((stacks.node_count(), stacks.frame_count()), (4, 4));
        let names: Vec<&str> = stacks.root_first(right).iter().map(|f| &*f.function).collect();
        assert_eq!(names, ["a", "b", "d"]);
    }

    #[test]
    fn finding_a_stack_adds_nothing() {
        let mut stacks = Stacks::default();
        let known = stacks.intern(["a", "b"].map(frame)).expect("not empty");
        assert_eq!(stacks.find(&["a", "b"].map(frame)), Some(known));
        assert_eq!(stacks.find(&["b", "a"].map(frame)), None);
        assert_eq!(stacks.find(&["a", "c"].map(frame)), None);
        assert_eq!((stacks.node_count(), stacks.frame_count()), (2, 2));
    }

    #[test]
    fn an_empty_stack_has_no_id() {
        assert_eq!(Stacks::default().intern([]), None);
    }
}
