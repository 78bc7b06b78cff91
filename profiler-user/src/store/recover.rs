//! Puts in order what the last run has left, however it ended.
//!
//! - Files that were put together into others, and not deleted yet, are deleted: names tell.
//! - Logs that are there are not sealed, or not known to be: their windows are taken into memory, and files that were made
//!   of them already do not count. They are made again, under the same names.
//! - What can't be read is set aside.
//!
//! It must not know what happens to a store that is open.

use std::collections::HashSet;
use std::sync::Arc;

use object_store::path::Path;

use super::block::Block;
use super::decode::node_of;
use super::files;
use super::folder::CORRUPT;
use super::log;
use super::names::{Level, Partition, SegmentName, Table};
use super::objects::{Listed, Objects};
use super::options::Options;
use super::plan::Segment;
use super::state::{State, Unsealed, Written};
use super::{StoreError, encode};

/// What was found when a store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Windows that were in logs.
    pub windows: u64,
    /// Bytes of windows that were being written when the last run ended: they are lost.
    pub torn_bytes: u64,
    /// Files that could not be read, each with the reason. They are in the folder `corrupt`.
    pub set_aside: Vec<String>,
    /// Files in the folders of the tables that are not of the store: they are left alone.
    pub strangers: u64,
}

/// Where a store starts from.
#[derive(Debug)]
pub struct Recovered {
    /// What is there.
    pub state: State,
    /// The number of the next log.
    pub next_log: u32,
    /// What was found.
    pub opened: Opened,
}

/// Reads what is there.
///
/// # Errors
/// If the directory can't be read, or what can't be read can't be set aside.
pub fn recover(objects: &Objects, options: &Options) -> Result<Recovered, StoreError> {
    let mut recovery =
        Recovery { objects, options, opened: Opened::default(), state: State::default(), highest: 0 };
    let mut segments = Vec::new();
    for table in Table::ALL {
        let folder = Path::from(table.name());
        objects.remove_leftovers(&folder)?;
        for listed in objects.list(&folder)? {
            segments.extend(recovery.segment(listed)?);
        }
    }
    let mut segments = recovery.drop_superseded(segments)?;
    recovery.logs(&mut segments)?;
    let Recovery { opened, mut state, highest, .. } = recovery;
    let now = encode::milliseconds((options.clock)());
    let first_segment = segments.iter().filter(|segment| segment.name.table == Table::Samples);
    let first_window = state.unsealed.iter().flat_map(|log| &log.windows).map(|window| window.times.0);
    let oldest = first_segment.map(|segment| segment.times.0).chain(first_window).min();
    // Files that were set aside had samples of times that only they knew.
    state.missing_until(if opened.set_aside.is_empty() { oldest.unwrap_or(now) } else { now });
    state.segments = Arc::new(segments);
    state.status.set_aside = opened.set_aside.len() as u64;
    state.status.last_set_aside = opened.set_aside.last().cloned();
    state.status.corrupt = files::corrupt(objects)?;
    Ok(Recovered { state, next_log: highest.saturating_add(1), opened })
}

struct Recovery<'a> {
    objects: &'a Objects,
    options: &'a Options,
    opened: Opened,
    state: State,
    /// The highest number that any file has.
    highest: u32,
}

impl Recovery<'_> {
    /// The segment that a file is, if it is one that can be read.
    fn segment(&mut self, listed: Listed) -> Result<Option<Arc<Segment>>, StoreError> {
        let Some(name) = SegmentName::parse(&listed.path) else {
            self.opened.strangers += 1;
            return Ok(None);
        };
        self.highest = self.highest.max(name.last);
        match files::look(self.objects, name, listed.bytes) {
            Ok(segment) => Ok(Some(Arc::new(segment))),
            Err(error) => {
                self.set_aside(&listed.path, error.to_string())?;
                Ok(None)
            }
        }
    }

    /// Deletes what was put together into another file, which can be read.
    fn drop_superseded(&self, segments: Vec<Arc<Segment>>) -> Result<Vec<Arc<Segment>>, StoreError> {
        let mut kept = Vec::new();
        for segment in &segments {
            if segments.iter().any(|other| other.name.supersedes(&segment.name)) {
                self.objects.delete(&segment.name.path())?;
            } else {
                kept.push(segment.clone());
            }
        }
        Ok(kept)
    }

    fn logs(&mut self, segments: &mut Vec<Arc<Segment>>) -> Result<(), StoreError> {
        // Logs are sealed in their order, and deleted before their files are put together.
        let sealed = segments
            .iter()
            .filter(|segment| segment.name.level > Level::Sealed || segment.name.first < segment.name.last);
        let sealed = sealed.map(|segment| segment.name.last).max().unwrap_or(0);
        let mut seen = HashSet::new();
        for number in log::numbers(&self.options.directory)? {
            self.highest = self.highest.max(number);
            let found = log::read(&self.options.directory, number)?;
            let path = Path::from_iter([log::FOLDER.to_owned(), format!("{number:08}.wal")]);
            if number <= sealed {
                self.set_aside(&path, format!("{path} was sealed before, and is there again"))?;
                continue;
            }
            self.opened.torn_bytes += found.torn;
            let windows: Vec<Arc<Written>> = found
                .blocks
                .into_iter()
                .filter(|block| seen.insert(block.id))
                .filter_map(written)
                .map(Arc::new)
                .collect();
            match (&found.damage, windows.is_empty()) {
                (Some(damage), true) => self.set_aside(&path, format!("{path} can't be read: {damage}"))?,
                (None, true) => log::delete(&self.options.directory, number, &self.options.steps)?,
                _ => {
                    if let Some(damage) = &found.damage {
                        let kept = windows.len();
                        let text = format!("{path} can't be read whole, {kept} windows of it can: {damage}");
                        self.opened.set_aside.push(text);
                    }
                    // What was made of it does not count: it is made again.
                    segments.retain(|segment| (segment.name.first, segment.name.last) != (number, number));
                    self.opened.windows += windows.len() as u64;
                    let damaged = found.damage.is_some();
                    self.state.unsealed.push(Unsealed { number, windows, bytes: found.bytes, damaged });
                }
            }
        }
        Ok(())
    }

    fn set_aside(&mut self, path: &Path, reason: String) -> Result<(), StoreError> {
        files::set_aside(self.objects, path, self.options.limits.max_bytes / 10)?;
        self.opened.set_aside.push(format!("{reason}; it is in the folder `{CORRUPT}` now"));
        Ok(())
    }
}

/// A block as a window that is in memory. `None`: it has no rows.
pub(super) fn written(block: Block) -> Option<Written> {
    let node = node_of(&block.samples).ok()?;
    Some(Written::new(node, block.samples, (block.ticks, block.stacks)))
}

impl Written {
    /// A window's rows, of which there is at least one; all are of the same window.
    pub fn new(
        node: Arc<str>,
        samples: arrow_array::RecordBatch,
        (ticks, stacks): (Option<arrow_array::RecordBatch>, Option<arrow_array::RecordBatch>),
    ) -> Written {
        use arrow_array::cast::AsArray;
        use arrow_array::types::{Int32Type, TimestampMillisecondType};
        let start = samples["time"].as_primitive::<TimestampMillisecondType>().value(0);
        let length = samples["window_ms"].as_primitive::<Int32Type>().value(0);
        let others = [&ticks, &stacks].into_iter().flatten();
        let others: usize = others.map(|batch| batch.get_array_memory_size()).sum();
        let bytes = samples.get_array_memory_size() + others;
        Written {
            partition: Partition { node, date: super::build::date_of(start) },
            times: (start, start.saturating_add(i64::from(length))),
            samples,
            ticks,
            stacks,
            bytes,
        }
    }
}
