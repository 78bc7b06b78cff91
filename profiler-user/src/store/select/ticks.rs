//! Counts moments: from the table `ticks` into the parts of a range, and window by window.
//!
//! It must not know samples, nor what the counts are drawn as.

use arrow_array::types::TimestampMillisecondType;
use arrow_array::{Int32Array, ListArray, RecordBatch};

use super::columns;
use super::groups::Groups;
use super::scan::milliseconds;
use super::{Part, ReadError, Source, Trouble, asked, open, parts, work};
use crate::model::select::{Select, SelectError, SelectTicks};
use crate::store::objects::Objects;
use crate::store::schema::TICKS;

/// What windows that are not rolled up are long, milliseconds.
pub const WINDOW_MS: u64 = 10_000;

/// Counts so far.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Of each part of the question's range.
    pub parts: Vec<u64>,
    /// Of each ten seconds from the begin of the windows' range on, by when the row's window began.
    pub windows: Vec<u64>,
}

/// Counts the moments of a question. `windows`: the same series, and the time in which windows begin that may have some.
///
/// # Errors
/// If a source is gone, can't be read or makes no sense, or nobody wants the answer any more.
pub fn count_ticks(
    objects: &Objects,
    sources: &[Source],
    question: &SelectTicks,
    windows: &Select,
) -> Result<Counted, ReadError> {
    let asked = asked(sources, &milliseconds(windows));
    let files = open(objects, &asked, &TICKS)?;
    let parts = parts(&asked, &files, windows);
    let counts = work::share(
        &parts,
        || Count::new(question, windows),
        |count, (source, part)| count.part(part).map_err(|trouble| source.named(trouble)),
    )?;
    let mut all = Count::new(question, windows).counted;
    for count in counts {
        add(&mut all.parts, &count.counted.parts);
        add(&mut all.windows, &count.counted.windows);
    }
    Ok(all)
}

fn add(sums: &mut [u64], counts: &[u64]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum = sum.saturating_add(*count);
    }
}

/// A question, and the counts so far.
struct Count<'a> {
    question: &'a SelectTicks,
    windows: &'a Select,
    groups: Groups,
    counted: Counted,
}

impl<'a> Count<'a> {
    fn new(question: &'a SelectTicks, windows: &'a Select) -> Count<'a> {
        let length = windows.until.saturating_sub(windows.since).div_ceil(WINDOW_MS * 1_000_000);
        let counted = Counted { parts: question.none(), windows: vec![0; length as usize] };
        Count { question, windows, groups: Groups::new(windows), counted }
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), Trouble> {
        match part {
            Part::Batches(batches) => batches.iter().try_for_each(|batch| self.add(batch)),
            Part::RowGroup(file, row_group, _) => {
                let mut names = vec!["time", "offsets"];
                names.extend(self.groups.columns());
                file.batches(*row_group, |column, _| names.contains(&column), None, |batch| self.add(batch))
            }
        }
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), Trouble> {
        if self.question.cancelled.is_cancelled() {
            return Err(SelectError::Cancelled.into());
        }
        let times = columns::numbers::<TimestampMillisecondType>(batch, "time")?;
        let lists: &ListArray = columns::required(batch, "offsets")?;
        let values: &Int32Array = columns::typed(lists.values(), "offsets")?;
        columns::no_nulls(lists, "offsets")?;
        columns::no_nulls(values, "offsets")?;
        let bounds = lists.value_offsets();
        let Count { question, windows, groups, counted } = self;
        let asked = milliseconds(windows);
        groups.runs(batch, |run, _| {
            for row in run {
                let time = times[row];
                if !asked.contains(&time) {
                    continue;
                }
                let offsets = &values.values()[bounds[row] as usize..bounds[row + 1] as usize];
                let window = (time - asked.start) as u64 / WINDOW_MS;
                if let Some(window) = counted.windows.get_mut(window as usize) {
                    *window = window.saturating_add(offsets.len() as u64);
                }
                for offset in offsets {
                    let moment = time.checked_add(i64::from(*offset)).and_then(|at| u64::try_from(at).ok());
                    if let Some(part) = moment.and_then(|moment| question.part_of(moment)) {
                        counted.parts[part] = counted.parts[part].saturating_add(1);
                    }
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{SECOND, Store, any_question, any_windows};
    use super::*;
    use crate::aggregate::WindowTicks;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// As for samples, of moments: in parts, and in the windows that they are of.
    #[test]
    fn moments_are_right(windows in any_windows(), files in 0..4usize, question in any_question(), part in 1..3000u64) {
        let store = Store::of(&windows, files);
        let ticks =
            SelectTicks { since: question.since + 123_000_000, until: question.until, part, ..SelectTicks::default() };
        let counted = count_ticks(&store.objects, &store.sources.ticks, &ticks, &question).expect("an answer");
        let (mut parts, mut sums) = (ticks.none(), vec![0; counted.windows.len()]);
        for window in windows.iter().filter(|window| (question.since..question.until).contains(&window.start)) {
            let accepts = |ticks: &&WindowTicks| question.selector.accepts(&window.series[ticks.series as usize]);
            for offset in window.ticks.iter().filter(accepts).flat_map(|ticks| &ticks.offsets) {
                sums[((window.start - question.since) / (10 * SECOND)) as usize] += 1;
                if let Some(part) = ticks.part_of(window.start / 1_000_000 + u64::from(*offset)) {
                    parts[part] += 1;
                }
            }
        }
        prop_assert_eq!((counted.parts, counted.windows), (parts, sums));
    }
    }
}
