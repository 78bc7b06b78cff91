//! The API of a real `firetower serve` that profiles a real Python: the views of one range agree with each other.

use std::process::Command;

use serde_json::Value;

use crate::folded;
use crate::pythons::{Process, fixture, python};
use crate::running::wait_for;
use crate::service::Service;

fn json(service: &Service, path: &str) -> Value {
    let (status, body) = service.get(path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

#[test]
fn every_view_of_a_range_has_the_same_samples() {
    let service = Service::start(&["-F", "199"]);
    let mut process =
        Process::start(Command::new(python("3.12")).arg(fixture("shares.py")).env("SERVICE_NAME", "views"));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let pid = process.pid().0;
    // Two whole seconds of it between moments that are fixed from here on, so that all are asked for the same.
    let (from, until) = wait_for("two seconds of samples", || {
        let live = json(&service, "/api/v1/profile?query=views&seconds=2");
        let start = live["start_unix_seconds"].as_f64().expect("a time");
        let enough = live["total"]["samples"].as_u64() > Some(40) && live["duration_seconds"] == 2.0;
        enough.then_some((start, start + 2.0))
    });
    let range = format!("from={from}&until={until}&query=views");
    let tree = json(&service, &format!("/api/v1/profile?{range}&least_share=0"));
    let samples = tree["total"]["samples"].as_u64().expect("a number");
    assert!(samples > 40, "{tree}");
    assert!(
        tree["subject"].as_str().is_some_and(|subject| subject.contains(&format!("(pid {pid})"))),
        "{tree}"
    );

    let (status, text) = service.get(&format!("/api/v1/profile?{range}&format=folded"));
    let lines = folded::parse(&text);
    assert_eq!((status, lines.iter().map(|line| line.count).sum::<u64>()), (200, samples), "{text}");
    assert_eq!(service.get(&format!("/flamegraph.folded?{range}")).1, text);

    let series = json(&service, &format!("/api/v1/series?{range}&by=pid,service&step=1"));
    let group = &series["groups"][0];
    assert_eq!(
        (&group["labels"]["service"], &group["labels"]["pid"]),
        (&"views".into(), &pid.to_string().into())
    );
    let counts = group["samples"].as_array().expect("an array").iter().filter_map(Value::as_u64);
    assert_eq!((counts.sum::<u64>(), series["points"].as_u64()), (samples, Some(2)), "{series}");

    let top = json(&service, &format!("/api/v1/top?{range}"));
    let own = top["functions"].as_array().expect("an array").iter();
    let own: u64 = own.filter_map(|function| function["self"]["samples"].as_u64()).sum();
    assert_eq!(own + top["other"]["self"]["samples"].as_u64().expect("a number"), samples, "{top}");
    let named = |name: &str| {
        top["functions"].as_array().is_some_and(|all| all.iter().any(|one| one["frame"]["name"] == name))
    };
    assert!(named("inner") && named("Worker.steps"), "{top}");

    let map = json(&service, &format!("/api/v1/heatmap?{range}"));
    assert_eq!(
        (map["samples"].as_u64(), map["columns"].as_array().map(Vec::len)),
        (Some(samples), Some(2)),
        "{map}"
    );

    let values = json(&service, "/api/v1/labels/service/values?seconds=60");
    let listed = values["values"].as_array().expect("an array").iter().any(|value| value["value"] == "views");
    assert!(listed, "{values}");

    let diff = json(
        &service,
        &format!(
            "/api/v1/diff?left_from={from}&left_until={until}&right_from={from}&right_until={until}&left_query=views&right_query=views"
        ),
    );
    assert_eq!(diff["left"]["total"]["samples"].as_u64(), Some(samples));
    let changes = diff["functions"].as_array().expect("an array").iter();
    assert!(changes.map(|function| function["change"].as_f64()).all(|change| change == Some(0.0)), "{diff}");

    let told = wait_for("its share of the CPU", || {
        service.process(pid).filter(|told| told["cpu_share"].as_f64() > Some(0.1))
    });
    assert_eq!(told["parent_pid"].as_u64(), Some(u64::from(std::process::id())), "{told}");
    assert_eq!(told["labels"]["service"], "views", "{told}");
}
