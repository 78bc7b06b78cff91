//! What `cargo xtask bench store` measures: a made-up day of eight busy processes goes to the store, and its first hour to
//! the obvious alternatives; then a flame graph is asked for. Prints JSON.
//!
//! An example and no subcommand: no user of firetower has a use for it.
//!
//! Usage: `store_load FOLDER HZ HOURS`; as root, if the page cache is to be dropped before what is called cold.

mod load;
mod pprof;
mod sqlite;
mod store;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use firetower::model::Weight;
use load::{Load, PROCESSES, SECOND, WINDOW};
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use store::Fed;

/// Windows of an hour.
const HOUR: u64 = 3600 / WINDOW;
/// Windows that are made before any of them is stored: making them costs more than storing them, and is not measured.
const CHUNK: u64 = HOUR / 6;
/// 2026-11-24, 00:00 UTC.
const START: u64 = 1_795_478_400 * SECOND;
const DAY: u64 = 24 * 3600 * SECOND;
/// How often a warm flame graph is made; the fastest counts.
const REPEATS: usize = 20;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, frequency, hours] = arguments.as_slice() else {
        anyhow::bail!("usage: store_load FOLDER HZ HOURS")
    };
    let frequency: u64 = frequency.parse().context("HZ is a whole number")?;
    let hours: u64 = hours.parse().context("HOURS is a whole number")?;
    ensure!(frequency > 0 && hours > 0, "HZ and HOURS are at least 1");
    let folder = Path::new(folder);
    let run = Run { folder: folder.to_owned(), frequency, hours };
    println!("{:#}", run.all()?);
    Ok(())
}

struct Run {
    folder: PathBuf,
    frequency: u64,
    hours: u64,
}

/// What was made up.
#[derive(Default)]
struct Made {
    pprof_cpu: Duration,
    rows: u64,
    first_hour_rows: u64,
    total: Weight,
    first_hour: Weight,
}

impl Run {
    fn all(&self) -> Result<Value> {
        let pprof_folder = self.fresh("pprof")?;
        let mut store = Fed::open(&self.fresh("store")?, START)?;
        let mut sqlite = sqlite::Export::new(&self.folder)?;
        let made = self.feed(&mut store, &pprof_folder, &mut sqlite)?;
        let end = START + self.hours * HOUR * WINDOW * SECOND;
        let (cpu, sizes, files) = (store.cpu()?, store.sizes(), store.files());
        let hour = store_times(&store, (end - HOUR * WINDOW * SECOND, end))?;
        let all = store_times(&store, (START, end))?;
        check(&store, end, &made)?;
        // What becomes of it when the day has been over for a day.
        let busy = store.cpu()?;
        store.roll_up(START + 3 * DAY)?;
        let (rolled_up_cpu, rolled_up) = (store.cpu()?.saturating_sub(busy), store.sizes());
        let rolled_up_all = store_times(&store, (START, end))?;
        check(&store, end, &made)?;
        let percent = |cpu: Duration| 100.0 * cpu.as_secs_f64() / (self.hours as f64 * 3600.0);
        Ok(json!({
            "processes": PROCESSES,
            "frequency": self.frequency,
            "hours": self.hours,
            "samples": made.total.samples,
            "rows": made.rows,
            "stacks": store.stacks(),
            "first_hour_rows": made.first_hour_rows,
            "store": {
                "samples_bytes": sizes.samples,
                "stacks_bytes": sizes.stacks,
                "files": files,
                "cpu_percent": percent(cpu),
                "hour_cold_ms": hour.cold,
                "hour_warm_ms": hour.warm,
                "hour_cpu_ms": hour.cpu,
                "all_cold_ms": all.cold,
                "all_warm_ms": all.warm,
                "all_cpu_ms": all.cpu,
            },
            "rolled_up": {
                "samples_bytes": rolled_up.samples,
                "stacks_bytes": rolled_up.stacks,
                "files": store.files(),
                "cpu_percent": percent(rolled_up_cpu),
                "all_cold_ms": rolled_up_all.cold,
                "all_warm_ms": rolled_up_all.warm,
                "all_cpu_ms": rolled_up_all.cpu,
            },
            "pprof": self.pprof(&pprof_folder, &made)?,
            "sqlite": sqlite.finish()?,
        }))
    }

    /// An empty folder.
    fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("can't empty {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
        Ok(folder)
    }

    fn feed(&self, store: &mut Fed, pprof: &Path, sqlite: &mut sqlite::Export) -> Result<Made> {
        let mut load = Load::new(START, self.frequency);
        let mut made = Made::default();
        for chunk in 0..self.hours * HOUR / CHUNK {
            let windows: Vec<_> = (0..CHUNK).map(|_| load.window()).collect();
            for window in &windows {
                made.rows += window.rows.len() as u64;
                window.rows.iter().for_each(|row| made.total += row.weight);
            }
            if chunk < HOUR / CHUNK {
                windows.iter().try_for_each(|window| sqlite.add(window))?;
                let begin = this_thread()?;
                windows.iter().try_for_each(|window| pprof::write(window, pprof))?;
                made.pprof_cpu += this_thread()?.saturating_sub(begin);
                (made.first_hour, made.first_hour_rows) = (made.total, made.rows);
            }
            store.feed(windows)?;
            if (chunk + 1) % (HOUR / CHUNK) == 0 {
                store.hour()?;
            }
        }
        Ok(made)
    }

    fn pprof(&self, folder: &Path, made: &Made) -> Result<Value> {
        let mut files = Vec::new();
        let mut bytes = 0;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            bytes += entry.metadata()?.len();
            files.push(entry.path());
        }
        files.sort();
        let ask = || -> Result<f64> {
            let begin = Instant::now();
            let (stacks, sums) = pprof::flame_graph(&files)?;
            let took = begin.elapsed().as_secs_f64() * 1000.0;
            let samples: u64 = sums.values().map(|weight| weight.samples).sum();
            ensure!(
                samples == made.first_hour.samples && stacks.node_count() > 0,
                "other samples than were written"
            );
            Ok(took)
        };
        let cold = if drop_caches() { Some(ask()?) } else { None };
        Ok(json!({ "bytes": bytes, "files": files.len(), "cpu_s": made.pprof_cpu.as_secs_f64(),
            "hour_cold_ms": cold, "hour_warm_ms": ask()?.min(ask()?) }))
    }
}

/// Milliseconds of a flame graph.
struct Times {
    /// From files that are not in memory; none, if that can't be had.
    cold: Option<f64>,
    /// From files that are.
    warm: f64,
    /// CPU time of the latter, on all CPUs: what is left of it where others run too.
    cpu: f64,
}

fn store_times(store: &Fed, (since, until): (u64, u64)) -> Result<Times> {
    let cold = if drop_caches() { Some(store.flame_graph(since, until)?.0) } else { None };
    let mut times = Times { cold, warm: f64::INFINITY, cpu: f64::INFINITY };
    for _ in 0..REPEATS {
        let (warm, cpu, _) = store.flame_graph(since, until)?;
        times = Times { warm: times.warm.min(warm), cpu: times.cpu.min(cpu), ..times };
    }
    Ok(times)
}

/// Nothing may be missing.
fn check(store: &Fed, end: u64, made: &Made) -> Result<()> {
    let (_, _, all) = store.flame_graph(START, end)?;
    let mut sum = Weight::default();
    all.rows.iter().for_each(|row| sum += row.weight);
    ensure!(sum == made.total, "{sum:?} was stored of {:?}", made.total);
    Ok(())
}

/// CPU time of all threads so far.
fn cpu() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

/// CPU time of the one that runs this.
fn this_thread() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// Empties the page cache, if this process may.
fn drop_caches() -> bool {
    nix::unistd::sync();
    fs::write("/proc/sys/vm/drop_caches", "1").is_ok()
}
