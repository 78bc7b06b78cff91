//! When the tables have filled up: they are replaced by ones that hold only what is still referred to.
//!
//! Most of a table is garbage after a while: stacks of processes that ended, threads that were seen once. To count
//! references instead was rejected: it would cost each sample what this costs every few minutes. It must not know what
//! the ids are used for.

use indexmap::IndexSet;
use rustc_hash::FxHashMap;

use super::{Aggregate, SeriesId, intern_table_full, overflow_series};
use crate::model::copier::Copier;
use crate::model::{Frame, StackId, Stacks};

/// Least seconds between two rebuilds of the tables: one costs time in proportion to what is live.
const INTERVAL_SECONDS: u64 = 10;
/// Thousandths of a table's limit at which it is worth a rebuild.
pub(super) const REBUILD_AT: usize = 750;

/// What became of the ids of the generation before. What is not here was in no live bucket and is gone.
#[derive(Clone, Debug, Default)]
pub struct Moved {
    /// Old stack → new stack.
    pub stacks: FxHashMap<StackId, StackId>,
    /// Old series → new series.
    pub series: FxHashMap<SeriesId, SeriesId>,
}

impl Aggregate {
    /// Rebuilds the tables at a Unix second, if it is worth it. `Some`: all ids are new.
    pub(super) fn rebuild_if_full(&mut self, second: u64) -> Option<Moved> {
        let too_soon = second < self.rebuilt.saturating_add(INTERVAL_SECONDS);
        if too_soon || self.fullness() < self.rebuild_at {
            return None;
        }
        let moved = self.rebuild();
        self.rebuilt = second;
        // What is live is no garbage: the next rebuild waits until half of what is free now is used.
        self.rebuild_at = REBUILD_AT.max((self.fullness() + 1000) / 2);
        Some(moved)
    }

    /// Thousandths of its limit that the fullest table uses.
    fn fullness(&self) -> usize {
        let limits = &self.retention;
        let used = |used: usize, limit: usize| used.saturating_mul(1000) / limit.max(1);
        used(self.stacks.node_count().max(self.stacks.frame_count()), limits.max_nodes)
            .max(used(self.text_bytes, limits.max_text_bytes))
            .max(used(self.series.len() - 1, limits.max_series))
    }

    /// Replaces both tables by ones that hold only what the buckets refer to.
    fn rebuild(&mut self) -> Moved {
        let mut stacks = Stacks::default();
        let table_full = intern_table_full(&mut stacks);
        let mut series = IndexSet::default();
        series.insert(overflow_series());
        let mut moved = Moved::default();
        moved.stacks.insert(self.table_full, table_full);
        moved.series.insert(SeriesId(0), SeriesId(0));
        let mut rename = |moved: &mut Moved, old: SeriesId| {
            *moved.series.entry(old).or_insert_with(|| {
                let named = self.series.get_index(old.0 as usize).expect("an id of this generation");
                SeriesId(series.insert_full(named.clone()).0 as u32)
            })
        };
        let mut copier = Copier::new(&self.stacks, Frame::clone);
        let mut pending: Vec<_> =
            self.pending.iter_mut().flat_map(|pending| pending.windows.values_mut()).collect();
        let entries = pending.iter_mut().map(|open| &mut open.entries);
        for entries in self.buckets.iter_mut().map(|bucket| &mut bucket.entries).chain(entries) {
            let old = std::mem::take(entries);
            entries.reserve(old.len());
            for ((old_series, old_stack), weight) in old {
                let new_series = rename(&mut moved, old_series);
                let new_stack = *moved
                    .stacks
                    .entry(old_stack)
                    .or_insert_with(|| copier.copy(old_stack, None, &mut stacks));
                entries.insert((new_series, new_stack), weight);
            }
        }
        for open in pending {
            let old = std::mem::take(&mut open.ticks);
            open.ticks = old.into_iter().map(|(series, ticks)| (rename(&mut moved, series), ticks)).collect();
        }
        for series in self.ticks.series_mut() {
            *series = rename(&mut moved, *series);
        }
        self.text_bytes = stacks.frames().map(|frame| frame.function.len() + frame.file.len()).sum();
        self.stacks = stacks;
        self.series = series;
        self.table_full = table_full;
        self.generation += 1;
        moved
    }
}
