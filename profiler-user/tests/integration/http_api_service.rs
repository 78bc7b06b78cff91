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
fn what_memory_has_forgotten_comes_from_the_store_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().to_str().expect("UTF-8");
    let arguments = ["-F", "199", "--retention", "20", "--store", store];
    let service = Service::start(&arguments);
    let mut process =
        Process::start(Command::new(python("3.12")).arg(fixture("shares.py")).env("SERVICE_NAME", "kept"));
    assert_eq!(process.line().as_deref(), Some("READY"));
    // A window of ten seconds that is over: asked for second by second while memory has all of it.
    let window = 10.0;
    let whole = |service: &Service, from: f64| {
        let path = format!("/api/v1/profile?from={from}&until={}&query=kept&least_share=0", from + window);
        json(service, &path)
    };
    let status = json(&service, "/api/v1/status");
    let from = (status["now_unix_seconds"].as_f64().expect("a time") / window).ceil() * window;
    wait_for("the window to be over", || {
        let now = json(&service, "/api/v1/status")["now_unix_seconds"].as_f64().expect("a time");
        // Samples are drained some moments after they were taken.
        (now >= from + window + 2.5).then_some(())
    });
    drop(process);
    let range = format!("from={from}&until={}&query=kept", from + window);
    let map = |service: &Service| json(service, &format!("/api/v1/heatmap?{range}"));
    let map_of_memory = map(&service);
    let chart = |service: &Service| json(service, &format!("/api/v1/chart?{range}"));
    let chart_of_memory = chart(&service);
    let seconds = chart_of_memory["slices"].as_array().map(Vec::len);
    assert_eq!((&chart_of_memory["step_seconds"], seconds), (&1.0.into(), Some(10)), "{chart_of_memory}");
    let from_memory = whole(&service, from)["total"]["samples"].as_u64().expect("a number");
    assert!(from_memory > 100, "{from_memory}");
    wait_for("memory to forget it", || {
        let memory = &json(&service, "/api/v1/status")["memory"];
        (memory["complete_since_unix_seconds"].as_f64() > Some(from + window)).then_some(())
    });
    let stored = whole(&service, from);
    assert_eq!(stored["total"]["samples"], from_memory, "{stored}");
    assert_eq!(stored["complete_since_unix_seconds"], from, "{stored}");
    // To the millisecond the same, and by functions; in one slice, as windows are not divided.
    assert_eq!(map_of_memory["samples"], from_memory, "{map_of_memory}");
    assert_eq!(map(&service), map_of_memory);
    let stored_chart = chart(&service);
    let slices = stored_chart["slices"].as_array().expect("an array");
    assert_eq!((slices.len(), &stored_chart["step_seconds"]), (1, &window.into()), "{stored_chart}");
    assert_eq!(
        (&stored_chart["total"], &slices[0]["total"]),
        (&chart_of_memory["total"], &chart_of_memory["total"])
    );
    assert_eq!(
        (&stored_chart["nodes"], &stored_chart["frames"]),
        (&chart_of_memory["nodes"], &chart_of_memory["frames"])
    );
    let count = |chart: &Value| {
        let slices = chart["slices"].as_array().expect("an array").iter();
        let samples = slices.flat_map(|slice| slice["samples"].as_array().expect("an array"));
        samples.filter_map(Value::as_u64).sum::<u64>()
    };
    assert_eq!((count(&stored_chart), count(&chart_of_memory)), (from_memory, from_memory));
    assert_eq!(service.terminate().code, 0);

    let service = Service::start(&arguments);
    let after = whole(&service, from);
    assert_eq!((&after["nodes"], &after["frames"]), (&stored["nodes"], &stored["frames"]));
    assert_eq!(map(&service), map_of_memory);
    assert_eq!(after["frequency_hertz"], 0, "of another run nobody knows it");
    let series =
        json(&service, &format!("/api/v1/series?from={from}&until={}&query=kept&by=service", from + window));
    assert_eq!((&series["step_seconds"], &series["groups"][0]["total"]), (&window.into(), &after["total"]));
    assert!(json(&service, "/api/v1/status")["store"].is_object());
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
        let named = live["unattributed"]["samples"] == 0;
        let enough = named && live["total"]["samples"].as_u64() > Some(40) && live["duration_seconds"] == 2.0;
        enough.then_some((start, start + 2.0))
    });
    let told = wait_for("its share of the CPU", || {
        service.process(pid).filter(|told| told["cpu_share"].as_f64() > Some(0.1))
    });
    assert_eq!(told["parent_pid"].as_u64(), Some(u64::from(std::process::id())), "{told}");
    assert_eq!(told["labels"]["service"], "views", "{told}");
    // What it did last may still be on its way; its end comes after all of it.
    drop(process);
    wait_for("its end", || service.process(pid).is_none().then_some(()));

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
}
