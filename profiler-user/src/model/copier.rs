//! Copies stacks from one table to another. It must not know whose tables they are.

use rustc_hash::FxHashMap;

use super::{Frame, FrameId, Profile, StackId, Stacks};

/// Copies stacks one by one, as they are asked for. Walks only until a part that was copied before, and looks at each frame
/// once: to intern the whole stack anew would hash the names of all of its frames for each copy.
pub struct Copier<'a, F> {
    from: &'a Stacks,
    shape: F,
    frames: FxHashMap<FrameId, FrameId>,
    /// By what it stands on in the new table, and its id in the old one.
    stacks: FxHashMap<(Option<StackId>, StackId), StackId>,
}

impl<'a, F: Fn(&Frame) -> Frame> Copier<'a, F> {
    /// Copies from this table; `shape` answers what becomes of a frame.
    pub fn new(from: &'a Stacks, shape: F) -> Copier<'a, F> {
        Copier { from, shape, frames: FxHashMap::default(), stacks: FxHashMap::default() }
    }

    /// The stack on top of `root`, in the new table. Always call it with the same one: ids are of one table.
    pub fn copy(&mut self, stack: StackId, root: Option<StackId>, into: &mut Stacks) -> StackId {
        let mut missing = Vec::new();
        let mut next = Some(stack);
        let mut copied = root;
        while let Some(node) = next {
            if let Some(&known) = self.stacks.get(&(root, node)) {
                copied = Some(known);
                break;
            }
            let (parent, frame) = self.from.node(node);
            missing.push((node, frame));
            next = parent;
        }
        for (node, frame) in missing.into_iter().rev() {
            let shaped = || into.intern_frame((self.shape)(self.from.frame(frame)));
            let frame = *self.frames.entry(frame).or_insert_with(shaped);
            let pushed = into.push(copied, frame);
            self.stacks.insert((root, node), pushed);
            copied = Some(pushed);
        }
        copied.expect("a stack has a frame")
    }
}

impl Profile {
    /// The same samples, labels and order with other frames. Stacks that become the same one are that one, more than once.
    #[must_use]
    pub fn shaped(&self, shape: impl Fn(&Frame) -> Frame) -> Profile {
        let mut stacks = Stacks::default();
        let mut copier = Copier::new(&self.stacks, shape);
        let copied = |(stack, weight): &(StackId, _)| (copier.copy(*stack, None, &mut stacks), *weight);
        let samples = self.samples.iter().map(copied).collect();
        Profile { stacks, samples, labels: self.labels.clone(), about: self.about.clone() }
    }
}

impl Stacks {
    /// Takes over all stacks of another table: the new id of each, by the [index](StackId::index) of the old one.
    pub fn append(&mut self, other: &Stacks) -> Vec<StackId> {
        self.reserve(other.frame_count(), other.node_count());
        let frames: Vec<FrameId> = other.frames().map(|frame| self.intern_frame(frame.clone())).collect();
        let mut moved: Vec<StackId> = Vec::with_capacity(other.node_count());
        for (_, parent, frame) in other.nodes() {
            let parent = parent.map(|parent| moved[parent.index()]);
            moved.push(self.push(parent, frames[frame.index()]));
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FrameKind;

    fn frame(name: &str, line: u32) -> Frame {
        Frame { line, ..Frame::bare(FrameKind::Python, name) }
    }

    fn names(stacks: &Stacks, stack: StackId) -> Vec<String> {
        stacks.root_first(stack).iter().map(|frame| format!("{}:{}", frame.function, frame.line)).collect()
    }

    #[test]
    fn stacks_are_shaped_and_stand_on_what_is_asked_for() {
        let mut from = Stacks::default();
        let one = from.intern([frame("a", 1), frame("b", 2)]).expect("not empty");
        let other = from.intern([frame("a", 1), frame("b", 3)]).expect("not empty");
        let mut into = Stacks::default();
        let root = into.intern([frame("root", 0)]);
        let mut copier = Copier::new(&from, Frame::by_function);
        let bare = copier.copy(one, None, &mut into);
        assert_eq!(names(&into, bare), ["a:0", "b:0"]);
        assert_eq!(copier.copy(other, None, &mut into), bare, "by function they are one");
        let standing = copier.copy(other, root, &mut into);
        assert_eq!(names(&into, standing), ["root:0", "a:0", "b:0"]);
        assert_eq!((into.node_count(), into.frame_count()), (5, 3));
    }

    #[test]
    fn a_table_is_taken_over_whole() {
        let mut from = Stacks::default();
        let stacks =
            [("a", "b"), ("a", "c")].map(|(root, leaf)| from.intern([frame(root, 1), frame(leaf, 1)]));
        let mut into = Stacks::default();
        into.intern([frame("x", 1), frame("c", 1)]);
        let moved = into.append(&from);
        let found = stacks.map(|stack| names(&into, moved[stack.expect("not empty").index()]));
        assert_eq!(found, [["a:1", "b:1"], ["a:1", "c:1"]]);
        assert_eq!((into.node_count(), into.frame_count()), (5, 4));
    }
}
