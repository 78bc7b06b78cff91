//! Rows to columns, by the schemas of [`schema`](super::schema).
//!
//! It must not know where rows come from nor where columns go. The order of rows is the caller's.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BinaryDictionaryBuilder, Date32Builder, Int32Builder, Int64Builder, MapBuilder,
    MapFieldNames, StringBuilder, StringDictionaryBuilder, TimestampMillisecondBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, SchemaRef};

use super::rows::{SampleRow, SeriesKey, StackRow};
use super::schema::{SAMPLES, SERIES_TEXTS, STACKS, frame_fields, label_fields};

const DAY_MS: i64 = 24 * 3600 * 1000;

type Texts = StringDictionaryBuilder<Int32Type>;

/// Days since 1970 of a time in Unix milliseconds, UTC.
pub fn date_of(time: i64) -> i32 {
    i32::try_from(time.div_euclid(DAY_MS)).unwrap_or(if time < 0 { i32::MIN } else { i32::MAX })
}

/// Builds the columns that say what a row of `samples` or `ticks` is of.
pub(super) struct SeriesBuilder {
    node: Arc<str>,
    time: TimestampMillisecondBuilder,
    window: Int32Builder,
    nodes: Texts,
    date: Date32Builder,
    sample_type: Texts,
    texts: [Texts; SERIES_TEXTS.len()],
    pid: Int32Builder,
    tid: Int32Builder,
    interpreter: Int64Builder,
    labels: MapBuilder<StringBuilder, StringBuilder>,
}

impl SeriesBuilder {
    /// An empty one, for rows of this node.
    pub(super) fn new(node: &str) -> SeriesBuilder {
        let names = MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
        let fields = label_fields();
        let labels = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
            .with_keys_field(fields[0].clone())
            .with_values_field(fields[1].clone());
        SeriesBuilder {
            node: node.into(),
            time: TimestampMillisecondBuilder::new().with_timezone("UTC"),
            window: Int32Builder::new(),
            nodes: Texts::new(),
            date: Date32Builder::new(),
            sample_type: Texts::new(),
            texts: std::array::from_fn(|_| Texts::new()),
            pid: Int32Builder::new(),
            tid: Int32Builder::new(),
            interpreter: Int64Builder::new(),
            labels,
        }
    }

    /// Adds a row of a series, and of a window that began at a time (Unix milliseconds) and is so many milliseconds long.
    pub(super) fn push(&mut self, (time, window): (i64, i32), series: &SeriesKey) {
        self.time.append_value(time);
        self.window.append_value(window);
        self.nodes.append_value(&self.node);
        self.date.append_value(date_of(time));
        self.sample_type.append_value(&series.sample_type);
        for (builder, text) in self.texts.iter_mut().zip(&series.texts) {
            builder.append_value(text);
        }
        self.pid.append_value(series.pid);
        self.tid.append_value(series.tid);
        self.interpreter.append_option(series.interpreter);
        for (name, value) in &series.labels {
            self.labels.keys().append_value(name);
            self.labels.values().append_value(value);
        }
        self.labels.append(true).expect("as many keys as values");
    }

    /// The columns up to `interpreter`, and `labels`; no row is left.
    pub(super) fn finish(&mut self) -> (Vec<ArrayRef>, ArrayRef) {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.time.finish()),
            Arc::new(self.window.finish()),
            Arc::new(self.nodes.finish()),
            Arc::new(self.date.finish()),
            Arc::new(self.sample_type.finish()),
        ];
        columns.extend(self.texts.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        columns.extend([
            Arc::new(self.pid.finish()) as ArrayRef,
            Arc::new(self.tid.finish()),
            Arc::new(self.interpreter.finish()),
        ]);
        (columns, Arc::new(self.labels.finish()))
    }
}

/// Builds a batch of `samples`.
pub struct SamplesBuilder {
    rows: usize,
    series: SeriesBuilder,
    stack: BinaryDictionaryBuilder<Int32Type>,
    value: Int64Builder,
    samples: Int64Builder,
}

impl SamplesBuilder {
    /// An empty one, for rows of this node.
    pub fn new(node: &str) -> SamplesBuilder {
        SamplesBuilder {
            rows: 0,
            series: SeriesBuilder::new(node),
            stack: BinaryDictionaryBuilder::new(),
            value: Int64Builder::new(),
            samples: Int64Builder::new(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: &SampleRow) {
        self.rows += 1;
        self.series.push((row.time, row.window), &row.series);
        self.stack.append_value(row.stack);
        self.value.append_value(row.value);
        self.samples.append_value(row.samples);
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The rows as a batch; none are left.
    pub fn finish(&mut self) -> RecordBatch {
        self.rows = 0;
        let (mut columns, labels) = self.series.finish();
        columns.extend([
            Arc::new(self.stack.finish()) as ArrayRef,
            Arc::new(self.value.finish()),
            Arc::new(self.samples.finish()),
            labels,
        ]);
        batch(SAMPLES.clone(), columns)
    }
}

/// Builds a batch of `stacks`.
pub struct StacksBuilder {
    node: Arc<str>,
    date: i32,
    frame_counts: Vec<usize>,
    stack: BinaryBuilder,
    nodes: Texts,
    dates: Date32Builder,
    function: Texts,
    file: Texts,
    line: Int32Builder,
    first_line: Int32Builder,
    kind: Texts,
    module: Texts,
}

impl StacksBuilder {
    /// An empty one, for rows of this node and day (days since 1970).
    pub fn new(node: &str, date: i32) -> StacksBuilder {
        StacksBuilder {
            node: node.into(),
            date,
            frame_counts: Vec::new(),
            stack: BinaryBuilder::new(),
            nodes: Texts::new(),
            dates: Date32Builder::new(),
            function: Texts::new(),
            file: Texts::new(),
            line: Int32Builder::new(),
            first_line: Int32Builder::new(),
            kind: Texts::new(),
            module: Texts::new(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: &StackRow) {
        self.stack.append_value(row.stack);
        self.nodes.append_value(&self.node);
        self.dates.append_value(self.date);
        for frame in &row.frames {
            self.function.append_value(&frame.function);
            self.file.append_value(&frame.file);
            self.line.append_value(frame.line);
            self.first_line.append_value(frame.first_line);
            self.kind.append_value(&frame.kind);
            self.module.append_value(&frame.module);
        }
        self.frame_counts.push(row.frames.len());
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.frame_counts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.frame_counts.is_empty()
    }

    /// The rows as a batch; none are left.
    pub fn finish(&mut self) -> RecordBatch {
        let frames = StructArray::new(
            frame_fields(),
            vec![
                Arc::new(self.function.finish()),
                Arc::new(self.file.finish()),
                Arc::new(self.line.finish()),
                Arc::new(self.first_line.finish()),
                Arc::new(self.kind.finish()),
                Arc::new(self.module.finish()),
            ],
            None,
        );
        let schema = STACKS.clone();
        let DataType::List(item) = schema.field(3).data_type() else { unreachable!("the schema has a list") };
        let offsets = OffsetBuffer::from_lengths(self.frame_counts.drain(..));
        let lists = ListArray::new(item.clone(), offsets, Arc::new(frames), None);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.stack.finish()),
            Arc::new(self.nodes.finish()),
            Arc::new(self.dates.finish()),
            Arc::new(lists),
        ];
        batch(schema, columns)
    }
}

/// Builders take far more memory than a window fills, and a log's windows stay in memory for minutes.
pub(super) fn batch(schema: SchemaRef, mut columns: Vec<ArrayRef>) -> RecordBatch {
    columns.iter_mut().for_each(|column| column.shrink_to_fit());
    RecordBatch::try_new(schema, columns).expect("columns as the schema has them")
}
