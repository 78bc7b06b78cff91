//! Answers a [`Select`] from the seconds in memory.
//!
//! A second counts where it begins, as a window of the store does. It must not know the store, nor what the answer is
//! for.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Aggregate, Bucket, NANOSECONDS, SeriesId};
use crate::model::copier::Copier;
use crate::model::select::{Select, SelectError, Selected, SelectedRow};
use crate::model::{Frame, StackId, Stacks, Weight};

/// Most rows of an answer, about 80 bytes each while it is made.
const MAX_ROWS: usize = 2_000_000;
/// Most groups of an answer.
const MAX_GROUPS: usize = 50_000;
/// How many entries are looked at between two looks at whether anybody still wants the answer.
const LOOK_EVERY: usize = 1 << 14;

impl Aggregate {
    /// The answer, as far as memory has it: [`Selected::complete_since`] says from when on it is whole.
    ///
    /// Takes time in proportion to the entries of the seconds asked for, and the distinct stacks among them.
    ///
    /// # Errors
    /// If the question was withdrawn, or the answer would be too large.
    pub fn select(&self, select: &Select) -> Result<Selected, SelectError> {
        let mut groups =
            Groups { aggregate: self, select, of_series: FxHashMap::default(), names: FxHashMap::default() };
        let mut sums: FxHashMap<(u32, u32, Option<StackId>), Weight> = FxHashMap::default();
        let mut looked_at = 0_usize;
        for bucket in self.buckets.iter().filter(|bucket| is_in(bucket, select)) {
            let step = step(bucket, select)?;
            for (&(series, stack), &weight) in &bucket.entries {
                if looked_at.is_multiple_of(LOOK_EVERY) && select.cancelled.is_cancelled() {
                    return Err(SelectError::Cancelled);
                }
                looked_at += 1;
                let Some(group) = groups.of(series)? else { continue };
                *sums.entry((step, group, select.stacks.then_some(stack))).or_default() += weight;
                if sums.len() > MAX_ROWS {
                    return Err(SelectError::TooLarge { what: "rows", limit: MAX_ROWS });
                }
            }
        }
        let (groups, renumbered) = groups.sorted();
        // A map has no order; the same question shall have the same answer.
        let mut sums: Vec<_> = sums
            .into_iter()
            .map(|((step, group, stack), weight)| (step, renumbered[group as usize], stack, weight))
            .collect();
        sums.sort_unstable_by_key(|&(step, group, stack, _)| (step, group, stack));
        let mut stacks = Stacks::default();
        let mut copier = Copier::new(&self.stacks, Frame::clone);
        let mut rows = Vec::with_capacity(sums.len());
        for (index, (step, group, stack, weight)) in sums.into_iter().enumerate() {
            if index.is_multiple_of(LOOK_EVERY) && select.cancelled.is_cancelled() {
                return Err(SelectError::Cancelled);
            }
            let stack = stack.map(|stack| copier.copy(stack, None, &mut stacks));
            rows.push(SelectedRow { step, group, stack, weight });
        }
        // Copied stacks are numbered in the order of first use, which need not be that of their old ids.
        rows.sort_unstable_by_key(|row| (row.step, row.group, row.stack));
        let complete_since = self.complete_since.max(select.since);
        Ok(Selected { groups, stacks, rows, complete_since })
    }

    /// Names of labels that processes gave themselves, of series in memory, sorted: those beside
    /// [`NAMES`](crate::model::labels::NAMES).
    pub fn extra_labels(&self) -> Vec<Arc<str>> {
        let extra = self.series.iter().flat_map(|series| series.labels.extra.iter());
        let names: std::collections::BTreeSet<Arc<str>> = extra.map(|(name, _)| name.clone()).collect();
        names.into_iter().collect()
    }
}

fn is_in(bucket: &Bucket, select: &Select) -> bool {
    let begin = bucket.first.saturating_mul(NANOSECONDS);
    select.since <= begin && begin < select.until
}

fn step(bucket: &Bucket, select: &Select) -> Result<u32, SelectError> {
    let Some(length) = select.step else { return Ok(0) };
    let after = bucket.first * NANOSECONDS - select.since;
    let too_many = SelectError::TooLarge { what: "steps", limit: u32::MAX as usize };
    u32::try_from(after / length.max(1)).map_err(|_| too_many)
}

/// Which series are in which group.
struct Groups<'a> {
    aggregate: &'a Aggregate,
    select: &'a Select,
    /// `None`: not asked for.
    of_series: FxHashMap<SeriesId, Option<u32>>,
    names: FxHashMap<Vec<Arc<str>>, u32>,
}

impl Groups<'_> {
    fn of(&mut self, id: SeriesId) -> Result<Option<u32>, SelectError> {
        let entry = match self.of_series.entry(id) {
            Entry::Occupied(known) => return Ok(*known.get()),
            Entry::Vacant(entry) => entry,
        };
        let series = self.aggregate.series_of(id);
        if !self.select.selector.accepts(series) {
            return Ok(*entry.insert(None));
        }
        let values = self.select.by.iter().map(|name| series.label(name).into()).collect();
        let next = self.names.len() as u32;
        let group = *self.names.entry(values).or_insert(next);
        if self.names.len() > MAX_GROUPS {
            return Err(SelectError::TooLarge { what: "groups", limit: MAX_GROUPS });
        }
        Ok(*entry.insert(Some(group)))
    }

    /// The groups sorted by their values, and the new number of each.
    fn sorted(self) -> (Vec<Vec<Arc<str>>>, Vec<u32>) {
        let mut groups: Vec<(Vec<Arc<str>>, u32)> = self.names.into_iter().collect();
        groups.sort_unstable();
        let mut renumbered = vec![0; groups.len()];
        for (new, (_, old)) in groups.iter().enumerate() {
            renumbered[*old as usize] = new as u32;
        }
        (groups.into_iter().map(|(values, _)| values).collect(), renumbered)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Retention;
    use super::super::tests::{add, small};
    use super::*;
    use crate::model::selector::{Comparison, Matcher, Selector};

    fn filled() -> Aggregate {
        let mut aggregate = Aggregate::new(Retention { max_entries: 100, ..small(Some(100)) }, 0);
        for (second, pid, frames) in [
            (10, 2, &["a", "b"][..]),
            (10, 1, &["a"]),
            (11, 1, &["a"]),
            (12, 1, &["a", "b"]),
            (13, 1, &["a"]),
        ] {
            assert_eq!(add(&mut aggregate, second, pid, frames), None);
        }
        aggregate
    }

    /// `step|group|stack samples`
    fn shown(selected: &Selected) -> Vec<String> {
        let row = |row: &SelectedRow| {
            let stack = row.stack.map_or(String::new(), |stack| {
                let frames = selected.stacks.root_first(stack);
                frames.iter().map(|frame| &*frame.function).collect::<Vec<_>>().join(";")
            });
            let group = selected.groups[row.group as usize].join(",");
            format!("{}|{group}|{stack} {}", row.step, row.weight.samples)
        };
        selected.rows.iter().map(row).collect()
    }

    fn question(since: u64, until: u64) -> Select {
        Select { since: since * NANOSECONDS, until: until * NANOSECONDS, ..Select::default() }
    }

    #[test]
    fn one_question_serves_every_view() {
        let aggregate = filled();
        let ask = |select: &Select| shown(&aggregate.select(select).unwrap());
        assert_eq!(ask(&question(10, 13)), ["0|| 4"]);
        assert_eq!(ask(&Select { stacks: true, ..question(10, 13) }), ["0||a 2", "0||a;b 2"]);
        let by = vec!["pid".into()];
        assert_eq!(ask(&Select { by: by.clone(), ..question(10, 14) }), ["0|1| 4", "0|2| 1"]);
        let step = Some(2 * NANOSECONDS);
        assert_eq!(ask(&Select { by, step, ..question(10, 14) }), ["0|1| 2", "0|2| 1", "1|1| 2"]);
        let selector = Selector { matchers: vec![Matcher::new("pid", Comparison::NotEqual, "1").unwrap()] };
        assert_eq!(ask(&Select { selector, stacks: true, ..question(0, 99) }), ["0||a;b 1"]);
        assert_eq!(ask(&question(14, 99)), [] as [&str; 0]);
    }

    #[test]
    fn a_second_counts_where_it_begins() {
        let aggregate = filled();
        let half = NANOSECONDS / 2;
        let select =
            Select { since: 10 * NANOSECONDS + half, until: 12 * NANOSECONDS + half, ..Select::default() };
        assert_eq!(shown(&aggregate.select(&select).unwrap()), ["0|| 2"]);
    }

    #[test]
    fn it_says_from_when_on_it_is_whole() {
        let mut aggregate = filled();
        assert_eq!(aggregate.select(&question(5, 13)).unwrap().complete_since, 5 * NANOSECONDS);
        aggregate.maintain(112 * NANOSECONDS);
        let selected = aggregate.select(&question(5, 99)).unwrap();
        assert_eq!(selected.complete_since, 12 * NANOSECONDS);
        assert_eq!(shown(&selected), ["0|| 2"]);
    }

    #[test]
    fn a_withdrawn_question_has_no_answer() {
        let select = question(0, 99);
        select.cancelled.cancel();
        assert!(matches!(filled().select(&select), Err(SelectError::Cancelled)));
    }

    #[test]
    fn extra_labels_are_listed() {
        assert_eq!(filled().extra_labels(), [] as [Arc<str>; 0]);
    }
}
