//! The store as `serve` uses it, with its clock and its intervals pushed: what takes ten minutes there takes a second, and
//! what is due by the hour is done when an hour was stored, however long this machine took for that.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use firetower::aggregate::Window;
use firetower::model::select::{Select, Selected};
use firetower::store::names::{Level, Table};
use firetower::store::{Intervals, Memory, Options, Status, Store};

use crate::{cpu, this_thread};

/// For what is ten minutes otherwise.
const SEAL: Duration = Duration::from_secs(1);
/// For what is an hour: when it is over, and not before.
const COMPACT: Duration = Duration::from_millis(1);
const NOT_YET: Duration = Duration::from_secs(1_000_000);
/// Files of a kind that are put together at the latest.
const MOST: u64 = 8;
/// How long the store may take for anything.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often its status is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A store that is fed.
pub struct Fed {
    folder: PathBuf,
    /// Always there, but for a moment.
    store: Option<Store>,
    now: Arc<AtomicU64>,
    /// To the store that is open; and stacks that those before it wrote.
    submitted: u64,
    stacks: u64,
    /// CPU time of this thread in the store's functions.
    cpu: Duration,
    /// CPU time of all others when it was opened.
    others: Duration,
}

/// Bytes of both tables.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub samples: u64,
    pub stacks: u64,
}

impl Fed {
    /// In an empty folder.
    pub fn open(folder: &Path, start: u64) -> Result<Fed> {
        let now = Arc::new(AtomicU64::new(start));
        let others = others()?;
        let store = Some(open(folder, &now, NOT_YET)?);
        let folder = folder.to_owned();
        Ok(Fed { folder, store, now, submitted: 0, stacks: 0, cpu: Duration::ZERO, others })
    }

    fn store_now(&self) -> &Store {
        self.store.as_ref().expect("it is open")
    }

    /// Closes the store, and opens it with another interval.
    fn reopen(&mut self, compact: Duration) -> Result<()> {
        if let Some(store) = self.store.take() {
            self.stacks += store.close().stacks_written;
        }
        self.submitted = 0;
        self.store = Some(open(&self.folder, &self.now, compact)?);
        Ok(())
    }

    /// Does what is due by the hour: sealed files are put together, and those of hours if there are enough.
    pub fn hour(&mut self) -> Result<()> {
        self.reopen(COMPACT)?;
        self.wait(|status| {
            status.segments.iter().all(|((_, level), files)| match level {
                Level::Sealed => files.files <= 1,
                Level::Compacted => files.files < MOST,
                Level::Gathered | Level::RolledUp => true,
            })
        })?;
        self.reopen(NOT_YET)
    }

    /// Stores windows; returns when they are in Parquet.
    pub fn feed(&mut self, windows: Vec<Window>) -> Result<()> {
        let begin = this_thread()?;
        for window in windows {
            self.now.store(window.start + window.length, Ordering::Relaxed);
            self.submitted += 1;
            self.store_now().submit(window);
        }
        self.cpu += this_thread()?.saturating_sub(begin);
        let submitted = self.submitted;
        self.wait(|status| status.windows_written == submitted && status.logs.files == 0)?;
        Ok(())
    }

    /// Goes to a time when all is rolled up, and waits for that.
    pub fn roll_up(&self, now: u64) -> Result<()> {
        self.now.store(now, Ordering::Relaxed);
        self.wait(|status| {
            let count = |table, level| {
                let of = |(of, at): &&(Table, Level)| *of == table && *at < level;
                status.segments.iter().filter(|(key, _)| of(key)).map(|(_, files)| files.files).sum::<u64>()
            };
            // Stacks that are in one file already stay as they are.
            count(Table::Samples, Level::RolledUp) == 0 && count(Table::Stacks, Level::RolledUp) <= 1
        })
    }

    fn wait(&self, until: impl Fn(&Status) -> bool) -> Result<()> {
        let begin = Instant::now();
        loop {
            let status = self.store_now().status();
            ensure!(status.failures == 0 && status.windows_dropped == 0, "the store has failed: {status:?}");
            if until(&status) {
                return Ok(());
            }
            ensure!(begin.elapsed() < PATIENCE, "the store takes too long: {status:?}");
            std::thread::sleep(LOOK);
        }
    }

    /// CPU time of everything that the store did so far.
    pub fn cpu(&self) -> Result<Duration> {
        Ok(self.cpu + others()?.saturating_sub(self.others))
    }

    /// What its files take.
    pub fn sizes(&self) -> Sizes {
        let status = self.store_now().status();
        let of = |table| {
            status.segments.iter().filter(move |((of, _), _)| *of == table).map(|(_, files)| files.bytes)
        };
        Sizes { samples: of(Table::Samples).sum(), stacks: of(Table::Stacks).sum() }
    }

    /// How many files it has.
    pub fn files(&self) -> u64 {
        self.store_now().status().segments.values().map(|files| files.files).sum()
    }

    /// Rows of `stacks` that were written.
    pub fn stacks(&self) -> u64 {
        self.stacks + self.store_now().status().stacks_written
    }

    /// A flame graph by line, and the milliseconds that it took: elapsed, and of CPU time.
    pub fn flame_graph(&self, since: u64, until: u64) -> Result<(f64, f64, Selected)> {
        let question = Select { since, until, stacks: true, ..Select::default() };
        let (begin, cpu_begin) = (Instant::now(), cpu()?);
        let selected = self.store_now().snapshot(Vec::new()).select(&question)?;
        let took = begin.elapsed().as_secs_f64() * 1000.0;
        let cpu_took = cpu()?.saturating_sub(cpu_begin).as_secs_f64() * 1000.0;
        ensure!(!selected.rows.is_empty(), "an answer without rows");
        Ok((took, cpu_took, selected))
    }
}

fn open(folder: &Path, now: &Arc<AtomicU64>, compact: Duration) -> Result<Store> {
    let clock = now.clone();
    let options = Options::new(folder.to_owned(), "node-1".to_owned());
    let options = Options {
        intervals: Intervals { seal: SEAL, compact, ..options.intervals },
        // A window comes every ten seconds there, and not all of them at once.
        memory: Memory { queued_windows: 1000, queued_bytes: 1 << 30, ..options.memory },
        clock: Arc::new(move || clock.load(Ordering::Relaxed)),
        ..options
    };
    Ok(Store::open(options)?.0)
}

/// CPU time of all threads but this one. It makes up the load, and asks questions.
fn others() -> Result<Duration> {
    Ok(cpu()?.saturating_sub(this_thread()?))
}
