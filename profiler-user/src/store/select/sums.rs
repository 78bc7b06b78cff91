//! Adds up weights by step, group and stack.
//!
//! It must not know labels, nor what a stack's frames are.

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::model::Weight;
use crate::model::select::SelectError;

/// Most rows of an answer.
pub(super) const MAX_ROWS: usize = 2_000_000;
/// Most different stacks of an answer.
pub(super) const MAX_STACKS: usize = 500_000;

/// A stack as the store knows it: the column `stack_id`.
pub(super) type StoredStack = [u8; 16];

/// What a weight is summed by: step, group, and number in [`Sums::stacks`] (0 where stacks are not asked for).
pub(super) type Key = (u32, u32, u32);

/// Sums so far.
#[derive(Default)]
pub(super) struct Sums {
    /// Every stack that is in a key.
    pub(super) stacks: IndexSet<StoredStack, FxBuildHasher>,
    /// Sums of step 0 and group 0, by the stack's number: in most questions all of them.
    first: Vec<Weight>,
    others: FxHashMap<Key, Weight>,
}

impl Sums {
    /// The number of a stack.
    pub(super) fn stack(&mut self, stack: StoredStack) -> Result<u32, SelectError> {
        let number = self.stacks.insert_full(stack).0;
        if number >= MAX_STACKS {
            return Err(SelectError::TooLarge { what: "stacks", limit: MAX_STACKS });
        }
        Ok(number as u32)
    }

    /// Adds to a sum.
    pub(super) fn add(&mut self, (step, group, stack): Key, weight: Weight) -> Result<(), SelectError> {
        let sum = if (step, group) == (0, 0) {
            if self.first.len() <= stack as usize {
                self.first.resize(stack as usize + 1, Weight::default());
            }
            &mut self.first[stack as usize]
        } else {
            if self.others.len() >= MAX_ROWS {
                return Err(SelectError::TooLarge { what: "rows", limit: MAX_ROWS });
            }
            self.others.entry((step, group, stack)).or_default()
        };
        // A file may say anything.
        sum.samples = sum.samples.saturating_add(weight.samples);
        sum.nanoseconds = sum.nanoseconds.saturating_add(weight.nanoseconds);
        Ok(())
    }

    /// Adds sums that were made apart. `groups`: what a number of theirs is here.
    pub(super) fn merge(&mut self, other: Sums, groups: &[u32]) -> Result<(), SelectError> {
        let mut stacks = Vec::with_capacity(other.stacks.len());
        for stack in &other.stacks {
            stacks.push(self.stack(*stack)?);
        }
        for ((step, group, stack), weight) in other.rows() {
            let stack = stacks.get(stack as usize).copied().unwrap_or(0);
            self.add((step, groups[group as usize], stack), weight)?;
        }
        Ok(())
    }

    /// Every sum, in no order.
    pub(super) fn rows(&self) -> impl Iterator<Item = (Key, Weight)> {
        let first = self.first.iter().enumerate().filter(|(_, weight)| **weight != Weight::default());
        let first = first.map(|(stack, weight)| ((0, 0, stack as u32), *weight));
        first.chain(self.others.iter().map(|(key, weight)| (*key, *weight)))
    }
}
