//! What is asked of whatever holds samples, and what it answers: weights by time, labels and stack.
//!
//! One question serves every view: a flame graph sums over time by stack, a chart over stacks by time, a list of label
//! values over both. It must not know who answers, nor how the answer is shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::selector::Selector;
use super::{StackId, Stacks, Weight};

/// A question. Times are Unix nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Select {
    /// From this time on.
    pub since: u64,
    /// Up to but not including this time. What is stored in coarser steps than asked for counts where its step begins.
    pub until: u64,
    /// These series.
    pub selector: Selector,
    /// Apart by the values of these labels; none: all together.
    pub by: Vec<Arc<str>>,
    /// Apart by steps of this many nanoseconds that begin at `since`; `None`: the whole range together.
    pub step: Option<u64>,
    /// Apart by stack. Else no stacks are read, which is much faster.
    pub stacks: bool,
    /// Set by whoever does not want the answer any more.
    pub cancelled: Cancelled,
}

/// A flag that an asker keeps, and that is looked at every now and then while an answer is made.
#[derive(Clone, Debug, Default)]
pub struct Cancelled(Arc<AtomicBool>);

impl Cancelled {
    /// Nobody wants the answer any more.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether nobody wants it.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Selected {
    /// Values of the labels asked for, in their order; each combination once.
    pub groups: Vec<Vec<Arc<str>>>,
    /// The frames and stacks that `rows` speaks of.
    pub stacks: Stacks,
    /// Each (step, group, stack) once, sorted by that.
    pub rows: Vec<SelectedRow>,
    /// From this time on nothing that was sampled is missing; at least the question's `since`.
    pub complete_since: u64,
}

/// One row of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectedRow {
    /// Number of the step, from 0; 0 where there are none.
    pub step: u32,
    /// Index in [`Selected::groups`].
    pub group: u32,
    /// The stack, where they were asked for.
    pub stack: Option<StackId>,
    /// The sum.
    pub weight: Weight,
}

/// A question about moments: how many samples were taken in each part of a range. Times are Unix nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct SelectTicks {
    /// From this time on.
    pub since: u64,
    /// Up to but not including this time. Who asks bounds how many parts there are.
    pub until: u64,
    /// These series.
    pub selector: Selector,
    /// Milliseconds of a part; the first one begins at `since`.
    pub part: u64,
    /// Set by whoever does not want the answer any more.
    pub cancelled: Cancelled,
}

/// How many samples were taken when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectedTicks {
    /// Of each part of the range.
    pub counts: Vec<u64>,
    /// From this time on the moment of every sample is known; at least the question's `since`.
    pub complete_since: u64,
}

impl SelectTicks {
    /// For each part that no sample was taken.
    pub fn none(&self) -> Vec<u64> {
        let (first, end) = self.milliseconds();
        vec![0; end.saturating_sub(first).div_ceil(self.part.max(1)) as usize]
    }

    /// The part that has a moment, Unix milliseconds; `None`: it is outside.
    pub fn part_of(&self, millisecond: u64) -> Option<usize> {
        let (first, end) = self.milliseconds();
        (first..end).contains(&millisecond).then(|| ((millisecond - first) / self.part.max(1)) as usize)
    }

    /// Whole milliseconds are at or after a moment if they are so after it was rounded up.
    fn milliseconds(&self) -> (u64, u64) {
        (self.since.div_ceil(1_000_000), self.until.div_ceil(1_000_000))
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// [`Cancelled`] was set.
    #[error("the question was withdrawn before it was answered")]
    Cancelled,
    /// The answer would have more rows, groups or stacks than an answer may have.
    #[error("the answer would have more than {limit} {what}")]
    TooLarge {
        /// `rows`, `groups` or `stacks`.
        what: &'static str,
        /// Most that there may be.
        limit: usize,
    },
    /// What is stored could not be read.
    #[error("stored samples could not be read: {0}")]
    Store(String),
}
