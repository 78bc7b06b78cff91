//! The columns of a batch by their names, with the types that [`schema`](crate::store::schema) gives them.
//!
//! A file may hold anything: what is absent, of another type, or null where nothing may be null is an error in words. It
//! must not know what the values are for.

use arrow_array::types::{ArrowPrimitiveType, Int32Type};
use arrow_array::{Array, ArrayRef, DictionaryArray, PrimitiveArray, RecordBatch};

/// A column of texts or ids that repeat.
pub(super) type Repeated = DictionaryArray<Int32Type>;

/// A column of this name and type, if there is one of this name.
pub(super) fn optional<'a, A: Array + 'static>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<Option<&'a A>, String> {
    batch.column_by_name(name).map(|column| typed(column, name)).transpose()
}

/// A column of this name and type.
pub(super) fn required<'a, A: Array + 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a A, String> {
    optional(batch, name)?.ok_or_else(|| missing(name))
}

/// What is said of a file without a column that every file has.
pub(super) fn missing(name: &str) -> String {
    format!("it has no column `{name}`")
}

/// The values of a column of numbers without nulls.
pub(super) fn numbers<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a [T::Native], String> {
    let column: &PrimitiveArray<T> = required(batch, name)?;
    no_nulls(column, name)?;
    Ok(column.values())
}

/// An array as what it should be.
pub(super) fn typed<'a, A: Array + 'static>(array: &'a ArrayRef, name: &str) -> Result<&'a A, String> {
    let found = array.as_any().downcast_ref();
    found.ok_or_else(|| format!("its column `{name}` has the wrong type, {}", array.data_type()))
}

/// The values that the keys of a dictionary stand for.
pub(super) fn values<'a, A: Array + 'static>(column: &'a Repeated, name: &str) -> Result<&'a A, String> {
    typed(column.values(), name)
}

/// Refuses nulls.
pub(super) fn no_nulls(array: &dyn Array, name: &str) -> Result<(), String> {
    if array.null_count() > 0 { Err(format!("its column `{name}` has nulls")) } else { Ok(()) }
}

/// Which of a dictionary's values a row has; `None`: null, or no value.
pub(super) fn key(column: &Repeated, row: usize) -> Option<usize> {
    if column.keys().is_null(row) {
        return None;
    }
    usize::try_from(column.keys().value(row)).ok().filter(|&key| key < column.values().len())
}
