//! `cargo xtask bench truth`: stacks that can't have been, beside py-spy and Austin; and what each costs.
//!
//! The target calls as often as Python can, and says beforehand who calls whom from which line. A stack with two
//! functions next to each other of which the one never calls the other is made of frames of different moments; one with
//! the right functions and a line from which there is no such call has a frame that was read too late. What a profiler
//! says itself that it does not know is counted apart: it is no lie.
//!
//! Each profiler has the same target, the same frequency and the same time. The slow-down is by the target's own
//! rounds: those in a window while the profiler surely samples, beside the mean of a window just before and one just
//! after. CPU time is that of the profiler's process in the same window, by its CPU clock, and for firetower also that
//! of its eBPF programs. firetower samples who is on a CPU, the others look at a clock: on a machine where the target
//! must wait for a CPU, firetower takes fewer samples.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::firetower::{self, Summary, Targets};
use super::peers::{PEERS, Peer, Request};
use super::process::{self, Ended, PATIENCE, Process, REST, WARM_UP};
use super::stacks::{Calls, Format, Verdict};
use super::table::{Cell, Table};
use super::{Bench, progress};

const COLUMNS: &[(&str, &str)] = &[
    ("python", "Python"),
    ("profiler", "profiler"),
    ("samples", "samples"),
    ("unknown_percent", "unknown %"),
    ("impossible", "impossible"),
    ("impossible_percent", "%"),
    ("wrong_line", "wrong line"),
    ("wrong_line_percent", "%"),
    ("slowdown_percent", "slow-down %"),
    ("cpu_us", "CPU µs/sample"),
    ("cpu_ratio", "times firetower"),
    ("whole_run_ms", "whole run ms"),
];

/// What one profiler did with one target.
struct Outcome {
    samples: u64,
    unknown: u64,
    impossible: u64,
    wrong_line: u64,
    /// Share of the target's speed that was lost; below 0 where noise made it faster.
    slowdown: f64,
    /// Of the profiler per sample, in a window; what its eBPF programs take included.
    cpu_per_sample: f64,
    /// From its start to its end.
    whole: Duration,
    /// What must be said of it.
    doubt: Option<String>,
}

/// Measures every profiler on every version.
pub fn measure(bench: &Bench) -> Result<Table> {
    let title = format!("truth: stacks of known calls, {} Hz, {} s each", bench.frequency, bench.seconds);
    let mut table = Table::new("truth", title, COLUMNS);
    let pythons = bench.pythons()?;
    let (_, newest) = pythons.last().context("there are versions")?;
    let mut peers = Vec::new();
    for peer in &PEERS {
        match peer.provide(bench, newest) {
            Ok(()) => peers.push(peer),
            Err(error) => table.notes.push(format!("{} is left out: {error:#}", peer.title())),
        }
    }
    for (version, python) in &pythons {
        let target = Target::start(bench, python)?;
        progress(&format!("truth: firetower on Python {version}"));
        let ours = firetower(bench, &target)?;
        let price = ours.cpu_per_sample;
        add(&mut table, (version, "firetower"), Ok(ours), price);
        for peer in &peers {
            progress(&format!("truth: {} on Python {version}", peer.title()));
            add(&mut table, (version, &peer.title()), measure_peer(bench, &target, peer), price);
        }
    }
    Ok(table)
}

/// Adds a row, and a note for what must be said of it. A peer that failed has a row too.
fn add(table: &mut Table, (version, profiler): (&str, &str), outcome: Result<Outcome>, price: f64) {
    let names = [Cell::text(version), Cell::text(profiler)];
    let (cells, note) = match outcome {
        Ok(outcome) => (row(&outcome, price), outcome.doubt),
        Err(error) => (vec![Cell::Unknown; COLUMNS.len() - names.len()], Some(format!("{error:#}"))),
    };
    table.rows.push(names.into_iter().chain(cells).collect());
    table.notes.extend(note.map(|note| format!("{profiler} on Python {version}: {note}")));
}

/// The cells after the names; `price` is firetower's CPU time per sample.
fn row(outcome: &Outcome, price: f64) -> Vec<Cell> {
    let all = outcome.samples as f64;
    let count = |samples: u64| Cell::Number(samples as f64, 0);
    vec![
        count(outcome.samples),
        Cell::percent(outcome.unknown as f64, all),
        count(outcome.impossible),
        Cell::percent(outcome.impossible as f64, all),
        count(outcome.wrong_line),
        Cell::percent(outcome.wrong_line as f64, all),
        Cell::Number(100.0 * outcome.slowdown, 1),
        Cell::Number(1e6 * outcome.cpu_per_sample, 1),
        Cell::ratio(outcome.cpu_per_sample, price, 1),
        Cell::Number(outcome.whole.as_secs_f64() * 1e3, 0),
    ]
}

/// The running program whose calls are known.
struct Target {
    process: Process,
    calls: Calls,
    counter: PathBuf,
}

impl Target {
    fn start(bench: &Bench, python: &Path) -> Result<Target> {
        let counter = bench.folder.join("rounds");
        fs::write(&counter, [0; 8]).with_context(|| format!("can't write {}", counter.display()))?;
        // Longer than it is needed; it is killed after the last profiler.
        let life = (1 + PEERS.len()) as f64 * (2.0 * bench.seconds + 2.0 * PATIENCE.as_secs_f64());
        let mut command = Command::new(python);
        command.arg(bench.workload("calls.py")).arg(&counter).arg(life.to_string());
        let mut process = Process::start(command, &bench.folder, "calls")?;
        process.wait_for(PATIENCE, |line| (line == "READY").then_some(()))?;
        let calls = Calls::read(&process.output()?);
        ensure!(!calls.is_empty(), "calls.py named no calls");
        Ok(Target { process, calls, counter })
    }

    /// Rounds so far.
    fn rounds(&self) -> Result<(Instant, u64)> {
        let bytes =
            fs::read(&self.counter).with_context(|| format!("can't read {}", self.counter.display()))?;
        let bytes: [u8; 8] = bytes.as_slice().try_into().context("the counter file has eight bytes")?;
        Ok((Instant::now(), u64::from_le_bytes(bytes)))
    }

    /// Rounds a second with nobody watching, over a fifth of a measurement.
    fn free_speed(&self, bench: &Bench) -> Result<f64> {
        let begin = self.rounds()?;
        std::thread::sleep(Duration::from_secs_f64(bench.seconds / 5.0));
        Ok(speed(begin, self.rounds()?))
    }
}

fn speed(begin: (Instant, u64), end: (Instant, u64)) -> f64 {
    (end.1 - begin.1) as f64 / (end.0 - begin.0).as_secs_f64()
}

/// What was seen of a profiler from outside.
struct Watched {
    ended: Ended,
    /// Its CPU time in the window.
    cpu: Duration,
    /// The window's part of the time that it was asked to sample.
    part: f64,
    slowdown: f64,
    /// What must be said of it.
    doubt: Option<String>,
}

/// Seconds that a profiler is asked for: until it surely samples, the window, and some more.
fn asked(bench: &Bench) -> u32 {
    (WARM_UP + REST).as_secs() as u32 + bench.seconds.ceil() as u32
}

/// Runs a profiler on the target.
fn watch(bench: &Bench, target: &Target, command: Command, name: &str) -> Result<Watched> {
    let before = target.free_speed(bench)?;
    let process = Process::start(command, &bench.folder, name)?;
    let begin = process.reading_at(WARM_UP)?;
    let first = target.rounds()?;
    let end = process.reading_at(WARM_UP + Duration::from_secs_f64(bench.seconds))?;
    let last = target.rounds()?;
    let ended = process.finish(PATIENCE)?;
    let asked = f64::from(asked(bench));
    let doubt = process::doubt(&ended, Duration::from_secs_f64(asked));
    let free = f64::midpoint(before, target.free_speed(bench)?);
    ensure!(free > 0.0, "the target does not run: {}", target.process.pid());
    Ok(Watched {
        ended,
        cpu: end.cpu - begin.cpu,
        part: (end.at - begin.at).as_secs_f64() / asked,
        slowdown: 1.0 - speed(first, last) / free,
        doubt,
    })
}

/// Judges the stacks in `file`. `lost`: samples that are not in it; `kernel`: time in eBPF programs.
fn judge(
    target: &Target,
    (file, format): (&Path, Format),
    watched: &Watched,
    lost: u64,
    kernel: f64,
) -> Result<Outcome> {
    let text = fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
    let mut counts =
        [(Verdict::Possible, 0), (Verdict::WrongLine, 0), (Verdict::Impossible, 0), (Verdict::Unknown, lost)];
    for stack in format.parse(&String::from_utf8_lossy(&text))? {
        let verdict = target.calls.judge(&stack);
        counts.iter_mut().filter(|(of, _)| *of == verdict).for_each(|(_, count)| *count += stack.samples);
    }
    let samples: u64 = counts.iter().map(|(_, count)| count).sum();
    ensure!(samples > 0, "it took no samples");
    let [_, (_, wrong_line), (_, impossible), (_, unknown)] = counts;
    Ok(Outcome {
        samples,
        unknown,
        impossible,
        wrong_line,
        slowdown: watched.slowdown,
        cpu_per_sample: (watched.cpu.as_secs_f64() / watched.part + kernel) / samples as f64,
        whole: watched.ended.cpu,
        doubt: watched.doubt.clone(),
    })
}

fn firetower(bench: &Bench, target: &Target) -> Result<Outcome> {
    let stacks = firetower::stacks_file(bench, "truth");
    let targets = [target.process.pid()];
    let command =
        firetower::record(bench, &Targets::Pids(&targets), bench.frequency, asked(bench).into(), &stacks);
    let watched = watch(bench, target, command, "firetower-truth")?;
    let summary = Summary::read(&watched.ended.errors)?;
    let (lost, kernel) = (summary.number("/lost")?, summary.number("/kernel/run_nanoseconds")?);
    judge(target, (&stacks, Format::Firetower), &watched, lost as u64, kernel / 1e9)
}

fn measure_peer(bench: &Bench, target: &Target, peer: &Peer) -> Result<Outcome> {
    let output = bench.folder.join("peer.stacks");
    // Not those of the one before, if this one writes none.
    if output.exists() {
        fs::remove_file(&output).with_context(|| format!("can't delete {}", output.display()))?;
    }
    let request = Request {
        pid: target.process.pid(),
        frequency: bench.frequency,
        seconds: asked(bench),
        output: &output,
    };
    let watched = watch(bench, target, peer.command(bench, &request), "peer")?;
    let lost = peer.failed_samples(&watched.ended.errors);
    judge(target, (&output, peer.format), &watched, lost, 0.0)
}
