//! The API and its own description, held against each other by schemathesis: requests by the thousand that the
//! description allows, and as many that it does not, to an agent that profiles real programs.

use std::process::Command;
use std::time::Duration;

use crate::http::ask;
use crate::pypi;
use crate::pythons::{Process, fixture, python};
use crate::running::{Running, wait_for};
use crate::service::Service;

/// The Python that schemathesis is pinned for.
const PYTHON: &str = "3.12";
/// Requests that are made up for each operation, besides the systematic ones.
const EXAMPLES: &str = "50";
/// Where all of them start from: the same requests each time.
const SEED: &str = "20240607";
/// Longest that it may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(300);
/// What is right although schemathesis does not expect it: a 503, where too much is asked at once, and a 414 to what the
/// description does not allow anyway.
const SETTINGS: &str = "[checks.not_a_server_error]\nexpected-statuses = [\"2xx\", \"3xx\", \"4xx\", 503]\n\
                        [checks.negative_data_rejection]\nexpected-statuses = [400, 404, 405, 406, 414, 503]\n";
/// What can't be held: a schema has no words for the grammar of selectors, nor for what excludes each other, so not all
/// that it allows is accepted. That it is never a failure inside the service is held.
const NOT_CHECKED: &str = "positive_data_acceptance";
/// One has no end, the other takes as long as it is told to. They have tests of their own.
const NOT_ASKED: [&str; 2] = ["/api/v1/live", "/debug/pprof/profile"];

/// How many requests it says that it made.
fn generated(said: &str) -> u64 {
    let line = said.lines().find(|line| line.contains(" generated")).unwrap_or_else(|| panic!("{said}"));
    line.trim().split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

#[test]
fn the_api_is_what_it_says_it_is() {
    let service = Service::start(&["-F", "99", "--metrics-listen", "127.0.0.1:0"]);
    let mut busy = Process::start(Command::new(python("3.13")).arg(fixture("shares.py")));
    assert_eq!(busy.line().as_deref(), Some("READY"));
    wait_for("samples", || {
        let (status, folded) = service.get(&format!("/flamegraph.folded?pid={}", busy.pid()));
        (status == 200 && folded.contains("shares.py")).then_some(())
    });
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("settings.toml"), SETTINGS).expect("written");
    let mut schemathesis = Command::new(python(PYTHON));
    schemathesis
        .args(["-m", "schemathesis.cli", "--no-color", "--config-file", "settings.toml", "run"])
        .arg(format!("http://{}/api/v1/openapi.json", service.address))
        .args(["--phases", "examples,coverage,fuzzing", "--checks", "all", "--mode", "all"])
        .args(["--exclude-checks", NOT_CHECKED])
        .args(NOT_ASKED.iter().flat_map(|path| ["--exclude-path", path]))
        .args(["--max-examples", EXAMPLES, "--seed", SEED, "--generation-database", "none"])
        .args(["--workers", "2", "--request-timeout", "30", "--continue-on-failure"])
        .env("PYTHONPATH", pypi::packages_of(PYTHON, "requirements-schema.txt"))
        .current_dir(folder.path());
    let finished = Running::start(&mut schemathesis).finish_within(PATIENCE);
    assert_eq!(finished.code, 0, "{}\n{}", finished.stdout, finished.stderr);
    println!("{}", finished.stdout);
    assert!(generated(&finished.stdout) >= 1500, "{}", finished.stdout);
    let metrics = ask(service.metrics_address(), "GET", "/metrics", "localhost").body;
    assert!(metrics.contains("\nfiretower_http_panics_total 0\n"), "{metrics}");
    let told = |line: &&str| line.starts_with("firetower_http_requests_total{");
    let failed: Vec<&str> = metrics
        .lines()
        .filter(told)
        .filter(|line| line.contains("status=\"5") && !line.contains("\"503\""))
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(metrics.contains("\nfiretower_ready 1\n"), "{metrics}");
}
