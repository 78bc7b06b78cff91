//! `firetower doctor`: as root, and with everything taken away. Needs root.

use std::process::{Command, Output, Stdio};

const FIRETOWER: &str = env!("CARGO_BIN_EXE_firetower");

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).stdin(Stdio::null()).output().expect("the program can be run")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// The checks of a JSON report: name, state and text.
fn checks(report: &serde_json::Value) -> Vec<(&str, &str, &str)> {
    let items = report["checks"].as_array().expect("an array");
    items
        .iter()
        .map(|item| {
            let field = |name: &str| item[name].as_str().expect("a text");
            (field("name"), field("state"), field("found"))
        })
        .collect()
}

#[test]
fn root_passes_every_check() {
    let output = run(FIRETOWER, &["doctor"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}{}", text(&output.stderr));
    assert!(!told.contains("FAILED") && told.ends_with("Capture works here.\n"), "{told}");
    assert!(!told.contains('\x1b'), "no colour where stdout is no terminal");
}

#[test]
fn without_capabilities_it_names_each_that_is_missing() {
    let dropped =
        ["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", FIRETOWER, "doctor", "--json"];
    let output = run("setpriv", &dropped);
    assert_eq!(output.status.code(), Some(12), "{}", text(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["works"], false);
    let checks = checks(&report);
    for capability in ["CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE"] {
        let (_, state, found) = checks.iter().find(|check| check.0 == capability).expect("it is checked");
        assert_eq!(*state, "failed", "{capability}");
        assert!(found.starts_with("missing, and needed to "), "{found}");
    }
    let state_of = |name: &str| checks.iter().find(|check| check.0 == name).map(|check| check.1);
    assert_eq!(state_of("eBPF ring buffer"), Some("failed"), "it was tried, not concluded");
    assert_eq!(state_of("perf events"), Some("failed"), "it was tried, not concluded");
    assert_eq!(state_of("architecture"), Some("ok"));
}

#[test]
fn one_missing_capability_is_the_only_one_named() {
    let dropped = ["--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", FIRETOWER, "doctor"];
    let output = run("setpriv", &dropped);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(12), "{told}");
    let missing: Vec<&str> = told.lines().filter(|line| line.contains("missing, and needed")).collect();
    assert!(matches!(missing[..], [line] if line.starts_with("FAILED   CAP_SYS_PTRACE ")), "{told}");
    assert!(told.contains("--cap-add=CAP_SYS_PTRACE"), "{told}");
}

#[test]
fn it_sees_the_python_processes() {
    let mut python = Command::new("python3")
        .args(["-c", "import sys; sys.stdout.write('up'); sys.stdout.flush(); sys.stdin.read()"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("there is a python3");
    let mut up = [0; 2];
    std::io::Read::read_exact(python.stdout.as_mut().expect("piped"), &mut up).expect("it starts");
    let output = run(FIRETOWER, &["doctor", "--json"]);
    drop(python.stdin.take());
    python.wait().expect("it ends when its stdin does");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let pids: Vec<u64> =
        report["pythons"].as_array().expect("an array").iter().filter_map(|p| p["pid"].as_u64()).collect();
    assert!(pids.contains(&u64::from(python.id())), "{} is not among {pids:?}", python.id());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let pipe = format!("set -o pipefail; {FIRETOWER} doctor | true");
    let output = run("bash", &["-c", &pipe]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[test]
fn a_command_line_that_makes_no_sense_is_code_2() {
    assert_eq!(run(FIRETOWER, &["no-such-command"]).status.code(), Some(2));
    assert_eq!(run(FIRETOWER, &["doctor", "--no-such-option"]).status.code(), Some(2));
    assert_eq!(run(FIRETOWER, &["--version"]).status.code(), Some(0));
}
