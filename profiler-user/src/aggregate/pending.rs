//! What was added and is not stored yet, window by window: the way from the aggregate to the store.
//!
//! Samples are summed here a second time, by windows that are as long as a row of the store stands for. To cut windows out
//! of the seconds was rejected: a sample that is late, or whose second had to go to make room, would be missing in the
//! store. It must not know what becomes of a window.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::{Aggregate, Entries, NANOSECONDS, NANOSECONDS_OF_A_MILLISECOND, SeriesId};
use crate::model::copier::Copier;
use crate::model::{Frame, Series, StackId, Stacks, Weight};

/// Most samples whose millisecond is kept for the store, in all windows that were not taken: 4 bytes each.
const MOST_TICKS: usize = 1_000_000;

/// Samples of one window, with all that they speak of.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// When it began, Unix nanoseconds; a multiple of its length. A window may come more than once, with samples that were
    /// late.
    pub start: u64,
    /// How long it is, nanoseconds.
    pub length: u64,
    /// The series that `rows` speaks of.
    pub series: Vec<Series>,
    /// The frames and stacks that `rows` speaks of; lines are those being run.
    pub stacks: Stacks,
    /// Each (series, stack) once.
    pub rows: Vec<WindowRow>,
    /// When its samples were taken: each series at most once. Fewer than `rows` has samples if there was no room.
    pub ticks: Vec<WindowTicks>,
}

/// When the samples of one series were taken in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowTicks {
    /// Index in [`Window::series`].
    pub series: u32,
    /// Milliseconds from the window's begin on, ascending; one for each sample.
    pub offsets: Vec<u32>,
}

/// What one stack of one series weighs in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowRow {
    /// Index in [`Window::series`].
    pub series: u32,
    /// In [`Window::stacks`].
    pub stack: StackId,
    /// The sum.
    pub weight: Weight,
}

/// Windows that were not taken yet.
#[derive(Debug)]
pub(super) struct Pending {
    /// Seconds of a window.
    pub(super) length: u64,
    /// By the second in which they begin.
    pub(super) windows: BTreeMap<u64, Open>,
    /// Samples in all [`Open::ticks`].
    ticks: usize,
}

/// A window that is added to.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) entries: Entries,
    /// Of each series when its samples were taken, milliseconds from the window's begin on, as they came.
    pub(super) ticks: FxHashMap<SeriesId, Vec<u32>>,
}

impl Pending {
    pub(super) fn new(length: u64) -> Pending {
        Pending { length: length.max(1), windows: BTreeMap::new(), ticks: 0 }
    }

    /// Adds samples at a time (Unix nanoseconds). Returns of how many there is no room for the millisecond.
    pub(super) fn add(&mut self, time: u64, key: (SeriesId, StackId), weight: Weight) -> u64 {
        let second = time / NANOSECONDS;
        let start = second - second % self.length;
        let open = self.windows.entry(start).or_default();
        *open.entries.entry(key).or_default() += weight;
        let kept = (MOST_TICKS - self.ticks).min(usize::try_from(weight.samples).unwrap_or(usize::MAX));
        let offset = time / NANOSECONDS_OF_A_MILLISECOND - start * 1000;
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        if kept > 0 {
            open.ticks.entry(key.0).or_default().extend(std::iter::repeat_n(offset, kept));
            self.ticks += kept;
        }
        weight.samples - kept as u64
    }
}

impl Aggregate {
    /// From here on, keeps windows of this many seconds for [`take_windows`](Self::take_windows), as
    /// [`Retention::window`](super::Retention::window) does from the start.
    pub fn keep_windows(&mut self, seconds: u64) {
        self.retention.window = Some(seconds);
        self.pending = Some(Pending::new(seconds));
    }

    /// Takes the windows that were over at `before` (Unix nanoseconds), oldest first. They are not pending any more: hand
    /// them on before the aggregate is unlocked, or a reader finds them nowhere. Nothing if [`Retention::window`] is
    /// `None`.
    ///
    /// [`Retention::window`]: super::Retention::window
    pub fn take_windows(&mut self, before: u64) -> Vec<Window> {
        let Some(pending) = &mut self.pending else { return Vec::new() };
        let open = (before / NANOSECONDS).saturating_sub(pending.length) + 1;
        let still = pending.windows.split_off(&open);
        let over = std::mem::replace(&mut pending.windows, still);
        let length = pending.length;
        let ticks: usize = over.values().flat_map(|open| open.ticks.values()).map(Vec::len).sum();
        pending.ticks -= ticks;
        over.into_iter().map(|(second, open)| self.window(second, length, &open)).collect()
    }

    /// Copies of the windows that were not taken yet, oldest first.
    pub fn pending_windows(&self) -> Vec<Window> {
        let Some(pending) = &self.pending else { return Vec::new() };
        pending.windows.iter().map(|(&second, open)| self.window(second, pending.length, open)).collect()
    }

    fn window(&self, second: u64, length: u64, open: &Open) -> Window {
        let mut window = Window {
            start: second * NANOSECONDS,
            length: length * NANOSECONDS,
            rows: Vec::with_capacity(open.entries.len()),
            ..Window::default()
        };
        let mut series: FxHashMap<SeriesId, u32> = FxHashMap::default();
        let mut copier = Copier::new(&self.stacks, Frame::clone);
        // A map has no order; the same samples shall give the same window.
        let mut sorted: Vec<_> = open.entries.iter().collect();
        sorted.sort_unstable_by_key(|(key, _)| **key);
        for (&(series_id, stack_id), &weight) in sorted {
            let series = *series.entry(series_id).or_insert_with(|| {
                window.series.push(self.series_of(series_id).clone());
                window.series.len() as u32 - 1
            });
            let stack = copier.copy(stack_id, None, &mut window.stacks);
            window.rows.push(WindowRow { series, stack, weight });
        }
        for (id, offsets) in &open.ticks {
            // Each tick came with a row.
            if let Some(&series) = series.get(id) {
                let mut offsets = offsets.clone();
                offsets.sort_unstable();
                window.ticks.push(WindowTicks { series, offsets });
            }
        }
        window.ticks.sort_unstable_by_key(|ticks| ticks.series);
        window
    }
}
