//! `cargo xtask bench agent`: CPU time of the agent per sample.
//!
//! The agent's user and system time, by its process's CPU clock, and the time of its eBPF programs, which the kernel
//! counts and books to whatever process they interrupt: `in all` is both. Nothing is subtracted; the rows with no
//! process say what the agent costs where there is nothing to sample. The targets are the bundled example, on all
//! interpreter versions in turn, so there are many different stacks.
//!
//! `record --all` is looked at from outside: its CPU clock over a window that begins when it surely samples and ends
//! before it writes. The column `whole run` is everything, start and writing included. Of `serve`, samples and its own
//! CPU time come from two answers of `/metrics`, which it brings up to date together once a second; what it says of
//! itself is held against the CPU clock.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::firetower::{self, Summary, Targets};
use super::process::{self, PATIENCE, Process, REST, WARM_UP};
use super::service::{self, Service};
use super::table::{Cell, Table};
use super::{Bench, progress};

/// Busy processes.
const PROCESSES: [usize; 4] = [0, 1, 4, 16];

/// What was seen in one window.
struct Window {
    seconds: f64,
    samples: f64,
    agent: Duration,
    kernel: Duration,
    /// CPU time of the agent from its start to its end.
    whole: Duration,
    /// What must be said of it.
    doubt: Option<String>,
}

/// Measures both ways of use.
pub fn measure(bench: &Bench) -> Result<Table> {
    let mut table = Table::new(
        "agent",
        format!("agent: CPU time per sample, {} Hz on each CPU, {} s each", bench.frequency, bench.seconds),
        &[
            ("use", "use"),
            ("processes", "processes"),
            ("samples", "samples"),
            ("agent_us", "agent µs"),
            ("kernel_us", "kernel µs"),
            ("all_us", "in all µs"),
            ("cpu_percent", "% of one CPU"),
            ("whole_run_ms", "whole run ms"),
        ],
    );
    for (name, measure) in [("record --all", record as fn(&Bench) -> Result<Window>), ("serve", serve)] {
        for processes in PROCESSES {
            progress(&format!("agent: {name} with {processes} processes"));
            let targets = start_targets(bench, processes)?;
            let window = measure(bench).with_context(|| format!("{name} with {processes} processes"))?;
            drop(targets);
            table.rows.push(row(name, processes, &window));
            let doubt = window.doubt.map(|doubt| format!("{name}, {processes} processes: {doubt}"));
            table.notes.extend(doubt);
        }
    }
    table.notes.push("with 0 processes the samples are of the agent and whatever else ran".to_owned());
    Ok(table)
}

fn row(name: &str, processes: usize, window: &Window) -> Vec<Cell> {
    let per_sample = |time: Duration| Cell::ratio(time.as_secs_f64() * 1e6, window.samples, 1);
    let all = window.agent + window.kernel;
    vec![
        Cell::text(name),
        Cell::Number(processes as f64, 0),
        Cell::Number(window.samples, 0),
        per_sample(window.agent),
        per_sample(window.kernel),
        per_sample(all),
        Cell::percent(all.as_secs_f64(), window.seconds),
        Cell::Number(window.whole.as_secs_f64() * 1e3, 0),
    ]
}

/// The example, so many times; each ends by itself if this program is killed.
fn start_targets(bench: &Bench, processes: usize) -> Result<Vec<Process>> {
    let pythons: Vec<PathBuf> = bench.pythons()?.into_iter().map(|(_, python)| python).collect();
    let life = bench.seconds + 2.0 * PATIENCE.as_secs_f64();
    let start = |(number, python): (usize, &PathBuf)| {
        let mut command = Command::new(python);
        command.arg(bench.root.join("examples/checkout.py")).arg(life.to_string());
        Process::start(command, &bench.folder, &format!("busy-{number}"))
    };
    // From the newest on: one process is of the newest version.
    pythons.iter().rev().cycle().take(processes).enumerate().map(start).collect()
}

fn record(bench: &Bench) -> Result<Window> {
    let asked = bench.seconds + (WARM_UP + REST).as_secs_f64();
    let stacks = firetower::stacks_file(bench, "agent");
    let command = firetower::record(bench, &Targets::All, bench.frequency, asked, &stacks);
    let process = Process::start(command, &bench.folder, "firetower-record")?;
    let begin = process.reading_at(WARM_UP)?;
    let end = process.reading_at(WARM_UP + Duration::from_secs_f64(bench.seconds))?;
    let ended = process.finish(PATIENCE)?;
    let summary = Summary::read(&ended.errors)?;
    let sampled = summary.number("/seconds")?;
    let doubt = process::doubt(&ended, Duration::from_secs_f64(sampled));
    let seconds = (end.at - begin.at).as_secs_f64();
    // Both are steady: what runs is busy all the time.
    let part = seconds / sampled;
    Ok(Window {
        seconds,
        samples: summary.number("/samples")? * part,
        agent: end.cpu - begin.cpu,
        kernel: Duration::from_secs_f64(summary.number("/kernel/run_nanoseconds")? / 1e9 * part),
        whole: ended.cpu,
        doubt,
    })
}

fn serve(bench: &Bench) -> Result<Window> {
    let Service { process, address } = Service::start(bench, bench.frequency)?;
    process.reading_at(process.started().elapsed() + WARM_UP)?;
    let (begin, begin_at) = (Metrics::get(&address)?, Instant::now());
    process.reading_at(process.started().elapsed() + Duration::from_secs_f64(bench.seconds))?;
    let (end, end_at) = (Metrics::get(&address)?, Instant::now());
    let (said, seen) = (end.agent, process.cpu()?);
    // What it says is up to a second old.
    ensure!(
        said <= seen && said + Duration::from_millis(10) >= seen.mul_f64(0.75),
        "firetower says that it took {said:?} of CPU time, and its CPU clock says {seen:?}"
    );
    process.terminate()?;
    let ended = process.finish(PATIENCE)?;
    Ok(Window {
        seconds: (end_at - begin_at).as_secs_f64(),
        samples: end.samples - begin.samples,
        agent: end.agent - begin.agent,
        kernel: end.kernel - begin.kernel,
        whole: ended.cpu,
        doubt: None,
    })
}

/// What `serve` says of itself, all of it of one moment.
#[derive(Debug, PartialEq)]
struct Metrics {
    samples: f64,
    agent: Duration,
    kernel: Duration,
}

impl Metrics {
    fn get(address: &str) -> Result<Metrics> {
        Metrics::read(&service::get(address, "/metrics")?)
    }

    /// Reads the Prometheus text format.
    fn read(text: &str) -> Result<Metrics> {
        let seconds = |name| Ok::<_, anyhow::Error>(Duration::from_secs_f64(service::sum(text, name)?));
        Ok(Metrics {
            samples: service::sum(text, "firetower_samples_fired_total")?,
            agent: seconds("firetower_agent_cpu_seconds_total")?,
            kernel: seconds("firetower_ebpf_run_time_seconds_total")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_summed_over_labels_and_not_over_names() {
        let text = "# HELP firetower_samples_fired_total x\nfiretower_samples_fired_total 990\n\
                    firetower_samples_fired_total_other 1\nfiretower_agent_cpu_seconds_total 0.5\n\
                    firetower_ebpf_run_time_seconds_total{program=\"sample\"} 0.25\n\
                    firetower_ebpf_run_time_seconds_total{program=\"process_exit\"} 0.25\n";
        let half = Duration::from_millis(500);
        assert_eq!(Metrics::read(text).expect("all"), Metrics { samples: 990.0, agent: half, kernel: half });
        assert!(Metrics::read("firetower_samples_fired_total 990\n").is_err());
    }
}
