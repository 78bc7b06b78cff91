//! The investigation that firetower was made for, on the real code: Ceilometer's notification worker looks up an endpoint
//! that never changes for each request. `record`, the service's API and an alert say so before the fix and not after, and
//! what they say is what the worker's own counters say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::dashboards;
use crate::folded::{self, Line};
use crate::prometheus::{Prometheus, sixty_times_faster};
use crate::pypi::cache;
use crate::pythons::python;
use crate::running::{Running, firetower, wait_for};
use crate::service::Service;
use worker::{Counts, Settings, Way, Worker};

#[path = "../../../xtask/src/scenario/environment.rs"]
mod environment;
#[path = "../../../xtask/src/scenario/worker.rs"]
mod worker;

const FUNCTION: &str = "get_endpoint";
const ALERT: &str = "FiretowerLookupCostly";
/// Samples a second of a recording, and for how long.
const RECORDED: (&str, &str) = ("199", "15");
/// Samples a second of the service: the alert looks at ten seconds of what a worker gets of a busy CPU.
const SERVED: &str = "299";
/// Standard deviations that a share may be off: one in 16 000 fails by chance.
const SIGMAS: f64 = 4.0;
/// What a share may be off besides: counters are read some tenths of a second before and after the samples are taken.
const BESIDES: f64 = 0.01;
/// Least samples for a share to mean anything: what a worker has of a CPU that ten others want too.
const ENOUGH: u64 = 200;

/// A worker that runs, and what it had counted when it was first asked.
struct Run {
    worker: Worker,
    service: String,
    earlier: Counts,
}

impl Run {
    fn start(way: Way, version: &str, python: &Path, logs: &Path) -> Run {
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/ceilometer");
        let service = format!("ceilometer-{version}-{}", way.name());
        let settings = Settings { python, scenario: &scenario, logs, regions: 1, service: &service };
        let mut worker = Worker::start(way, &settings).unwrap_or_else(|error| panic!("{service}: {error:#}"));
        let earlier = worker.counts().expect("it counts");
        Run { worker, service, earlier }
    }

    /// What it counted since it was asked last.
    fn counts(&mut self) -> Counts {
        let now = self.worker.counts().expect("it counts");
        let since = now.since(&self.earlier);
        self.earlier = now;
        since
    }
}

/// Samples of a profile: all, and those with the function.
fn samples(lines: &[Line]) -> (u64, u64) {
    (folded::total(lines), folded::with(lines, FUNCTION))
}

/// Holds that a profile's share is the true one, and that something was seen.
fn assert_share(what: &str, (all, with): (u64, u64), counts: &Counts) {
    let (seen, truth) = (with as f64 / all as f64, counts.share());
    let counting = counts.counting_cpu_seconds / counts.cpu_seconds;
    assert!(all >= ENOUGH, "{what}: {all} samples");
    assert!(counting < 0.01, "{what}: counting took {counting:.4} of the CPU");
    let bound = SIGMAS * (truth * (1.0 - truth) / all as f64).sqrt() + BESIDES + counting;
    assert!(
        (seen - truth).abs() <= bound,
        "{what}: {seen:.4} of {all} samples seen, {truth:.4} true, ± {bound:.4}"
    );
}

/// A tenth at least before, nothing at all after.
fn assert_fixed(what: &str, before: ((u64, u64), &Counts), after: ((u64, u64), &Counts)) {
    assert_share(&format!("{what}, before"), before.0, before.1);
    assert!(before.1.share() > 0.1, "{what}: {:?}", before.1);
    let (all, with) = after.0;
    assert!(all >= ENOUGH, "{what}, after: {all} samples");
    assert_eq!((with, after.1.get_endpoint_calls), (0, 0), "{what}, after");
}

fn investigation(version: &str) {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/ceilometer");
    let requirements = scenario.join(format!("requirements-{version}.txt"));
    let python = environment::python(&requirements, &cache("scenarios"), version, &python(version))
        .unwrap_or_else(|error| panic!("{error:#}"));
    let folder = tempfile::tempdir().expect("a folder");
    // Both at once: each takes some seconds to get warm.
    let [mut before, mut after] = std::thread::scope(|scope| {
        let starting = Way::BOTH.map(|way| {
            scope.spawn({
                let (python, folder) = (&python, folder.path());
                move || Run::start(way, version, python, folder)
            })
        });
        starting.map(|run| run.join().expect("a worker"))
    });
    // From here on: what a worker does until it is warm has other functions.
    let service = Service::start(&["-F", SERVED]);
    let prometheus = Prometheus::start(service.address(), &sixty_times_faster(&dashboards::rules()));

    recordings_tell_the_truth(&mut before, &mut after, folder.path());
    the_alert_fires_before_and_not_after(&prometheus, &before.service, &after.service);
    the_api_tells_the_truth(&service, &mut before, &mut after);
    before.worker.finish().expect("no errors before the fix");
    after.worker.finish().expect("no errors after the fix");
}

/// `record` of both at once, beside the service.
fn recordings_tell_the_truth(before: &mut Run, after: &mut Run, folder: &Path) {
    let start = |run: &Run| -> (Running, PathBuf) {
        let file = folder.join(format!("{}.folded", run.service));
        let (frequency, seconds) = RECORDED;
        let pid = run.worker.pid().to_string();
        let mut command = firetower(["record", "-p", &pid, "-d", seconds, "-F", frequency, "-o"]);
        (Running::start(command.arg(&file)), file)
    };
    let finish = |(running, file): (Running, PathBuf)| {
        let finished = running.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        (samples(&folded::parse(&std::fs::read_to_string(&file).expect("the profile"))), file)
    };
    // Counts from here on.
    before.counts();
    after.counts();
    let recordings = (start(before), start(after));
    let (one, other) = (finish(recordings.0), finish(recordings.1));
    let seen = (one.0, other.0);
    let counts = (before.counts(), after.counts());
    assert_fixed("record", (seen.0, &counts.0), (seen.1, &counts.1));
    let saved = 1.0 - counts.1.milliseconds_per_message() / counts.0.milliseconds_per_message();
    assert!(saved > 0.1, "a message takes {saved:.2} less CPU: {counts:#?}");
    the_difference_is_a_check(&one.1, &other.1);
}

/// `firetower diff` of both files: the fix passes as a check of CI, and taking it back does not.
fn the_difference_is_a_check(before: &Path, after: &Path) {
    let check = |left: &Path, right: &Path| {
        let mut command = firetower(["diff", "--fail-if", "get_endpoint > 5%", "--json"]);
        let finished = Running::start(command.args([left, right])).finish();
        let answer: Value = serde_json::from_str(&finished.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", finished.stderr));
        let of = |function: &&Value| {
            function["function"] == FUNCTION
                && function["file"].as_str().is_some_and(|file| file.ends_with("keystoneauth1/session.py"))
        };
        let functions = answer["functions"].as_array().expect("functions");
        let verdict = functions.iter().find(of).expect("it is on one side")["total"]["verdict"].clone();
        (finished.code, verdict)
    };
    assert_eq!(check(before, after), (0, "shrank".into()));
    assert_eq!(check(after, before), (19, "grew".into()));
}

fn the_alert_fires_before_and_not_after(prometheus: &Prometheus, before: &str, after: &str) {
    wait_for("the alert", || {
        let firing = prometheus.firing(ALERT);
        let found = firing.iter().find(|labels| labels["service"] == before)?;
        assert_eq!(found["function"], FUNCTION, "{firing:?}");
        Some(())
    });
    // As much is known of the other for as long, and it is busy.
    let share = format!(
        "job_service_function:firetower_function_cpu_seconds:share10m{{service=\"{after}\",function=\"batch_measures\"}} > 0.1"
    );
    prometheus.wait_for_data("a function of the fixed one", &share);
    let alerts = prometheus.query(&format!("ALERTS{{alertname=\"{ALERT}\",service=\"{after}\"}}"));
    assert!(alerts.is_empty(), "{alerts:?}");
    // The rule by own time sees neither: the work is in many small functions.
    let by_own = prometheus.query(&format!(
        "job_service_function:firetower_function_self_cpu_seconds:share10m{{service=\"{before}\",function=\"{FUNCTION}\"}} > 0.1"
    ));
    assert!(by_own.is_empty(), "{by_own:?}");
}

/// The service's own samples, from a second after the counters were read to a second before they are read again.
fn the_api_tells_the_truth(service: &Service, before: &mut Run, after: &mut Run) {
    // Counts from here on.
    before.counts();
    after.counts();
    let from = seconds_since_1970() + 1;
    let (until, counts) = wait_for("samples of both", || {
        let until = seconds_since_1970() - 1;
        let enough = until > from
            && [&*before, &*after].iter().all(|run| profile(service, run, from, until).0 >= 3 * ENOUGH);
        enough.then(|| (until, (before.counts(), after.counts())))
    });
    let seen = (profile(service, before, from, until), profile(service, after, from, until));
    assert_fixed("the profile of the API", (seen.0, &counts.0), (seen.1, &counts.1));

    let range = |side: &str| format!("{side}_from={from}&{side}_until={until}");
    let path = format!(
        "/api/v1/diff?{}&{}&left_query={}&right_query={}&normalise=1&max_nodes=200000",
        range("left"),
        range("right"),
        selector(before),
        selector(after)
    );
    let (status, body) = service.get(&path);
    assert_eq!(status, 200, "{body}");
    let diff: Value = serde_json::from_str(&body).expect("JSON");
    let side = |name: &str| {
        let all = diff[name]["total"]["samples"].as_u64().expect("samples");
        (all, (below(&diff, name) * all as f64).round() as u64)
    };
    assert_fixed("the difference of the API", (side("left"), &counts.0), (side("right"), &counts.1));
}

/// The share of one side of a difference that is below the outermost calls of the function.
fn below(diff: &Value, side: &str) -> f64 {
    let nodes = &diff["nodes"];
    let numbers = |key: &str| nodes[key].as_array().expect("an array").clone();
    let (frames, parents, totals) = (numbers("frame"), numbers("parent"), numbers(&format!("{side}_total")));
    let is_function = |node: usize| {
        frames[node].as_u64().is_some_and(|frame| diff["frames"][frame as usize]["name"] == FUNCTION)
    };
    // Parents come before their children.
    let mut inside = vec![false; frames.len()];
    let (mut sum, whole) = (0.0, totals[0].as_f64().expect("a number"));
    for node in 1..frames.len() {
        let parent = parents[node].as_u64().expect("an index") as usize;
        if !inside[parent] && is_function(node) {
            sum += totals[node].as_f64().expect("a number");
        }
        inside[node] = inside[parent] || is_function(node);
    }
    sum / whole
}

fn profile(service: &Service, run: &Run, from: u64, until: u64) -> (u64, u64) {
    let path = format!("/api/v1/profile?format=folded&from={from}&until={until}&query={}", selector(run));
    let (status, body) = service.get(&path);
    assert_eq!(status, 200, "{body}");
    samples(&folded::parse(&body))
}

/// `{service="…"}` for a URL.
fn selector(run: &Run) -> String {
    format!("%7Bservice%3D%22{}%22%7D", run.service)
}

fn seconds_since_1970() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or(Duration::ZERO).as_secs()
}

#[test]
fn python_2_7() {
    investigation("2.7");
}

#[test]
fn python_3_6() {
    investigation("3.6");
}

#[test]
fn python_3_8() {
    investigation("3.8");
}
