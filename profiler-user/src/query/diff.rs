//! What changed between two profiles: one tree with two weights a node, and the functions that changed most, with what is
//! noise among them.
//!
//! It must not know which ranges, files or processes are compared, nor how a change is shown.

use rustc_hash::FxHashMap;

use super::align::aligned;
use super::confidence::{self, Amount, Difference, Seen, Verdict};
use super::prune::{Pair, Tree, frame_of};
use super::top::{Function, Order, functions, order};
use crate::model::{Frame, Profile, Stacks, Weight};

/// What of a weight is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// [`Weight::samples`].
    Samples,
    /// [`Weight::nanoseconds`].
    Nanoseconds,
}

impl Unit {
    /// The number.
    pub const fn of(self, weight: Weight) -> u64 {
        match self {
            Unit::Samples => weight.samples,
            Unit::Nanoseconds => weight.nanoseconds,
        }
    }
}

/// How to compare.
#[derive(Clone, Copy, Debug)]
pub struct Comparing {
    /// What is compared, left and right. Two different ones only make sense `normalised`.
    pub units: (Unit, Unit),
    /// The left side is scaled so that both weigh the same, which shows what changed its share, not that there was more
    /// load.
    pub normalised: bool,
    /// By what changes are sorted.
    pub order: Order,
    /// Most nodes besides the root.
    pub max_nodes: usize,
    /// Most functions.
    pub max_changes: usize,
}

/// Two profiles in one.
#[derive(Clone, Debug)]
pub struct Diff {
    /// Frames that `nodes` and `changes` speak of.
    pub frames: Vec<Frame>,
    /// In an order in which parents come before their children; the first is the root of all.
    pub nodes: Vec<DiffNode>,
    /// Functions of either side, those that changed most first.
    pub changes: Vec<Change>,
    /// How many functions there are besides.
    pub other_functions: usize,
    /// What the left side's weights are multiplied by, so that both sides weigh the same; 1 where they are compared as
    /// they are.
    pub left_factor: f64,
    /// All of both sides.
    pub total: Pair,
    /// What was asked.
    pub comparing: Comparing,
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
    /// What to think of the change of `own`. `None`: it can't be told, as a side has no samples.
    pub own_judged: Option<Judged>,
    /// The same of `total`.
    pub total_judged: Option<Judged>,
}

impl Change {
    /// What it is sorted by, and what to think of it.
    pub fn by(&self, order: Order) -> (Pair, Option<Judged>) {
        match order {
            Order::Own => (self.own, self.own_judged),
            Order::Total => (self.total, self.total_judged),
        }
    }
}

/// A change, and whether it is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// In the unit of [`Diff::judge`].
    pub difference: Difference,
    /// Its p-value, corrected for how many functions there are.
    pub corrected: f64,
    /// What it comes to.
    pub verdict: Verdict,
}

/// Compares two profiles of the same view.
pub fn diff(left: &Profile, right: &Profile, comparing: Comparing) -> Diff {
    let (left, right) = aligned(left, right);
    let total = Pair { left: left.total(), right: right.total() };
    let (before, after) = values(comparing.units, total);
    let left_factor =
        if comparing.normalised && before > 0 && after > 0 { after as f64 / before as f64 } else { 1.0 };
    let mut diff = Diff {
        frames: Vec::new(),
        nodes: Vec::new(),
        changes: Vec::new(),
        other_functions: 0,
        left_factor,
        total,
        comparing,
    };
    let mut frames = Frames::default();
    diff.nodes = nodes(&left, &right, comparing.max_nodes, &mut frames);
    let changes = diff.changes(&left, &right);
    diff.other_functions = changes.len().saturating_sub(comparing.max_changes);
    let shown = changes.into_iter().take(comparing.max_changes);
    diff.changes = shown.map(|(frame, change)| Change { frame: frames.index(&frame), ..change }).collect();
    diff.frames = frames.frames;
    diff
}

const fn values(units: (Unit, Unit), pair: Pair) -> (u64, u64) {
    (units.0.of(pair.left), units.1.of(pair.right))
}

/// Frames by their first mention.
#[derive(Default)]
struct Frames {
    frames: Vec<Frame>,
    index_of: FxHashMap<Frame, usize>,
}

impl Frames {
    fn index(&mut self, frame: &Frame) -> usize {
        *self.index_of.entry(frame.clone()).or_insert_with(|| {
            self.frames.push(frame.clone());
            self.frames.len() - 1
        })
    }
}

fn nodes(left: &Profile, right: &Profile, max_nodes: usize, frames: &mut Frames) -> Vec<DiffNode> {
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
    let node = |node| {
        let frame = frame_of(&stacks, node).map(|frame| frames.index(&frame));
        DiffNode { frame, parent: node.parent, total: node.total, own: node.own }
    };
    tree.nodes.iter().map(node).collect()
}

impl Diff {
    /// Both sides of a pair as they are compared: the left one scaled.
    pub fn values(&self, pair: Pair) -> (f64, f64) {
        let (left, right) = values(self.comparing.units, pair);
        (left as f64 * self.left_factor, right as f64)
    }

    /// The share that each side's part of a pair has in that side, from 0 to 1; 0 of nothing.
    pub fn shares(&self, pair: Pair) -> (f64, f64) {
        let (left, right) = values(self.comparing.units, pair);
        let (all_left, all_right) = values(self.comparing.units, self.total);
        let share = |part: u64, all: u64| if all == 0 { 0.0 } else { part as f64 / all as f64 };
        (share(left, all_left), share(right, all_right))
    }

    /// What its samples say of a change: in shares where the sides are normalised, else in the right side's unit. `None`: a
    /// side has no samples.
    pub fn judge(&self, pair: Pair) -> Option<Difference> {
        let (left, right) = (self.total.left, self.total.right);
        if self.comparing.normalised {
            let before = Seen { hits: pair.left.samples, of: left.samples };
            return confidence::shares(before, Seen { hits: pair.right.samples, of: right.samples });
        }
        let amount = |unit: Unit, part: Weight, all: Weight| {
            let each = unit.of(all) as f64 / all.samples as f64;
            (all.samples > 0 && each > 0.0).then_some(Amount { samples: part.samples, each })
        };
        let (left_unit, right_unit) = self.comparing.units;
        let before = amount(left_unit, pair.left, left)?;
        Some(confidence::amounts(before, amount(right_unit, pair.right, right)?))
    }

    /// All functions, sorted and judged; the indices of their frames are not known yet.
    fn changes(&self, left: &Profile, right: &Profile) -> Vec<(Frame, Change)> {
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
        let mut both: Vec<(Frame, (Pair, Pair))> = both.into_iter().collect();
        let change = |pair: &Pair| {
            let (left, right) = self.values(*pair);
            (right - left).abs()
        };
        let by = |(own, total): &(Pair, Pair)| match self.comparing.order {
            Order::Own => (change(own), change(total)),
            Order::Total => (change(total), change(own)),
        };
        both.sort_by(|(left_frame, left), (right_frame, right)| {
            let (left, right) = (by(left), by(right));
            let by_change = right.0.total_cmp(&left.0).then(right.1.total_cmp(&left.1));
            by_change.then_with(|| order(left_frame, right_frame))
        });
        let own = self.judged(both.iter().map(|(_, (own, _))| *own));
        let total = self.judged(both.iter().map(|(_, (_, total))| *total));
        let judged = own.into_iter().zip(total);
        let whole = |((frame, (own, total)), (own_judged, total_judged))| {
            (frame, Change { frame: 0, own, total, own_judged, total_judged })
        };
        both.into_iter().zip(judged).map(whole).collect()
    }

    /// Each pair, corrected for how many there are.
    fn judged(&self, pairs: impl Iterator<Item = Pair>) -> Vec<Option<Judged>> {
        let differences: Vec<Option<Difference>> = pairs.map(|pair| self.judge(pair)).collect();
        let p: Vec<f64> = differences.iter().map(|difference| difference.map_or(1.0, |one| one.p)).collect();
        let judged = |(difference, corrected): (Option<Difference>, f64)| {
            let difference = difference?;
            let verdict = confidence::verdict(&difference, corrected);
            Some(Judged { difference, corrected, verdict })
        };
        differences.into_iter().zip(confidence::corrected(&p)).map(judged).collect()
    }
}

#[cfg(test)]
mod tests;
