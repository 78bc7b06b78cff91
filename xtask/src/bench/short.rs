//! `cargo xtask bench short`: which share of the samples of processes that live 50 ms is attributed.
//!
//! One process after the other is forked, or executes the interpreter anew, and lives 50 ms, its start-up included. A
//! sample counts as attributed if it has a whole, named Python stack; the others are there by their reason. While an
//! interpreter starts and ends there is no Python stack to be had: `interpreter_not_running` and `no_python_frame` say
//! so. The process that starts the others sleeps nearly all the time; its few samples are counted too.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::firetower::{self, Summary};
use super::table::{Cell, Table};
use super::{Bench, progress};

const COLUMNS: &[(&str, &str)] = &[
    ("python", "Python"),
    ("start", "started by"),
    ("processes", "processes"),
    ("samples", "samples"),
    ("attributed_percent", "attributed %"),
    ("no_stack_percent", "no stack to be had %"),
    ("unknown_percent", "unknown %"),
    ("reasons", "all reasons"),
];

/// How long a process lives: `LIFE` of short.py.
const LIFE: f64 = 0.05;
/// Reasons that say that the interpreter had no Python stack at that moment.
const NO_STACK: &[&str] = &["interpreter_not_running", "no_python_frame", "not_python"];

/// Measures every version, both ways. As many processes as fit into the asked time, one after the other.
pub fn measure(bench: &Bench) -> Result<Table> {
    let count = (bench.seconds / LIFE).round() as u64;
    let title = format!("short: {count} processes of 50 ms, {} Hz", bench.frequency);
    let mut table = Table::new("short", title, COLUMNS);
    for (version, python) in &bench.pythons()? {
        for start in ["fork", "exec"] {
            progress(&format!("short: {start} on Python {version}"));
            let summary = record(bench, python, start, count)?;
            let (samples, attributed) = (summary.number("/samples")?, summary.number("/attributed")?);
            let reasons = summary.counts("/unattributed")?;
            // Not `sum`, which answers -0 for none.
            let no_stack =
                NO_STACK.iter().filter_map(|reason| reasons.get(*reason)).fold(0.0, |sum, count| sum + count);
            let said = reasons.iter().map(|(reason, count)| format!("{count} {reason}"));
            table.rows.push(vec![
                Cell::text(*version),
                Cell::text(start),
                Cell::Number(count as f64, 0),
                Cell::Number(samples, 0),
                Cell::percent(attributed, samples),
                Cell::percent(no_stack, samples),
                Cell::percent(samples - attributed - no_stack, samples),
                Cell::text(said.collect::<Vec<_>>().join(", ")),
            ]);
        }
    }
    Ok(table)
}

fn record(bench: &Bench, python: &Path, start: &str, count: u64) -> Result<Summary> {
    let mut command = Command::new(bench.binary("firetower"));
    command.args(["record", "--json", "--subprocesses", "--frequency", &bench.frequency.to_string()]);
    command.arg("--output").arg(firetower::stacks_file(bench, "short"));
    command.arg("--").arg(python).arg(bench.workload("short.py")).args([start, &count.to_string()]);
    let output = command.output().context("firetower does not start")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}: {errors}", output.status);
    Summary::read(&errors)
}
