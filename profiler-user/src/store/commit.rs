//! From the queue to the log: windows are on the disk then. It must not know what becomes of logs.

use std::sync::Arc;
use std::time::Instant;

use super::block::{Block, BlockId};
use super::encode::encode;
use super::files;
use super::log::Log;
use super::names::Table;
use super::rows::StackHash;
use super::state::{Queued, Unsealed, Written};
use super::worker::{Failed, Worker};

/// Most windows that are written before the disk is waited for.
const MOST_AT_ONCE: usize = 16;

/// A window on its way.
struct OnItsWay {
    written: Arc<Written>,
    date: i32,
    new_stacks: Vec<StackHash>,
    samples: u64,
}

impl Worker {
    /// Commits windows that wait, several at once if there are, unless those that are not sealed take more than `most` bytes.
    pub(super) fn commit(&mut self, most: usize) -> Result<(), Failed> {
        let queued: Vec<Queued> = {
            let state = self.shared.lock();
            if state.unsealed_bytes() >= most {
                return Ok(());
            }
            state.queue.iter().take(MOST_AT_ONCE).cloned().collect()
        };
        if queued.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let mut windows = Vec::with_capacity(queued.len());
        let first = self.next_window;
        let written = self.write(&queued, &mut windows);
        if written.is_err() {
            self.give_back(&windows);
            // The same windows will have the same numbers: should one be in two logs, it is read once.
            self.next_window = first;
            // What was begun must not be taken for a window; if it can't be cut off, another log is begun.
            let cut = self.log.as_mut().map(|(log, _)| log.cut());
            if cut.is_some_and(|cut| cut.is_err()) {
                self.log = None;
            }
            return written;
        }
        self.publish(windows, begun);
        Ok(())
    }

    fn write(&mut self, queued: &[Queued], windows: &mut Vec<OnItsWay>) -> Result<(), Failed> {
        let node: Arc<str> = self.options.node.as_str().into();
        for Queued { window, .. } in queued {
            let date = super::build::date_of(super::encode::milliseconds(window.start));
            self.know(date)?;
            let encoded = encode(window, &node, |date, stack| !self.known.contains(date, stack));
            encoded.hashes.iter().for_each(|&stack| self.known.insert(date, stack));
            let stacks = (encoded.stacks.num_rows() > 0).then_some(encoded.stacks);
            let ticks = (encoded.ticks.num_rows() > 0).then_some(encoded.ticks);
            let written = Written::new(node.clone(), encoded.samples, (ticks, stacks));
            let id = BlockId { run: self.run, window: self.next_window };
            let block = Block {
                id,
                samples: written.samples.clone(),
                ticks: written.ticks.clone(),
                stacks: written.stacks.clone(),
            };
            windows.push(OnItsWay {
                written: Arc::new(written),
                date,
                new_stacks: encoded.hashes,
                samples: encoded.weight,
            });
            let bytes = block.encode().map_err(|error| Failed(error.to_string()))?;
            self.log()?.write(&bytes)?;
            self.next_window += 1;
        }
        Ok(self.log()?.keep()?)
    }

    /// The log that is written; a new one, if there is none.
    fn log(&mut self) -> Result<&mut Log, Failed> {
        if self.log.is_none() {
            // A number is used once, also where that fails: something may be there.
            let number = self.next_log;
            self.next_log =
                number.checked_add(1).ok_or_else(|| Failed("no number is left for a log".to_owned()))?;
            let log = Log::create(&self.options.directory, number, &self.options.steps)?;
            // Known from the beginning: whatever happens to it, it is to be deleted before later ones are sealed.
            let unsealed = Unsealed { number, windows: Vec::new(), bytes: 0, damaged: false };
            self.shared.lock().unsealed.push(unsealed);
            self.log = Some((log, Instant::now()));
        }
        Ok(&mut self.log.as_mut().expect("it was just made").0)
    }

    /// Reads which stacks of a day are stored, if that is not known.
    fn know(&mut self, date: i32) -> Result<(), Failed> {
        if self.known.has_day(date) {
            return Ok(());
        }
        let (segments, windows) = {
            let state = self.shared.lock();
            let windows: Vec<_> = state.unsealed.iter().flat_map(|log| log.windows.clone()).collect();
            (state.segments.clone(), windows)
        };
        let mut stacks = Vec::new();
        for segment in segments.iter() {
            let partition = &segment.name.partition;
            if segment.name.table != Table::Stacks
                || (&*partition.node, partition.date) != (&self.options.node, date)
            {
                continue;
            }
            match files::stack_ids(&self.objects, segment) {
                Ok(ids) => stacks.extend(ids),
                Err(error) => self.unreadable(segment, error)?,
            }
        }
        for window in windows {
            let partition = &window.partition;
            if let Some(batch) = &window.stacks
                && (&*partition.node, partition.date) == (&self.options.node, date)
            {
                stacks.extend(super::decode::stack_hashes(batch).map_err(|error| Failed(error.to_string()))?);
            }
        }
        self.known.load(date, stacks);
        Ok(())
    }

    fn give_back(&mut self, windows: &[OnItsWay]) {
        for window in windows {
            window.new_stacks.iter().for_each(|stack| self.known.remove(window.date, stack));
        }
    }

    /// The windows are in the log: they leave the queue.
    fn publish(&mut self, windows: Vec<OnItsWay>, begun: Instant) {
        let Some((log, _)) = &self.log else { return };
        let mut state = self.shared.lock();
        for _ in &windows {
            if let Some(queued) = state.queue.pop_front() {
                state.queued_bytes -= queued.bytes;
            }
        }
        for window in &windows {
            state.status.windows_written += 1;
            state.status.rows_written += window.written.samples.num_rows() as u64;
            state.status.samples_written += window.samples;
            state.status.stacks_written += window.new_stacks.len() as u64;
        }
        state.status.last_commit = Some((self.options.clock)());
        state.status.commits.count += 1;
        state.status.commits.time += begun.elapsed();
        if let Some(unsealed) = state.unsealed.iter_mut().find(|unsealed| unsealed.number == log.number) {
            unsealed.bytes = log.bytes();
            unsealed.windows.extend(windows.into_iter().map(|window| window.written));
        }
    }
}
