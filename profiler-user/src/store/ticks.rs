//! The table `ticks`: when samples were taken, as rows, columns, and files that are made of others.
//!
//! A row has the moments of one series in one window as they are, milliseconds from its begin on: any engine reads that, and
//! written as differences they take two to five megabytes a day for eight busy processes, by a simulation. Rows of a minute
//! would take a quarter less, and made of late samples they could not be told from what they are beside. They say nothing
//! of stacks, and go when their day is rolled up. It must not know where rows come from nor where columns go.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::builder::Int32Builder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMillisecondType};
use arrow_array::{Array, ListArray, RecordBatch};
use arrow_buffer::OffsetBuffer;
use arrow_schema::DataType;
use bytes::Bytes;

use super::build::{SeriesBuilder, batch};
use super::decode::{Interner, Malformed, SeriesColumns, column};
use super::merge::{Batches, Merge, MergeError};
use super::names::{Partition, Table};
use super::rows::{SeriesKey, THREAD};
use super::schema::TICKS;
use super::segment::{Footer, SegmentWriter};

/// Rows that are written at a time.
const BATCH: usize = 256;

/// A row of `ticks`, but for the columns of its partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickRow {
    /// Shared by the rows of a series.
    pub series: Arc<SeriesKey>,
    /// When the window began, Unix milliseconds.
    pub time: i64,
    /// How long it is, milliseconds.
    pub window: i32,
    /// Milliseconds from `time` on, ascending; one for each sample.
    pub offsets: Vec<i32>,
}

impl TickRow {
    /// The order of the table's rows: by the texts of the process, pid, thread, tid and time, as files say that they are
    /// sorted; then by all else but the moments.
    pub fn compare(&self, other: &TickRow) -> Ordering {
        let time = (self.time, self.window).cmp(&(other.time, other.window));
        if Arc::ptr_eq(&self.series, &other.series) {
            return time;
        }
        let (left, right) = (&self.series, &other.series);
        left.texts[..THREAD]
            .cmp(&right.texts[..THREAD])
            .then_with(|| left.texts[THREAD + 1..].cmp(&right.texts[THREAD + 1..]))
            .then_with(|| left.pid.cmp(&right.pid))
            .then_with(|| (&left.texts[THREAD], left.tid).cmp(&(&right.texts[THREAD], right.tid)))
            .then_with(|| time)
            .then_with(|| {
                (left.interpreter, &left.sample_type, &left.labels).cmp(&(
                    right.interpreter,
                    &right.sample_type,
                    &right.labels,
                ))
            })
    }
}

/// Builds a batch of `ticks`.
pub struct TicksBuilder {
    series: SeriesBuilder,
    lengths: Vec<usize>,
    offsets: Int32Builder,
}

impl TicksBuilder {
    /// An empty one, for rows of this node.
    pub fn new(node: &str) -> TicksBuilder {
        TicksBuilder { series: SeriesBuilder::new(node), lengths: Vec::new(), offsets: Int32Builder::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: &TickRow) {
        self.series.push((row.time, row.window), &row.series);
        self.offsets.append_slice(&row.offsets);
        self.lengths.push(row.offsets.len());
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// The rows as a batch; none are left.
    pub fn finish(&mut self) -> RecordBatch {
        let (mut columns, labels) = self.series.finish();
        let schema = TICKS.clone();
        let list = schema.fields().last().map(|field| field.data_type());
        let Some(DataType::List(item)) = list else { unreachable!("the schema ends with a list") };
        let lengths = OffsetBuffer::from_lengths(self.lengths.drain(..));
        let lists = ListArray::new(item.clone(), lengths, Arc::new(self.offsets.finish()), None);
        columns.extend([labels, Arc::new(lists)]);
        batch(schema, columns)
    }
}

/// The rows of a batch of `ticks`.
///
/// # Errors
/// If columns are missing, or of another type, or have no value where there must be one.
pub fn tick_rows(batch: &RecordBatch, interner: &mut Interner) -> Result<Vec<TickRow>, Malformed> {
    for field in TICKS.fields() {
        column(batch, field.name(), field.data_type(), field.is_nullable())?;
    }
    let time = batch["time"].as_primitive::<TimestampMillisecondType>().values();
    let window = batch["window_ms"].as_primitive::<Int32Type>().values();
    let lists = batch["offsets"].as_list::<i32>();
    if lists.values().null_count() > 0 {
        return Err(Malformed("a list of `offsets` has an entry without a value".to_owned()));
    }
    let values = lists.values().as_primitive::<Int32Type>().values();
    let bounds = lists.value_offsets();
    let columns = SeriesColumns::new(batch, interner)?;
    let row = |row: usize| {
        Ok(TickRow {
            series: columns.series(row, interner)?,
            time: time[row],
            window: window[row],
            offsets: values[bounds[row] as usize..bounds[row + 1] as usize].to_vec(),
        })
    };
    (0..batch.num_rows()).map(row).collect()
}

/// Merges sources of `ticks` into a file of a node. `None`: no source had a row.
///
/// # Errors
/// If a source can't be read: its number is in `MergeError::input`.
pub fn merge(
    partition: &Partition,
    sources: Vec<Batches<'_>>,
) -> Result<Option<(Bytes, Footer)>, MergeError> {
    let mut builder = TicksBuilder::new(&partition.node);
    let mut writer = SegmentWriter::new(Table::Ticks)?;
    let mut merged = Merge::new(sources, tick_rows, TickRow::compare)?;
    // Rows of late samples stay beside those that they came after: to add them up gains nothing.
    while let Some(row) = merged.next()? {
        builder.push(&row);
        if builder.len() >= BATCH {
            writer.write(&builder.finish())?;
        }
    }
    writer.write(&builder.finish())?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::build::SamplesBuilder;
    use crate::store::decode::node_of;
    use crate::store::merge::slices;
    use crate::store::segment::{Looked, look, read};

    /// A row of this service's process and thread.
    fn row(service: &str, (pid, tid): (i32, i32), time: i64, offsets: &[i32]) -> TickRow {
        let mut texts: [Arc<str>; 9] = std::array::from_fn(|_| "".into());
        texts[0] = service.into();
        let labels = vec![("team".into(), service.into())];
        let series = SeriesKey { texts, pid, tid, interpreter: Some(0), sample_type: "cpu".into(), labels };
        TickRow { series: Arc::new(series), time, window: 10_000, offsets: offsets.to_vec() }
    }

    #[test]
    fn ticks_survive_the_way_through_columns() {
        let rows = [
            row("a", (1, 1), 10_000, &[0, 7, 7, 9_999]),
            row("a", (1, 2), 10_000, &[]),
            row("b", (2, 2), 20_000, &[5]),
        ];
        let mut builder = TicksBuilder::new("node");
        rows.iter().for_each(|row| builder.push(row));
        let batch = builder.finish();
        assert!(builder.is_empty());
        assert_eq!(tick_rows(&batch, &mut Interner::default()), Ok(rows.to_vec()));
        assert_eq!(tick_rows(&batch.slice(1, 2), &mut Interner::default()), Ok(rows[1..].to_vec()));
        assert_eq!(node_of(&batch).as_deref(), Ok("node"));
        let other = SamplesBuilder::new("node").finish();
        assert!(tick_rows(&other, &mut Interner::default()).unwrap_err().0.contains("`offsets`"));
    }

    #[test]
    fn rows_are_in_the_order_that_files_say() {
        let sorted = [
            row("a", (1, 3), 20_000, &[]),
            row("a", (2, 1), 0, &[]),
            row("a", (2, 1), 10_000, &[]),
            row("a", (2, 4), 0, &[]),
            row("b", (1, 1), 0, &[]),
        ];
        for pair in sorted.windows(2) {
            assert_eq!(pair[0].compare(&pair[1]), Ordering::Less, "{pair:?}");
        }
        assert_eq!(sorted[0].compare(&row("a", (1, 3), 20_000, &[1])), Ordering::Equal);
    }

    #[test]
    fn ticks_are_sorted_and_none_is_lost_or_added_up() {
        let of = |rows: &[TickRow]| {
            let mut builder = TicksBuilder::new("n");
            rows.iter().for_each(|row| builder.push(row));
            builder.finish()
        };
        let left = of(&[row("a", (1, 1), 0, &[1, 2]), row("a", (1, 1), 10_000, &[3])]);
        let right = of(&[row("a", (1, 1), 0, &[7]), row("b", (2, 2), 0, &[])]);
        let sources = vec![slices(Table::Ticks, &left), slices(Table::Ticks, &right)];
        let partition = Partition { node: "n".into(), date: 0 };
        let (content, footer) = merge(&partition, sources).unwrap().unwrap();
        assert_eq!((footer.rows, footer.times), (4, Some((0, 20_000))));
        let Looked::Footer(found) = look(Table::Ticks, &content, content.len() as u64).unwrap() else {
            panic!()
        };
        assert_eq!(found, footer);
        let mut interner = Interner::default();
        let reader = read(Table::Ticks, content).unwrap();
        let rows: Vec<TickRow> =
            reader.flat_map(|batch| tick_rows(&batch.unwrap(), &mut interner).unwrap()).collect();
        let offsets: Vec<&[i32]> = rows.iter().map(|row| &*row.offsets).collect();
        assert_eq!(offsets, [&[1, 2][..], &[7], &[3], &[]]);
    }
}
