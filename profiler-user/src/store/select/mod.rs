//! Answers a question from what is stored: batches in memory and Parquet objects, by scans of the few columns that the
//! question needs.
//!
//! The samples are summed first, by the ids of their stacks; only then the frames of those stacks are read that the answer
//! speaks of. A query engine was rejected: it would be most of the binary, and knows neither that rows are sorted nor that
//! a stack's id means the same in every file.
//!
//! Whatever can't be read makes the whole answer an error: one with a hole would look like a process that was idle. A stack
//! whose frames no file has is a frame that says so, with its weight.
//!
//! It must not know which files there are, nor who writes them.

mod columns;
mod file;
mod frames;
mod groups;
#[cfg(test)]
mod hostile;
mod resolve;
mod scan;
mod sums;
#[cfg(test)]
mod tests;
mod ticks;
mod work;

use std::ops::{Range, RangeInclusive};

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use object_store::path::Path;
use parquet::errors::ParquetError;

use super::objects::Objects;
use super::schema::SAMPLES;
use crate::model::select::{Select, SelectError, Selected};
use file::File;
use groups::Groups;
use scan::Scan;
pub use ticks::{WINDOW_MS, count_ticks};

/// Everything that an answer may need.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Of the table `samples`. Each row counts: none may be in two of them.
    pub samples: Vec<Source>,
    /// Of the table `stacks`. They are read in this order until nothing is missing; a stack may be in several.
    pub stacks: Vec<Source>,
    /// Of the table `ticks`. Each row counts.
    pub ticks: Vec<Source>,
}

/// Some rows of a table.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where they are.
    pub content: Content,
    /// What `time` is at least, and less than; Unix milliseconds. May be wider than what is true. Not looked at in
    /// `stacks`.
    pub times: Range<i64>,
}

/// Where rows are.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory, with the types of the table's schema.
    Batches(Vec<RecordBatch>),
    /// In a Parquet object.
    Object {
        /// Its name.
        path: Path,
        /// Its size in bytes.
        size: u64,
    },
}

/// Why there is no answer from these sources.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// An object is not there any more: it was compacted or has expired since the sources were listed. List them again,
    /// and ask again.
    #[error("{path} is not there any more")]
    Gone {
        /// Its name.
        path: String,
    },
    /// Asking again will not help.
    #[error(transparent)]
    Failed(#[from] SelectError),
}

impl From<ReadError> for SelectError {
    fn from(error: ReadError) -> SelectError {
        match error {
            ReadError::Failed(error) => error,
            ReadError::Gone { .. } => SelectError::Store(error.to_string()),
        }
    }
}

/// What stops the reading of a source, while it is not known which one.
#[derive(Debug)]
enum Trouble {
    /// It is not there.
    Gone,
    /// It is not as it should be: in words, of which it is the subject.
    Content(String),
    /// Not its fault.
    Answer(SelectError),
}

impl From<SelectError> for Trouble {
    fn from(error: SelectError) -> Trouble {
        Trouble::Answer(error)
    }
}

impl From<String> for Trouble {
    fn from(content: String) -> Trouble {
        Trouble::Content(content)
    }
}

impl From<&str> for Trouble {
    fn from(content: &str) -> Trouble {
        Trouble::Content(content.to_owned())
    }
}

impl From<ParquetError> for Trouble {
    fn from(error: ParquetError) -> Trouble {
        Trouble::Content(error.to_string())
    }
}

impl Source {
    fn named(&self, trouble: Trouble) -> ReadError {
        let path = match &self.content {
            Content::Batches(_) => "rows that are not in a file yet",
            Content::Object { path, .. } => path.as_ref(),
        };
        match trouble {
            Trouble::Gone => ReadError::Gone { path: path.to_owned() },
            Trouble::Content(what) => SelectError::Store(format!("{path}: {what}")).into(),
            Trouble::Answer(error) => error.into(),
        }
    }
}

/// A part of a source that is read by one worker.
enum Part<'a> {
    Batches(&'a [RecordBatch]),
    /// And whether all its rows are inside the question's times.
    RowGroup(&'a File<'a>, usize, bool),
}

/// Answers a question. [`Selected::complete_since`] is the question's `since`: what is missing before the first source
/// only whoever lists the sources can know.
///
/// Blocks; takes a thread for each CPU, a few at most. The answer to the same question from the same sources is the same.
///
/// # Errors
/// If a source is gone, can't be read or makes no sense (then [`SelectError::Store`] with its name), if the answer would
/// be too large, or nobody wants it any more.
pub fn select(objects: &Objects, sources: &Sources, select: &Select) -> Result<Selected, ReadError> {
    let times = scan::milliseconds(select);
    let asked = asked(&sources.samples, &times);
    let files = open(objects, &asked, &SAMPLES)?;
    let parts = parts(&asked, &files, select);
    let scans = work::share(
        &parts,
        || Scan::new(select),
        |scan, (source, part)| scan_part(scan, part).map_err(|trouble| source.named(trouble)),
    )?;
    let mut scans = scans.into_iter();
    let mut all = scans.next().unwrap_or_else(|| Scan::new(select));
    for scan in scans {
        let groups = all.groups.merge(&scan.groups)?;
        all.sums.merge(scan.sums, &groups)?;
    }
    resolve::answer(objects, sources, select, all)
}

/// Sources that may have rows of these times.
fn asked<'a>(sources: &'a [Source], times: &Range<i64>) -> Vec<&'a Source> {
    let inside = |source: &&Source| source.times.start < times.end && times.start < source.times.end;
    sources.iter().filter(inside).collect()
}

/// The parts of sources in which there may be what is asked for; `files` are those of them that are objects.
fn parts<'a>(
    asked: &[&'a Source],
    files: &'a [(&'a Source, File<'a>)],
    select: &Select,
) -> Vec<(&'a Source, Part<'a>)> {
    let (times, labels) = (scan::milliseconds(select), Groups::new(select));
    let mut parts = Vec::new();
    for source in asked {
        if let Content::Batches(batches) = &source.content {
            parts.push((*source, Part::Batches(batches)));
        }
    }
    for (source, file) in files {
        for row_group in 0..file.row_groups() {
            let bounds = file.bounds(row_group, "time");
            let none =
                |bounds: &RangeInclusive<i64>| *bounds.start() >= times.end || *bounds.end() < times.start;
            if bounds.as_ref().is_some_and(none) || !labels.may_be_in(file, row_group) {
                continue;
            }
            let inside =
                bounds.is_some_and(|bounds| times.contains(bounds.start()) && times.contains(bounds.end()));
            parts.push((*source, Part::RowGroup(file, row_group, inside)));
        }
    }
    parts
}

/// Reads the footers of those sources that are objects.
fn open<'a>(
    objects: &'a Objects,
    sources: &[&'a Source],
    schema: &Schema,
) -> Result<Vec<(&'a Source, File<'a>)>, ReadError> {
    let opened = work::share(sources, Vec::new, |opened, source| -> Result<(), ReadError> {
        if let Content::Object { path, size } = &source.content {
            let file = File::open(objects, (path, *size), schema);
            opened.push((*source, file.map_err(|trouble| source.named(trouble))?));
        }
        Ok(())
    })?;
    Ok(opened.into_iter().flatten().collect())
}

fn scan_part(scan: &mut Scan<'_>, part: &Part<'_>) -> Result<(), Trouble> {
    match part {
        Part::Batches(batches) => batches.iter().try_for_each(|batch| scan.add(batch)),
        Part::RowGroup(file, row_group, inside) => {
            let columns = scan.columns(*inside);
            file.batches(*row_group, |column, _| columns.contains(&column), None, |batch| scan.add(batch))
        }
    }
}
