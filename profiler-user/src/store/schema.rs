//! The columns of the store's files: a public contract, which other engines query. `docs/store.md` has it in words.
//!
//! Columns are only ever added; a change of meaning is a new [`VERSION`]. Whoever reads a file goes by the names of its
//! columns, not by their positions. It must not know how files are written, named or found.
//!
//! The columns of the partition (`node`, `date`) are real columns too: engines infer the types of path keys, and wrongly
//! (a node called `007` becomes a number).

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// In the metadata of every file, under the key `firetower.schema`.
pub const VERSION: &str = "1";
/// The key of [`VERSION`].
pub const VERSION_KEY: &str = "firetower.schema";

/// A text that repeats: a dictionary in memory, a plain string to whoever reads the file.
pub fn repeated_text() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Milliseconds since 1970, UTC.
pub fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// 16 bytes: see `stack_id`. Repeats in `samples`.
fn stack_id_of_sample() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Binary))
}

/// Entries of the map `labels`.
pub fn label_fields() -> Fields {
    vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, false)].into()
}

/// Fields of one frame, root first in their list.
pub fn frame_fields() -> Fields {
    vec![
        // The qualified name; for `unknown` the label of the reason.
        Field::new("function", repeated_text(), false),
        Field::new("file", repeated_text(), false),
        // From 1; 0: none, or not known.
        Field::new("line", DataType::Int32, false),
        Field::new("first_line", DataType::Int32, false),
        // `python`, `kernel`, `unknown` or `truncated`.
        Field::new("kind", repeated_text(), false),
        // The Python module by the file's path, `kernel`, or empty.
        Field::new("module", repeated_text(), false),
    ]
    .into()
}

/// The texts that a sample's series is known by.
pub const SERIES_TEXTS: [&str; 9] =
    ["service", "namespace", "pod", "container", "unit", "user", "command", "thread", "python_version"];

/// What a row of `samples` or `ticks` is of: its window, and the series but for its labels, which come last.
fn head() -> Vec<Field> {
    let mut fields = vec![
        // When the window began, and how long it is: 10 s, after a day 60 s.
        Field::new("time", time(), false),
        Field::new("window_ms", DataType::Int32, false),
        Field::new("node", repeated_text(), false),
        // The day of `time`, UTC.
        Field::new("date", DataType::Date32, false),
        // `cpu`: `value` is nanoseconds of CPU time.
        Field::new("sample_type", repeated_text(), false),
    ];
    fields.extend(SERIES_TEXTS.map(|name| Field::new(name, repeated_text(), false)));
    fields.extend([
        Field::new("pid", DataType::Int32, false),
        Field::new("tid", DataType::Int32, false),
        // Number within the process, 0 the main one; null where it is not known.
        Field::new("interpreter", DataType::Int64, true),
    ]);
    fields
}

/// The last field of a series.
fn labels() -> Field {
    let entries = Field::new("entries", DataType::Struct(label_fields()), false);
    Field::new("labels", DataType::Map(Arc::new(entries), false), false)
}

/// The table `samples`: a row is what one stack of one thread weighs in one window of time.
pub static SAMPLES: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = head();
    fields.extend([
        Field::new("stack_id", stack_id_of_sample(), false),
        Field::new("value", DataType::Int64, false),
        // How many samples `value` was summed from.
        Field::new("samples", DataType::Int64, false),
        labels(),
    ]);
    Arc::new(Schema::new(fields))
});

/// The table `ticks`: a row is when one thread was sampled in one window of time.
pub static TICKS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let offset = Field::new("item", DataType::Int32, false);
    let mut fields = head();
    fields.extend([
        labels(),
        // Milliseconds from `time` on, ascending; one for each sample.
        Field::new("offsets", DataType::List(Arc::new(offset)), false),
    ]);
    Arc::new(Schema::new(fields))
});

/// The table `stacks`: a row is a stack, once per node and day.
pub static STACKS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let frame = Field::new("item", DataType::Struct(frame_fields()), false);
    Arc::new(Schema::new(vec![
        // The first 16 bytes of the SHA-256 of the frames: the same stack has the same id on every node.
        Field::new("stack_id", DataType::Binary, false),
        Field::new("node", repeated_text(), false),
        Field::new("date", DataType::Date32, false),
        Field::new("frames", DataType::List(Arc::new(frame)), false),
    ]))
});
