//! Memory of `serve` over a long time, with many processes and a store: it must not grow.
//!
//! Two hundred processes use four fifths of a CPU together, as far as others leave it to them. What is resident is asked of
//! the kernel at even moments, of an hour every five minutes; the ring buffer is mapped twice, so that what it takes counts
//! twice in it.

use std::time::Duration;

use anyhow::{Context, Result};

use super::process::{PATIENCE, Process};
use super::service::{self, Service};
use super::table::{Cell, Table};
use super::{Bench, progress};

/// Processes, and the share of a CPU that each uses.
const PROCESSES: (&str, &str) = ("200", "0.004");
/// Moments at which it is looked at, the last of them at the end.
const LOOKS: u32 = 12;

const COLUMNS: &[(&str, &str)] = &[
    ("minutes", "minutes"),
    ("resident_megabytes", "resident MB"),
    ("anonymous_megabytes", "of it anonymous"),
    ("cpu_percent", "agent CPU %"),
    ("samples", "samples"),
    ("lost", "lost"),
    ("store_megabytes", "store MB"),
];

/// Runs it for as long as was asked for.
pub fn measure(bench: &Bench) -> Result<Table> {
    let title = format!("soak: serve at {} Hz with a store, {} processes", bench.frequency, PROCESSES.0);
    let mut table = Table::new("soak", title, COLUMNS);
    let (_, python) = bench.pythons()?.into_iter().next_back().context("there is a Python")?;
    let mut command = std::process::Command::new("nice");
    command.args(["-n", "19"]).arg(python).arg(bench.workload("soak.py")).args([PROCESSES.0, PROCESSES.1]);
    let mut load = Process::start(command, &bench.folder, "soak")?;
    load.wait_for(PATIENCE, |line| line.contains("READY").then_some(()))?;
    let service = Service::start(bench, bench.frequency)?;
    for look in 1..=LOOKS {
        let after = Duration::from_secs_f64(bench.seconds) * look / LOOKS;
        service.process.reading_at(after)?;
        progress(&format!("soak, {:.0} of {:.0} s", after.as_secs_f64(), bench.seconds));
        table.rows.push(row(&service, after)?);
    }
    service.process.terminate()?;
    service.process.finish(PATIENCE)?;
    load.terminate()?;
    load.finish(PATIENCE)?;
    Ok(table)
}

fn row(service: &Service, after: Duration) -> Result<Vec<Cell>> {
    let metrics = service::get(&service.address, "/metrics")?;
    let metric = |name| service::sum(&metrics, name);
    let resident = |field| resident(service.process.pid(), field);
    let cpu = service.process.cpu()?.as_secs_f64();
    Ok(vec![
        Cell::Number(after.as_secs_f64() / 60.0, 1),
        Cell::Number(resident("VmRSS:")?, 1),
        Cell::Number(resident("RssAnon:")?, 1),
        Cell::Number(100.0 * cpu / after.as_secs_f64(), 2),
        Cell::Number(metric("firetower_samples_fired_total")?, 0),
        Cell::Number(metric("firetower_ring_buffer_lost_total")?, 0),
        Cell::Number(metric("firetower_store_bytes")? / 1e6, 2),
    ])
}

/// A field of `/proc/PID/status` that is in kB, in MB.
fn resident(pid: u32, field: &str) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("can't read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes: f64 = line
        .and_then(|line| line.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse().ok())
        .with_context(|| format!("{path} has no {field}"))?;
    Ok(kilobytes * 1024.0 / 1e6)
}
