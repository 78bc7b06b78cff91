//! Keeps the heaviest nodes of a call tree, and shows what was left out as such.
//!
//! What is left out of a node is one frame on top of it, `[pruned: N functions]`, with its weight: sums stay what they
//! were, and nobody takes a part for the whole. It must not know how many nodes an answer may have, or why.

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use crate::model::{Frame, FrameId, FrameKind, Profile, StackId, Stacks, Weight};

/// The profile with at most `max_nodes` nodes (at least 1), and none deeper than `depth` frames, if that is given; a frame
/// for what was left out may stand on one of that depth.
pub fn prune(profile: Profile, max_nodes: usize, depth: Option<usize>) -> Profile {
    let deep = depth.is_some_and(|depth| depth < usize::MAX);
    if profile.stacks.node_count() <= max_nodes && !deep {
        return profile;
    }
    let both = |weight: Weight| Pair { left: weight, right: Weight::default() };
    let samples = profile.samples.iter().map(|(stack, weight)| (*stack, both(*weight)));
    let (tree, place) = Tree::new(&profile.stacks, samples).pruned_with_places(max_nodes, depth);
    let mut pruned = Profile { about: profile.about.clone(), ..Profile::default() };
    let mut ids: Vec<Option<StackId>> = Vec::with_capacity(tree.nodes.len());
    for node in &tree.nodes {
        ids.push(frame_of(&profile.stacks, node).map(|frame| {
            let frame = pruned.stacks.intern_frame(frame);
            pruned.stacks.push(ids[node.parent], frame)
        }));
    }
    let mut sums: IndexMap<(StackId, Option<u32>), Weight, FxBuildHasher> = IndexMap::default();
    for (index, (stack, weight)) in profile.samples.iter().enumerate() {
        // A stack has a frame, so its node is not the root.
        let Some(id) = ids[place[stack.index()]] else { continue };
        *sums.entry((id, profile.labels.of.get(index).copied())).or_default() += *weight;
    }
    pruned.labels.of = sums.keys().filter_map(|(_, set)| *set).collect();
    pruned.labels.sets = profile.labels.sets;
    pruned.samples = sums.into_iter().map(|((stack, _), weight)| (stack, weight)).collect();
    pruned
}

/// The same thing on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// Before.
    pub left: Weight,
    /// After.
    pub right: Weight,
}

impl std::ops::AddAssign for Pair {
    fn add_assign(&mut self, other: Pair) {
        self.left += other.left;
        self.right += other.right;
    }
}

impl Pair {
    /// Samples of both sides: by what a node is kept or left out.
    pub(super) fn samples(&self) -> u64 {
        self.left.samples + self.right.samples
    }
}

/// The tree of weighted stacks; the first node is the root of all, parents come before their children.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// Of each stack, by its index, the node; 0 for those without weight.
    place: Vec<usize>,
}

/// One node of a [`Tree`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) what: What,
    /// Index of the parent; 0 for the root.
    pub(super) parent: usize,
    /// Frames from the root.
    pub(super) depth: usize,
    pub(super) total: Pair,
    pub(super) own: Pair,
}

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Root,
    Frame(FrameId),
    /// So many functions that were left out.
    Pruned(usize),
}

/// The frame of a node; `None`: of the root.
pub(super) fn frame_of(stacks: &Stacks, node: &Node) -> Option<Frame> {
    match node.what {
        What::Root => None,
        What::Frame(id) => Some(stacks.frame(id).clone()),
        What::Pruned(1) => Some(Frame::bare(FrameKind::Truncated, "pruned: 1 function")),
        What::Pruned(count) => Some(Frame::bare(FrameKind::Truncated, format!("pruned: {count} functions"))),
    }
}

impl Tree {
    /// Of all stacks that have weight.
    pub(super) fn new(stacks: &Stacks, samples: impl Iterator<Item = (StackId, Pair)>) -> Tree {
        let mut own = vec![Pair::default(); stacks.node_count()];
        for (stack, pair) in samples {
            own[stack.index()] += pair;
        }
        let parents: Vec<Option<StackId>> = stacks.nodes().map(|(_, parent, _)| parent).collect();
        let mut total = own.clone();
        let mut whole = Pair::default();
        for index in (0..total.len()).rev() {
            let pair = total[index];
            match parents[index] {
                Some(parent) => total[parent.index()] += pair,
                None => whole += pair,
            }
        }
        let root = Node { what: What::Root, parent: 0, depth: 0, total: whole, own: Pair::default() };
        let mut nodes = vec![root];
        let mut place = vec![0; total.len()];
        for (id, parent, frame) in stacks.nodes() {
            let index = id.index();
            if total[index] == Pair::default() {
                continue;
            }
            let parent = parent.map_or(0, |parent| place[parent.index()]);
            place[index] = nodes.len();
            nodes.push(Node {
                what: What::Frame(frame),
                parent,
                depth: nodes[parent].depth + 1,
                total: total[index],
                own: own[index],
            });
        }
        Tree { nodes, place }
    }

    /// The heaviest nodes: at most `max_nodes` besides the root, those for what was left out included, unless that is less
    /// than 1.
    pub(super) fn pruned(self, max_nodes: usize, depth: Option<usize>) -> Tree {
        self.pruned_with_places(max_nodes, depth).0
    }

    /// The same, and of each stack, by its index, the node that has its weight now.
    fn pruned_with_places(self, max_nodes: usize, depth: Option<usize>) -> (Tree, Vec<usize>) {
        let kept = self.heaviest(max_nodes.max(1), depth.unwrap_or(usize::MAX));
        let mut nodes: Vec<Node> = Vec::new();
        let mut place: Vec<usize> = vec![usize::MAX; self.nodes.len()];
        // Of each node that was left out, the nearest one that was kept.
        let mut stands_on: Vec<usize> = vec![0; self.nodes.len()];
        let mut left_out: FxHashMap<usize, (Pair, FxHashSet<FrameId>)> = FxHashMap::default();
        for (index, node) in self.nodes.iter().enumerate() {
            if kept[index] {
                place[index] = nodes.len();
                stands_on[index] = index;
                nodes.push(Node { parent: place[node.parent], ..*node });
                continue;
            }
            stands_on[index] = stands_on[node.parent];
            let (pair, functions) = left_out.entry(stands_on[index]).or_default();
            *pair += node.own;
            if let What::Frame(frame) = node.what {
                functions.insert(frame);
            }
        }
        // A map has no order; the same tree shall be pruned the same way.
        let mut left_out: Vec<_> = left_out.into_iter().collect();
        left_out.sort_unstable_by_key(|(on, _)| *on);
        // Of each node that was kept and misses some above it, the one for those.
        let mut rests: FxHashMap<usize, usize> = FxHashMap::default();
        for (on, (pair, functions)) in left_out {
            let parent = place[on];
            let depth = nodes[parent].depth + 1;
            rests.insert(on, nodes.len());
            nodes.push(Node { what: What::Pruned(functions.len()), parent, depth, total: pair, own: pair });
        }
        let now = |old: &usize| if kept[*old] { place[*old] } else { rests[&stands_on[*old]] };
        let places = self.place.iter().map(now).collect();
        (Tree { nodes, place: Vec::new() }, places)
    }

    /// Which nodes to keep: a node is at least as heavy as its children, so the heaviest are a tree.
    fn heaviest(&self, max_nodes: usize, depth: usize) -> Vec<bool> {
        let mut children = vec![0_usize; self.nodes.len()];
        for node in &self.nodes[1..] {
            children[node.parent] += 1;
        }
        let mut order: Vec<usize> =
            (1..self.nodes.len()).filter(|&index| self.nodes[index].depth <= depth).collect();
        // Of equal ones parents come first, as their index is smaller.
        order.sort_by_key(|&index| (std::cmp::Reverse(self.nodes[index].total.samples()), index));
        let mut missing = children.clone();
        // Nodes so far, with one for each kept node that misses children.
        let mut count = usize::from(missing[0] > 0);
        let mut best = 0;
        for (taken, &index) in order.iter().enumerate() {
            let parent = self.nodes[index].parent;
            missing[parent] -= 1;
            count += 1 + usize::from(children[index] > 0) - usize::from(missing[parent] == 0);
            if count <= max_nodes {
                best = taken + 1;
            }
            if taken >= max_nodes {
                break;
            }
        }
        let mut kept = vec![false; self.nodes.len()];
        kept[0] = true;
        for &index in &order[..best] {
            kept[index] = true;
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::profile::tests::{lines, of_names as profile};
    use super::*;

    fn some() -> Profile {
        profile(&[(&["a", "b", "c"], 8), (&["a", "d"], 4), (&["a", "e", "f"], 2), (&["a"], 1), (&["g"], 1)])
    }

    #[test]
    fn what_is_left_out_is_shown_with_its_weight() {
        assert_eq!(
            lines(&prune(some(), 5, None)),
            ["a:0 1", "a:0;b:0;c:0 8", "a:0;pruned: 3 functions:0 6", "pruned: 1 function:0 1"]
        );
        assert_eq!(lines(&prune(some(), 1, None)), ["pruned: 7 functions:0 16"]);
        assert_eq!(lines(&prune(some(), 100, None)), lines(&some()));
    }

    #[test]
    fn deep_frames_are_left_out_too() {
        assert_eq!(
            lines(&prune(some(), 100, Some(2))),
            [
                "a:0 1",
                "a:0;b:0;pruned: 1 function:0 8",
                "a:0;d:0 4",
                "a:0;e:0;pruned: 1 function:0 2",
                "g:0 1"
            ]
        );
    }

    #[test]
    fn labels_stay_with_their_weight() {
        let mut labelled = some();
        labelled.labels.sets = ["left", "right"].map(|value| vec![("side".into(), value.into())]).to_vec();
        labelled.labels.of = vec![0, 0, 1, 1, 1];
        let sums = |profile: &Profile| {
            let mut sums = [0, 0];
            for (index, (_, weight)) in profile.samples.iter().enumerate() {
                sums[usize::from(&*profile.labels.of_sample(index)[0].1 == "right")] += weight.samples;
            }
            sums
        };
        let pruned = prune(labelled.clone(), 1, None);
        assert_eq!((lines(&pruned).len(), sums(&pruned)), (2, [12, 4]));
        assert_eq!(sums(&prune(labelled.clone(), 100, Some(1))), [12, 4]);
        let focused = super::super::focus(labelled, "e");
        assert_eq!((lines(&focused), sums(&focused)), (vec!["a:0;e:0;f:0 2".to_owned()], [0, 2]));
    }

    proptest! {
        #[test]
        fn weights_stay_and_nodes_are_bounded(
            stacks in prop::collection::vec((prop::collection::vec(0_u8..4, 1..7), 1_u64..9), 1..30),
            max_nodes in 1_usize..40,
        ) {
            let names = ["a", "b", "c", "d"];
            let stacks: Vec<(Vec<&str>, u64)> = stacks
                .iter()
                .map(|(frames, weight)| (frames.iter().map(|&at| names[usize::from(at)]).collect(), *weight))
                .collect();
            let stacks: Vec<(&[&str], u64)> =
                stacks.iter().map(|(frames, weight)| (&frames[..], *weight)).collect();
            let whole = profile(&stacks);
            let total = whole.total();
            let pruned = prune(whole, max_nodes, None);
            prop_assert_eq!(pruned.total(), total);
            prop_assert!(pruned.stacks.node_count() <= max_nodes, "{:?}", lines(&pruned));
        }
    }
}
