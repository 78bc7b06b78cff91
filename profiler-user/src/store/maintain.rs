//! Files that are there: put together, rolled up, deleted, set aside. What to do next says [`plan`](super::plan). It must not
//! know logs nor windows.

use std::sync::Arc;
use std::time::Instant;

use super::encode::milliseconds;
use super::files::{self, FileError};
use super::merge::{self, MergeError};
use super::names::{Level, SegmentName, Table};
use super::plan::{self, Job, Segment, Situation};
use super::ticks;
use super::worker::{Failed, Worker};
use crate::allocator;

/// A minute: what samples are rolled up to, milliseconds.
pub(super) const ROLLED_UP: i32 = 60_000;

impl Worker {
    /// Does the next thing that is due, and deletes what nobody reads any more. One at a time, so that windows do not wait.
    pub(super) fn maintain(&mut self, now: Instant) -> Result<(), Failed> {
        self.collect_garbage()?;
        let compact = self.compacted + self.options.intervals.compact <= now;
        let job = {
            let state = self.shared.lock();
            let logs: u64 = state.unsealed.iter().map(|log| log.bytes).sum();
            let garbage: u64 = self.garbage.iter().map(|segment| segment.bytes).sum();
            let situation = Situation {
                segments: &state.segments,
                in_use: &state.in_use(),
                other_bytes: logs + garbage + state.status.corrupt.bytes,
                now: milliseconds((self.options.clock)()),
                compact,
            };
            plan::next(&situation, &self.options.limits, &self.options.intervals)
        };
        match job {
            Some(Job::Delete(segment)) => self.expire(&segment),
            Some(Job::Forget(segment)) => self.forget(&segment),
            Some(Job::Merge { inputs, output }) => self.put_together(&inputs, output)?,
            None => {
                if compact {
                    self.compacted = now;
                }
                // Files come only by sealing, which calls for this, and age slowly.
                let intervals = self.options.intervals;
                self.maintain = now + intervals.seal.min(intervals.compact);
            }
        }
        Ok(())
    }

    /// Whoever reads a file that is to be deleted holds it; its bytes still count.
    pub(super) fn collect_garbage(&mut self) -> Result<(), Failed> {
        while let Some(at) = self.garbage.iter().position(|segment| Arc::strong_count(segment) == 1) {
            self.objects.delete(&self.garbage[at].name.path())?;
            self.garbage.swap_remove(at);
        }
        Ok(())
    }

    fn expire(&mut self, segment: &Arc<Segment>) {
        let mut state = self.shared.lock();
        state.replace(std::slice::from_ref(segment), Vec::new());
        state.status.expired.add(segment.bytes);
        if segment.name.table == Table::Samples {
            state.missing_until(segment.times.1);
        }
        drop(state);
        self.discard(std::slice::from_ref(segment));
    }

    /// No limit makes it go: what it has is not kept for longer.
    fn forget(&mut self, segment: &Arc<Segment>) {
        self.shared.lock().replace(std::slice::from_ref(segment), Vec::new());
        self.discard(std::slice::from_ref(segment));
    }

    fn discard(&mut self, segments: &[Arc<Segment>]) {
        for segment in segments {
            if segment.name.table == Table::Stacks && *segment.name.partition.node == *self.options.node {
                // Those that were only in this file have to be written again if they come again.
                self.known.forget(segment.name.partition.date);
            }
            self.garbage.push(segment.clone());
        }
    }

    fn put_together(&mut self, inputs: &[Arc<Segment>], output: SegmentName) -> Result<(), Failed> {
        let begun = Instant::now();
        let mut sources = Vec::with_capacity(inputs.len());
        for input in inputs {
            match files::batches(&self.objects, input) {
                Ok(batches) => sources.push(batches),
                // Without it there is another plan.
                Err(error) => return self.unreadable(input, error),
            }
        }
        let step = (output.level == Level::RolledUp).then_some(ROLLED_UP);
        let merged = match output.table {
            Table::Samples => merge::samples(&output.partition, sources, step),
            Table::Stacks => merge::stacks(&output.partition, sources),
            Table::Ticks => ticks::merge(&output.partition, sources),
        };
        let content = match merged {
            Err(MergeError { input: Some(input), error }) => {
                let path = inputs[input].name.path().to_string();
                return self.unreadable(&inputs[input], FileError::Content { path, source: error });
            }
            other => other.map_err(|error| Failed(format!("putting files together failed: {error}")))?,
        };
        let level = output.level;
        let new = match content {
            Some(content) => match files::put(&self.objects, output.clone(), content) {
                Ok(new) => vec![new],
                Err(error) => {
                    // It may be there all the same, and the next plan may be another: nothing is done before it is gone.
                    let times = plan::day(&output.partition);
                    let unwanted = Segment { name: output, bytes: 0, times, unknown_columns: false };
                    self.garbage.push(Arc::new(unwanted));
                    return Err(Failed(error.to_string()));
                }
            },
            None => Vec::new(),
        };
        let mut state = self.shared.lock();
        state.replace(inputs, files::shared(new));
        let status = &mut state.status;
        let work = if level == Level::RolledUp { &mut status.roll_ups } else { &mut status.compactions };
        work.count += 1;
        work.time += begun.elapsed();
        drop(state);
        allocator::give_back();
        self.garbage.extend(inputs.iter().cloned());
        Ok(())
    }

    /// A file is not what it was: it is set aside, and the store goes on without it. That it can't be reached is another
    /// matter, and may pass.
    pub(super) fn unreadable(&mut self, segment: &Arc<Segment>, error: FileError) -> Result<(), Failed> {
        match &error {
            FileError::Object(failed) if failed.is_not_found() => {}
            FileError::Object(failed) => return Err(Failed(failed.to_string())),
            FileError::Content { .. } => {
                files::set_aside(&self.objects, &segment.name.path(), self.options.limits.max_bytes / 10)?;
            }
        }
        let corrupt = files::corrupt(&self.objects)?;
        let now = milliseconds((self.options.clock)());
        let mut state = self.shared.lock();
        state.replace(std::slice::from_ref(segment), Vec::new());
        if segment.name.table == Table::Samples {
            state.missing_until(segment.times.1.min(now));
        }
        state.status.corrupt = corrupt;
        state.status.set_aside += 1;
        state.status.last_set_aside = Some(error.to_string());
        drop(state);
        if segment.name.table == Table::Stacks {
            self.known.forget(segment.name.partition.date);
        }
        Ok(())
    }
}
