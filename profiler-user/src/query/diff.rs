//! What changed between two profiles: one tree with two weights a node, and the functions that changed most.
//!
//! It must not know which ranges or processes are compared, nor how a change is shown.

use rustc_hash::FxHashMap;

use super::prune::{Pair, Tree, frame_of};
use super::top::{Function, functions, order};
use crate::model::{Frame, Profile, Stacks};

/// Two profiles in one.
#[derive(Clone, Debug, Default)]
pub struct Diff {
    /// Frames that `nodes` and `changes` speak of.
    pub frames: Vec<Frame>,
    /// In an order in which parents come before their children; the first is the root of all.
    pub nodes: Vec<DiffNode>,
    /// Functions of either side, those whose own weight changed most first.
    pub changes: Vec<Change>,
    /// How many functions there are besides.
    pub other_functions: usize,
    /// What the left side's weights are multiplied by, so that both sides weigh the same; 1 where they are compared as
    /// they are.
    pub left_factor: f64,
}

/// One node of the tree of both profiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiffNode {
    /// Index in [`Diff::frames`]; `None` for the root.
    pub frame: Option<usize>,
    /// Index in [`Diff::nodes`]; 0 for the root.
    pub parent: usize,
    /// With all that is above it.
    pub total: Pair,
    /// Alone.
    pub own: Pair,
}

/// What became of a function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Index in [`Diff::frames`].
    pub frame: usize,
    /// In the function itself.
    pub own: Pair,
    /// In it and what it calls; a recursion counts once.
    pub total: Pair,
}

/// Compares two profiles of the same view. `normalised`: the left side is scaled so that both weigh the same, which shows
/// what changed its share, not that there was more load. At most `max_nodes` nodes and `max_changes` functions.
pub fn diff(
    left: &Profile,
    right: &Profile,
    normalised: bool,
    (max_nodes, max_changes): (usize, usize),
) -> Diff {
    let (before, after) = (left.total().nanoseconds, right.total().nanoseconds);
    let left_factor = if normalised && before > 0 && after > 0 { after as f64 / before as f64 } else { 1.0 };
    let mut stacks = Stacks::default();
    let mut samples: FxHashMap<_, Pair> = FxHashMap::default();
    for (profile, is_left) in [(left, true), (right, false)] {
        let copied = stacks.append(&profile.stacks);
        for (stack, weight) in &profile.samples {
            let pair = samples.entry(copied[stack.index()]).or_default();
            *pair += match is_left {
                true => Pair { left: *weight, ..Pair::default() },
                false => Pair { right: *weight, ..Pair::default() },
            };
        }
    }
    let tree = Tree::new(&stacks, samples.into_iter()).pruned(max_nodes, None);
    let mut diff = Diff { left_factor, ..Diff::default() };
    let mut index_of: FxHashMap<Frame, usize> = FxHashMap::default();
    let mut intern = |frames: &mut Vec<Frame>, frame: &Frame| {
        *index_of.entry(frame.clone()).or_insert_with(|| {
            frames.push(frame.clone());
            frames.len() - 1
        })
    };
    for node in &tree.nodes {
        let frame = frame_of(&stacks, node).map(|frame| intern(&mut diff.frames, &frame));
        diff.nodes.push(DiffNode { frame, parent: node.parent, total: node.total, own: node.own });
    }
    let mut both: FxHashMap<Frame, (Pair, Pair)> = FxHashMap::default();
    for (profile, is_left) in [(left, true), (right, false)] {
        for Function { frame, own, total } in functions(profile) {
            let (own_pair, total_pair) = both.entry(frame).or_default();
            if is_left {
                (own_pair.left, total_pair.left) = (own, total);
            } else {
                (own_pair.right, total_pair.right) = (own, total);
            }
        }
    }
    let change = |pair: &Pair| pair.right.nanoseconds as f64 - pair.left.nanoseconds as f64 * left_factor;
    let mut both: Vec<(Frame, (Pair, Pair))> = both.into_iter().collect();
    both.sort_by(|(left_frame, left), (right_frame, right)| {
        let by = |one: &Pair, other: &Pair| change(other).abs().total_cmp(&change(one).abs());
        by(&left.0, &right.0).then_with(|| by(&left.1, &right.1)).then_with(|| order(left_frame, right_frame))
    });
    diff.other_functions = both.len().saturating_sub(max_changes);
    both.truncate(max_changes);
    for (frame, (own, total)) in both {
        let frame = intern(&mut diff.frames, &frame);
        diff.changes.push(Change { frame, own, total });
    }
    diff
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::of_names as profile;
    use super::*;

    fn before() -> Profile {
        profile(&[(&["main", "slow"], 8), (&["main", "same"], 2)])
    }

    fn after() -> Profile {
        profile(&[(&["main", "fast"], 1), (&["main", "same"], 4)])
    }

    #[test]
    fn each_node_has_both_weights() {
        let diff = diff(&before(), &after(), false, (100, 100));
        let mut shown: Vec<String> = diff
            .nodes
            .iter()
            .map(|node| {
                let name = node.frame.map_or("all", |frame| &diff.frames[frame].function);
                format!("{name} {}→{}", node.total.left.samples, node.total.right.samples)
            })
            .collect();
        shown.sort();
        assert_eq!(shown, ["all 10→5", "fast 0→1", "main 10→5", "same 2→4", "slow 8→0"]);
        assert!((diff.left_factor - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_functions_that_changed_most_come_first() {
        let names = |normalised, limit| {
            let diff = diff(&before(), &after(), normalised, (100, limit));
            let names: Vec<String> =
                diff.changes.iter().map(|change| diff.frames[change.frame].function.to_string()).collect();
            (names, diff.other_functions)
        };
        assert_eq!(names(false, 2), (vec!["slow".into(), "same".into()], 2));
        // Half the load: what was 2 of 10 would be 1 of 5, and is 4.
        assert_eq!(names(true, 3), (vec!["slow".into(), "same".into(), "fast".into()], 1));
    }

    #[test]
    fn nothing_can_be_compared_too() {
        let diff = diff(&Profile::default(), &Profile::default(), true, (10, 10));
        assert_eq!((diff.nodes.len(), diff.changes.len()), (1, 0));
    }
}
