//! The call tree of a profile: frames with the same text under the same parent are one node, children are sorted.
//!
//! Every format that shows a tree starts here. It must not know any of them.

use std::collections::hash_map::Entry;

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::frame_text;
use crate::model::{FrameId, Profile, Weight};

/// A call tree in pre-order: node 0 is the root of all stacks, a node's children follow it.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The nodes; none has a total of 0 samples, except node 0 of an empty profile.
    pub nodes: Vec<Node>,
    texts: IndexSet<String, FxBuildHasher>,
}

/// One node of a [`Tree`].
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// A frame that this node stands for (frames of equal text are alike); `None` for node 0.
    pub frame: Option<FrameId>,
    /// Index of the parent in [`Tree::nodes`]; 0 for node 0.
    pub parent: usize,
    /// Number of frames from the root to this one; 0 for node 0.
    pub depth: usize,
    /// Its weight with all that is above it.
    pub total: Weight,
    /// Its own weight.
    pub own: Weight,
    /// Index of its text; 0 is that of node 0.
    text: usize,
}

impl Tree {
    /// The tree of a profile.
    pub fn new(profile: &Profile) -> Tree {
        Tree::with_places(profile).0
    }

    /// The same, and of each of the profile's samples the index of its node; `None`: it weighs nothing.
    pub fn with_places(profile: &Profile) -> (Tree, Vec<Option<usize>>) {
        let mut texts = IndexSet::default();
        texts.insert(String::new());
        let text_of: Vec<usize> =
            profile.stacks.frames().map(|frame| texts.insert_full(frame_text(frame)).0).collect();
        let root = Node {
            frame: None,
            parent: 0,
            depth: 0,
            total: Weight::default(),
            own: Weight::default(),
            text: 0,
        };
        let mut nodes = vec![root];
        let mut children: FxHashMap<(usize, usize), usize> = FxHashMap::default();
        // Parents come before their children, in the stacks and so here.
        let mut node_of: Vec<usize> = Vec::with_capacity(profile.stacks.node_count());
        for (_, parent, frame) in profile.stacks.nodes() {
            let parent = parent.map_or(0, |parent| node_of[parent.index()]);
            let text = text_of[frame.index()];
            node_of.push(match children.entry((parent, text)) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    nodes.push(Node {
                        frame: Some(frame),
                        parent,
                        depth: nodes[parent].depth + 1,
                        text,
                        ..root
                    });
                    *new.insert(nodes.len() - 1)
                }
            });
        }
        for (stack, weight) in &profile.samples {
            let node = &mut nodes[node_of[stack.index()]];
            node.own += *weight;
            node.total += *weight;
        }
        for index in (1..nodes.len()).rev() {
            let Node { parent, total, .. } = nodes[index];
            nodes[parent].total += total;
        }
        let (nodes, place) = pre_order(nodes, &texts, 1);
        let places = profile.samples.iter().map(|(stack, _)| place[node_of[stack.index()]]).collect();
        (Tree { nodes, texts }, places)
    }

    /// The same tree without the nodes that have fewer samples than `least`; their weight stays in the totals below
    /// them, so that such a node's total is more than its own and its children's.
    pub fn pruned(self, least: u64) -> Tree {
        Tree { nodes: pre_order(self.nodes, &self.texts, least.max(1)).0, texts: self.texts }
    }

    /// The text of a node's frame; empty for node 0.
    pub fn text(&self, node: &Node) -> &str {
        self.texts.get_index(node.text).map_or("", String::as_str)
    }

    /// Calls `visit` for every node but the first, with the texts from the root to it joined by `;`.
    pub fn paths(&self, mut visit: impl FnMut(&str, &Node)) {
        let mut path = String::new();
        // Length of the path up to and with the frame at each depth.
        let mut ends: Vec<usize> = vec![0];
        for node in &self.nodes[1..] {
            ends.truncate(node.depth);
            path.truncate(ends[node.depth - 1]);
            if node.depth > 1 {
                path.push(';');
            }
            path.push_str(self.text(node));
            ends.push(path.len());
            visit(&path, node);
        }
    }
}

/// Sorts children by text, leaves out what has fewer samples than `least`, and renumbers. Also of each old index the new
/// one; `None`: it is left out.
fn pre_order(
    nodes: Vec<Node>,
    texts: &IndexSet<String, FxBuildHasher>,
    least: u64,
) -> (Vec<Node>, Vec<Option<usize>>) {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate().skip(1) {
        if node.total.samples >= least {
            children[node.parent].push(index);
        }
    }
    let mut ordered: Vec<Node> = Vec::with_capacity(nodes.len());
    let mut place = vec![None; nodes.len()];
    // (old index, new index of the parent), the next one last: a stack, since a path may be deep.
    let mut todo = vec![(0, 0)];
    while let Some((old, parent)) = todo.pop() {
        let new = ordered.len();
        ordered.push(Node { parent, ..nodes[old] });
        place[old] = Some(new);
        let mut next = std::mem::take(&mut children[old]);
        // Texts are distinct among the children of a node.
        next.sort_unstable_by(|&left, &right| texts[nodes[right].text].cmp(&texts[nodes[left].text]));
        todo.extend(next.into_iter().map(|child| (child, new)));
    }
    (ordered, place)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{profile, python};
    use super::*;
    use crate::model::Frame;

    fn f(name: &str) -> Frame {
        python(name, "x.py", 0)
    }

    fn shown(tree: &Tree) -> Vec<String> {
        let mut shown = Vec::new();
        tree.paths(|path, node| {
            shown.push(format!(
                "{} {}/{}",
                path.replace(" (x.py)", ""),
                node.own.samples,
                node.total.samples
            ));
        });
        shown
    }

    #[test]
    fn totals_include_what_is_above() {
        let tree = Tree::new(&profile(&[
            (&[f("b"), f("c")], 2),
            (&[f("b")], 1),
            (&[f("a")], 4),
            (&[f("b"), f("a"), f("z")], 8),
        ]));
        assert_eq!(shown(&tree), ["a 4/4", "b 1/11", "b;a 0/8", "b;a;z 8/8", "b;c 2/2"]);
        assert_eq!(tree.nodes[0].total.samples, 15);
    }

    #[test]
    fn frames_of_equal_text_are_one_node() {
        let lambda = |first_line| Frame { first_line, ..f("<lambda>") };
        let tree = Tree::new(&profile(&[(&[lambda(1), f("a")], 1), (&[lambda(9), f("a")], 2)]));
        assert_eq!(shown(&tree), ["<lambda> 0/3", "<lambda>;a 3/3"]);
    }

    #[test]
    fn pruning_keeps_the_totals() {
        let tree = Tree::new(&profile(&[(&[f("a"), f("rare")], 1), (&[f("a"), f("often")], 9)])).pruned(2);
        assert_eq!(shown(&tree), ["a 0/10", "a;often 9/9"]);
        assert_eq!(tree.nodes[2].parent, 1);
    }

    #[test]
    fn stacks_without_weight_are_no_nodes() {
        let mut profile = profile(&[(&[f("a")], 1)]);
        profile.stacks.intern([f("a"), f("unused")]);
        assert_eq!(shown(&Tree::new(&profile)), ["a 1/1"]);
        profile.samples.clear();
        assert_eq!(Tree::new(&profile).nodes.len(), 1);
    }
}
