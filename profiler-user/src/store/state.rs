//! What the store's thread and all others share: what is in memory, which files there are, and the counters.
//!
//! Every window that was submitted is in exactly one of three places, and moves from one to the next under one lock: the
//! queue, an unsealed log, the segments. It must not know how it gets there.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;

use super::names::Partition;
use super::plan::Segment;
use super::status::{Files, Status};
use crate::aggregate::Window;

/// A window that waits to be written.
#[derive(Clone, Debug)]
pub struct Queued {
    /// The window.
    pub window: Arc<Window>,
    /// Bytes that it takes, roughly.
    pub bytes: usize,
}

/// A window that is in a log, and in memory.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its node and day.
    pub partition: Partition,
    /// When it began and was over, Unix milliseconds.
    pub times: (i64, i64),
    /// Rows of `samples`.
    pub samples: RecordBatch,
    /// Rows of `ticks`.
    pub ticks: Option<RecordBatch>,
    /// Rows of `stacks` that were new.
    pub stacks: Option<RecordBatch>,
    /// Bytes that all take.
    pub bytes: usize,
}

/// A log that is not sealed.
#[derive(Clone, Debug)]
pub struct Unsealed {
    /// Its number.
    pub number: u32,
    /// Its windows.
    pub windows: Vec<Arc<Written>>,
    /// Bytes of the file.
    pub bytes: u64,
    /// Part of it could not be read: it is set aside when its windows are elsewhere.
    pub damaged: bool,
}

/// Behind the lock.
#[derive(Debug, Default)]
pub struct State {
    /// Oldest first. The first ones may be being written: they are taken away when they are.
    pub queue: VecDeque<Queued>,
    /// Bytes of these.
    pub queued_bytes: usize,
    /// Oldest first; the last one may be the one that is written.
    pub unsealed: Vec<Unsealed>,
    /// Parquet files. Whoever answers a question holds those that it reads, so that they are not deleted before.
    pub segments: Arc<Vec<Arc<Segment>>>,
    /// Counters; what can be counted when it is asked for is not in here.
    pub status: Status,
    /// Nothing that was sampled from this time on is missing, Unix milliseconds.
    pub complete_since: i64,
    /// The store is being closed.
    pub closing: bool,
    /// The thread has ended: nothing that is submitted now will be written.
    pub ended: bool,
}

impl State {
    /// What happened from this time back is not complete any more.
    pub fn missing_until(&mut self, time: i64) {
        self.complete_since = self.complete_since.max(time);
    }

    /// Bytes of windows that are in logs.
    pub fn unsealed_bytes(&self) -> usize {
        self.unsealed.iter().flat_map(|log| &log.windows).map(|window| window.bytes).sum()
    }

    /// Partitions of windows that are not sealed.
    pub fn in_use(&self) -> BTreeSet<Partition> {
        self.unsealed.iter().flat_map(|log| &log.windows).map(|window| window.partition.clone()).collect()
    }

    /// Takes files away and adds others, at once.
    pub fn replace(&mut self, gone: &[Arc<Segment>], new: Vec<Arc<Segment>>) {
        let segments = Arc::make_mut(&mut self.segments);
        segments.retain(|segment| !gone.iter().any(|gone| Arc::ptr_eq(gone, segment)));
        segments.extend(new);
    }

    /// The counters, and what is counted now.
    pub fn status(&self) -> Status {
        let mut status = self.status.clone();
        for segment in self.segments.iter() {
            status.segments.entry((segment.name.table, segment.name.level)).or_default().add(segment.bytes);
        }
        status.logs = Files::default();
        self.unsealed.iter().for_each(|log| status.logs.add(log.bytes));
        status.unsealed_bytes = self.unsealed_bytes() as u64;
        status.windows_queued = self.queue.len() as u64;
        status
    }
}

/// The state, its lock, and a bell for who waits for a change.
#[derive(Debug, Default)]
pub struct Shared {
    state: Mutex<State>,
    /// Rung when something was queued, or the store is to be closed.
    pub changed: Condvar,
}

impl Shared {
    /// With this state.
    pub fn new(state: State) -> Shared {
        Shared { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Locks. Nothing that can panic is done with the lock held but for a lack of memory, and each change is whole.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
