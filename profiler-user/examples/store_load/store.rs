//! The store as `serve` uses it, with its clock and its intervals pushed: what takes ten minutes there takes a second.

use std::path::Path;
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
/// For what is an hour: as many seals as there.
const COMPACT: Duration = Duration::from_secs(6);
/// How long the store may take for anything.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often its status is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A store that is fed.
pub struct Fed {
    store: Store,
    now: Arc<AtomicU64>,
    submitted: u64,
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
        let clock = now.clone();
        let others = others()?;
        let options = Options::new(folder.to_owned(), "node-1".to_owned());
        let options = Options {
            intervals: Intervals { seal: SEAL, compact: COMPACT, ..options.intervals },
            // A window comes every ten seconds there, and not all of them at once.
            memory: Memory { queued_windows: 1000, queued_bytes: 1 << 30, ..options.memory },
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
            ..options
        };
        let (store, _) = Store::open(options)?;
        Ok(Fed { store, now, submitted: 0, cpu: Duration::ZERO, others })
    }

    /// Stores windows; returns when they are in Parquet.
    pub fn store(&mut self, windows: Vec<Window>) -> Result<()> {
        let begin = this_thread()?;
        for window in windows {
            self.now.store(window.start + window.length, Ordering::Relaxed);
            self.submitted += 1;
            self.store.submit(window);
        }
        self.cpu += this_thread()?.saturating_sub(begin);
        let submitted = self.submitted;
        self.wait(|status| status.windows_written == submitted && status.logs.files == 0)?;
        Ok(())
    }

    /// Waits until sealed files are put together; one alone stays as it is.
    pub fn settle(&self) -> Result<()> {
        self.wait(|status| {
            let mut sealed = status.segments.iter().filter(|((_, level), _)| *level == Level::Sealed);
            sealed.all(|(_, files)| files.files <= 1)
        })
    }

    /// Goes to a time when all is rolled up, and waits for that.
    pub fn roll_up(&self, now: u64) -> Result<()> {
        self.now.store(now, Ordering::Relaxed);
        self.wait(|status| status.segments.keys().all(|(_, level)| *level == Level::RolledUp))
    }

    fn wait(&self, until: impl Fn(&Status) -> bool) -> Result<()> {
        let begin = Instant::now();
        loop {
            let status = self.store.status();
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
        let status = self.store.status();
        let of = |table| {
            status.segments.iter().filter(move |((of, _), _)| *of == table).map(|(_, files)| files.bytes)
        };
        Sizes { samples: of(Table::Samples).sum(), stacks: of(Table::Stacks).sum() }
    }

    /// How many files it has.
    pub fn files(&self) -> u64 {
        self.store.status().segments.values().map(|files| files.files).sum()
    }

    /// Rows of `stacks` that were written.
    pub fn stacks(&self) -> u64 {
        self.store.status().stacks_written
    }

    /// A flame graph by line, and the milliseconds that it took: elapsed, and of CPU time.
    pub fn flame_graph(&self, since: u64, until: u64) -> Result<(f64, f64, Selected)> {
        let question = Select { since, until, stacks: true, ..Select::default() };
        let (begin, cpu_begin) = (Instant::now(), cpu()?);
        let selected = self.store.snapshot(Vec::new()).select(&question)?;
        let took = begin.elapsed().as_secs_f64() * 1000.0;
        let cpu_took = cpu()?.saturating_sub(cpu_begin).as_secs_f64() * 1000.0;
        ensure!(!selected.rows.is_empty(), "an answer without rows");
        Ok((took, cpu_took, selected))
    }
}

/// CPU time of all threads but this one. It makes up the load, and asks questions.
fn others() -> Result<Duration> {
    Ok(cpu()?.saturating_sub(this_thread()?))
}
