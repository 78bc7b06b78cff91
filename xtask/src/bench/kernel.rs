//! `cargo xtask bench kernel`: nanoseconds of the eBPF sampler per sample.
//!
//! The kernel's own count of the program's run time (`BPF_ENABLE_STATS`), divided by its runs. The floor is the program
//! that does nothing, at the same perf event: what is left of it is the cost of counting. Sampler and floor alternate
//! in short rounds on the same running targets, so that whatever else this machine does meets both alike.
//!
//! A busy Python process with a stack of exactly so many frames is kept on each CPU, so that nearly every run walks
//! such a stack; the column `walked` says how many did, and the stacks that were written are counted frame by frame.
//! Runs for other processes are cheaper, so the mean of all runs is a lower bound of the cost of a walk; `at most` is the
//! upper bound, the time of all runs divided by the walks alone. On a machine at rest the two are close.
//!
//! At this frequency the caches are warmer than at 99 Hz: this is the cost of the instructions, not of cold memory.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::firetower::{self, Summary, Targets};
use super::process::{PATIENCE, Process};
use super::stacks::Format;
use super::table::{Cell, Table, median_and_least};
use super::{Bench, progress};

/// Python frames of the stacks.
const DEPTHS: [usize; 3] = [5, 20, 60];
/// Enough runs in a second.
const FREQUENCY: u32 = 1999;
/// Rounds of each program for one row.
const ROUNDS: u32 = 5;
/// Share of runs below which the mean says little about stack walks.
const MOSTLY: f64 = 0.95;

/// One round of the sampler.
struct Round {
    runs: f64,
    nanoseconds: f64,
    /// Samples of the targets with a whole stack.
    walked: f64,
}

/// Measures every version at every depth.
pub fn measure(bench: &Bench) -> Result<Table> {
    let title =
        format!("kernel: nanoseconds per sample of the eBPF program, {FREQUENCY} Hz, {ROUNDS} rounds each");
    let mut table = Table::new(
        "kernel",
        title,
        &[
            ("python", "Python"),
            ("frames", "frames"),
            ("median_ns", "median"),
            ("least_ns", "least"),
            ("at_most_ns", "at most"),
            ("empty_median_ns", "empty: median"),
            ("empty_least_ns", "least"),
            ("ratio", "times empty"),
            ("runs", "runs"),
            ("walked_percent", "walked %"),
        ],
    );
    for (version, python) in bench.pythons()? {
        for depth in DEPTHS {
            progress(&format!("kernel: Python {version}, {depth} frames"));
            table.rows.push(row(bench, version, &python, depth)?);
        }
    }
    if table
        .rows
        .iter()
        .any(|row| matches!(row.last(), Some(Cell::Number(walked, _)) if *walked < 100.0 * MOSTLY))
    {
        table.notes.push(format!(
            "where less than {:.0} % walked a stack, other processes ran, and the truth is between `least` and `at most`",
            100.0 * MOSTLY
        ));
    }
    Ok(table)
}

fn row(bench: &Bench, version: &str, python: &Path, depth: usize) -> Result<Vec<Cell>> {
    let seconds = bench.seconds / f64::from(2 * ROUNDS);
    let targets = start_targets(bench, python, depth)?;
    let pids: Vec<u32> = targets.iter().map(Process::pid).collect();
    let (mut costs, mut bounds, mut floors) = (Vec::new(), Vec::new(), Vec::new());
    let (mut runs, mut walked) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        let round = sampler(bench, &pids, seconds, depth)?;
        costs.push(round.nanoseconds / round.runs);
        bounds.push(round.nanoseconds / round.walked);
        runs += round.runs;
        walked += round.walked;
        floors.push(empty_program(bench, seconds)?);
    }
    let (median, least) = median_and_least(&costs).context("there were rounds")?;
    let (at_most, _) = median_and_least(&bounds).context("there were rounds")?;
    let (empty_median, empty_least) = median_and_least(&floors).context("there were rounds")?;
    Ok(vec![
        Cell::text(version),
        Cell::Number(depth as f64, 0),
        Cell::Number(median, 0),
        Cell::Number(least, 0),
        Cell::Number(at_most, 0),
        Cell::Number(empty_median, 0),
        Cell::Number(empty_least, 0),
        Cell::ratio(median, empty_median, 1),
        Cell::Number(runs, 0),
        Cell::percent(walked, runs),
    ])
}

/// A busy process on each CPU, its stack standing.
fn start_targets(bench: &Bench, python: &Path, depth: usize) -> Result<Vec<Process>> {
    let cpus = std::thread::available_parallelism().context("how many CPUs there are")?.get();
    // Longer than it is needed; it is killed after the last round.
    let life = 2.0 * bench.seconds + f64::from(ROUNDS) * 2.0 * PATIENCE.as_secs_f64();
    let start = |cpu| {
        let mut command = Command::new(python);
        command.arg(bench.workload("depth.py")).args([depth.to_string(), life.to_string()]);
        let mut process = Process::start(command, &bench.folder, &format!("depth-{cpu}"))?;
        process.pin(cpu)?;
        process.wait_for(PATIENCE, |line| (line == "READY").then_some(()))?;
        Ok(process)
    };
    (0..cpus).map(start).collect()
}

fn sampler(bench: &Bench, pids: &[u32], seconds: f64, depth: usize) -> Result<Round> {
    let stacks = firetower::stacks_file(bench, "kernel");
    let command = firetower::record(bench, &Targets::Pids(pids), FREQUENCY, seconds, &stacks);
    let ended = Process::start(command, &bench.folder, "firetower-kernel")?
        .finish(Duration::from_secs_f64(seconds) + PATIENCE)?;
    let summary = Summary::read(&ended.errors)?;
    let written = fs::read_to_string(&stacks).with_context(|| format!("can't read {}", stacks.display()))?;
    check_depth(&written, pids.len(), depth)?;
    let runs = summary.number("/kernel/programs/sample/runs")?;
    let walked = summary.number("/attributed")?;
    if runs < 1.0 || walked < 1.0 {
        bail!("in {seconds} s the sampler ran {runs} times and walked {walked} stacks: that is too few");
    }
    Ok(Round { runs, nanoseconds: summary.number("/kernel/programs/sample/nanoseconds")?, walked })
}

/// Holds that the stacks have as many Python frames as they are said to have.
fn check_depth(written: &str, targets: usize, depth: usize) -> Result<()> {
    let (mut right, mut all) = (0, 0);
    for stack in Format::Firetower.parse(written)? {
        // Of several processes each stack begins with its process.
        let frames = stack.frames.map_or(0, |frames| frames.len() - usize::from(targets > 1));
        all += stack.samples;
        right += if frames == depth { stack.samples } else { 0 };
    }
    if (right as f64) < MOSTLY * all as f64 {
        bail!("only {right} of {all} samples have a stack of {depth} Python frames");
    }
    Ok(())
}

/// Nanoseconds per run of the program that does nothing.
fn empty_program(bench: &Bench, seconds: f64) -> Result<f64> {
    let mut command = Command::new(bench.binary("examples/empty_program"));
    command.args([FREQUENCY.to_string(), seconds.to_string()]);
    let ended = Process::start(command, &bench.folder, "empty_program")?
        .finish(Duration::from_secs_f64(seconds) + PATIENCE)?;
    let said: Value = serde_json::from_str(&ended.output).context("what empty_program printed")?;
    let number = |name: &str| said[name].as_f64().with_context(|| format!("empty_program said no {name}"));
    let runs = number("runs")?;
    if runs < 1.0 {
        bail!("the empty program did not run in {seconds} s");
    }
    Ok(number("nanoseconds")? / runs)
}
