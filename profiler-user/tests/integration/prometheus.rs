//! A real Prometheus that scrapes a running `firetower serve` and has our rules: what dashboards and rules ask for is
//! there, and the alert that should fire does.
//!
//! The rules are those of `dashboards/`, with all of their durations in seconds instead of minutes; nothing else is changed.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use crate::dashboards;
use crate::pythons::{Process, fixture, python};
use crate::running::{Running, wait_for};
use crate::service::Service;

/// Alerts that depend on what else the machine does while the test runs: they must be evaluated, not be silent.
const MAY_FIRE: [&str; 2] = ["FiretowerUnattributedSamples", "FiretowerAgentBusy"];

/// Samples a second: enough for shares to be near what the program does.
const FREQUENCY: u32 = 99;

/// A running Prometheus; ends with its test, and its data with it.
pub struct Prometheus {
    _running: Running,
    _directory: tempfile::TempDir,
    address: SocketAddr,
}

impl Prometheus {
    /// Scrapes this address every second, and evaluates these rules as often.
    pub fn start(target: SocketAddr, rules: &str) -> Prometheus {
        let directory = tempfile::tempdir().expect("a folder");
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("rules.yml"), rules).expect("a file");
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: [rules.yml]\n\
             scrape_configs: [{{job_name: firetower, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        std::fs::write(path("prometheus.yml"), configuration).expect("a file");
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", path("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", path("data").display()))
            .arg("--web.listen-address=127.0.0.1:0");
        let mut running = Running::start(&mut command);
        let listening = Regex::new(r#"msg="Listening on" address=(\S+)"#).expect("valid");
        let address = wait_for("its address", || {
            running.assert_running();
            let said = running.stderr();
            Some(listening.captures(&said)?[1].parse().expect("an address"))
        });
        let prometheus = Prometheus { _running: running, _directory: directory, address };
        wait_for("its readiness", || (prometheus.get("/-/ready").0 == 200).then_some(()));
        prometheus
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        // In 1.0 there are no chunks.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, body.to_owned())
    }

    /// `data` of an answer of its API.
    fn api(&self, path: &str) -> Value {
        let (status, body) = self.get(&format!("/api/v1/{path}"));
        let mut answer: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        assert!(status == 200 && answer["status"] == "success", "{path}: {answer}");
        answer["data"].take()
    }

    /// The series that an expression has now.
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let data = self.api(&format!("query?query={encoded}"));
        assert_eq!(data["resultType"], "vector", "{expression}");
        data["result"].as_array().expect("an array").clone()
    }

    /// Waits until an expression has data.
    pub fn wait_for_data(&self, what: &str, expression: &str) -> Vec<Value> {
        wait_for(&format!("{what}: {expression}"), || {
            Some(self.query(expression)).filter(|result| !result.is_empty())
        })
    }

    /// Its rules of one kind: `record` or `alert`.
    fn rules(&self, kind: &str) -> Vec<Value> {
        let data = self.api(&format!("rules?type={kind}"));
        let groups = data["groups"].as_array().expect("groups").iter();
        groups.flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
    }

    /// The labels of alerts that fire.
    pub fn firing(&self, name: &str) -> Vec<Value> {
        let data = self.api("alerts");
        let alerts = data["alerts"].as_array().expect("alerts").iter();
        alerts
            .filter(|alert| alert["state"] == "firing" && alert["labels"]["alertname"] == name)
            .map(|alert| alert["labels"].clone())
            .collect()
    }
}

/// The rules with every duration of minutes as one of seconds.
pub fn sixty_times_faster(rules: &str) -> String {
    let minutes = Regex::new(r"\b(\d+)m\b").expect("valid");
    assert!(minutes.find_iter(rules).count() > 20);
    minutes.replace_all(rules, "${1}s").into_owned()
}

/// Values of a query's result.
fn values(result: &[Value]) -> impl Iterator<Item = f64> {
    result.iter().map(|series| series["value"][1].as_str().expect("a value").parse().expect("a number"))
}

/// The sums of a counter by the label `service` in the text of one scrape.
fn by_service(text: &str, name: &str) -> BTreeMap<String, f64> {
    let service = Regex::new(r#"service="((?:[^"\\]|\\.)*)""#).expect("valid");
    let mut sums = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with(&format!("{name}{{"))) {
        let value: f64 = line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok()).expect("a value");
        *sums.entry(service.captures(line).expect("a service")[1].to_owned()).or_default() += value;
    }
    sums
}

#[test]
fn prometheus_sees_which_function_is_hot() {
    let service = Service::start(&["-F", &FREQUENCY.to_string()]);
    let mut process = Process::start(Command::new(python("3.13")).arg(fixture("hot.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let prometheus = Prometheus::start(service.address(), &sixty_times_faster(&dashboards::rules()));

    let hot = wait_for("the alert on the hot function", || {
        let firing = prometheus.firing("FiretowerFunctionHot");
        firing.into_iter().find(|labels| labels["function"] == "hot")
    });
    let name = hot["service"].as_str().expect("a service").to_owned();
    let others: Vec<Value> = prometheus.firing("FiretowerFunctionHot");
    let others = others.iter().filter(|labels| labels["service"] == *name && labels["function"] != "hot");
    assert_eq!(others.count(), 0, "no other function of it uses a fifth");

    shares_are_what_the_program_does(&prometheus, &name);
    functions_sum_up_to_their_service(&service, &prometheus, &name);
    every_sample_of_python_is_in_a_service(&service);
    dashboards_have_data(&prometheus, &name);
    rules_are_evaluated(&prometheus);
}

fn shares_are_what_the_program_does(prometheus: &Prometheus, name: &str) {
    let share = |kind: &str, function: &str| {
        let expression = format!(
            "sum(increase(firetower_function_{kind}cpu_seconds_total{{service=\"{name}\", function=\"{function}\"}}[10s])) \
             / sum(increase(firetower_service_cpu_seconds_total{{service=\"{name}\"}}[10s]))"
        );
        values(&prometheus.wait_for_data(function, &expression)).next().expect("one value")
    };
    // Of some 300 samples: what is off by more than this is no chance.
    for (kind, function, expected) in [
        ("self_", "hot", 0.6),
        ("self_", "cool", 0.1),
        ("", "hot", 0.6),
        ("", "recurse", 1.0),
        ("", "main", 1.0),
    ] {
        let share = share(kind, function);
        assert!((share - expected).abs() < 0.15, "{kind}{function}: {share}");
    }
    // Names that break a scrape, or look like what they are not, did neither.
    for function in
        ["a b", "line feed", r#"quote\"back\\slash{}"#, "[other]", &format!("{}…", "é".repeat(160))]
    {
        assert!(share("self_", function) > 0.01, "{function}");
    }
}

fn functions_sum_up_to_their_service(service: &Service, prometheus: &Prometheus, name: &str) {
    let (status, text) = service.get("/metrics");
    assert_eq!(status, 200);
    let functions = by_service(&text, "firetower_function_self_cpu_seconds_total");
    let services = by_service(&text, "firetower_service_cpu_seconds_total");
    assert!(services.keys().eq(functions.keys()), "{services:?}\n{functions:?}");
    for (service, seconds) in &services {
        assert!((seconds - functions[service]).abs() <= 1e-9 * seconds.max(1.0), "{service}: {seconds}");
    }
    assert!(services[name] > 1.0, "{services:?}");
    // The same as Prometheus has it.
    let difference = "sum by (service) (firetower_function_self_cpu_seconds_total) \
                      - sum by (service) (firetower_service_cpu_seconds_total)";
    let differences: Vec<f64> = values(&prometheus.wait_for_data("sums", difference)).collect();
    assert!(differences.len() >= 2, "{differences:?}");
    assert!(differences.iter().all(|difference| difference.abs() < 1e-6), "{differences:?}");
}

fn every_sample_of_python_is_in_a_service(service: &Service) {
    let elsewhere = Regex::new("reason=\"(idle|not_target|not_python)\"").expect("valid");
    // Both are brought up to date every second, one after the other: a scrape in between sees only one of them.
    wait_for("as much CPU in services as was sampled", || {
        let (_, text) = service.get("/metrics");
        let samples = text.lines().filter(|line| line.starts_with("firetower_samples_total{"));
        let samples: f64 = samples
            .filter(|line| !elsewhere.is_match(line))
            .map(|line| {
                line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok()).expect("a value")
            })
            .sum();
        let seconds: f64 = by_service(&text, "firetower_service_cpu_seconds_total").values().sum();
        ((samples / f64::from(FREQUENCY) - seconds).abs() < 1e-3).then_some(())
    });
}

fn dashboards_have_data(prometheus: &Prometheus, name: &str) {
    for (file, dashboard) in dashboards::all() {
        for (title, expression) in dashboards::expressions(&dashboard) {
            let expression = expression
                .replace("$__rate_interval", "10s")
                .replace("$instance", ".*")
                .replace("$service", name)
                .replace("$function", ".*");
            prometheus.wait_for_data(&format!("{file}: {title}"), &expression);
        }
    }
}

fn rules_are_evaluated(prometheus: &Prometheus) {
    let (records, alerts) = (prometheus.rules("record"), prometheus.rules("alert"));
    let in_file = |key: &str| dashboards::rules().matches(&format!("- {key}: ")).count();
    assert_eq!((records.len(), alerts.len()), (in_file("record"), in_file("alert")));
    for rule in records.iter().chain(&alerts) {
        assert_eq!((&rule["health"], &rule["lastError"]), (&"ok".into(), &Value::Null), "{rule}");
    }
    for record in &records {
        let name = record["name"].as_str().expect("a name");
        assert!(values(&prometheus.wait_for_data("a recording", name)).all(f64::is_finite), "{name}");
    }
    prometheus.wait_for_data("a scrape", "up{job=\"firetower\"}");
    for alert in &alerts {
        let (name, expression) =
            (alert["name"].as_str().expect("a name"), alert["query"].as_str().expect("an expression"));
        for metric in dashboards::names(expression) {
            prometheus.wait_for_data(name, metric);
        }
        let result = prometheus.query(expression);
        match name {
            "FiretowerFunctionHot" => assert!(!result.is_empty(), "{name}"),
            _ if MAY_FIRE.contains(&name) => {}
            _ => assert!(result.is_empty() && prometheus.firing(name).is_empty(), "{name}: {result:?}"),
        }
    }
}
