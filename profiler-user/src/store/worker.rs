//! The store's thread: one after the other it commits, seals, and maintains files, and waits when nothing is due.
//!
//! Only here is anything written. A thread and no task: what it does is wait for disks. What fails is tried again, later
//! and later, while the queue fills. It must not know what is written how: see the other files of this folder.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::known::Known;
use super::log::Log;
use super::objects::Objects;
use super::options::Options;
use super::plan::Segment;
use super::state::Shared;

/// How many times the first pause a pause may be long.
const LONGEST_PAUSE: u32 = 64;

/// Something on the disk failed, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(pub String);

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Failed {
        Failed(error.to_string())
    }
}

impl From<super::objects::ObjectError> for Failed {
    fn from(error: super::objects::ObjectError) -> Failed {
        Failed(error.to_string())
    }
}

/// When to try again what failed.
#[derive(Debug, Default)]
pub struct Pause {
    until: Option<Instant>,
    factor: u32,
}

impl Pause {
    fn over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }
}

/// What the thread knows besides what is shared.
pub struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) objects: Objects,
    pub(super) options: Arc<Options>,
    /// The log that is written, and when it was begun.
    pub(super) log: Option<(Log, Instant)>,
    pub(super) next_log: u32,
    /// The number of this run's first log.
    pub(super) run: u32,
    pub(super) next_window: u64,
    pub(super) known: Known,
    /// Files that are not of the store any more: deleted when nobody reads them.
    pub(super) garbage: Vec<Arc<Segment>>,
    /// When files are looked at next.
    pub(super) maintain: Instant,
    /// When sealed files were last put together.
    pub(super) compacted: Instant,
    pub(super) commit_pause: Pause,
    pub(super) seal_pause: Pause,
    pub(super) maintain_pause: Pause,
}

impl Worker {
    /// The thread of a store that was recovered.
    pub fn new(shared: Arc<Shared>, objects: Objects, options: Arc<Options>, next_log: u32) -> Worker {
        let now = Instant::now();
        Worker {
            shared,
            objects,
            options,
            log: None,
            next_log,
            run: next_log,
            next_window: 0,
            known: Known::default(),
            garbage: Vec::new(),
            maintain: now,
            compacted: now,
            commit_pause: Pause::default(),
            seal_pause: Pause::default(),
            maintain_pause: Pause::default(),
        }
    }

    /// Works until the store is closed.
    pub fn run(mut self) {
        while !self.wait() {
            let now = Instant::now();
            if self.commit_pause.over(now) {
                let result = self.commit(self.options.memory.unsealed_bytes);
                self.commit_pause = self.outcome("commit", result, &self.commit_pause);
            }
            if self.seal_pause.over(now) {
                let result = self.seal_due(now);
                self.seal_pause = self.outcome("seal", result, &self.seal_pause);
            }
            if self.maintain <= now && self.maintain_pause.over(now) {
                let result = self.maintain(now);
                self.maintain_pause = self.outcome("maintain", result, &self.maintain_pause);
            }
        }
        self.finish();
    }

    /// Writes what is left, and leaves no file that another covers, unless somebody reads it. There is one try: waiting for
    /// a disk to become well would keep whoever ends the process, and what is left lying the next start puts in order.
    fn finish(&mut self) {
        let collected = self.collect_garbage();
        self.outcome("maintain", collected, &Pause::default());
        let mut failed = false;
        loop {
            let mut state = self.shared.lock();
            if failed || state.queue.is_empty() {
                state.ended = true;
                return;
            }
            drop(state);
            let result = self.commit(usize::MAX);
            failed = result.is_err();
            self.outcome("commit", result, &Pause::default());
        }
    }

    /// Waits until something is due. Whether the store is to be closed.
    fn wait(&self) -> bool {
        let mut state = self.shared.lock();
        loop {
            if state.closing {
                return true;
            }
            let now = Instant::now();
            let room = state.unsealed_bytes() < self.options.memory.unsealed_bytes;
            let commit = (!state.queue.is_empty() && room).then_some(now);
            let open = self.log.as_ref().map(|(log, _)| log.number);
            let early = self.options.memory.is_early(state.unsealed_bytes());
            let left_over = early || state.unsealed.iter().any(|log| Some(log.number) != open);
            let seal = match &self.log {
                _ if left_over => Some(now),
                Some((_, begun)) => Some(*begun + self.options.intervals.seal),
                None => None,
            };
            let later = |due: Option<Instant>, pause: &Pause| {
                due.map(|due| pause.until.map_or(due, |until| until.max(due)))
            };
            let due = [
                later(commit, &self.commit_pause),
                later(seal, &self.seal_pause),
                later(Some(self.maintain), &self.maintain_pause),
            ];
            let next = due.into_iter().flatten().min().unwrap_or(now + Duration::from_secs(1));
            if next <= now {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(state, next - now);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// Notes how something went, and says when it may be tried again.
    fn outcome(&self, activity: &'static str, result: Result<(), Failed>, before: &Pause) -> Pause {
        let mut state = self.shared.lock();
        match result {
            Ok(()) => {
                state.status.failing.remove(activity);
                Pause::default()
            }
            Err(Failed(failure)) => {
                state.status.failures += 1;
                state.status.failing.insert(activity, failure);
                let factor = (before.factor * 2).clamp(1, LONGEST_PAUSE);
                Pause { until: Some(Instant::now() + self.options.intervals.retry * factor), factor }
            }
        }
    }
}

impl Drop for Worker {
    /// Also when it panicked: what is submitted from now on is counted as dropped, and the status says why.
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended = true;
        if std::thread::panicking() {
            state.status.failures += 1;
            state.status.failing.insert("thread", "the store's thread has panicked".to_owned());
        }
    }
}
