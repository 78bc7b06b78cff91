//! A Parquet file of the store: how it is written, and what its footer says.
//!
//! Both tables are compressed with zstd and have their texts in dictionaries. A file has several row groups, as rows are
//! sorted by service and process: whoever asks for one skips the groups of the others. Each has dictionaries of its own,
//! which small ones would be full of. It must not know where files lie.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, ParquetMetaData, ParquetMetaDataReader, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnPath;

use super::names::Table;
use super::rows::THREAD;
use super::schema::{SAMPLES, SERIES_TEXTS, STACKS, TICKS, VERSION, VERSION_KEY};

/// Rows of a row group of `samples`.
const SAMPLES_GROUP: usize = 128 << 10;
/// Rows of a row group of `stacks`, each with some dozens of frames.
const STACKS_GROUP: usize = 4 << 10;
/// Rows of a row group of `ticks`, each with up to some hundreds of moments.
const TICKS_GROUP: usize = 4 << 10;
/// Of zstd. A twentieth smaller than its default, 3, for samples and a fifth for stacks, and still a fraction of a second for
/// an hour. The next level gains nothing and takes twice the memory, as each column has tables of its own.
const LEVEL: i32 = 8;
/// Fields of frames that are numbers: as whole bytes, zstd sees where a stack begins as the one before it does.
const PLAIN: [&str; 2] = ["line", "first_line"];
/// Rows that are read at a time: of `samples`, of `stacks`, and of `ticks`.
const BATCHES: [usize; 3] = [2048, 64, 512];
/// Ids that are read at a time.
const IDS: usize = 4096;
/// Bytes at a file's end that its footer is first looked for in.
pub const FOOTER_GUESS: u64 = 32 << 10;
/// Most bytes that a footer may have: a file of the size that merges stop at has far fewer.
const MAX_FOOTER: u64 = 16 << 20;

/// A file can't be what it should be.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// No Parquet, or damaged.
    #[error("it is no Parquet file that can be read: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Written by another version.
    #[error("its schema version is {0}, this version of firetower knows {VERSION}")]
    Version(String),
    /// Not one of the tables.
    #[error("{0}")]
    Content(#[from] super::decode::Malformed),
}

impl Table {
    /// The columns.
    pub fn schema(self) -> SchemaRef {
        match self {
            Table::Samples => SAMPLES.clone(),
            Table::Stacks => STACKS.clone(),
            Table::Ticks => TICKS.clone(),
        }
    }

    /// The columns by which its rows are sorted.
    fn sorted_by(self) -> Vec<&'static str> {
        match self {
            Table::Samples => {
                let process = SERIES_TEXTS.into_iter().filter(|name| *name != SERIES_TEXTS[THREAD]);
                process.chain(["pid", "stack_id", "thread", "tid", "time"]).collect()
            }
            Table::Ticks => {
                let process = SERIES_TEXTS.into_iter().filter(|name| *name != SERIES_TEXTS[THREAD]);
                process.chain(["pid", "thread", "tid", "time"]).collect()
            }
            // By their frames, which a footer can't say.
            Table::Stacks => Vec::new(),
        }
    }
}

/// Writes a file into memory, batch by batch.
pub struct SegmentWriter {
    writer: ArrowWriter<Vec<u8>>,
    rows: u64,
}

impl SegmentWriter {
    /// An empty file of this table.
    ///
    /// # Errors
    /// If the library refuses the schema.
    pub fn new(table: Table) -> Result<SegmentWriter, SegmentError> {
        Ok(SegmentWriter {
            writer: ArrowWriter::try_new(Vec::new(), table.schema(), Some(properties(table)))?,
            rows: 0,
        })
    }

    /// Adds rows, which must be sorted as the table is.
    ///
    /// # Errors
    /// If the library can't encode them.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), SegmentError> {
        self.rows += batch.num_rows() as u64;
        Ok(self.writer.write(batch)?)
    }

    /// The whole file and its footer. `None` if it has no row.
    ///
    /// # Errors
    /// If the library can't encode it.
    pub fn finish(mut self) -> Result<Option<(Bytes, Footer)>, SegmentError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let metadata = self.writer.finish()?;
        let footer = Footer::of(&metadata)?;
        Ok(Some((std::mem::take(self.writer.inner_mut()).into(), footer)))
    }
}

fn properties(table: Table) -> WriterProperties {
    let schema = table.schema();
    let sorted = table.sorted_by().into_iter().map(|name| SortingColumn {
        // None of the columns before `labels`, `offsets` and `frames` is nested, so fields and leaves have the same numbers.
        column_idx: schema.index_of(name).expect("a column of the schema") as i32,
        descending: false,
        nulls_first: false,
    });
    let rows = match table {
        Table::Samples => SAMPLES_GROUP,
        Table::Stacks => STACKS_GROUP,
        Table::Ticks => TICKS_GROUP,
    };
    let properties = WriterProperties::builder()
        .set_created_by(format!("firetower {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL).expect("a level that there is")))
        .set_max_row_group_row_count(Some(rows))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        // Each of `stacks` is another.
        .set_column_dictionary_enabled("stack_id".into(), table == Table::Samples)
        .set_sorting_columns(Some(sorted.collect()))
        .set_key_value_metadata(Some(vec![KeyValue::new(VERSION_KEY.to_owned(), VERSION.to_owned())]));
    let plain = PLAIN.iter().fold(properties, |properties, field| {
        let path = ["frames", "list", "item", field].map(str::to_owned).to_vec();
        properties.set_column_dictionary_enabled(ColumnPath::new(path), false)
    });
    // Moments ascend: their differences are small, which a dictionary of ten thousand of them hides.
    let offsets = ColumnPath::new(["offsets", "list", "item"].map(str::to_owned).to_vec());
    plain
        .set_column_dictionary_enabled(offsets.clone(), false)
        .set_column_encoding(offsets, Encoding::DELTA_BINARY_PACKED)
        .build()
}

/// What a file's footer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    /// How many rows it has.
    pub rows: u64,
    /// Of `samples`: when its first window began and when its last was over at the latest, Unix milliseconds.
    pub times: Option<(i64, i64)>,
    /// Whether it has columns that this version does not know, and would lose if it wrote the file anew.
    pub unknown_columns: bool,
}

impl Footer {
    fn of(metadata: &ParquetMetaData) -> Result<Footer, SegmentError> {
        let rows = u64::try_from(metadata.file_metadata().num_rows())
            .map_err(|_| super::decode::Malformed("fewer rows than none".to_owned()))?;
        let (first, last) = range_i64(metadata, "time").unzip();
        let window = range_i32(metadata, "window_ms").map(|(_, longest)| i64::from(longest));
        let times = first.zip(last).zip(window);
        let times = times.map(|((first, last), window)| (first, last.saturating_add(window)));
        Ok(Footer { rows, times, unknown_columns: false })
    }
}

fn statistics<'a>(metadata: &'a ParquetMetaData, name: &str) -> Option<Vec<&'a Statistics>> {
    let column = |group: &'a parquet::file::metadata::RowGroupMetaData| {
        let column = group.columns().iter().find(|column| column.column_path().string() == name)?;
        column.statistics()
    };
    metadata.row_groups().iter().map(column).collect()
}

fn range_i64(metadata: &ParquetMetaData, name: &str) -> Option<(i64, i64)> {
    let all = statistics(metadata, name)?;
    let values = all.into_iter().map(|statistics| match statistics {
        Statistics::Int64(values) => Some((*values.min_opt()?, *values.max_opt()?)),
        _ => None,
    });
    values.collect::<Option<Vec<_>>>()?.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

fn range_i32(metadata: &ParquetMetaData, name: &str) -> Option<(i32, i32)> {
    let all = statistics(metadata, name)?;
    let values = all.into_iter().map(|statistics| match statistics {
        Statistics::Int32(values) => Some((*values.min_opt()?, *values.max_opt()?)),
        _ => None,
    });
    values.collect::<Option<Vec<_>>>()?.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// What the end of a file says: its footer, or how many bytes of the end are needed to read it.
#[derive(Debug)]
pub enum Looked {
    /// It is a file of this table.
    Footer(Footer),
    /// More of the end is needed.
    Need(u64),
}

/// Reads the footer from the end of a file of this table.
///
/// # Errors
/// If it is no such file.
pub fn look(table: Table, end: &Bytes, bytes: u64) -> Result<Looked, SegmentError> {
    let mut reader = ParquetMetaDataReader::new();
    match reader.try_parse_sized(end, bytes) {
        Err(parquet::errors::ParquetError::NeedMoreData(need)) => {
            let need = need as u64;
            if need > bytes.min(MAX_FOOTER) || need <= end.len() as u64 {
                return Err(super::decode::Malformed(format!("a footer of {need} bytes")).into());
            }
            return Ok(Looked::Need(need));
        }
        other => other?,
    }
    let metadata = Arc::new(reader.finish()?);
    let arrow = ArrowReaderMetadata::try_new(metadata.clone(), ArrowReaderOptions::new())?;
    check(table, &arrow)?;
    let unknown_columns = arrow.schema().fields().len() > table.schema().fields().len();
    Ok(Looked::Footer(Footer { unknown_columns, ..Footer::of(&metadata)? }))
}

fn check(table: Table, metadata: &ArrowReaderMetadata) -> Result<(), SegmentError> {
    let entries = metadata.metadata().file_metadata().key_value_metadata();
    let version = entries.and_then(|entries| entries.iter().find(|entry| entry.key == VERSION_KEY));
    let version = version.and_then(|entry| entry.value.as_deref()).unwrap_or("not given");
    if version != VERSION {
        return Err(SegmentError::Version(version.chars().take(50).collect()));
    }
    for field in table.schema().fields() {
        let Ok(found) = metadata.schema().field_with_name(field.name()) else {
            return Err(super::decode::Malformed(format!("there is no column `{}`", field.name())).into());
        };
        if found.data_type() != field.data_type() {
            let text = format!("the column `{}` is of type {}", field.name(), found.data_type());
            return Err(super::decode::Malformed(text).into());
        }
    }
    Ok(())
}

/// Opens a file of this table, to be read from its beginning to its end.
///
/// # Errors
/// If it is no such file.
pub fn read(table: Table, content: Bytes) -> Result<ParquetRecordBatchReader, SegmentError> {
    let metadata = ArrowReaderMetadata::load(&content, ArrowReaderOptions::new())?;
    check(table, &metadata)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(content, metadata);
    Ok(builder.with_batch_size(BATCHES[table as usize]).build()?)
}

/// Opens a file of which only the ids of stacks are read.
///
/// # Errors
/// If it is no file of `stacks`.
pub fn read_stack_ids(content: Bytes) -> Result<ParquetRecordBatchReader, SegmentError> {
    let metadata = ArrowReaderMetadata::load(&content, ArrowReaderOptions::new())?;
    check(Table::Stacks, &metadata)?;
    let only = ProjectionMask::columns(metadata.parquet_schema(), ["stack_id"]);
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(content, metadata);
    Ok(builder.with_batch_size(IDS).with_projection(only).build()?)
}
