//! Every sample that fires is attributed or has exactly one reason, whatever happens: the sums hold to the last sample.

use std::process::Command;

use serde_json::Value;

use crate::folded;
use crate::pythons::{Process, fixture, python, supported};
use crate::running::{run, wait_for};
use crate::service::Service;

/// Busy Pythons of every version.
fn busy() -> Vec<Process> {
    let start = |minor: String| Process::start(Command::new(python(&minor)).arg(fixture("races.py")));
    let mut all: Vec<Process> = supported().map(start).collect();
    for process in &mut all {
        assert_eq!(process.line().as_deref(), Some("READY"));
    }
    all
}

/// Processes and threads that start and end all the time.
fn churn() -> Process {
    let mut command = Command::new(python("3.12"));
    command.arg(fixture("churn.py")).args(supported().map(|minor| python(&minor)));
    let mut process = Process::start(&mut command);
    assert_eq!(process.line().as_deref(), Some("READY"));
    process
}

/// How many processes it has started. It ends with that.
fn started(mut churn: Process) -> u64 {
    churn.close_input();
    let line = churn.line().expect("it tells");
    line.strip_prefix("STARTED ").and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

fn number(of: &Value) -> u64 {
    of.as_u64().unwrap_or_else(|| panic!("{of} is no count"))
}

fn sum(of: &Value) -> u64 {
    of.as_object().expect("counts by reason").values().map(number).sum()
}

/// Holds that every sample of a summary, of which so many are shown, is booked once.
pub fn assert_sums(summary: &Value, shown: u64) {
    let kernel = &summary["kernel"];
    let (fired, submitted) = (number(&kernel["fired"]), number(&kernel["submitted"]));
    assert_eq!(fired, submitted + sum(&kernel["not_submitted"]), "fired: {summary}");
    assert_eq!(number(&summary["received"]), submitted, "submitted: {summary}");
    assert_eq!(
        number(&summary["received"]),
        number(&summary["attributed"]) + sum(&summary["unattributed"]),
        "{summary}"
    );
    assert_eq!(
        number(&summary["samples"]),
        number(&summary["received"]) + number(&summary["lost"]),
        "{summary}"
    );
    assert_eq!(shown, number(&summary["samples"]), "the flame graph shows each one: {summary}");
    for failure in ["kernel_side_failed", "stack_unknown", "agent_table_full"] {
        assert_eq!(kernel["not_submitted"][failure], Value::Null, "{summary}");
        assert_eq!(summary["unattributed"][failure], Value::Null, "{summary}");
    }
}

/// Records everything for a while, checks every sum, and answers the summary.
fn record_all(frequency: &str) -> Value {
    let finished = run(["record", "--all", "-d", "4", "-F", frequency, "--json", "-o", "-"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let summary: Value = serde_json::from_str(finished.stderr.trim()).expect("nothing but the summary");
    assert_sums(&summary, folded::total(&folded::parse(&finished.stdout)));
    let fired = number(&summary["kernel"]["fired"]);
    // About one sample for each period and CPU, idle or not: none is lost before it is counted.
    let cpus = std::thread::available_parallelism().expect("known").get() as f64;
    let seconds = summary["seconds"].as_f64().expect("seconds");
    assert!(seconds < 6.0, "four seconds were asked for: {summary}");
    let due = seconds * frequency.parse::<f64>().expect("a number") * cpus;
    assert!(
        fired as f64 > 0.8 * due && (fired as f64) < 1.2 * due,
        "{fired} fired, {due} were due: {summary}"
    );
    summary
}

#[test]
fn the_sums_hold_under_load() {
    let busy = busy();
    let summary = record_all("999");
    drop(busy);
    assert!(number(&summary["attributed"]) > 1000, "{summary}");
}

#[test]
fn the_sums_hold_while_processes_come_and_go() {
    let (first, second) = (churn(), churn());
    let summary = record_all("999");
    let started = started(first) + started(second);
    assert!(started > 100, "{started} processes are no churn");
    assert!(number(&summary["attributed"]) > 100, "{summary}");
}

/// The sum of a metric's series.
fn metric(metrics: &str, name: &str) -> f64 {
    let values = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.starts_with(['{', ' '])
            .then(|| rest.rsplit_once(' ').expect("a value").1.parse::<f64>().expect("a number"))
    });
    values.sum()
}

#[test]
fn the_metrics_sum_up_to_what_fired() {
    let service = Service::start(&["-F", "999"]);
    let (churn, busy) = (churn(), busy());
    wait_for("attributed samples", || {
        (metric(&service.get("/metrics").1, "firetower_samples_total{outcome=\"attributed\",reason=\"\"}")
            > 2000.0)
            .then_some(())
    });
    drop(busy);
    assert!(started(churn) > 0);
    // Samples go on firing; those that fired and were not drained yet when the metrics were brought up to date are few.
    let mut last = String::new();
    let (fired, booked) = wait_for("the sums to be equal", || {
        last = service.get("/metrics").1;
        let sums = (metric(&last, "firetower_samples_fired_total"), metric(&last, "firetower_samples_total"));
        (sums.0 == sums.1).then_some(sums)
    });
    assert!(fired > 2000.0 && fired == booked);
    assert_eq!(
        metric(&last, "firetower_samples_total{outcome=\"unattributed\",reason=\"kernel_side_failed\"}"),
        0.0
    );
}
