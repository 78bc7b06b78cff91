//! Columns to rows: what files and batches of the store say, checked.
//!
//! Columns are found by name, so that files of a later version with more of them can be read. It must not know where a
//! batch came from.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, BinaryArray, DictionaryArray, MapArray, RecordBatch, StringArray, StructArray};
use arrow_schema::DataType;

use super::rows::{FrameRow, SampleRow, SeriesKey, StackHash, StackRow};
use super::schema::{SAMPLES, SERIES_TEXTS, STACKS};

/// Most entries that an [`Interner`] keeps.
const MOST_INTERNED: usize = 20_000;

/// A batch is not what the schema says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// Keeps one of each series and text, so that rows of several batches share them. Bounded: it starts anew when full.
#[derive(Default)]
pub struct Interner {
    texts: HashSet<Arc<str>>,
    series: HashSet<Arc<SeriesKey>>,
}

impl Interner {
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        if self.texts.len() >= MOST_INTERNED {
            self.texts.clear();
        }
        let text: Arc<str> = text.into();
        self.texts.insert(text.clone());
        text
    }

    fn series(&mut self, series: SeriesKey) -> Arc<SeriesKey> {
        if let Some(known) = self.series.get(&series) {
            return known.clone();
        }
        if self.series.len() >= MOST_INTERNED {
            self.series.clear();
        }
        let series = Arc::new(series);
        self.series.insert(series.clone());
        series
    }
}

/// The rows of a batch of `samples`.
///
/// # Errors
/// If columns are missing, or of another type, or have no value where there must be one.
pub fn sample_rows(batch: &RecordBatch, interner: &mut Interner) -> Result<Vec<SampleRow>, Malformed> {
    for field in SAMPLES.fields() {
        column(batch, field.name(), field.data_type(), field.is_nullable())?;
    }
    let time = batch["time"].as_primitive::<TimestampMillisecondType>().values();
    let window = batch["window_ms"].as_primitive::<Int32Type>().values();
    let value = batch["value"].as_primitive::<Int64Type>().values();
    let samples = batch["samples"].as_primitive::<Int64Type>().values();
    let stacks = batch["stack_id"].as_dictionary::<Int32Type>();
    let hashes = stacks.values().as_binary::<i32>();
    let columns = SeriesColumns::new(batch, interner)?;
    let mut rows: Vec<SampleRow> = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let series = match rows.last() {
            Some(last) if columns.same(row - 1, row) => last.series.clone(),
            _ => columns.series(row, interner)?,
        };
        let hash = usize::try_from(stacks.keys().value(row)).ok().filter(|&key| key < hashes.len());
        let hash = hash.ok_or_else(|| Malformed("a key beyond its dictionary".to_owned()))?;
        rows.push(SampleRow {
            series,
            time: time[row],
            window: window[row],
            stack: stack_hash(hashes, hash)?,
            value: value[row],
            samples: samples[row],
        });
    }
    Ok(rows)
}

/// The rows of a batch of `stacks`.
///
/// # Errors
/// If columns are missing, or of another type, or have no value where there must be one.
pub fn stack_rows(batch: &RecordBatch, interner: &mut Interner) -> Result<Vec<StackRow>, Malformed> {
    for field in STACKS.fields() {
        column(batch, field.name(), field.data_type(), field.is_nullable())?;
    }
    let hashes = batch["stack_id"].as_binary::<i32>();
    let lists = batch["frames"].as_list::<i32>();
    let frames = lists.values().as_struct();
    let function = Texts::new(field(frames, "function")?.as_dictionary(), interner)?;
    let file = Texts::new(field(frames, "file")?.as_dictionary(), interner)?;
    let kind = Texts::new(field(frames, "kind")?.as_dictionary(), interner)?;
    let module = Texts::new(field(frames, "module")?.as_dictionary(), interner)?;
    let line = field(frames, "line")?.as_primitive::<Int32Type>().values();
    let first_line = field(frames, "first_line")?.as_primitive::<Int32Type>().values();
    let frame = |at: usize| -> Result<FrameRow, Malformed> {
        Ok(FrameRow {
            function: function.get(at)?,
            file: file.get(at)?,
            line: line[at],
            first_line: first_line[at],
            kind: kind.get(at)?,
            module: module.get(at)?,
        })
    };
    let offsets = lists.value_offsets();
    (0..batch.num_rows())
        .map(|row| {
            let frames = (offsets[row] as usize..offsets[row + 1] as usize).map(frame);
            Ok(StackRow { stack: stack_hash(hashes, row)?, frames: frames.collect::<Result<_, _>>()? })
        })
        .collect()
}

/// The ids in a batch of `stacks`, of which only this column is needed.
///
/// # Errors
/// If it is missing or is something else.
pub fn stack_hashes(batch: &RecordBatch) -> Result<Vec<StackHash>, Malformed> {
    let hashes = column(batch, "stack_id", &DataType::Binary, false)?.as_binary::<i32>();
    (0..hashes.len()).map(|row| stack_hash(hashes, row)).collect()
}

/// The node that the rows of a batch are of; all are of the same.
///
/// # Errors
/// If there is no row, or no such column.
pub fn node_of(batch: &RecordBatch) -> Result<Arc<str>, Malformed> {
    let node = column(batch, "node", &super::schema::repeated_text(), false)?;
    if node.is_empty() {
        return Err(Malformed("no row".to_owned()));
    }
    Texts::new(node.as_dictionary(), &mut Interner::default())?.get(0)
}

pub(super) fn column<'a>(
    batch: &'a RecordBatch,
    name: &str,
    kind: &DataType,
    nullable: bool,
) -> Result<&'a dyn Array, Malformed> {
    let column =
        batch.column_by_name(name).ok_or_else(|| Malformed(format!("there is no column `{name}`")))?;
    if column.data_type() != kind {
        return Err(Malformed(format!("the column `{name}` is of type {}, not {kind}", column.data_type())));
    }
    if !nullable && column.null_count() > 0 {
        return Err(Malformed(format!("the column `{name}` has rows without a value")));
    }
    Ok(column)
}

/// A field of frames; the type of the whole was checked, whether it has a value everywhere was not.
fn field<'a>(frames: &'a StructArray, name: &str) -> Result<&'a dyn Array, Malformed> {
    let field = frames.column_by_name(name).ok_or_else(|| Malformed(format!("frames have no `{name}`")))?;
    if field.null_count() > 0 || frames.null_count() > 0 {
        return Err(Malformed(format!("frames without `{name}`")));
    }
    Ok(field)
}

fn stack_hash(hashes: &BinaryArray, row: usize) -> Result<StackHash, Malformed> {
    hashes.value(row).try_into().map_err(|_| Malformed("a stack id that is not 16 bytes long".to_owned()))
}

/// A column of repeated texts.
struct Texts<'a> {
    keys: &'a [i32],
    values: Vec<Arc<str>>,
}

impl<'a> Texts<'a> {
    fn new(column: &'a DictionaryArray<Int32Type>, interner: &mut Interner) -> Result<Texts<'a>, Malformed> {
        let texts: &StringArray = column.values().as_string();
        if texts.null_count() > 0 {
            return Err(Malformed("a dictionary with a value that is none".to_owned()));
        }
        let values = (0..texts.len()).map(|at| interner.text(texts.value(at))).collect();
        Ok(Texts { keys: column.keys().values(), values })
    }

    fn get(&self, row: usize) -> Result<Arc<str>, Malformed> {
        let value = usize::try_from(self.keys[row]).ok().and_then(|key| self.values.get(key));
        value.cloned().ok_or_else(|| Malformed("a key beyond its dictionary".to_owned()))
    }
}

/// The columns that tell one series from another.
pub(super) struct SeriesColumns<'a> {
    sample_type: Texts<'a>,
    texts: Vec<Texts<'a>>,
    pid: &'a [i32],
    tid: &'a [i32],
    interpreter: &'a arrow_array::Int64Array,
    labels: &'a MapArray,
    label_keys: &'a StringArray,
    label_values: &'a StringArray,
}

impl<'a> SeriesColumns<'a> {
    /// Of a batch whose columns were checked.
    pub(super) fn new(
        batch: &'a RecordBatch,
        interner: &mut Interner,
    ) -> Result<SeriesColumns<'a>, Malformed> {
        let mut texts = |name: &str| Texts::new(batch[name].as_dictionary(), interner);
        let labels = batch["labels"].as_map();
        let (label_keys, label_values) = (labels.keys().as_string(), labels.values().as_string());
        Ok(SeriesColumns {
            sample_type: texts("sample_type")?,
            texts: SERIES_TEXTS.iter().map(|name| texts(name)).collect::<Result<_, _>>()?,
            pid: batch["pid"].as_primitive::<Int32Type>().values(),
            tid: batch["tid"].as_primitive::<Int32Type>().values(),
            interpreter: batch["interpreter"].as_primitive::<Int64Type>(),
            labels,
            label_keys,
            label_values,
        })
    }

    /// Whether two rows are of the same series. They may be even if this says no.
    fn same(&self, left: usize, right: usize) -> bool {
        let interpreter = |row: usize| self.interpreter.is_valid(row).then(|| self.interpreter.value(row));
        self.pid[left] == self.pid[right]
            && self.tid[left] == self.tid[right]
            && self.texts.iter().all(|text| text.keys[left] == text.keys[right])
            && self.sample_type.keys[left] == self.sample_type.keys[right]
            && interpreter(left) == interpreter(right)
            && self.label_pairs(left).eq(self.label_pairs(right))
    }

    fn label_pairs(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        let offsets = self.labels.value_offsets();
        (offsets[row] as usize..offsets[row + 1] as usize)
            .map(|at| (self.label_keys.value(at), self.label_values.value(at)))
    }

    pub(super) fn series(&self, row: usize, interner: &mut Interner) -> Result<Arc<SeriesKey>, Malformed> {
        let texts: Vec<Arc<str>> = self.texts.iter().map(|text| text.get(row)).collect::<Result<_, _>>()?;
        let texts = texts.try_into().map_err(|_| Malformed("columns are missing".to_owned()))?;
        let labels =
            self.label_pairs(row).map(|(name, value)| (interner.text(name), interner.text(value))).collect();
        Ok(interner.series(SeriesKey {
            texts,
            pid: self.pid[row],
            tid: self.tid[row],
            interpreter: self.interpreter.is_valid(row).then(|| self.interpreter.value(row)),
            sample_type: self.sample_type.get(row)?,
            labels,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::build::{SamplesBuilder, StacksBuilder};

    fn row(service: &str, tid: i32, labels: &[(&str, &str)]) -> SampleRow {
        let mut texts: [Arc<str>; 9] = std::array::from_fn(|_| "".into());
        texts[0] = service.into();
        let labels = labels.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        let sample_type = "cpu".into();
        let series = SeriesKey { texts, pid: 1, tid, interpreter: Some(0), sample_type, labels };
        let stack = [tid as u8; 16];
        SampleRow { series: Arc::new(series), time: 10_000, window: 10_000, stack, value: 5, samples: 1 }
    }

    #[test]
    fn samples_survive_the_way_through_columns() {
        let rows = [
            row("a", 1, &[]),
            row("a", 1, &[("x", "1")]),
            row("a", 1, &[("x", "1")]),
            row("a", 2, &[("x", "1"), ("y", "")]),
            row("b", 2, &[]),
        ];
        let mut builder = SamplesBuilder::new("node");
        rows.iter().for_each(|row| builder.push(row));
        let batch = builder.finish();
        assert_eq!(sample_rows(&batch, &mut Interner::default()), Ok(rows.to_vec()));
        assert_eq!(sample_rows(&batch.slice(3, 2), &mut Interner::default()), Ok(rows[3..].to_vec()));
        assert_eq!(node_of(&batch).as_deref(), Ok("node"));
    }

    #[test]
    fn stacks_survive_the_way_through_columns() {
        let frame = |function: &str| FrameRow {
            function: function.into(),
            file: "/a.py".into(),
            line: 3,
            first_line: 1,
            kind: "python".into(),
            module: "a".into(),
        };
        let rows = [
            StackRow { stack: [1; 16], frames: vec![frame("a"), frame("b")] },
            StackRow { stack: [2; 16], frames: vec![] },
            StackRow { stack: [3; 16], frames: vec![frame("b")] },
        ];
        let mut builder = StacksBuilder::new("node", 0);
        rows.iter().for_each(|row| builder.push(row));
        let batch = builder.finish();
        assert_eq!(stack_rows(&batch, &mut Interner::default()), Ok(rows.to_vec()));
        assert_eq!(stack_rows(&batch.slice(1, 2), &mut Interner::default()), Ok(rows[1..].to_vec()));
        assert_eq!(stack_hashes(&batch), Ok(vec![[1; 16], [2; 16], [3; 16]]));
    }

    #[test]
    fn other_columns_are_refused_by_name() {
        let mut builder = SamplesBuilder::new("node");
        builder.push(&row("a", 1, &[]));
        let batch = builder.finish();
        let position = batch.schema().index_of("value").unwrap();
        let mut less = batch.clone();
        less.remove_column(position);
        let failed = sample_rows(&less, &mut Interner::default()).unwrap_err();
        assert!(failed.0.contains("`value`"), "{failed}");
        assert!(stack_rows(&batch, &mut Interner::default()).is_err());
    }
}
