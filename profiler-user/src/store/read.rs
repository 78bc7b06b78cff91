//! Reads a store that is another process's, or nobody's: nothing is written, locked or put in order.
//!
//! A running service makes files and deletes those that it has put together. So the files are listed before a question is
//! answered and after it: if both lists are the same, the answer is of all that there was; else it is thrown away and made
//! again. Names are never used twice. What the service has only in memory, some ten seconds, is not in the answer. It must
//! not know what is asked.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::path::Path as ObjectPath;

use super::files;
use super::log;
use super::names::{Level, SegmentName, Table};
use super::objects::{Listed, Objects};
use super::plan::Segment;
use super::recover::written;
use super::snapshot::Snapshot;
use super::state::{State, Unsealed, Written};
use super::{FileError, StoreError};
use crate::model::select::SelectError;

/// How often it is tried: files change every few minutes, and an answer takes seconds.
const TRIES: usize = 5;
/// The tables that profiles are made of.
const TABLES: [Table; 2] = [Table::Samples, Table::Stacks];

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such directory, or no store in it.
    #[error("there is no store in {0:?}")]
    NoStore(PathBuf),
    /// The directory or a file.
    #[error("the store {path:?} can't be read: {source}")]
    Store {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: Box<StoreError>,
    },
    /// The answer.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Files came and went each time.
    #[error("the store {0:?} changes faster than it can be read")]
    Changes(PathBuf),
}

/// What a store answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<T> {
    /// The answer.
    pub answer: T,
    /// When the last window that is stored was over, Unix nanoseconds; 0: there is none.
    pub until: u64,
    /// Files that can't be read, each with the reason: the answer lacks what was in them.
    pub unreadable: Vec<String>,
}

/// Asks the store in this directory. `ask` may be called several times; only its last answer counts.
///
/// # Errors
/// As [`ReadError`] says.
pub fn read<T>(
    directory: &Path,
    ask: impl Fn(&Snapshot) -> Result<T, SelectError>,
) -> Result<Read<T>, ReadError> {
    let failed =
        |source: StoreError| ReadError::Store { path: directory.to_owned(), source: Box::new(source) };
    let is_store =
        directory.join(Table::Samples.name()).try_exists().map_err(|error| failed(error.into()))?;
    if !is_store {
        return Err(ReadError::NoStore(directory.to_owned()));
    }
    let objects = Objects::local(directory).map_err(|error| failed(error.into()))?;
    for _ in 0..TRIES {
        let before = Files::list(directory, &objects).map_err(failed)?;
        let read = Reader { directory, objects: &objects, unreadable: Vec::new() }.read(&before, &ask);
        if Files::list(directory, &objects).map_err(failed)? == before {
            return read.map_err(|error| match error {
                Failed::Store(error) => failed(error),
                Failed::Select(error) => error.into(),
            });
        }
    }
    Err(ReadError::Changes(directory.to_owned()))
}

/// The files that there are.
#[derive(Debug, PartialEq, Eq)]
struct Files {
    logs: Vec<u32>,
    segments: Vec<Listed>,
}

impl Files {
    fn list(directory: &Path, objects: &Objects) -> Result<Files, StoreError> {
        let logs = match log::numbers(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        let mut segments = Vec::new();
        for table in TABLES {
            segments.extend(objects.list(&ObjectPath::from(table.name()))?);
        }
        Ok(Files { logs, segments })
    }
}

enum Failed {
    Store(StoreError),
    Select(SelectError),
}

struct Reader<'a> {
    directory: &'a Path,
    objects: &'a Objects,
    unreadable: Vec<String>,
}

impl Reader<'_> {
    fn read<T>(
        mut self,
        files: &Files,
        ask: impl Fn(&Snapshot) -> Result<T, SelectError>,
    ) -> Result<Read<T>, Failed> {
        let mut segments = self.segments(files).map_err(Failed::Store)?;
        let logs = self.logs(files, &mut segments).map_err(|error| Failed::Store(error.into()))?;
        let windows = logs.iter().flat_map(|log| &log.windows).map(|window| window.times);
        let samples = segments.iter().filter(|segment| segment.name.table == Table::Samples);
        let times: Vec<(i64, i64)> = samples.map(|segment| segment.times).chain(windows).collect();
        let nanoseconds = |time: i64| u64::try_from(time).unwrap_or(0).saturating_mul(1_000_000);
        let until = times.iter().map(|times| times.1).max().map_or(0, nanoseconds);
        let mut state = State { unsealed: logs, segments: Arc::new(segments), ..State::default() };
        // Before the first one is what has expired, or was never sampled.
        state.missing_until(times.iter().map(|times| times.0).min().unwrap_or(i64::MAX));
        let snapshot = Snapshot::new(self.objects.clone(), "".into(), &state, Vec::new());
        let answer = ask(&snapshot).map_err(Failed::Select)?;
        Ok(Read { answer, until, unreadable: self.unreadable })
    }

    /// The files that count.
    fn segments(&mut self, files: &Files) -> Result<Vec<Arc<Segment>>, StoreError> {
        let mut segments: Vec<Arc<Segment>> = Vec::new();
        for listed in &files.segments {
            let Some(name) = SegmentName::parse(&listed.path) else { continue };
            match files::look(self.objects, name, listed.bytes) {
                Ok(segment) => segments.push(Arc::new(segment)),
                Err(FileError::Object(error)) => return Err(error.into()),
                Err(error @ FileError::Content { .. }) => self.unreadable.push(error.to_string()),
            }
        }
        let superseded = |name: &SegmentName| segments.iter().any(|other| other.name.supersedes(name));
        Ok(segments.iter().filter(|segment| !superseded(&segment.name)).cloned().collect())
    }

    /// The logs that are not sealed. A file that was made of one that is still there does not count.
    fn logs(&mut self, files: &Files, segments: &mut Vec<Arc<Segment>>) -> io::Result<Vec<Unsealed>> {
        let merged = segments
            .iter()
            .filter(|segment| segment.name.level > Level::Sealed || segment.name.first < segment.name.last);
        let sealed = merged.map(|segment| segment.name.last).max().unwrap_or(0);
        let mut logs = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for &number in files.logs.iter().filter(|&&number| number > sealed) {
            let found = log::read(self.directory, number)?;
            if let Some(damage) = &found.damage {
                self.unreadable.push(format!("the log {number:08} can't be read whole: {damage}"));
            }
            let blocks = found.blocks.into_iter().filter(|block| seen.insert(block.id));
            let windows: Vec<Arc<Written>> = blocks.filter_map(written).map(Arc::new).collect();
            if !windows.is_empty() {
                segments.retain(|segment| (segment.name.first, segment.name.last) != (number, number));
                logs.push(Unsealed { number, windows, bytes: found.bytes, damaged: false });
            }
        }
        Ok(logs)
    }
}
