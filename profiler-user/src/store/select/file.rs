//! Reads a Parquet object of the store: its footer, then of a row group no more than the columns and rows asked for.
//!
//! Types are those of [`schema`](crate::store::schema), whatever the Arrow schema says that writers embed in a file:
//! to read that is a parser more for hostile bytes. The Parquet reader itself panics on some footers and pages that make
//! no sense; that is caught here, call by call, so that a panic of anything else is not. It must not know what the columns
//! mean.

use std::ops::{Range, RangeInclusive};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use bytes::Bytes;
use object_store::path::Path;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::arrow::push_decoder::ParquetPushDecoderBuilder;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};
use parquet::file::statistics::Statistics;

use super::Trouble;
use crate::store::objects::Objects;
use crate::store::schema::{VERSION, VERSION_KEY};

/// Bytes from the end of a file that are read at first: most footers are shorter.
const FOOTER: u64 = 32 << 10;
/// Rows that are decoded at a time.
const BATCH: usize = 32 << 10;

/// An object with its footer.
pub(super) struct File<'a> {
    objects: &'a Objects,
    path: &'a Path,
    size: u64,
    footer: ArrowReaderMetadata,
}

impl<'a> File<'a> {
    /// Reads the footer. `schema`: the types of the columns that it may have.
    pub(super) fn open(
        objects: &'a Objects,
        (path, size): (&'a Path, u64),
        schema: &Schema,
    ) -> Result<File<'a>, Trouble> {
        let fetch = |ranges: &[Range<u64>]| fetch(objects, path, size, ranges);
        let metadata = Arc::new(footer(size, fetch)?);
        let pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
        let version = pairs.filter(|pair| pair.key == VERSION_KEY).find_map(|pair| pair.value.as_deref());
        if version != Some(VERSION) {
            return Err(
                format!("its {VERSION_KEY} is {version:?}, and this firetower reads {VERSION}").into()
            );
        }
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let footer = caught(|| {
            let plain = ArrowReaderMetadata::try_new(metadata.clone(), options.clone())?;
            ArrowReaderMetadata::try_new(metadata, options.with_schema(typed(plain.schema(), schema)))
        })?;
        Ok(File { objects, path, size, footer })
    }

    /// How many row groups it has.
    pub(super) fn row_groups(&self) -> usize {
        self.footer.metadata().num_row_groups()
    }

    /// Least and greatest value of a column of whole numbers in a row group, if it says so.
    pub(super) fn bounds(&self, row_group: usize, column: &str) -> Option<RangeInclusive<i64>> {
        match self.statistics(row_group, column)? {
            Statistics::Int64(bounds) => Some(*bounds.min_opt()?..=*bounds.max_opt()?),
            Statistics::Int32(bounds) => Some(i64::from(*bounds.min_opt()?)..=i64::from(*bounds.max_opt()?)),
            _ => None,
        }
    }

    /// What no text of a column is below, and above, in a row group, if it says so.
    pub(super) fn text_bounds(&self, row_group: usize, column: &str) -> Option<RangeInclusive<&[u8]>> {
        match self.statistics(row_group, column)? {
            Statistics::ByteArray(bounds) => Some(bounds.min_bytes_opt()?..=bounds.max_bytes_opt()?),
            _ => None,
        }
    }

    /// Of a column without nulls: these have no place in bounds.
    fn statistics(&self, row_group: usize, column: &str) -> Option<&Statistics> {
        let row_group = self.footer.metadata().row_group(row_group);
        let column = row_group.columns().iter().find(|chunk| chunk.column_path().parts() == [column])?;
        column.statistics().filter(|statistics| statistics.null_count_opt() == Some(0))
    }

    /// Calls `each` for each batch of a row group, of all rows or a selection. `wanted` columns are named by the first and
    /// the last part of their path.
    pub(super) fn batches(
        &self,
        row_group: usize,
        wanted: impl Fn(&str, &str) -> bool,
        rows: Option<RowSelection>,
        mut each: impl FnMut(&RecordBatch) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let schema = self.footer.parquet_schema();
        let leaves = schema.columns().iter().enumerate().filter(|(_, column)| {
            let path = column.path().parts();
            path.first().zip(path.last()).is_some_and(|(first, last)| wanted(first, last))
        });
        let mask = ProjectionMask::leaves(schema, leaves.map(|(leaf, _)| leaf));
        let mut decoder = caught(|| {
            let builder = ParquetPushDecoderBuilder::new_with_metadata(self.footer.clone())
                .with_row_groups(vec![row_group])
                .with_projection(mask)
                .with_batch_size(BATCH);
            match rows {
                Some(rows) => builder.with_row_selection(rows).build(),
                None => builder.build(),
            }
        })?;
        loop {
            match caught(|| decoder.try_next_reader())? {
                DecodeResult::NeedsData(ranges) => {
                    let data = fetch(self.objects, self.path, self.size, &ranges)?;
                    caught(|| decoder.push_ranges(ranges, data))?;
                }
                DecodeResult::Data(mut reader) => {
                    while let Some(batch) = caught(|| reader.next().transpose().map_err(ParquetError::from))?
                    {
                        each(&batch)?;
                    }
                }
                DecodeResult::Finished => return Ok(()),
            }
        }
    }
}

/// Decodes a file's footer.
fn footer(
    size: u64,
    fetch: impl Fn(&[Range<u64>]) -> Result<Vec<Bytes>, Trouble>,
) -> Result<ParquetMetaData, Trouble> {
    let mut decoder =
        ParquetMetaDataPushDecoder::try_new(size)?.with_page_index_policy(PageIndexPolicy::Skip);
    let end = size.saturating_sub(FOOTER)..size;
    let mut wanted = vec![end];
    loop {
        let data = fetch(&wanted)?;
        let decoded = caught(|| {
            decoder.push_ranges(wanted, data)?;
            decoder.try_decode()
        })?;
        wanted = match decoded {
            DecodeResult::NeedsData(ranges) => ranges,
            DecodeResult::Data(metadata) => return Ok(metadata),
            DecodeResult::Finished => return Err("it has no footer".to_owned().into()),
        };
    }
}

/// What a call of the Parquet reader gives; a panic is an error like any other.
fn caught<T>(call: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Trouble> {
    // What it left half done is not used again: the error ends the reading of the file.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => Ok(result?),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(|text| &**text);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
            Err(format!("it makes no sense as a Parquet file: {text}").into())
        }
    }
}

/// Parts of an object.
fn fetch(objects: &Objects, path: &Path, size: u64, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Trouble> {
    if ranges.iter().any(|range| range.start > range.end || range.end > size) {
        return Err("it speaks of bytes beyond its end".to_owned().into());
    }
    match objects.get_ranges(path, ranges) {
        Ok(parts) => Ok(parts),
        Err(failed) if failed.is_not_found() => Err(Trouble::Gone),
        Err(failed) => Err(failed.to_string().into()),
    }
}

/// The columns of a file with the types that they should have.
fn typed(found: &Schema, known: &Schema) -> SchemaRef {
    let field = |field: &FieldRef| match known.field_with_name(field.name()) {
        Ok(known) => typed_field(field, known),
        Err(_) => field.clone(),
    };
    Arc::new(Schema::new(found.fields().iter().map(field).collect::<Vec<_>>()))
}

/// A field with the type that it should have, in the shape that the file has.
fn typed_field(found: &FieldRef, known: &Field) -> FieldRef {
    let data_type = match (found.data_type(), known.data_type()) {
        (DataType::List(found), DataType::List(known)) => DataType::List(typed_field(found, known)),
        (DataType::Map(found, sorted), DataType::Map(known, _)) => {
            DataType::Map(typed_field(found, known), *sorted)
        }
        (DataType::Struct(found), DataType::Struct(known)) => {
            let field = |field: &FieldRef| match known.find(field.name()) {
                Some((_, known)) => typed_field(field, known),
                None => field.clone(),
            };
            DataType::Struct(found.iter().map(field).collect())
        }
        (_, known) => known.clone(),
    };
    Arc::new(Field::new(found.name(), data_type, found.is_nullable()))
}
