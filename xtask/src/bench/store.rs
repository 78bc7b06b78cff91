//! What a day of busy processes takes in the store, and how long a flame graph of it, beside what one would do without it:
//! a gzipped pprof file for each process and window of ten seconds, and SQLite.
//!
//! The example `store_load` makes the day up and measures; this module runs it and shows the result. The alternatives get
//! the first hour only: what is shown for a day of theirs is that hour, multiplied.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::process::{PATIENCE, Process};
use super::table::{Cell, Table};
use super::{Bench, progress};

/// Samples a second: what `serve` takes by default, and what is wanted for detail.
const FREQUENCIES: [u64; 2] = [19, 99];
/// How long the making up and storing of an hour may take, on a slow machine.
const HOUR_TAKES: Duration = Duration::from_secs(300);

const COLUMNS: &[(&str, &str)] = &[
    ("frequency", "Hz"),
    ("store", "store"),
    ("megabytes_per_day", "MB/day"),
    ("times_store", "times store"),
    ("bytes_per_row", "bytes/row"),
    ("bytes_per_stack", "bytes/new stack"),
    ("ingest_percent", "ingest % of a core"),
    ("hour_cold_ms", "1 h cold ms"),
    ("hour_warm_ms", "1 h warm ms"),
    ("hour_cpu_ms", "1 h CPU ms"),
    ("all_cold_ms", "all cold ms"),
    ("all_warm_ms", "all warm ms"),
    ("all_cpu_ms", "all CPU ms"),
];

/// Runs it at each frequency.
pub fn measure(bench: &Bench, hours: u32) -> Result<Table> {
    let title = format!(
        "store: 8 busy processes, {hours} h; a flame graph by line of the last hour, and of all {hours} h"
    );
    let mut table = Table::new("store", title, COLUMNS);
    for frequency in FREQUENCIES {
        progress(&format!("store, {hours} h at {frequency} Hz"));
        let result = run(bench, frequency, hours)?;
        show(&mut table, &Numbers(&result))
            .with_context(|| format!("of what the example printed: {result}"))?;
    }
    table.notes.push(
        "pprof and SQLite: MB/day is 24 times their first hour, too much for SQLite, as most stacks are new in that hour; for a \
         fair comparison of sizes and of ingest ask for --hours 1"
            .to_owned(),
    );
    table.notes.push(
        "ingest of SQLite is measured in Python, whose share is small; SQLite's answer is text".to_owned(),
    );
    Ok(table)
}

fn run(bench: &Bench, frequency: u64, hours: u32) -> Result<Value> {
    let folder = bench.folder.join("store");
    std::fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    let mut command = Command::new(bench.binary("examples/store_load"));
    command.arg(&folder).args([frequency.to_string(), hours.to_string()]);
    let process = Process::start(command, &bench.folder, &format!("store-{frequency}"))?;
    let ended = process.finish(HOUR_TAKES * hours + PATIENCE)?;
    remove(&folder)?;
    serde_json::from_str(&ended.output)
        .with_context(|| format!("the example printed no JSON: {}", ended.output))
}

/// Gigabytes that nobody needs any more.
fn remove(folder: &Path) -> Result<()> {
    std::fs::remove_dir_all(folder).with_context(|| format!("can't remove {}", folder.display()))
}

/// What the example printed.
struct Numbers<'a>(&'a Value);

impl Numbers<'_> {
    /// A number, by its JSON pointer (RFC 6901).
    fn get(&self, pointer: &str) -> Result<f64> {
        self.0
            .pointer(pointer)
            .and_then(Value::as_f64)
            .with_context(|| format!("there is no number {pointer}"))
    }

    /// Milliseconds; unknown where the page cache could not be dropped.
    fn time(&self, pointer: &str) -> Cell {
        self.get(pointer).map_or(Cell::Unknown, |time| Cell::Number(time, 0))
    }
}

fn show(table: &mut Table, numbers: &Numbers<'_>) -> Result<()> {
    let get = |pointer: &str| numbers.get(pointer);
    let (hours, frequency) = (get("/hours")?, get("/frequency")?);
    let (samples, stacks) = (get("/store/samples_bytes")?, get("/store/stacks_bytes")?);
    let day = |bytes: f64, hours: f64| bytes / 1e6 * 24.0 / hours;
    let store = day(samples + stacks, hours);
    for (key, name) in [("store", "firetower"), ("rolled_up", "firetower, rolled up")] {
        let of = |field: &str| format!("/{key}/{field}");
        let (samples, stacks) = (get(&of("samples_bytes"))?, get(&of("stacks_bytes"))?);
        table.rows.push(vec![
            Cell::Number(frequency, 0),
            Cell::text(name),
            Cell::Number(day(samples + stacks, hours), 1),
            Cell::ratio(day(samples + stacks, hours), store, 1),
            Cell::ratio(samples, get("/rows")?, 2),
            Cell::ratio(stacks, get("/stacks")?, 1),
            Cell::Number(get(&of("cpu_percent"))?, 2),
            numbers.time(&of("hour_cold_ms")),
            numbers.time(&of("hour_warm_ms")),
            numbers.time(&of("hour_cpu_ms")),
            numbers.time(&of("all_cold_ms")),
            numbers.time(&of("all_warm_ms")),
            numbers.time(&of("all_cpu_ms")),
        ]);
    }
    for (key, name) in [("pprof", "pprof, gzip"), ("sqlite", "SQLite")] {
        let of = |field: &str| format!("/{key}/{field}");
        let bytes = get(&of("bytes"))?;
        table.rows.push(vec![
            Cell::Number(frequency, 0),
            Cell::text(name),
            Cell::Number(day(bytes, 1.0), 1),
            Cell::ratio(day(bytes, 1.0), store, 1),
            Cell::ratio(bytes, get("/first_hour_rows")?, 2),
            Cell::Unknown,
            Cell::Number(100.0 * get(&of("cpu_s"))? / 3600.0, 2),
            numbers.time(&of("hour_cold_ms")),
            numbers.time(&of("hour_warm_ms")),
            Cell::Unknown,
            Cell::Unknown,
            Cell::Unknown,
            Cell::Unknown,
        ]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_day_is_scaled_from_what_was_stored() {
        let result = json!({
            "hours": 2, "frequency": 19, "rows": 1_000_000, "stacks": 1000, "first_hour_rows": 500_000,
            "store": { "samples_bytes": 2_000_000, "stacks_bytes": 50_000, "cpu_percent": 0.1, "hour_cold_ms": null,
                "hour_warm_ms": 40, "all_cold_ms": null, "all_warm_ms": 70 },
            "rolled_up": { "samples_bytes": 1_000_000, "stacks_bytes": 50_000, "cpu_percent": 0.1, "all_warm_ms": 50 },
            "pprof": { "bytes": 10_000_000, "cpu_s": 36, "hour_cold_ms": 1, "hour_warm_ms": 1 },
            "sqlite": { "bytes": 20_000_000, "cpu_s": 3.6, "hour_cold_ms": 1, "hour_warm_ms": 1 },
        });
        let mut table = Table::new("store", String::new(), COLUMNS);
        show(&mut table, &Numbers(&result)).expect("all numbers are there");
        let shown = |row: usize, column: usize| table.rows[row][column].to_string();
        assert_eq!([shown(0, 2), shown(0, 4), shown(0, 5)], ["24.6", "2.00", "50.0"]);
        assert_eq!([shown(0, 7), shown(0, 8)], ["?", "40"]);
        assert_eq!([shown(1, 2), shown(1, 3), shown(1, 4)], ["12.6", "0.5", "1.00"]);
        assert_eq!([shown(2, 2), shown(2, 6)], ["240.0", "1.00"]);
        assert!(table.rows.iter().all(|row| row.len() == COLUMNS.len()));
    }
}
