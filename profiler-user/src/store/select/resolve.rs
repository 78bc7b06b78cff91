//! From sums to an answer: groups and stacks are sorted, and the frames of the stacks are read.
//!
//! It must not know how the sums came to be.

use std::collections::HashMap;

use arrow_array::{Array, BinaryArray, RecordBatch};
use parquet::arrow::arrow_reader::RowSelection;
use rustc_hash::FxBuildHasher;

use super::frames::Reader;
use super::scan::Scan;
use super::sums::{MAX_ROWS, StoredStack};
use super::{Content, File, ReadError, Source, Sources, Trouble, columns};
use crate::model::select::{Select, SelectError, Selected, SelectedRow};
use crate::model::{Frame, Reason, StackId, Stacks, Weight};
use crate::store::objects::Objects;
use crate::store::schema::STACKS;

/// Stacks that are to be found: the number of each in the sums.
type Missing = HashMap<StoredStack, u32, FxBuildHasher>;

/// The answer that sums are.
pub(super) fn answer(
    objects: &Objects,
    sources: &Sources,
    select: &Select,
    scan: Scan<'_>,
) -> Result<Selected, ReadError> {
    let mut sums: Vec<_> = scan.sums.rows().collect();
    if sums.len() > MAX_ROWS {
        return Err(SelectError::TooLarge { what: "rows", limit: MAX_ROWS }.into());
    }
    let missing: Missing =
        scan.sums.stacks.iter().enumerate().map(|(number, stack)| (*stack, number as u32)).collect();
    let found = resolve(objects, &sources.stacks, select, missing)?;

    // In which order rows were seen depends on the threads; the same question shall have the same answer.
    let mut groups: Vec<_> = scan.groups.texts().enumerate().collect();
    groups.sort_unstable_by(|(_, left), (_, right)| left.cmp(right));
    let mut group_numbers = vec![0; groups.len()];
    for (number, (old, _)) in groups.iter().enumerate() {
        group_numbers[*old] = number as u32;
    }
    let mut rows: Vec<SelectedRow> = sums
        .drain(..)
        .map(|((step, group, stack), weight)| SelectedRow {
            step,
            group: group_numbers[group as usize],
            stack: select.stacks.then(|| found.ids[stack as usize]),
            weight,
        })
        .collect();
    let key = |row: &SelectedRow| (row.step, row.group, row.stack);
    rows.sort_unstable_by_key(key);
    // All stacks that were not found are one.
    rows.dedup_by(|next, row| {
        let same = key(next) == key(row);
        if same {
            add(&mut row.weight, next.weight);
        }
        same
    });
    Ok(Selected {
        groups: groups.into_iter().map(|(_, texts)| texts).collect(),
        stacks: found.stacks,
        rows,
        complete_since: select.since,
    })
}

fn add(sum: &mut Weight, weight: Weight) {
    sum.samples = sum.samples.saturating_add(weight.samples);
    sum.nanoseconds = sum.nanoseconds.saturating_add(weight.nanoseconds);
}

/// Stacks with their frames.
struct Found {
    stacks: Stacks,
    /// By the number in the sums.
    ids: Vec<StackId>,
}

/// Finds the frames of stacks, in the first source that has them.
fn resolve(
    objects: &Objects,
    sources: &[Source],
    select: &Select,
    mut missing: Missing,
) -> Result<Found, ReadError> {
    let mut ids = vec![None; missing.len()];
    let mut reader = Reader::default();
    for source in sources {
        if missing.is_empty() {
            break;
        }
        if select.cancelled.is_cancelled() {
            return Err(SelectError::Cancelled.into());
        }
        let read = match &source.content {
            Content::Batches(batches) => batches.iter().try_for_each(|batch| {
                let wanted = wanted(batch, &mut missing)?;
                take(&mut reader, batch, &wanted, &mut ids)
            }),
            Content::Object { path, size } => File::open(objects, (path, *size), &STACKS)
                .and_then(|file| read_file(&file, &mut reader, &mut missing, &mut ids)),
        };
        read.map_err(|trouble| source.named(trouble))?;
    }
    let mut stacks = reader.stacks;
    let unknown = |stacks: &mut Stacks| {
        let frame = stacks.intern_frame(Frame::unknown(Reason::StackUnknown));
        stacks.push(None, frame)
    };
    let ids = ids.into_iter().map(|id| id.unwrap_or_else(|| unknown(&mut stacks))).collect();
    Ok(Found { stacks, ids })
}

/// Reads ids, then the frames of those rows that are wanted.
fn read_file(
    file: &File<'_>,
    reader: &mut Reader,
    missing: &mut Missing,
    ids: &mut [Option<StackId>],
) -> Result<(), Trouble> {
    for row_group in 0..file.row_groups() {
        let mut rows = Vec::new();
        let mut before = 0;
        file.batches(row_group, &["stack_id"], None, |batch| {
            let wanted = wanted(batch, missing)?;
            rows.extend(wanted.into_iter().map(|(row, number)| (before + row, number)));
            before += batch.num_rows();
            Ok(())
        })?;
        if rows.is_empty() {
            continue;
        }
        let ranges = rows.iter().map(|(row, _)| *row..*row + 1);
        let selection = RowSelection::from_consecutive_ranges(ranges, before);
        let mut numbers = rows.iter().map(|(_, number)| *number);
        file.batches(row_group, &["frames"], Some(selection), |batch| {
            let wanted: Vec<_> = (0..batch.num_rows()).zip(numbers.by_ref()).collect();
            take(reader, batch, &wanted, ids)
        })?;
    }
    Ok(())
}

/// The rows of stacks that are missing, which are no more, with their numbers.
fn wanted(batch: &RecordBatch, missing: &mut Missing) -> Result<Vec<(usize, u32)>, Trouble> {
    let ids: &BinaryArray = columns::required(batch, "stack_id")?;
    let wanted = |row| {
        let id = ids.is_valid(row).then(|| ids.value(row))?;
        Some((row, missing.remove(<&StoredStack>::try_from(id).ok()?)?))
    };
    Ok((0..batch.num_rows()).filter_map(wanted).collect())
}

/// Reads the frames of rows.
fn take(
    reader: &mut Reader,
    batch: &RecordBatch,
    wanted: &[(usize, u32)],
    ids: &mut [Option<StackId>],
) -> Result<(), Trouble> {
    reader.read(batch, wanted, |number, stack| ids[number as usize] = stack)?;
    Ok(())
}
