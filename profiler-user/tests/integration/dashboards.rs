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

/// The rules, as they are.
pub fn rules() -> String {
    read("firetower.rules.yml")
}

/// The dashboards, by the name of their file.
pub fn all() -> Vec<(&'static str, serde_json::Value)> {
    let parse = |name| (name, serde_json::from_str(&read(name)).expect("JSON"));
    ["fleet.json", "service.json", "profiler.json"].map(parse).into()
}

/// Every expression of a dashboard: those of its panels, with the panel's title.
pub fn expressions(dashboard: &serde_json::Value) -> Vec<(String, String)> {
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let of_panel = |panel: &serde_json::Value| -> Vec<(String, String)> {
        let title = panel["title"].as_str().expect("a title").to_owned();
        let targets = panel["targets"].as_array().expect("targets").iter();
        targets
            .map(|target| (title.clone(), target["expr"].as_str().expect("an expression").to_owned()))
            .collect()
    };
    panels.flat_map(of_panel).collect()
}

/// What follows `key: ` in a YAML file, wherever it does.
fn values<'a>(yaml: &'a str, key: &str) -> BTreeSet<&'a str> {
    yaml.lines()
        .filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(key)?.strip_prefix(": "))
        .collect()
}

/// Every `firetower_…` name in a text.
pub fn names(text: &str) -> BTreeSet<&str> {
    // What follows a colon is the name of a recorded series.
    text.match_indices("firetower_")
        .filter(|(start, _)| !text[..*start].ends_with(':'))
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
    assert_eq!(files, 5, "the rules, their test and three dashboards name metrics");
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
fn every_alert_has_a_case_in_which_it_fires_and_every_recorded_series_is_used_or_tested() {
    let (rules, tests) = (rules(), read("firetower.rules.test.yml"));
    let fires = |alert: &&str| {
        let (_, case) = tests.split_once(&format!("alertname: {alert}\n")).unwrap_or_default();
        let case = case.lines().take(2).collect::<Vec<&str>>();
        matches!(case[..], [first, second] if first.trim() == "exp_alerts:" && second.contains("exp_labels"))
    };
    let alerts = values(&rules, "alert");
    assert!(alerts.len() > 10, "{alerts:?}");
    let untested: Vec<&str> = alerts.into_iter().filter(|alert| !fires(alert)).collect();
    assert!(untested.is_empty(), "{untested:?}");
    for record in values(&rules, "record") {
        let uses = rules.matches(record).count() - 1 + tests.matches(record).count();
        assert!(uses > 0, "{record}");
    }
}

#[test]
fn the_dashboards_are_such_that_grafana_can_read_them() {
    let mut uids = BTreeSet::new();
    for (name, dashboard) in all() {
        uids.insert(dashboard["uid"].as_str().expect("an id").to_owned());
        let variables = dashboard["templating"]["list"].as_array().expect("variables").iter();
        let variables: Vec<String> =
            variables.map(|variable| variable["name"].as_str().expect("a name").to_owned()).collect();
        let panels = dashboard["panels"].as_array().expect("panels");
        let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().expect("an id")).collect();
        assert_eq!(ids.len(), panels.len(), "{name}: ids are distinct");
        let mut taken = BTreeSet::new();
        for panel in panels {
            let side = |side: &str| panel["gridPos"][side].as_u64().expect("a number of cells");
            for (x, y) in (side("x")..side("x") + side("w"))
                .flat_map(|x| (side("y")..side("y") + side("h")).map(move |y| (x, y)))
            {
                assert!(x < 24 && taken.insert((x, y)), "{name}: panels lie on each other: {panel}");
            }
        }
        let expressions = expressions(&dashboard);
        assert!(expressions.len() >= panels.len(), "{name}: each panel shows something");
        for (title, expression) in expressions {
            let used = expression.split('$').skip(1);
            for variable in used {
                let end = variable.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let variable = &variable[..end.unwrap_or(variable.len())];
                let is_known =
                    variable == "__rate_interval" || variables.iter().any(|known| known == variable);
                assert!(is_known, "{name}: {title}: ${variable} is no variable of it");
            }
        }
    }
    assert_eq!(uids.len(), 3, "{uids:?}");
}
