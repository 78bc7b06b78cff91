//! The metrics through Prometheus' own linter.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use firetower::metrics::{KernelCounters, Metrics, ProcessLabels, ProgramRuns};
use firetower::model::Reason;
use firetower_ebpf::abi::counter;

/// Metrics in which every series exists.
pub fn filled() -> Metrics {
    let metrics = Metrics::new(19);
    let mut totals = [0; counter::COUNT as usize];
    totals[counter::FIRED as usize] = 3;
    totals[(counter::NOT_SUBMITTED + Reason::Idle as u32) as usize] = 1;
    metrics.set_kernel_counters(&KernelCounters { totals });
    metrics.attributed(1);
    metrics.unattributed(Reason::NotPythonThread, 1);
    let process = ProcessLabels { pid: 4242, command: "python \"app\\x\".py\n", python_version: "3.12.1" };
    metrics.process_cpu(process, 0.01);
    metrics.set_processes([("3.12.1", "profiled"), ("", "pending")]);
    metrics.set_program(&ProgramRuns { program: "sample", seconds: 0.001, runs: 3 });
    metrics.set_label_overflow([("service", 1), ("region", 2)]);
    metrics.set_labels_refused([("invalid_name", 1)]);
    metrics.set_agent(0.5, 20 << 20);
    metrics.set_ready(true);
    metrics
}

/// Runs promtool with this input.
pub fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs promtool: install it with `apt-get install prometheus`");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("promtool reads its input");
    child.wait_with_output().expect("promtool ends")
}

#[test]
fn promtool_has_nothing_to_complain_about() {
    let output = promtool(&["check", "metrics"], &filled().render());
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{complaints}");
}

#[test]
fn promtool_would_complain() {
    let output = promtool(&["check", "metrics"], "# TYPE firetower_seconds counter\nfiretower_seconds 1\n");
    assert!(!output.status.success());
}
