//! What was added and is not stored yet, window by window: the way from the aggregate to the store.
//!
//! Samples are summed here a second time, by windows that are as long as a row of the store stands for. To cut windows out
//! of the seconds was rejected: a sample that is late, or whose second had to go to make room, would be missing in the
//! store. It must not know what becomes of a window.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::{Aggregate, Entries, NANOSECONDS, SeriesId};
use crate::model::copier::Copier;
use crate::model::{Frame, Series, StackId, Stacks, Weight};

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
    pub(super) windows: BTreeMap<u64, Entries>,
}

impl Pending {
    pub(super) fn add(&mut self, second: u64, key: (SeriesId, StackId), weight: Weight) {
        *self.windows.entry(second - second % self.length).or_default().entry(key).or_default() += weight;
    }
}

impl Aggregate {
    /// From here on, keeps windows of this many seconds for [`take_windows`](Self::take_windows), as
    /// [`Retention::window`](super::Retention::window) does from the start.
    pub fn keep_windows(&mut self, seconds: u64) {
        self.retention.window = Some(seconds);
        self.pending = Some(Pending { length: seconds.max(1), windows: BTreeMap::new() });
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
        over.into_iter().map(|(second, entries)| self.window(second, length, &entries)).collect()
    }

    /// Copies of the windows that were not taken yet, oldest first.
    pub fn pending_windows(&self) -> Vec<Window> {
        let Some(pending) = &self.pending else { return Vec::new() };
        pending
            .windows
            .iter()
            .map(|(&second, entries)| self.window(second, pending.length, entries))
            .collect()
    }

    fn window(&self, second: u64, length: u64, entries: &Entries) -> Window {
        let mut window = Window {
            start: second * NANOSECONDS,
            length: length * NANOSECONDS,
            rows: Vec::with_capacity(entries.len()),
            ..Window::default()
        };
        let mut series: FxHashMap<SeriesId, u32> = FxHashMap::default();
        let mut copier = Copier::new(&self.stacks, Frame::clone);
        // A map has no order; the same samples shall give the same window.
        let mut sorted: Vec<_> = entries.iter().collect();
        sorted.sort_unstable_by_key(|(key, _)| **key);
        for (&(series_id, stack_id), &weight) in sorted {
            let series = *series.entry(series_id).or_insert_with(|| {
                window.series.push(self.series_of(series_id).clone());
                window.series.len() as u32 - 1
            });
            let stack = copier.copy(stack_id, None, &mut window.stacks);
            window.rows.push(WindowRow { series, stack, weight });
        }
        window
    }
}
