//! Several sorted sources to one: logs to a file, files of an hour to one, seconds to minutes.
//!
//! Rows of `samples` that differ in nothing but their weight become one. Only a few rows of each source are in memory at a time.
//! Nothing is lost if a source is not sorted after all: rows are merely not summed. It must not know where sources lie.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::HashSet;

use arrow_array::RecordBatch;
use bytes::Bytes;

use super::build::{SamplesBuilder, StacksBuilder};
use super::decode::{Interner, sample_rows, stack_rows};
use super::names::{Partition, Table};
use super::rows::{SampleRow, StackRow};
use super::segment::{Footer, SegmentError, SegmentWriter};

/// Rows of a source in memory that are decoded at a time: of `samples`, of `stacks`, each of which has some dozens of
/// frames, and of `ticks`, each of which has some hundreds of moments.
const SLICES: [usize; 3] = [1024, 64, 256];
/// Rows that are written at a time.
const BATCH: usize = 4096;
/// Most rows of one stack, thread and moment that are held to be summed: one for each window that was rolled up, if labels do
/// not change.
const MOST_HELD: usize = 100_000;

/// Batches, sorted as the table is.
pub type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch, SegmentError>> + 'a>;

/// A source failed, or the result can't be written.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct MergeError {
    /// Which source it was; `None`: none of them.
    pub input: Option<usize>,
    /// Why.
    pub error: SegmentError,
}

impl From<SegmentError> for MergeError {
    fn from(error: SegmentError) -> MergeError {
        MergeError { input: None, error }
    }
}

/// Slices of a batch of this table that is in memory.
pub fn slices(table: Table, batch: &RecordBatch) -> Batches<'_> {
    let length = SLICES[table as usize];
    let starts = (0..batch.num_rows()).step_by(length);
    Box::new(starts.map(move |start| Ok(batch.slice(start, length.min(batch.num_rows() - start)))))
}

/// Merges sources of `samples` into a file of a node. `step`: into windows of this many milliseconds. `None`: no source had
/// a row.
///
/// # Errors
/// If a source can't be read: [`MergeError::input`].
pub fn samples(
    partition: &Partition,
    sources: Vec<Batches<'_>>,
    step: Option<i32>,
) -> Result<Option<(Bytes, Footer)>, MergeError> {
    let mut output = SamplesOutput {
        builder: SamplesBuilder::new(&partition.node),
        writer: SegmentWriter::new(Table::Samples)?,
        held: Vec::new(),
    };
    let mut merged = Merge::new(sources, sample_rows, SampleRow::compare)?;
    while let Some(mut row) = merged.next()? {
        if let Some(step) = step.filter(|&step| row.window < step) {
            row.time -= row.time.rem_euclid(i64::from(step));
            row.window = step;
        }
        output.push(row)?;
    }
    output.flush()?;
    let batch = output.builder.finish();
    output.writer.write(&batch)?;
    Ok(output.writer.finish()?)
}

struct SamplesOutput {
    builder: SamplesBuilder,
    writer: SegmentWriter,
    /// Rows of one stack, thread and window.
    held: Vec<SampleRow>,
}

impl SamplesOutput {
    fn push(&mut self, row: SampleRow) -> Result<(), SegmentError> {
        let same = |held: &SampleRow| held.time == row.time && held.compare_thread(&row) == Ordering::Equal;
        if self.held.len() >= MOST_HELD || !self.held.last().is_none_or(same) {
            self.flush()?;
        }
        self.held.push(row);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SegmentError> {
        self.held.sort_by(SampleRow::compare);
        self.held.dedup_by(|row, kept| {
            let same = kept.compare(row) == Ordering::Equal;
            if same {
                kept.value = kept.value.saturating_add(row.value);
                kept.samples = kept.samples.saturating_add(row.samples);
            }
            same
        });
        for row in self.held.drain(..) {
            self.builder.push(&row);
            if self.builder.len() >= BATCH {
                self.writer.write(&self.builder.finish())?;
            }
        }
        Ok(())
    }
}

/// Merges sources of `stacks` into a file of a node and day. `None`: no source had a row.
///
/// # Errors
/// If a source can't be read: [`MergeError::input`].
pub fn stacks(
    partition: &Partition,
    sources: Vec<Batches<'_>>,
) -> Result<Option<(Bytes, Footer)>, MergeError> {
    let mut builder = StacksBuilder::new(&partition.node, partition.date);
    let mut writer = SegmentWriter::new(Table::Stacks)?;
    let mut merged = Merge::new(sources, stack_rows, StackRow::compare)?;
    // Sorted sources give equal rows one after the other; those that are not have them anywhere.
    let mut written = HashSet::new();
    while let Some(row) = merged.next()? {
        if written.insert(row.stack) {
            builder.push(&row);
        }
        if builder.len() >= BATCH / 4 {
            writer.write(&builder.finish())?;
        }
    }
    writer.write(&builder.finish())?;
    Ok(writer.finish()?)
}

/// A batch's rows.
type Decode<T> = fn(&RecordBatch, &mut Interner) -> Result<Vec<T>, super::decode::Malformed>;

/// Rows of several sources, the smallest first.
pub(super) struct Merge<'a, T> {
    sources: Vec<(Batches<'a>, std::vec::IntoIter<T>)>,
    heap: BinaryHeap<Head<T>>,
    interner: Interner,
    decode: Decode<T>,
    compare: fn(&T, &T) -> Ordering,
}

struct Head<T> {
    row: T,
    source: usize,
    compare: fn(&T, &T) -> Ordering,
}

impl<'a, T> Merge<'a, T> {
    pub(super) fn new(
        sources: Vec<Batches<'a>>,
        decode: Decode<T>,
        compare: fn(&T, &T) -> Ordering,
    ) -> Result<Merge<'a, T>, MergeError> {
        let count = sources.len();
        let sources = sources.into_iter().map(|batches| (batches, Vec::new().into_iter())).collect();
        let mut merge = Merge {
            sources,
            heap: BinaryHeap::with_capacity(count),
            interner: Interner::default(),
            decode,
            compare,
        };
        for source in 0..count {
            merge.advance(source)?;
        }
        Ok(merge)
    }

    pub(super) fn next(&mut self) -> Result<Option<T>, MergeError> {
        let Some(Head { row, source, .. }) = self.heap.pop() else { return Ok(None) };
        self.advance(source)?;
        Ok(Some(row))
    }

    /// Puts the next row of a source on the heap, if it has one.
    fn advance(&mut self, source: usize) -> Result<(), MergeError> {
        let (batches, rows) = &mut self.sources[source];
        loop {
            if let Some(row) = rows.next() {
                self.heap.push(Head { row, source, compare: self.compare });
                return Ok(());
            }
            let failed = |error| MergeError { input: Some(source), error };
            let Some(batch) = batches.next() else { return Ok(()) };
            let batch = batch.map_err(failed)?;
            *rows =
                (self.decode)(&batch, &mut self.interner).map_err(|error| failed(error.into()))?.into_iter();
        }
    }
}

/// The heap gives the greatest first: here that is the smallest row, and of equal ones that of the first source.
impl<T> Ord for Head<T> {
    fn cmp(&self, other: &Head<T>) -> Ordering {
        (self.compare)(&other.row, &self.row).then_with(|| other.source.cmp(&self.source))
    }
}

impl<T> PartialOrd for Head<T> {
    fn partial_cmp(&self, other: &Head<T>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Head<T> {
    fn eq(&self, other: &Head<T>) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Head<T> {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::rows::{FrameRow, SeriesKey, StackHash};
    use crate::store::segment::{Looked, look, read};

    fn row(service: &str, time: i64, stack: u8, value: i64) -> SampleRow {
        let mut texts: [Arc<str>; 9] = std::array::from_fn(|_| "".into());
        texts[0] = service.into();
        let series =
            SeriesKey { texts, pid: 1, tid: 1, interpreter: None, sample_type: "cpu".into(), labels: vec![] };
        let stack = [stack; 16];
        SampleRow { series: Arc::new(series), time, window: 10_000, stack, value, samples: 1 }
    }

    fn batch(rows: &[SampleRow]) -> RecordBatch {
        let mut builder = SamplesBuilder::new("n");
        rows.iter().for_each(|row| builder.push(row));
        builder.finish()
    }

    fn partition() -> Partition {
        Partition { node: "n".into(), date: 0 }
    }

    fn merged(batches: &[RecordBatch], step: Option<i32>) -> Vec<SampleRow> {
        let sources = batches.iter().map(|batch| slices(Table::Samples, batch)).collect();
        let (content, footer) = samples(&partition(), sources, step).unwrap().unwrap();
        let looked = look(Table::Samples, &content, content.len() as u64).unwrap();
        let Looked::Footer(found) = looked else { panic!("{looked:?}") };
        assert_eq!(found, footer, "what was written is what is read");
        let reader = read(Table::Samples, content).unwrap();
        let mut interner = Interner::default();
        let batches = reader.map(|batch| sample_rows(&batch.unwrap(), &mut interner).unwrap());
        let rows: Vec<SampleRow> = batches.flatten().collect();
        assert_eq!(rows.len() as u64, footer.rows);
        let times = (
            rows.iter().map(|row| row.time).min().unwrap(),
            rows.iter().map(|row| row.time + i64::from(row.window)).max().unwrap(),
        );
        assert_eq!(footer.times, Some(times));
        rows
    }

    #[test]
    fn equal_rows_are_summed_and_the_rest_is_sorted() {
        let left = batch(&[row("a", 0, 1, 5), row("a", 0, 2, 1), row("b", 0, 1, 7)]);
        let right = batch(&[row("a", 0, 1, 6), row("a", 10_000, 1, 1)]);
        let rows = merged(&[left, right], None);
        let summed = SampleRow { samples: 2, ..row("a", 0, 1, 11) };
        assert_eq!(rows, [summed, row("a", 10_000, 1, 1), row("a", 0, 2, 1), row("b", 0, 1, 7)]);
    }

    #[test]
    fn rolled_up_windows_are_a_minute_and_keep_their_weight() {
        let batch = batch(&[
            row("a", 70_000, 1, 2),
            row("a", 50_000, 2, 1),
            row("a", 60_000, 2, 1),
            row("a", 110_000, 2, 4),
        ]);
        let rows = merged(&[batch], Some(60_000));
        let rolled = |time, stack, value, samples| SampleRow {
            samples,
            window: 60_000,
            ..row("a", time, stack, value)
        };
        assert_eq!(rows, [rolled(60_000, 1, 2, 1), rolled(0, 2, 1, 1), rolled(60_000, 2, 5, 2)]);
    }

    #[test]
    fn unsorted_sources_lose_nothing() {
        let rows: Vec<SampleRow> =
            (0..3000).map(|at| row("a", (at * 7919 % 3000) * 10_000, at as u8, 1)).collect();
        let merged = merged(&[batch(&rows), batch(&rows)], None);
        assert_eq!(merged.iter().map(|row| row.value).sum::<i64>(), 6000);
    }

    #[test]
    fn nothing_gives_no_file() {
        assert!(samples(&partition(), vec![], None).unwrap().is_none());
        assert!(
            stacks(&partition(), vec![slices(Table::Stacks, &StacksBuilder::new("n", 0).finish())])
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_stack_is_written_once() {
        let frame = FrameRow {
            function: "f".into(),
            file: "".into(),
            line: 1,
            first_line: 1,
            kind: "python".into(),
            module: "".into(),
        };
        let batch = |stacks: &[StackHash]| {
            let mut builder = StacksBuilder::new("n", 0);
            for &stack in stacks {
                builder.push(&StackRow { stack, frames: vec![frame.clone(); 3] });
            }
            builder.finish()
        };
        let (left, right) = (batch(&[[1; 16], [3; 16]]), batch(&[[1; 16], [2; 16]]));
        let (content, footer) =
            stacks(&partition(), vec![slices(Table::Stacks, &left), slices(Table::Stacks, &right)])
                .unwrap()
                .unwrap();
        assert_eq!((footer.rows, footer.times), (3, None));
        let mut interner = Interner::default();
        let reader = read(Table::Stacks, content.clone()).unwrap();
        let rows: Vec<StackRow> =
            reader.flat_map(|batch| stack_rows(&batch.unwrap(), &mut interner).unwrap()).collect();
        assert_eq!(rows.iter().map(|row| row.stack[0]).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(rows.iter().all(|row| row.frames == vec![frame.clone(); 3]));
        assert!(
            matches!(read(Table::Samples, content), Err(SegmentError::Content(_))),
            "not the other table"
        );
    }

    #[test]
    fn a_failure_names_its_source() {
        let good = batch(&[row("a", 0, 1, 5)]);
        let bad: Batches<'_> = Box::new(std::iter::once(Err(SegmentError::Version("7".into()))));
        let failed = samples(&partition(), vec![slices(Table::Samples, &good), bad], None).unwrap_err();
        assert_eq!(failed.input, Some(1));
    }
}
