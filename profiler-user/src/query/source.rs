//! The one place that decides where an answer comes from: memory alone where it has the whole range, else the store.
//!
//! Memory has seconds, the store windows of ten; so memory answers whenever it can. To put an answer together from both
//! was rejected: their edges differ, and a sample on one would count twice or not at all. It must not know how either
//! keeps what it has.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::NANOSECONDS;
use crate::aggregate::{Aggregate, Window};
use crate::model::select::{Select, SelectError, SelectTicks, Selected, SelectedTicks};

/// What remembers more than memory does.
pub trait History: Send + Sync {
    /// A view of everything up to this moment. `pending` are the windows that were not handed to it yet; the view has
    /// them too. Called while the aggregate is locked, so that no window is in both or in neither: it must neither wait
    /// nor read files.
    fn snapshot(&self, pending: Vec<Window>) -> Box<dyn Snapshot>;

    /// Unix nanoseconds from which on nothing that was sampled is missing.
    fn complete_since(&self) -> u64;
}

/// A view of a [`History`] that does not change.
pub trait Snapshot: Send {
    /// The answer. It may take long: it looks at [`Select::cancelled`] every now and then.
    ///
    /// # Errors
    /// As [`SelectError`] says.
    fn select(&self, select: &Select) -> Result<Selected, SelectError>;

    /// How many samples were taken when. It may take as long.
    ///
    /// # Errors
    /// As [`SelectError`] says.
    fn ticks(&self, select: &SelectTicks) -> Result<SelectedTicks, SelectError>;

    /// Nanoseconds of the coarsest steps that samples since this time (Unix nanoseconds) are kept in.
    fn resolution(&self, since: u64) -> u64;
}

/// What questions are asked of.
#[derive(Clone)]
pub struct Source {
    aggregate: Arc<Mutex<Aggregate>>,
    history: Option<Arc<dyn History>>,
}

impl Source {
    /// Of memory, and of what remembers more, if there is any.
    pub fn new(aggregate: Arc<Mutex<Aggregate>>, history: Option<Arc<dyn History>>) -> Source {
        Source { aggregate, history }
    }

    /// The answer, and nanoseconds of the coarsest steps that it was made of. Without a history it covers what memory has,
    /// and says so in [`Selected::complete_since`].
    ///
    /// # Errors
    /// As [`SelectError`] says.
    pub fn select(&self, select: &Select) -> Result<Selected, SelectError> {
        let aggregate = self.lock();
        let snapshot = match &self.history {
            Some(history) if select.since < aggregate.complete_since() => {
                history.snapshot(aggregate.pending_windows())
            }
            _ => return aggregate.select(select),
        };
        // Samples go on while files are read.
        drop(aggregate);
        snapshot.select(select)
    }

    /// How many samples were taken when, by the same rule: memory answers if it has the milliseconds of the whole range.
    ///
    /// # Errors
    /// As [`SelectError`] says.
    pub fn ticks(&self, select: &SelectTicks) -> Result<SelectedTicks, SelectError> {
        let aggregate = self.lock();
        let snapshot = match &self.history {
            Some(history) if select.since < aggregate.ticks_complete_since() => {
                history.snapshot(aggregate.pending_windows())
            }
            _ => return aggregate.ticks(select),
        };
        drop(aggregate);
        snapshot.ticks(select)
    }

    /// Nanoseconds of the steps that samples since this time (Unix nanoseconds) can be told apart by.
    pub fn resolution(&self, since: u64) -> u64 {
        let aggregate = self.lock();
        match &self.history {
            Some(history) if since < aggregate.complete_since() => {
                let snapshot = history.snapshot(Vec::new());
                drop(aggregate);
                snapshot.resolution(since)
            }
            _ => NANOSECONDS,
        }
    }

    /// What remembers more than memory.
    pub fn history(&self) -> Option<&dyn History> {
        self.history.as_deref()
    }

    fn lock(&self) -> MutexGuard<'_, Aggregate> {
        // Its methods leave the aggregate whole, also where one panicked.
        self.aggregate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Retention;
    use crate::model::{Labels, Pid, Series, Tid, Weight};

    /// Answers with the number of pending windows, as a row's samples.
    struct Counting;

    impl History for Counting {
        fn snapshot(&self, pending: Vec<Window>) -> Box<dyn Snapshot> {
            Box::new(Counted(pending.len()))
        }

        fn complete_since(&self) -> u64 {
            0
        }
    }

    struct Counted(usize);

    impl Snapshot for Counted {
        fn select(&self, select: &Select) -> Result<Selected, SelectError> {
            let weight = Weight { samples: 1000 + self.0 as u64, nanoseconds: 0 };
            let row = crate::model::select::SelectedRow { step: 0, group: 0, stack: None, weight };
            Ok(Selected {
                groups: vec![vec![]],
                rows: vec![row],
                complete_since: select.since,
                ..Selected::default()
            })
        }

        fn ticks(&self, select: &SelectTicks) -> Result<SelectedTicks, SelectError> {
            Ok(SelectedTicks { counts: vec![1000 + self.0 as u64], complete_since: select.since })
        }

        fn resolution(&self, _: u64) -> u64 {
            60 * NANOSECONDS
        }
    }

    fn source(history: Option<Arc<dyn History>>) -> Source {
        let retention = Retention { window: Some(10), ..Retention::live(60) };
        let mut aggregate = Aggregate::new(retention, 100 * NANOSECONDS);
        let series = aggregate.series(&Series {
            pid: Pid(1),
            command: "app".into(),
            labels: Labels::none(),
            tid: Tid(1),
            thread: "main".into(),
            python: "3.12.1".into(),
            interpreter: Some(0),
        });
        let stack = aggregate.intern(Vec::new());
        assert_eq!(
            aggregate.add(105 * NANOSECONDS, series, stack, Weight { samples: 1, nanoseconds: 10 }),
            None
        );
        Source::new(Arc::new(Mutex::new(aggregate)), history)
    }

    fn asked(source: &Source, since: u64) -> (u64, u64, u64) {
        let since = since * NANOSECONDS;
        let select = Select { since, until: 110 * NANOSECONDS, ..Select::default() };
        let selected = source.select(&select).unwrap();
        let samples = selected.rows.iter().map(|row| row.weight.samples).sum();
        (samples, selected.complete_since / NANOSECONDS, source.resolution(since) / NANOSECONDS)
    }

    #[test]
    fn memory_answers_what_it_has_whole_and_the_history_what_it_has_not() {
        let both = source(Some(Arc::new(Counting)));
        assert_eq!(asked(&both, 100), (1, 100, 1));
        assert_eq!(asked(&both, 99), (1001, 99, 60));
    }

    #[test]
    fn moments_are_asked_by_the_same_rule() {
        let asked = |source: &Source, since: u64| {
            let (since, until) = (since * NANOSECONDS, 110 * NANOSECONDS);
            let select = SelectTicks { since, until, part: 20_000, ..SelectTicks::default() };
            let found = source.ticks(&select).unwrap();
            (found.counts, found.complete_since / NANOSECONDS)
        };
        let both = source(Some(Arc::new(Counting)));
        assert_eq!(asked(&both, 100), (vec![1], 100));
        assert_eq!(asked(&both, 99), (vec![1001], 99));
        assert_eq!(asked(&source(None), 99), (vec![1], 100));
    }

    #[test]
    fn without_a_history_the_answer_says_what_it_covers() {
        assert_eq!(asked(&source(None), 50), (1, 100, 1));
    }
}
