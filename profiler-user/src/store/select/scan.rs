//! One pass over batches of `samples`: what a question asks of them is added up.
//!
//! It must not know where a batch came from, nor what a stack's frames are.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{Int64Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch};

use super::Trouble;
use super::columns::{self, Repeated};
use super::groups::{Groups, same_numbers};
use super::sums::{MAX_ROWS, Sums};
use crate::model::Weight;
use crate::model::select::{Select, SelectError};

const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;
/// A dictionary's id that was not looked at yet.
const UNSEEN: u32 = u32::MAX;

/// A question, and the answer so far.
pub(super) struct Scan<'a> {
    select: &'a Select,
    /// The question's times in the unit of the column.
    times: Range<i64>,
    pub(super) groups: Groups,
    pub(super) sums: Sums,
    /// Number in the sums of each id of the dictionary that is held.
    dictionary: Option<(ArrayRef, Vec<u32>)>,
}

/// The times that a question is about, in milliseconds.
pub(super) fn milliseconds(select: &Select) -> Range<i64> {
    // Whole milliseconds are at or after a moment if they are so after it was rounded up.
    let rounded = |time: u64| time.div_ceil(NANOSECONDS_PER_MILLISECOND) as i64;
    rounded(select.since)..rounded(select.until)
}

impl<'a> Scan<'a> {
    pub(super) fn new(select: &'a Select) -> Scan<'a> {
        Scan {
            select,
            times: milliseconds(select),
            groups: Groups::new(select),
            sums: Sums::default(),
            dictionary: None,
        }
    }

    /// The columns that are needed of rows that are `inside` of the question's times, or may be outside.
    pub(super) fn columns(&self, inside: bool) -> Vec<&'static str> {
        let mut names = vec!["value", "samples"];
        names.extend(self.groups.columns());
        if self.select.stacks {
            names.push("stack_id");
        }
        if !inside || self.select.step.is_some() {
            names.push("time");
        }
        names
    }

    /// Adds the rows of a batch with at least these columns. One without `time` is inside.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), Trouble> {
        if self.select.cancelled.is_cancelled() {
            return Err(SelectError::Cancelled.into());
        }
        let weights = Weights {
            values: columns::numbers::<Int64Type>(batch, "value")?,
            samples: columns::numbers::<Int64Type>(batch, "samples")?,
        };
        let times = match batch.column_by_name("time") {
            Some(_) => Some(columns::numbers::<TimestampMillisecondType>(batch, "time")?),
            None => None,
        };
        let stacks = if self.select.stacks { Some(self.stacks(batch)?) } else { None };
        let Scan { select, times: asked, groups, sums, dictionary } = self;
        let known = dictionary.as_mut().map_or(&mut [][..], |(_, numbers)| numbers);
        groups.runs(batch, |run, group| {
            let mut rows = run.start..run.start;
            while rows.end < run.end {
                rows = rows.end..times.map_or(run.end, |times| same_numbers(times, rows.end, run.end));
                let time = times.map(|times| times[rows.start]);
                if time.is_some_and(|time| !asked.contains(&time)) {
                    continue;
                }
                let step = step(select, time)?;
                let Some((ids, values)) = stacks else {
                    sums.add((step, group, 0), weights.sum(rows.clone())?)?;
                    continue;
                };
                for row in rows.clone() {
                    let key = columns::key(ids, row).ok_or("a row has no stack")?;
                    if known[key] == UNSEEN {
                        let id = values.value(key);
                        let id = id.try_into().map_err(|_| format!("a stack_id has {} bytes", id.len()))?;
                        known[key] = sums.stack(id)?;
                    }
                    sums.add((step, group, known[key]), weights.of(row)?)?;
                }
            }
            Ok(())
        })
    }

    /// The stacks' ids; forgets what was known of another dictionary's.
    fn stacks<'b>(&mut self, batch: &'b RecordBatch) -> Result<(&'b Repeated, &'b BinaryArray), String> {
        let ids: &Repeated = columns::required(batch, "stack_id")?;
        // Held, so that no other is at its address.
        if !self.dictionary.as_ref().is_some_and(|(known, _)| Arc::ptr_eq(known, ids.values())) {
            self.dictionary = Some((ids.values().clone(), vec![UNSEEN; ids.values().len()]));
        }
        Ok((ids, columns::values(ids, "stack_id")?))
    }
}

/// The number of the step that a time, which is inside, is in.
fn step(select: &Select, time: Option<i64>) -> Result<u32, SelectError> {
    let (Some(step), Some(time)) = (select.step, time) else { return Ok(0) };
    let after = (time as u64).saturating_mul(NANOSECONDS_PER_MILLISECOND).saturating_sub(select.since);
    // Nobody asks for steps of nothing; to divide by it would be worse than to take the shortest.
    u32::try_from(after / step.max(1)).map_err(|_| SelectError::TooLarge { what: "rows", limit: MAX_ROWS })
}

/// The columns `value` and `samples`.
#[derive(Clone, Copy)]
struct Weights<'a> {
    values: &'a [i64],
    samples: &'a [i64],
}

impl Weights<'_> {
    fn of(self, row: usize) -> Result<Weight, &'static str> {
        match (u64::try_from(self.samples[row]), u64::try_from(self.values[row])) {
            (Ok(samples), Ok(nanoseconds)) => Ok(Weight { samples, nanoseconds }),
            _ => Err("a row weighs less than nothing"),
        }
    }

    fn sum(self, rows: Range<usize>) -> Result<Weight, &'static str> {
        let mut sum = Weight::default();
        for row in rows {
            let weight = self.of(row)?;
            sum.samples = sum.samples.saturating_add(weight.samples);
            sum.nanoseconds = sum.nanoseconds.saturating_add(weight.nanoseconds);
        }
        Ok(sum)
    }
}
