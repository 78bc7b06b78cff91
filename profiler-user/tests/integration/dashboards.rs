//! Dashboards and alerts name only metrics that exist, and are what Prometheus and Grafana can read.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::metrics::{filled, promtool};

fn dashboards() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../dashboards")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(dashboards().join(name)).expect("a file of the dashboards directory")
}

/// Every `firetower_…` name in a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.match_indices("firetower_")
        .map(|(start, _)| {
            let rest = &text[start..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            &rest[..end]
        })
        .collect()
}

#[test]
fn every_metric_that_they_name_exists() {
    let rendered = filled().render();
    let exist: BTreeSet<&str> =
        rendered.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let mut files = 0;
    for entry in std::fs::read_dir(dashboards()).expect("the dashboards directory") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a text file");
        let named = names(&text);
        let missing: Vec<_> = named.difference(&exist).collect();
        assert!(missing.is_empty(), "{} names {missing:?}, which firetower does not export", path.display());
        files += usize::from(!named.is_empty());
    }
    assert_eq!(files, 3, "the rules, their test and the dashboard name metrics");
}

#[test]
fn promtool_accepts_the_rules() {
    let rules = dashboards().join("firetower.rules.yml");
    let output = promtool(&["check", "rules", "--lint=all", "--lint-fatal", &rules.to_string_lossy()], "");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn alerts_fire_when_they_should() {
    let tests = dashboards().join("firetower.rules.test.yml");
    let output = promtool(&["test", "rules", &tests.to_string_lossy()], "");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn the_dashboard_is_one_that_grafana_can_read() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("firetower.json")).expect("JSON");
    assert_eq!(dashboard["uid"], "firetower");
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().expect("an id")).collect();
    assert_eq!(ids.len(), panels.len(), "ids are distinct");
    for panel in panels {
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty());
        for target in targets {
            assert!(target["expr"].as_str().is_some_and(|expr| !expr.is_empty()), "{panel}");
        }
    }
}
