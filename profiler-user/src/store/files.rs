//! Segments in the store's files: looked at, read, written, set aside. It must not know when that is due.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;

use super::decode::{Malformed, stack_hashes};
use super::folder::CORRUPT;
use super::merge::Batches;
use super::names::{SegmentName, Table};
use super::objects::{ObjectError, Objects};
use super::plan::{Segment, day};
use super::rows::StackHash;
use super::segment::{self, FOOTER_GUESS, Footer, Looked, SegmentError};
use super::status::Files;

/// Why a file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The disk, or wherever it lies.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// Its content.
    #[error("{path} can't be read: {source}")]
    Content {
        /// The file's name.
        path: String,
        /// What is wrong.
        source: SegmentError,
    },
}

fn content(name: &SegmentName) -> impl Fn(SegmentError) -> FileError {
    let path = name.path().to_string();
    move |source| FileError::Content { path: path.clone(), source }
}

/// The library checks what it reads, mostly; where it does not, that is the file's fault and not the end of the store.
fn guarded<T>(read: impl FnOnce() -> Result<T, SegmentError>) -> Result<T, SegmentError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Malformed("reading it makes the library give up".to_owned()).into()))
}

/// Looks at a file's footer.
///
/// # Errors
/// If it is not what its name says.
pub fn look(objects: &Objects, name: SegmentName, bytes: u64) -> Result<Segment, FileError> {
    let mut want = FOOTER_GUESS.min(bytes);
    loop {
        let end = objects.get_range(&name.path(), bytes - want..bytes)?;
        match guarded(|| segment::look(name.table, &end, bytes)).map_err(content(&name))? {
            Looked::Need(need) => want = need,
            Looked::Footer(footer) => return segment_of(name, bytes, &footer),
        }
    }
}

fn segment_of(name: SegmentName, bytes: u64, footer: &Footer) -> Result<Segment, FileError> {
    let times = match name.table {
        Table::Samples | Table::Ticks => footer.times.ok_or_else(|| {
            content(&name)(Malformed("it does not say of which time it is".to_owned()).into())
        })?,
        Table::Stacks => day(&name.partition),
    };
    Ok(Segment { name, bytes, times, unknown_columns: footer.unknown_columns })
}

/// Writes a file.
///
/// # Errors
/// If it could not be written.
pub fn put(
    objects: &Objects,
    name: SegmentName,
    (bytes, footer): (Bytes, Footer),
) -> Result<Segment, FileError> {
    let length = bytes.len() as u64;
    objects.put(&name.path(), bytes)?;
    segment_of(name, length, &footer)
}

/// Reads a file batch by batch.
///
/// # Errors
/// If it can't be read at all.
pub fn batches(objects: &Objects, segment: &Segment) -> Result<Batches<'static>, FileError> {
    let name = &segment.name;
    let bytes = objects.get(&name.path())?;
    let mut reader = guarded(|| segment::read(name.table, bytes)).map_err(content(name))?;
    let mut failed = false;
    Ok(Box::new(std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let next = guarded(|| Ok(reader.next().transpose().map_err(|error| Malformed(error.to_string()))?));
        failed = next.is_err();
        next.transpose()
    })))
}

/// The ids in a file of stacks.
///
/// # Errors
/// If it can't be read.
pub fn stack_ids(objects: &Objects, segment: &Segment) -> Result<Vec<StackHash>, FileError> {
    let bytes = objects.get(&segment.name.path())?;
    let read = || {
        let mut ids = Vec::new();
        for batch in segment::read_stack_ids(bytes)? {
            ids.extend(stack_hashes(&batch.map_err(|error| Malformed(error.to_string()))?)?);
        }
        Ok(ids)
    };
    guarded(read).map_err(content(&segment.name))
}

/// Moves a file that can't be read to where it does no harm. Of those the first go if they take more than `most` bytes.
///
/// # Errors
/// If it can't be moved.
pub fn set_aside(objects: &Objects, path: &Path, most: u64) -> Result<(), ObjectError> {
    let flat = path.as_ref().replace('/', "__");
    let taken = objects.list(&Path::from(CORRUPT))?;
    let mut names = std::iter::once(flat.clone()).chain((1..).map(|number| format!("{flat}.{number}")));
    let free = names.find_map(|name| {
        // The name is a path's already: it is not to be written in percent signs again.
        let path = Path::parse(format!("{CORRUPT}/{name}")).ok()?;
        (!taken.iter().any(|listed| listed.path == path)).then_some(path)
    });
    let target = free.expect("one of as many names as there are numbers");
    match objects.rename(path, &target) {
        // It was moved before, and something failed after that.
        Err(error) if error.is_not_found() => return Ok(()),
        other => other?,
    }
    let mut bytes = objects.size(&target)?;
    for listed in taken.iter().rev() {
        bytes += listed.bytes;
        if bytes > most {
            objects.delete(&listed.path)?;
        }
    }
    Ok(())
}

/// The files that were set aside.
///
/// # Errors
/// If they can't be listed.
pub fn corrupt(objects: &Objects) -> Result<Files, ObjectError> {
    let mut files = Files::default();
    objects.list(&Path::from(CORRUPT))?.iter().for_each(|listed| files.add(listed.bytes));
    Ok(files)
}

/// Keeps a new segment as others are kept.
pub fn shared(segments: Vec<Segment>) -> Vec<Arc<Segment>> {
    segments.into_iter().map(Arc::new).collect()
}
