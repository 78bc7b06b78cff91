//! When each sample was taken, to the millisecond: what heat maps are made of.
//!
//! Seconds tell how much was used and not how it was spread: a burst of 50 ms each second looks like 5 % all the time. A
//! ring keeps (millisecond, series, samples) of the last samples beside the seconds, without their stacks: the same
//! precision in the buckets themselves was rejected, as every sample would be an entry of its own then. It must not know
//! how a heat map is drawn.

use std::collections::VecDeque;

use super::{Aggregate, NANOSECONDS_OF_A_MILLISECOND, SeriesId};
use crate::model::select::{SelectError, SelectTicks, SelectedTicks};
use crate::model::{Series, Weight};

/// How many ticks are looked at between two looks at whether anybody still wants them.
const LOOK_EVERY: usize = 1 << 14;

/// The ring.
#[derive(Debug)]
pub(super) struct Ticks {
    most: usize,
    ring: VecDeque<Kept>,
    /// Unix nanoseconds.
    complete_since: u64,
}

/// 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Kept {
    millisecond: u64,
    series: SeriesId,
    samples: u32,
}

impl Ticks {
    pub(super) fn new(most: usize, started: u64) -> Ticks {
        Ticks { most, ring: VecDeque::new(), complete_since: started }
    }

    /// Adds samples at a time (Unix nanoseconds). Returns how many samples were forgotten to make room.
    pub(super) fn add(&mut self, time: u64, series: SeriesId, weight: Weight) -> u64 {
        if self.most == 0 {
            return 0;
        }
        let mut forgotten = 0;
        while self.ring.len() >= self.most {
            let Some(oldest) = self.ring.pop_front() else { break };
            forgotten += u64::from(oldest.samples);
            let after = oldest.millisecond.saturating_add(1).saturating_mul(NANOSECONDS_OF_A_MILLISECOND);
            self.complete_since = self.complete_since.max(after);
        }
        self.ring.push_back(Kept {
            millisecond: time / NANOSECONDS_OF_A_MILLISECOND,
            series,
            samples: u32::try_from(weight.samples).unwrap_or(u32::MAX),
        });
        forgotten
    }

    /// Forgets what is older than this time (Unix nanoseconds). A late one stays until all before it are gone.
    pub(super) fn forget_before(&mut self, time: u64) {
        let first = time / NANOSECONDS_OF_A_MILLISECOND;
        while self.ring.front().is_some_and(|kept| kept.millisecond < first) {
            self.ring.pop_front();
        }
        self.complete_since = self.complete_since.max(time);
    }

    pub(super) fn series_mut(&mut self) -> impl Iterator<Item = &mut SeriesId> {
        self.ring.iter_mut().map(|kept| &mut kept.series)
    }
}

impl Aggregate {
    /// How many samples were taken when, as far as memory knows. Nothing if [`Retention::max_ticks`] is 0, and then
    /// [`SelectedTicks::complete_since`] is `until`.
    ///
    /// # Errors
    /// [`SelectError::Cancelled`].
    ///
    /// [`Retention::max_ticks`]: super::Retention::max_ticks
    pub fn ticks(&self, select: &SelectTicks) -> Result<SelectedTicks, SelectError> {
        let mut counts = select.none();
        if self.ticks.most == 0 {
            return Ok(SelectedTicks { counts, complete_since: select.until });
        }
        let accepted: Vec<bool> =
            self.series.iter().map(|series: &Series| select.selector.accepts(series)).collect();
        for (index, kept) in self.ticks.ring.iter().enumerate() {
            if index.is_multiple_of(LOOK_EVERY) && select.cancelled.is_cancelled() {
                return Err(SelectError::Cancelled);
            }
            if let Some(part) = select.part_of(kept.millisecond)
                && accepted[kept.series.0 as usize]
            {
                counts[part] += u64::from(kept.samples);
            }
        }
        Ok(SelectedTicks { counts, complete_since: self.ticks_complete_since().max(select.since) })
    }

    /// Unix nanoseconds from which on the millisecond of every sample is here.
    pub fn ticks_complete_since(&self) -> u64 {
        self.ticks.complete_since
    }
}

#[cfg(test)]
mod tests {
    use super::super::NANOSECONDS;
    use super::super::Retention;
    use super::super::tests::{add, small};
    use super::*;
    use crate::model::selector::{Comparison, Matcher, Selector};

    fn question(since: u64, until: u64) -> SelectTicks {
        SelectTicks { since, until, part: 1, ..SelectTicks::default() }
    }

    fn milliseconds(aggregate: &Aggregate, since: u64, until: u64, selector: &Selector) -> Vec<u64> {
        let question = SelectTicks { selector: selector.clone(), ..question(since, until) };
        let found = aggregate.ticks(&question).unwrap();
        let first = since.div_ceil(NANOSECONDS_OF_A_MILLISECOND);
        let at = |(part, count): (usize, &u64)| vec![first + part as u64; *count as usize];
        found.counts.iter().enumerate().flat_map(at).collect()
    }

    #[test]
    fn ticks_keep_their_millisecond_and_their_series_over_a_rebuild() {
        let mut aggregate = Aggregate::new(Retention { max_nodes: 2, ..small(Some(100)) }, 0);
        let one = Weight { samples: 1, nanoseconds: 10 };
        for (millisecond, pid) in [(20_017, 1), (20_999, 2), (21_003, 1)] {
            let series = aggregate.series(&super::super::tests::series(pid));
            let stack = aggregate.intern(Vec::new());
            let _ = aggregate.add(millisecond * 1_000_000, series, stack, one);
        }
        let second = Selector { matchers: vec![Matcher::new("pid", Comparison::Equal, "2").unwrap()] };
        let whole = (20 * NANOSECONDS, 30 * NANOSECONDS);
        assert_eq!(
            milliseconds(&aggregate, whole.0, whole.1, &Selector::default()),
            [20_017, 20_999, 21_003]
        );
        assert_eq!(milliseconds(&aggregate, 20_017_000_001, 21_003_000_000, &Selector::default()), [20_999]);
        assert_eq!(milliseconds(&aggregate, whole.0, whole.1, &second), [20_999]);
        assert!(aggregate.maintain(30 * NANOSECONDS).is_some(), "the tables were full");
        assert_eq!(milliseconds(&aggregate, whole.0, whole.1, &second), [20_999]);
    }

    #[test]
    fn what_finds_no_room_is_counted_and_said() {
        let mut aggregate = Aggregate::new(Retention { max_ticks: 2, ..small(Some(100)) }, 0);
        for second in [5, 6, 7] {
            assert_eq!(add(&mut aggregate, second, 1, &["a"]), None);
        }
        assert_eq!(aggregate.overflow().ticks_dropped, 1);
        let found = aggregate.ticks(&question(0, 10 * NANOSECONDS)).unwrap();
        assert_eq!((found.counts.iter().sum::<u64>(), found.complete_since), (2, 5_001_000_000));
    }

    #[test]
    fn old_ticks_go_with_their_seconds() {
        let mut aggregate = Aggregate::new(small(Some(3)), 0);
        for second in [5, 9] {
            assert_eq!(add(&mut aggregate, second, 1, &["a"]), None);
        }
        aggregate.maintain(9 * NANOSECONDS);
        assert_eq!(milliseconds(&aggregate, 0, 10 * NANOSECONDS, &Selector::default()), [9_000]);
        assert_eq!(aggregate.overflow().ticks_dropped, 0);
    }

    #[test]
    fn nobody_waits_for_what_nobody_wants() {
        let mut aggregate = Aggregate::new(small(Some(3)), 0);
        assert_eq!(add(&mut aggregate, 5, 1, &["a"]), None);
        let question = question(0, 10 * NANOSECONDS);
        question.cancelled.cancel();
        let refused = aggregate.ticks(&question);
        assert!(matches!(refused, Err(SelectError::Cancelled)));
    }
}
