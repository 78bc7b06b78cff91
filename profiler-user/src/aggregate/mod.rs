//! Sums samples: (series, stack, one-second bucket) → weight, in bounded memory.
//!
//! `record` keeps no time (one bucket, the whole recording), `serve` the last minutes second by second. Memory is
//! bounded by [`Retention`], and what does not fit is never dropped silently: a stack that finds no room becomes
//! `[agent table full]`, a series the [overflow series](Aggregate::series), both with their weight; seconds that had
//! to go before their time are counted ([`Overflow`]).
//!
//! Ids are valid as long as [`Aggregate::generation`] stays the same. Only [`Aggregate::maintain`] changes it, and then
//! says which old ids became which new ones ([`Moved`]), so a caller caches ids freely. Handles that carry their
//! generation were rejected: they double the size of every entry to guard against what one `if` in the caller does.
//!
//! It must not know how a sample was taken, what a query asks for, or the time of day (callers pass it).

mod pending;
mod rebuild;
mod select;
mod ticks;

use std::collections::VecDeque;
use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::model::{Frame, Labels, Pid, Reason, Series, StackId, Stacks, Tid, Weight};
use pending::Pending;
pub use pending::{Window, WindowRow, WindowTicks};
pub use rebuild::Moved;
use ticks::Ticks;

const NANOSECONDS: u64 = 1_000_000_000;
const NANOSECONDS_OF_A_MILLISECOND: u64 = NANOSECONDS / 1000;

/// What to keep and how much memory it may take.
#[derive(Clone, Debug)]
pub struct Retention {
    /// Seconds to keep, each in a bucket of its own. `None`: everything, in one bucket without time.
    pub seconds: Option<u64>,
    /// Seconds of a window that [`Aggregate::take_windows`] gives. `None`: nobody takes any.
    pub window: Option<u64>,
    /// Most (series, stack, bucket) entries, about 50 bytes each.
    pub max_entries: usize,
    /// Most stack nodes, and most frames, about 100 bytes each; may be passed by the length of one stack.
    pub max_nodes: usize,
    /// Most bytes of function and file names. Counted per frame, so shared file names count more than they take.
    pub max_text_bytes: usize,
    /// Most series, the overflow series not counted.
    pub max_series: usize,
    /// Most samples whose millisecond is kept, 16 bytes each; 0: none.
    pub max_ticks: usize,
}

impl Retention {
    /// For a recording: all of it, at most about 300 MB.
    pub fn recording() -> Retention {
        Retention { seconds: None, max_ticks: 0, ..Retention::live(0) }
    }

    /// For a service: the last `seconds` (at least 1), at most about 300 MB and usually a few.
    pub fn live(seconds: u64) -> Retention {
        Retention {
            seconds: Some(seconds.max(1)),
            window: None,
            max_entries: 2_000_000,
            max_nodes: 500_000,
            max_text_bytes: 64 << 20,
            max_series: 20_000,
            max_ticks: 1_000_000,
        }
    }
}

/// Names a [`Series`] in one [`Aggregate`], in one generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u32);

/// What did not fit, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overflow {
    /// Samples whose stack became `[agent table full]`.
    pub folded_samples: u64,
    /// Samples whose process and thread became the overflow series; their stack is kept.
    pub unnamed_samples: u64,
    /// Seconds that were dropped before the end of their retention to make room for newer ones.
    pub seconds_dropped: u64,
    /// Samples in those seconds.
    pub samples_dropped: u64,
    /// Samples whose millisecond was forgotten before the end of the retention; their second was kept.
    pub ticks_dropped: u64,
    /// Samples that are in windows for the store without their millisecond.
    pub ticks_unstored: u64,
}

/// How full the tables are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// (series, stack, bucket) entries.
    pub entries: usize,
    /// Stack nodes.
    pub nodes: usize,
    /// Distinct frames.
    pub frames: usize,
    /// Series.
    pub series: usize,
}

type Entries = FxHashMap<(SeriesId, StackId), Weight>;

#[derive(Debug)]
struct Bucket {
    /// Unix seconds of the first and last sample in it; the same where buckets are seconds.
    first: u64,
    last: u64,
    entries: Entries,
}

/// Weights by series, stack and second, and the frames and stacks that they speak of.
#[derive(Debug)]
pub struct Aggregate {
    retention: Retention,
    stacks: Stacks,
    series: IndexSet<Series, FxBuildHasher>,
    /// In the order of time.
    buckets: VecDeque<Bucket>,
    entries: usize,
    text_bytes: usize,
    table_full: StackId,
    generation: u64,
    overflow: Overflow,
    pending: Option<Pending>,
    ticks: Ticks,
    /// Unix nanoseconds from which on nothing that was added is missing.
    complete_since: u64,
    /// Unix second of the last rebuild.
    rebuilt: u64,
    /// How full (see `fullness`) the tables may get until the next one.
    rebuild_at: usize,
}

impl Aggregate {
    /// An empty one that collects from `started` (Unix nanoseconds) on.
    pub fn new(retention: Retention, started: u64) -> Aggregate {
        let mut stacks = Stacks::default();
        let table_full = intern_table_full(&mut stacks);
        let mut series = IndexSet::default();
        series.insert(overflow_series());
        let pending = retention.window.map(Pending::new);
        Aggregate {
            pending,
            ticks: Ticks::new(retention.max_ticks, started),
            retention,
            stacks,
            series,
            buckets: VecDeque::new(),
            entries: 0,
            text_bytes: 0,
            table_full,
            generation: 0,
            overflow: Overflow::default(),
            complete_since: started,
            rebuilt: 0,
            rebuild_at: rebuild::REBUILD_AT,
        }
    }

    /// Changes whenever ids given before have lost their meaning.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The id of a stack, frames root first, valid in this generation.
    ///
    /// A stack that finds no room is `[agent table full]`: [`add`](Self::add) says so for each of its samples. A
    /// stack without a frame is `[no Python frame]`.
    pub fn intern(&mut self, root_first: Vec<Frame>) -> StackId {
        if root_first.is_empty() {
            return self.intern(vec![Frame::unknown(Reason::NoPythonFrame)]);
        }
        let full = self.stacks.node_count() >= self.retention.max_nodes
            || self.stacks.frame_count() >= self.retention.max_nodes
            || self.text_bytes >= self.retention.max_text_bytes;
        if full {
            return self.stacks.find(&root_first).unwrap_or(self.table_full);
        }
        let mut stack = None;
        for frame in root_first {
            let bytes = frame.function.len() + frame.file.len();
            let frames_before = self.stacks.frame_count();
            let frame = self.stacks.intern_frame(frame);
            if self.stacks.frame_count() > frames_before {
                self.text_bytes += bytes;
            }
            stack = Some(self.stacks.push(stack, frame));
        }
        stack.unwrap_or(self.table_full)
    }

    /// The id of a series, valid in this generation. Where the table is full: the overflow series, which has pid 0
    /// and the command `[agent table full]`.
    pub fn series(&mut self, series: &Series) -> SeriesId {
        if let Some(index) = self.series.get_index_of(series) {
            return SeriesId(index as u32);
        }
        if self.series.len() > self.retention.max_series {
            return SeriesId(0);
        }
        SeriesId(self.series.insert_full(series.clone()).0 as u32)
    }

    /// Adds a weight at a time (Unix nanoseconds).
    ///
    /// `Some` reason: the weight is kept but its stack is not, count it as unattributed. Ids of an earlier generation
    /// are a mistake of the caller: they name something else by now.
    #[must_use = "a sample whose stack found no room counts as unattributed"]
    pub fn add(&mut self, time: u64, series: SeriesId, stack: StackId, weight: Weight) -> Option<Reason> {
        let index = self.bucket(time / NANOSECONDS);
        let mut key = (series, stack);
        if self.entries >= self.retention.max_entries && !self.buckets[index].entries.contains_key(&key) {
            if index > 0 {
                self.drop_oldest();
                return self.add(time, series, stack, weight);
            }
            key.1 = self.table_full;
        }
        if series == SeriesId(0) {
            self.overflow.unnamed_samples += weight.samples;
        }
        let entries = &mut self.buckets[index].entries;
        let before = entries.len();
        *entries.entry(key).or_default() += weight;
        self.entries += entries.len() - before;
        if let Some(pending) = &mut self.pending {
            self.overflow.ticks_unstored += pending.add(time, key, weight);
        }
        self.overflow.ticks_dropped += self.ticks.add(time, series, weight);
        if key.1 == self.table_full {
            self.overflow.folded_samples += weight.samples;
            return Some(Reason::AgentTableFull);
        }
        None
    }

    /// Drops what is older than the retention at `now` (Unix nanoseconds) and rebuilds tables that have filled up.
    /// Call it about once a second. `Some`: all ids are new.
    pub fn maintain(&mut self, now: u64) -> Option<Moved> {
        let second = now / NANOSECONDS;
        let oldest = second.saturating_sub(self.retention.seconds?);
        while self.buckets.front().is_some_and(|bucket| bucket.last < oldest) {
            self.forget_front();
        }
        self.complete_since = self.complete_since.max(oldest * NANOSECONDS);
        self.ticks.forget_before(oldest * NANOSECONDS);
        self.rebuild_if_full(second)
    }

    /// Weights of the buckets that overlap with `since..until` (Unix nanoseconds), bucket by bucket, oldest first;
    /// in no particular order within a bucket.
    pub fn weights(&self, since: u64, until: u64) -> impl Iterator<Item = (SeriesId, StackId, Weight)> {
        self.buckets
            .iter()
            .filter(move |bucket| {
                bucket.first.saturating_mul(NANOSECONDS) < until
                    && (bucket.last + 1).saturating_mul(NANOSECONDS) > since
            })
            .flat_map(|bucket| bucket.entries.iter())
            .map(|(&(series, stack), &weight)| (series, stack, weight))
    }

    /// The series with this id. Panics if the id is of another generation or `Aggregate`.
    pub fn series_of(&self, id: SeriesId) -> &Series {
        self.series.get_index(id.0 as usize).expect("a SeriesId of this Aggregate and generation")
    }

    /// The frames and stacks that [`weights`](Self::weights) speaks of.
    pub fn stacks(&self) -> &Stacks {
        &self.stacks
    }

    /// Unix nanoseconds from which on everything that was added is still here.
    pub fn complete_since(&self) -> u64 {
        self.complete_since
    }

    /// What did not fit.
    pub fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// How full the tables are.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            entries: self.entries,
            nodes: self.stacks.node_count(),
            frames: self.stacks.frame_count(),
            series: self.series.len(),
        }
    }

    /// The index of the bucket of a second; a new one is put where its time belongs.
    fn bucket(&mut self, second: u64) -> usize {
        if self.retention.seconds.is_none()
            && let Some(only) = self.buckets.front_mut()
        {
            only.first = only.first.min(second);
            only.last = only.last.max(second);
            return 0;
        }
        match self.buckets.binary_search_by_key(&second, |bucket| bucket.first) {
            Ok(index) => index,
            Err(index) => {
                let bucket = Bucket { first: second, last: second, entries: Entries::default() };
                self.buckets.insert(index, bucket);
                index
            }
        }
    }

    /// Makes room by dropping the oldest second before its time.
    fn drop_oldest(&mut self) {
        let Some(bucket) = self.forget_front() else { return };
        self.overflow.seconds_dropped += 1;
        self.overflow.samples_dropped += bucket.entries.values().map(|weight| weight.samples).sum::<u64>();
        self.complete_since = self.complete_since.max((bucket.last + 1) * NANOSECONDS);
    }

    fn forget_front(&mut self) -> Option<Bucket> {
        let bucket = self.buckets.pop_front()?;
        self.entries -= bucket.entries.len();
        Some(bucket)
    }
}

fn intern_table_full(stacks: &mut Stacks) -> StackId {
    let frame = stacks.intern_frame(Frame::unknown(Reason::AgentTableFull));
    stacks.push(None, frame)
}

/// Always the first of its table.
fn overflow_series() -> Series {
    let empty: Arc<str> = "".into();
    Series {
        pid: Pid(0),
        command: "[agent table full]".into(),
        labels: Labels::none(),
        tid: Tid(0),
        thread: empty.clone(),
        python: empty,
        interpreter: None,
    }
}

#[cfg(test)]
mod tests;
