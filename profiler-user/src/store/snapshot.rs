//! All that there is at one moment, to be asked: windows that are not written yet, those in logs, and files. It must not know
//! how a question is answered: [`select`](super::select) does.

use std::sync::Arc;

use super::encode::encode;
use super::names::{Level, Table};
use super::objects::Objects;
use super::plan::{Segment, day};
use super::select::{Content, Source, Sources, select};
use super::state::{State, Written};
use crate::aggregate::Window;
use crate::model::select::{Select, SelectError, Selected};

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
        if rolled_up { 60_000_000_000 } else { 10_000_000_000 }
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
            sources.add(&Written::new(self.node.clone(), encoded.samples, Some(encoded.stacks)));
        }
        self.written.iter().for_each(|window| sources.add(window));
        for segment in self.segments.iter() {
            let content = Content::Object { path: segment.name.path(), size: segment.bytes };
            let source = Source { content, times: segment.times.0..segment.times.1 };
            match segment.name.table {
                Table::Samples => sources.samples.push(source),
                Table::Stacks => sources.stacks.push(source),
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
        if let Some(stacks) = &window.stacks {
            // They may be those of any window of the day.
            self.stacks.push(Source { content: Content::Batches(vec![stacks.clone()]), times: start..end });
        }
    }
}
