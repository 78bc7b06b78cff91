//! From sums to an answer: groups and stacks are sorted, and the frames of the stacks are read.
//!
//! It must not know how the sums came to be.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, BinaryArray, RecordBatch};
use parquet::arrow::arrow_reader::RowSelection;
use rustc_hash::FxBuildHasher;

use super::frames::{Lists, Reader};
use super::scan::Scan;
use super::sums::{MAX_ROWS, StoredStack};
use super::{Content, File, ReadError, Source, Sources, Trouble, columns, work};
use crate::model::select::{Select, SelectError, Selected, SelectedRow};
use crate::model::{Frame, Reason, StackId, Stacks, Weight};
use crate::store::objects::Objects;
use crate::store::schema::STACKS;

/// Stacks that are to be found: the number of each in the sums.
type Missing = HashMap<StoredStack, u32, FxBuildHasher>;

/// Rows are skipped where less than one of so many is wanted.
const SKIP: usize = 4;

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

/// Where some of the stacks are that are wanted.
struct Part<'a> {
    source: &'a Source,
    rows: Rows<'a>,
    /// Rows, from the first, and the numbers of their stacks in the sums.
    wanted: Vec<(usize, u32)>,
}

enum Rows<'a> {
    Batch(&'a RecordBatch),
    /// A row group, and how many rows it has.
    Group(Arc<File<'a>>, usize, usize),
}

/// Finds the frames of stacks, in the first source that has them.
fn resolve(
    objects: &Objects,
    sources: &[Source],
    select: &Select,
    mut missing: Missing,
) -> Result<Found, ReadError> {
    let mut ids = vec![None; missing.len()];
    let mut parts = Vec::new();
    for source in sources {
        if missing.is_empty() {
            break;
        }
        if select.cancelled.is_cancelled() {
            return Err(SelectError::Cancelled.into());
        }
        locate(objects, source, &mut missing, &mut parts).map_err(|trouble| source.named(trouble))?;
    }
    let numbered: Vec<_> = parts.iter().enumerate().collect();
    let read = work::share(&numbered, Vec::new, |done, (number, part)| {
        if select.cancelled.is_cancelled() {
            return Err(SelectError::Cancelled.into());
        }
        done.push((*number, read(part).map_err(|trouble| part.source.named(trouble))?));
        Ok::<(), ReadError>(())
    })?;
    let mut read: Vec<(usize, Lists)> = read.into_iter().flatten().collect();
    // Which thread did what is left to chance; ids are not.
    read.sort_unstable_by_key(|(part, _)| *part);
    let read: Vec<Lists> = read.into_iter().map(|(_, lists)| lists).collect();
    let mut stacks = Stacks::default();
    Lists::reserve(&read, &mut stacks);
    for lists in read {
        lists.add_to(&mut stacks, |number, id| ids[number as usize] = id);
    }
    let unknown = |stacks: &mut Stacks| {
        let frame = stacks.intern_frame(Frame::unknown(Reason::StackUnknown));
        stacks.push(None, frame)
    };
    let ids = ids.into_iter().map(|id| id.unwrap_or_else(|| unknown(&mut stacks))).collect();
    Ok(Found { stacks, ids })
}

/// Notes where missing stacks are in a source; they are missing no more.
fn locate<'a>(
    objects: &'a Objects,
    source: &'a Source,
    missing: &mut Missing,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Trouble> {
    let mut add = |rows, wanted: Vec<_>| {
        if !wanted.is_empty() {
            parts.push(Part { source, rows, wanted });
        }
    };
    match &source.content {
        Content::Batches(batches) => {
            for batch in batches {
                let mut wanted = Vec::new();
                take(batch, 0, missing, &mut wanted)?;
                add(Rows::Batch(batch), wanted);
            }
        }
        Content::Object { path, size } => {
            let file = Arc::new(File::open(objects, (path, *size), &STACKS)?);
            for row_group in 0..file.row_groups() {
                let (mut rows, mut wanted) = (0, Vec::new());
                file.batches(
                    row_group,
                    |column, _| column == "stack_id",
                    None,
                    |batch| {
                        take(batch, rows, missing, &mut wanted)?;
                        rows += batch.num_rows();
                        Ok(())
                    },
                )?;
                add(Rows::Group(file.clone(), row_group, rows), wanted);
            }
        }
    }
    Ok(())
}

/// Takes the stacks of a batch from what is missing, with their rows, of which the first has a number.
fn take(
    batch: &RecordBatch,
    first: usize,
    missing: &mut Missing,
    wanted: &mut Vec<(usize, u32)>,
) -> Result<(), Trouble> {
    let ids: &BinaryArray = columns::required(batch, "stack_id")?;
    let found = |row| {
        let id = ids.is_valid(row).then(|| ids.value(row))?;
        Some((first + row, missing.remove(<&StoredStack>::try_from(id).ok()?)?))
    };
    wanted.extend((0..batch.num_rows()).filter_map(found));
    Ok(())
}

/// Reads the frames of a part.
fn read(part: &Part<'_>) -> Result<Lists, Trouble> {
    let mut reader = Reader::default();
    match &part.rows {
        Rows::Batch(batch) => reader.read(batch, &part.wanted)?,
        Rows::Group(file, row_group, rows) => {
            // To skip a row takes as long as to decode some.
            let all = part.wanted.len() > rows / SKIP;
            let ranges = part.wanted.iter().map(|(row, _)| *row..*row + 1);
            let selection = (!all).then(|| RowSelection::from_consecutive_ranges(ranges, *rows));
            // Rows of those that are decoded.
            let wanted = part.wanted.iter().enumerate();
            let mut wanted =
                wanted.map(|(at, (row, stack))| (if all { *row } else { at }, *stack)).peekable();
            let mut first = 0;
            // What a module is called follows from its file.
            let frames = |column: &str, field: &str| column == "frames" && field != "module";
            file.batches(*row_group, frames, selection, |batch| {
                let end = first + batch.num_rows();
                let inside = std::iter::from_fn(|| wanted.next_if(|(row, _)| *row < end));
                let inside: Vec<_> = inside.map(|(row, stack)| (row - first, stack)).collect();
                first = end;
                Ok(reader.read(batch, &inside)?)
            })?;
        }
    }
    Ok(reader.lists)
}
