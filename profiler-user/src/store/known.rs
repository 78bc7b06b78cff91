//! Which stacks are in the store already: each is written once for a node and day.
//!
//! Bounded: what is forgotten is written again, and whoever reads takes one of the two. It must not know where stacks are
//! read from.

use std::collections::HashMap;

use rustc_hash::FxHashSet;

use super::rows::StackHash;

/// Most days that are remembered: around midnight two are written to.
const MOST_DAYS: usize = 3;
/// Most stacks that are remembered, 20 to 40 bytes each.
const MOST_STACKS: usize = 200_000;

/// The stacks of some days, of one node.
#[derive(Debug, Default)]
pub struct Known {
    days: HashMap<i32, Day>,
    /// Counts days as they come.
    order: u64,
}

#[derive(Debug, Default)]
struct Day {
    stacks: FxHashSet<StackHash>,
    /// When it came.
    order: u64,
}

impl Known {
    /// Whether anything is known of a day; if not, [`load`](Self::load) is due.
    pub fn has_day(&self, date: i32) -> bool {
        self.days.contains_key(&date)
    }

    /// These stacks are in the store. The day that came first goes if there are too many.
    pub fn load(&mut self, date: i32, stacks: impl IntoIterator<Item = StackHash>) {
        self.order += 1;
        let day = self.days.entry(date).or_default();
        day.order = self.order;
        day.stacks.extend(stacks);
        while self.days.len() > MOST_DAYS
            && let Some(&first) = self.days.iter().min_by_key(|(_, day)| day.order).map(|(date, _)| date)
        {
            self.days.remove(&first);
        }
    }

    /// Whether this stack is in the store.
    pub fn contains(&self, date: i32, stack: &StackHash) -> bool {
        self.days.get(&date).is_some_and(|day| day.stacks.contains(stack))
    }

    /// This stack is being written.
    pub fn insert(&mut self, date: i32, stack: StackHash) {
        let day = self.days.entry(date).or_default();
        if day.stacks.len() >= MOST_STACKS {
            day.stacks.clear();
        }
        day.stacks.insert(stack);
    }

    /// It was not written after all.
    pub fn remove(&mut self, date: i32, stack: &StackHash) {
        if let Some(day) = self.days.get_mut(&date) {
            day.stacks.remove(stack);
        }
    }

    /// The files of a day are not what they were.
    pub fn forget(&mut self, date: i32) {
        self.days.remove(&date);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_stacks_are_bounded() {
        let mut known = Known::default();
        for date in 0..5 {
            assert!(!known.has_day(date));
            known.load(date, [[1; 16]]);
        }
        assert!(!known.contains(1, &[1; 16]) && known.contains(2, &[1; 16]) && known.contains(4, &[1; 16]));
        for number in 0..MOST_STACKS as u128 + 10 {
            known.insert(4, number.to_le_bytes());
        }
        assert!(known.days[&4].stacks.len() <= MOST_STACKS);
        known.remove(2, &[1; 16]);
        assert!(!known.contains(2, &[1; 16]) && known.has_day(2));
        known.forget(2);
        assert!(!known.has_day(2));
    }
}
