//! From the log to Parquet: stacks first, then samples, then the log goes. It must not know what becomes of files.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use object_store::path::Path;

use super::files;
use super::log;
use super::merge;
use super::names::{Level, Partition, SegmentName, Table};
use super::plan::Segment;
use super::state::{Unsealed, Written};
use super::ticks;
use super::worker::{Failed, Worker};
use crate::allocator;

impl Worker {
    /// Seals logs of earlier runs, and that of this one when it is time.
    pub(super) fn seal_due(&mut self, now: Instant) -> Result<(), Failed> {
        let early = self.options.memory.is_early(self.shared.lock().unsealed_bytes());
        if let Some((_, begun)) = &self.log
            && (early || *begun + self.options.intervals.seal <= now)
        {
            self.log = None;
        }
        let open = self.log.as_ref().map(|(log, _)| log.number);
        // In their order: what is sealed is older than what is not, which recovery relies on.
        loop {
            let Some(log) = self.shared.lock().unsealed.first().cloned() else { return Ok(()) };
            if Some(log.number) == open {
                return Ok(());
            }
            self.seal(&log)?;
        }
    }

    fn seal(&mut self, log: &Unsealed) -> Result<(), Failed> {
        let begun = Instant::now();
        let mut partitions: BTreeMap<&Partition, Vec<&Arc<Written>>> = BTreeMap::new();
        for window in &log.windows {
            partitions.entry(&window.partition).or_default().push(window);
        }
        let mut new = Vec::new();
        for (partition, windows) in &partitions {
            new.extend(self.seal_table(Table::Stacks, log.number, partition, windows)?);
        }
        for (partition, windows) in &partitions {
            new.extend(self.seal_table(Table::Ticks, log.number, partition, windows)?);
            new.extend(self.seal_table(Table::Samples, log.number, partition, windows)?);
        }
        if log.damaged {
            let path = Path::from_iter([log::FOLDER.to_owned(), format!("{:08}.wal", log.number)]);
            // It was counted when it was found.
            files::set_aside(&self.objects, &path, self.options.limits.max_bytes / 10)?;
            self.shared.lock().status.corrupt = files::corrupt(&self.objects)?;
        } else {
            log::delete(&self.options.directory, log.number, &self.options.steps)?;
        }
        let mut state = self.shared.lock();
        state.unsealed.retain(|unsealed| unsealed.number != log.number);
        state.replace(&[], files::shared(new));
        state.status.seals.count += 1;
        state.status.seals.time += begun.elapsed();
        drop(state);
        allocator::give_back();
        self.maintain = Instant::now();
        Ok(())
    }

    fn seal_table(
        &self,
        table: Table,
        number: u32,
        partition: &Partition,
        windows: &[&Arc<Written>],
    ) -> Result<Option<Segment>, Failed> {
        let failed = |error: merge::MergeError| Failed(format!("sealing log {number} failed: {error}"));
        let content = match table {
            Table::Samples => {
                let sources = windows.iter().map(|window| merge::slices(table, &window.samples)).collect();
                merge::samples(partition, sources, None).map_err(failed)?
            }
            Table::Ticks => {
                let sources = windows.iter().filter_map(|window| window.ticks.as_ref());
                ticks::merge(partition, sources.map(|source| merge::slices(table, source)).collect())
                    .map_err(failed)?
            }
            Table::Stacks => {
                let stacks = windows.iter().filter_map(|window| window.stacks.as_ref());
                merge::stacks(partition, stacks.map(|stacks| merge::slices(table, stacks)).collect())
                    .map_err(failed)?
            }
        };
        let Some(content) = content else { return Ok(None) };
        let partition = partition.clone();
        let name = SegmentName { table, partition, first: number, last: number, level: Level::Sealed };
        files::put(&self.objects, name, content).map(Some).map_err(|error| Failed(error.to_string()))
    }
}
