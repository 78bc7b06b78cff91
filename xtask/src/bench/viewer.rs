//! How fast the viewer's flame graph is, beside inferno's SVG and d3-flame-graph of the same tree in the same Chromium; how
//! soon a function that begins is on the screen; and what libraries would have to be loaded for.
//!
//! The example `viewer_tree` makes the trees up, the scripts in `profiler-user/web/bench` drive the browser and measure.
//! What the others are is in a `package.json` of that folder, which nothing else needs. It must not know how a page is
//! drawn.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::table::{Cell, Table};
use super::{Bench, progress};
use crate::web::{self, browser};
use crate::workspace;

const NODES: [u32; 3] = [1000, 10_000, 100_000];
/// Functions that are waited for, and samples a second: those of `serve` by default.
const FUNCTIONS: &str = "100";
const FREQUENCY: &str = "19";

const SPEED: &[(&str, &str)] = &[
    ("nodes", "nodes"),
    ("name", "flame graph"),
    ("boxes", "boxes"),
    ("first_ms", "first drawn ms"),
    ("nothing_ms", "nothing ms"),
    ("scroll_p50_ms", "scroll p50 ms"),
    ("scroll_p99_ms", "p99"),
    ("scroll_busy_ms", "busy"),
    ("pan_p50_ms", "pan p50 ms"),
    ("pan_p99_ms", "p99"),
    ("pan_busy_ms", "busy"),
    ("zoom_p50_ms", "zoom p50 ms"),
    ("zoom_p99_ms", "p99"),
    ("zoom_busy_ms", "busy"),
    ("click_p50_ms", "click p50 ms"),
    ("click_p99_ms", "p99"),
    ("click_busy_ms", "busy"),
    ("heap_mb", "JS heap MB"),
    ("memory_mb", "process MB"),
];
const LATENCY: &[(&str, &str)] = &[
    ("frequency", "Hz"),
    ("functions", "functions"),
    ("never", "never seen"),
    ("p50_ms", "p50 ms"),
    ("p90_ms", "p90 ms"),
    ("p99_ms", "p99 ms"),
    ("most_ms", "most ms"),
];
const SIZES: &[(&str, &str)] = &[("name", "script"), ("minified", "bytes"), ("gzipped", "gzipped")];

/// Measures all three.
pub fn measure(bench: &Bench) -> Result<Vec<Table>> {
    let folder = bench.root.join(web::FOLDER).join("bench");
    web::provide(&bench.root.join(web::FOLDER))?;
    web::provide(&folder)?;
    let speed = "viewer: milliseconds from an input to the end of the frame after it, 1280 × 800";
    let mut tables = vec![
        Table::new("viewer", speed.to_owned(), SPEED),
        Table::new(
            "viewer_latency",
            "viewer: from a function's first instruction to its box".to_owned(),
            LATENCY,
        ),
        Table::new("viewer_sizes", "viewer: what is loaded for a library".to_owned(), SIZES),
    ];
    for nodes in NODES {
        progress(&format!("viewer, {nodes} nodes"));
        let trees = bench.folder.join(format!("viewer-{nodes}"));
        fs::create_dir_all(&trees).with_context(|| format!("can't make {}", trees.display()))?;
        let mut make = Command::new(bench.binary("examples/viewer_tree"));
        workspace::run(make.arg(&trees).arg(nodes.to_string()))?;
        for result in rows(&run(bench, &["speed".into(), trees])?)? {
            tables[0].rows.push(speed_row(nodes, result)?);
        }
    }
    tables[0]
        .notes
        .push("`nothing` is what two frames take in which nothing changes, and is in the times; `busy` is how long the page's \
         thread works for a step"
            .to_owned());
    tables[0].notes.push(
        "d3-flame-graph without its animation; the SVG has no boxes below 1/10,000 of its width, and neither it nor \
         d3-flame-graph can pan or zoom in steps"
            .to_owned(),
    );
    progress("viewer, how soon a function is seen");
    let latency = run(bench, &["latency".into(), FUNCTIONS.into(), FREQUENCY.into()])?;
    tables[1].rows.push(latency_row(&latency)?);
    for result in rows(&run(bench, &["sizes".into()])?)? {
        let number = |name: &str| Ok::<_, anyhow::Error>(Cell::Number(number(result, name)?, 0));
        tables[2].rows.push(vec![name(result)?, number("minified")?, number("gzipped")?]);
    }
    Ok(tables)
}

/// What a script prints.
fn run(bench: &Bench, arguments: &[PathBuf]) -> Result<Value> {
    let mut node = workspace::command(&bench.root.join(web::FOLDER), "node", &["bench/run.mjs"]);
    node.args(arguments).env(browser::VARIABLE, browser::find()?).env("FIRETOWER", bench.binary("firetower"));
    let told = workspace::output(&mut node)?;
    serde_json::from_str(&told).with_context(|| format!("the script printed no JSON: {told}"))
}

fn rows(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().with_context(|| format!("no array: {value}"))
}

fn number(value: &Value, name: &str) -> Result<f64> {
    value[name].as_f64().with_context(|| format!("there is no number {name}: {value}"))
}

fn name(value: &Value) -> Result<Cell> {
    let name = value["name"].as_str().with_context(|| format!("there is no name: {value}"))?;
    Ok(Cell::text(match name {
        "ours" => "firetower",
        "svg" => "inferno's SVG",
        "d3" => "d3-flame-graph",
        other => other,
    }))
}

/// Numbers of an array that is sorted.
fn sorted(value: &Value, name: &str) -> Result<Vec<f64>> {
    let numbers = value[name].as_array().with_context(|| format!("there is no {name}: {value}"))?;
    numbers.iter().map(|number| number.as_f64().with_context(|| format!("no number: {number}"))).collect()
}

/// The least number that this share of them is not above.
fn quantile(sorted: &[f64], share: f64) -> Cell {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).map_or(Cell::Unknown, |number| Cell::Number(*number, 1))
}

fn speed_row(nodes: u32, result: &Value) -> Result<Vec<Cell>> {
    let mut row = vec![
        Cell::Number(nodes.into(), 0),
        name(result)?,
        Cell::Number(number(result, "boxes")?, 0),
        Cell::Number(number(result, "shown")?, 0),
        quantile(&sorted(&result["nothing"], "milliseconds")?, 0.5),
    ];
    for step in ["scroll", "pan", "zoom", "click"] {
        let times = sorted(&result[step], "milliseconds")?;
        let busy = result[step]["busy"].as_f64().map_or(Cell::Unknown, |busy| Cell::Number(busy, 1));
        row.extend([quantile(&times, 0.5), quantile(&times, 0.99), busy]);
    }
    row.extend([
        Cell::Number(number(result, "heap")? / 1e6, 1),
        Cell::Number(number(result, "memory")? / 1e6, 1),
    ]);
    Ok(row)
}

fn latency_row(result: &Value) -> Result<Vec<Cell>> {
    let times = sorted(result, "milliseconds")?;
    Ok(vec![
        Cell::Number(number(result, "frequency")?, 0),
        Cell::Number(times.len() as f64, 0),
        Cell::Number(number(result, "never")?, 0),
        quantile(&times, 0.5),
        quantile(&times, 0.9),
        quantile(&times, 0.99),
        quantile(&times, 1.0),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_numbers() {
        let numbers: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&numbers, 0.5), Cell::Number(50.0, 1));
        assert_eq!(quantile(&numbers, 0.99), Cell::Number(99.0, 1));
        assert_eq!(quantile(&numbers, 1.0), Cell::Number(100.0, 1));
        assert_eq!(quantile(&[7.0], 0.99), Cell::Number(7.0, 1));
        assert_eq!(quantile(&[], 0.5), Cell::Unknown);
    }

    #[test]
    fn rows_have_a_cell_for_each_column() {
        let times = json!([1.0, 2.0]);
        let step = json!({ "milliseconds": times, "busy": 0.5 });
        let none = json!({ "milliseconds": [], "busy": null });
        let result = json!({ "name": "svg", "boxes": 5, "shown": 9.5, "nothing": step, "scroll": step,
            "pan": none, "zoom": none, "click": step, "heap": 2_000_000, "memory": 3_000_000 });
        let row = speed_row(10, &result).expect("all is there");
        assert_eq!(row.len(), SPEED.len());
        assert_eq!((&row[1], &row[8]), (&Cell::text("inferno's SVG"), &Cell::Unknown));
        let latency = json!({ "frequency": 19, "milliseconds": times, "never": 1 });
        assert_eq!(latency_row(&latency).expect("all is there").len(), LATENCY.len());
        speed_row(10, &json!({})).expect_err("nothing is there");
    }
}
