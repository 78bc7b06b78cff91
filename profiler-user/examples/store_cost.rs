//! What a store costs on a busy node: submits the windows of two CPUs that never rest, some times as fast as they would
//! come, and prints the CPU time and memory that they took.
//!
//! An example and no subcommand: no user of firetower has a use for it. CPU time does not depend on how fast windows come,
//! but for how many a commit has: in life, and here if it is not too fast for the disk, each is one of its own.
//!
//! Usage: `store_cost DIRECTORY HOURS FASTER`; 30 hours and more include rolling a day up.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use firetower::aggregate::{Window, WindowRow};
use firetower::model::{Frame, FrameKind, Labels, Pid, Series, StackId, Stacks, Tid, Weight};
use firetower::store::{Intervals, Options, Store};
use rustc_hash::FxHashMap;

/// Samples in a window: 99 a second on each of two CPUs.
const SAMPLES: u32 = 2 * 99 * 10;
const PROCESSES: u32 = 200;
/// Different stacks that a process has.
const STACKS: u32 = 300;
const DEPTH: u32 = 30;
const WINDOW: u64 = 10_000_000_000;
/// Midnight of a day.
const FIRST: u64 = 1_795_478_400_000_000_000;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().context("usage: store_cost DIRECTORY HOURS FASTER");
    let directory = PathBuf::from(argument()?);
    let hours: u64 = argument()?.parse().context("HOURS is a whole number")?;
    let faster: u32 = argument()?.parse().context("FASTER is a whole number")?;
    let now = Arc::new(AtomicU64::new(FIRST));
    let clock = now.clone();
    let intervals = Options::new(directory.clone(), "node".to_owned()).intervals;
    let options = Options {
        clock: Arc::new(move || clock.load(Ordering::Relaxed)),
        intervals: Intervals {
            seal: intervals.seal / faster,
            compact: intervals.compact / faster,
            roll_up: Duration::from_secs(3600),
            ..intervals
        },
        ..Options::new(directory, "node".to_owned())
    };
    let (store, _) = Store::open(options)?;
    let empty = rss_kb()?;
    let begun = Instant::now();
    let (mut making, mut rows, mut longest) = (Duration::ZERO, 0, Duration::ZERO);
    let windows = hours * 360;
    for number in 0..windows {
        let before = thread_time()?;
        let window = window(number);
        making += thread_time()? - before;
        rows += window.rows.len();
        now.store(window.start + WINDOW, Ordering::Relaxed);
        let submitting = Instant::now();
        store.submit(window);
        longest = longest.max(submitting.elapsed());
        let due = begun + Duration::from_secs(10) / faster * number as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let status = store.close();
    let cpu = process_time()?.saturating_sub(making);
    let simulated = Duration::from_secs(10) * windows as u32;
    println!(
        "{}",
        serde_json::json!({
            "hours": hours,
            "rows_a_window": rows as u64 / windows,
            "percent_of_a_core": 100.0 * cpu.as_secs_f64() / simulated.as_secs_f64(),
            "commit_ms": status.commits.time.as_secs_f64() * 1e3 / status.commits.count.max(1) as f64,
            "commits": status.commits.count,
            "seal_ms": status.seals.time.as_secs_f64() * 1e3 / status.seals.count.max(1) as f64,
            "seals": status.seals.count,
            "compactions": status.compactions.count,
            "compaction_ms": status.compactions.time.as_secs_f64() * 1e3 / status.compactions.count.max(1) as f64,
            "roll_ups": status.roll_ups.count,
            "longest_submit_us": longest.as_micros() as u64,
            "stored_bytes": status.segments.values().map(|files| files.bytes).sum::<u64>(),
            "peak_rss_kb": peak_rss_kb()?,
            "rss_kb": rss_kb()?,
            "rss_before_kb": empty,
            "status": format!("{:?}", status.segments),
        })
    );
    Ok(())
}

/// What two busy CPUs do in ten seconds. Few processes do most of it, and few stacks most of each.
fn window(number: u64) -> Window {
    let mut random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |limit: u32| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let one = (random >> 40) as f64 / (1u64 << 24) as f64;
        (one * one * one * f64::from(limit)) as u32
    };
    let mut window = Window { start: FIRST + number * WINDOW, length: WINDOW, ..Window::default() };
    let mut rows: FxHashMap<(u32, u32), u64> = FxHashMap::default();
    for _ in 0..SAMPLES {
        *rows.entry((below(PROCESSES), below(STACKS))).or_default() += 1;
    }
    let mut series: FxHashMap<u32, u32> = FxHashMap::default();
    for ((process, stack), samples) in rows {
        let series = *series.entry(process).or_insert_with(|| {
            window.series.push(series_of(process));
            window.series.len() as u32 - 1
        });
        let stack = stack_of(&mut window.stacks, process, stack);
        let weight = Weight { samples, nanoseconds: samples * 10_101_010 };
        window.rows.push(WindowRow { series, stack, weight });
    }
    window
}

fn series_of(process: u32) -> Series {
    let labels = Labels {
        service: format!("service-{}", process / 8).into(),
        container: format!("{process:064x}").into(),
        user: "www-data".into(),
        ..Labels::default()
    };
    Series {
        pid: Pid(1000 + process),
        command: format!("/usr/bin/python3 -m gunicorn service_{process}:application").into(),
        labels: Arc::new(labels),
        tid: Tid(1000 + process),
        thread: "gunicorn".into(),
        python: "3.12.4".into(),
        interpreter: Some(0),
    }
}

fn stack_of(stacks: &mut Stacks, process: u32, stack: u32) -> StackId {
    // Processes of a service run the same code.
    let service = process / 8;
    let frames = (0..DEPTH).map(|depth| {
        let function = depth * 7 + if depth > DEPTH / 2 { stack % (depth * 10) } else { 0 };
        Frame {
            kind: FrameKind::Python,
            function: format!("Handler{}.process_the_request_{function}", function % 50).into(),
            file: format!(
                "/usr/lib/python3.12/site-packages/service_{service}/views/module_{}.py",
                function % 80
            )
            .into(),
            line: 100 + (stack + depth) % 40,
            first_line: 100,
        }
    });
    stacks.intern(frames.collect::<Vec<_>>()).expect("frames")
}

fn thread_time() -> Result<Duration> {
    Ok(nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

fn process_time() -> Result<Duration> {
    Ok(nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

fn status_kb(key: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)).context("the kernel tells it")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn peak_rss_kb() -> Result<u64> {
    status_kb("VmHWM:")
}

fn rss_kb() -> Result<u64> {
    status_kb("VmRSS:")
}
