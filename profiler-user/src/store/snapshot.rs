//! All that there is at one moment, to be asked: windows that are not written yet, those in logs, and files. It must not know
//! how a question is answered: [`select`](super::select) does.

use std::sync::Arc;

use super::encode::encode;
use super::maintain;
use super::names::{Level, Table};
use super::objects::Objects;
use super::plan::{Segment, day};
use super::select::{Content, Source, Sources, WINDOW_MS, count_ticks, select};
use super::state::{State, Written};
use crate::aggregate::Window;
use crate::model::select::{Select, SelectError, SelectTicks, Selected, SelectedTicks};

/// What windows are rolled up to, nanoseconds.
const ROLLED_UP: u64 = maintain::ROLLED_UP as u64 * 1_000_000;

/// All that there was when it was taken, each window once. It stays readable: files are not deleted as long as it is there,
/// so do not keep it.
#[derive(Debug)]
pub struct Snapshot {
    objects: Objects,
    node: Arc<str>,
    pending: Vec<Window>,
    queued: Vec<Arc<Window>>,
    written: Vec<Arc<Written>>,
    segments: Arc<Vec<Arc<Segment>>>,
    complete_since: i64,
}

impl Snapshot {
    pub(super) fn new(objects: Objects, node: Arc<str>, state: &State, pending: Vec<Window>) -> Snapshot {
        Snapshot {
            objects,
            node,
            pending,
            queued: state.queue.iter().map(|queued| queued.window.clone()).collect(),
            written: state.unsealed.iter().flat_map(|log| log.windows.iter().cloned()).collect(),
            segments: state.segments.clone(),
            complete_since: state.complete_since,
        }
    }

    /// Answers a question. Blocks, and takes as long as the disk does: not for async code.
    ///
    /// # Errors
    /// As [`SelectError`] says.
    pub fn select(&self, question: &Select) -> Result<Selected, SelectError> {
        let mut selected = select(&self.objects, &self.sources(question), question)?;
        let complete = u64::try_from(self.complete_since).unwrap_or(0).saturating_mul(1_000_000);
        selected.complete_since = selected.complete_since.max(complete);
        Ok(selected)
    }

    /// How many samples were taken when. Blocks, as [`select`](Self::select) does.
    ///
    /// Whether moments are missing, as they were not kept, is told by the samples themselves: where a window has more of
    /// them than moments, the answer is complete only after it. So no file must say what another has lost.
    ///
    /// # Errors
    /// As [`SelectError`] says.
    pub fn ticks(&self, question: &SelectTicks) -> Result<SelectedTicks, SelectError> {
        // Windows are compared whole, rolled up ones too.
        let first = question.since - question.since % ROLLED_UP;
        let windows = Select {
            since: first,
            until: question.until,
            selector: question.selector.clone(),
            step: Some(WINDOW_MS * 1_000_000),
            cancelled: question.cancelled.clone(),
            ..Select::default()
        };
        let samples = self.select(&windows)?;
        let counted = count_ticks(&self.objects, &self.sources(&windows).ticks, question, &windows)?;
        let mut complete_since = samples.complete_since.max(question.since);
        for row in &samples.rows {
            if row.weight.samples > counted.windows.get(row.step as usize).copied().unwrap_or(0) {
                let start = first.saturating_add(u64::from(row.step) * WINDOW_MS * 1_000_000);
                complete_since = complete_since.max(start.saturating_add(self.resolution(start)));
            }
        }
        Ok(SelectedTicks { counts: counted.parts, complete_since })
    }

    /// Unix nanoseconds from which on nothing that was sampled is missing. What a crash kept from being written is not known
    /// to be missing: some ten seconds.
    pub fn complete_since(&self) -> u64 {
        u64::try_from(self.complete_since).unwrap_or(0).saturating_mul(1_000_000)
    }

    /// Nanoseconds of the coarsest windows that samples since this time (Unix nanoseconds) are kept in: a minute where any
    /// of them were rolled up.
    pub fn resolution(&self, since: u64) -> u64 {
        let since = i64::try_from(since / 1_000_000).unwrap_or(i64::MAX);
        let rolled_up = self.segments.iter().any(|segment| {
            let name = &segment.name;
            name.table == Table::Samples && name.level == Level::RolledUp && segment.times.1 > since
        });
        if rolled_up { ROLLED_UP } else { WINDOW_MS * 1_000_000 }
    }

    /// What there is that a question may need.
    fn sources(&self, question: &Select) -> Sources {
        let mut sources = Sources::default();
        let windows = self.pending.iter().chain(self.queued.iter().map(|window| &**window));
        // To encode them takes time, so only those that are asked for.
        let asked = windows.filter(|window| {
            window.start < question.until && window.start.saturating_add(window.length) > question.since
        });
        for window in asked.filter(|window| !window.rows.is_empty()) {
            let encoded = encode(window, &self.node, |_, _| question.stacks);
            let others = (Some(encoded.ticks), Some(encoded.stacks));
            sources.add(&Written::new(self.node.clone(), encoded.samples, others));
        }
        self.written.iter().for_each(|window| sources.add(window));
        for segment in self.segments.iter() {
            let content = Content::Object { path: segment.name.path(), size: segment.bytes };
            let source = Source { content, times: segment.times.0..segment.times.1 };
            match segment.name.table {
                Table::Samples => sources.samples.push(source),
                Table::Stacks => sources.stacks.push(source),
                Table::Ticks => sources.ticks.push(source),
            }
        }
        sources
    }
}

impl Sources {
    fn add(&mut self, window: &Written) {
        let (start, end) = day(&window.partition);
        let samples = Content::Batches(vec![window.samples.clone()]);
        self.samples.push(Source { content: samples, times: window.times.0..window.times.1 });
        if let Some(ticks) = &window.ticks {
            let content = Content::Batches(vec![ticks.clone()]);
            self.ticks.push(Source { content, times: window.times.0..window.times.1 });
        }
        if let Some(stacks) = &window.stacks {
            // They may be those of any window of the day.
            self.stacks.push(Source { content: Content::Batches(vec![stacks.clone()]), times: start..end });
        }
    }
}
