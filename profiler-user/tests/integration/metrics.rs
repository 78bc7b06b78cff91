//! The metrics through Prometheus' own linter.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use firetower::metrics::{
    FunctionUsage, KernelCounters, Metrics, MetricsOptions, ProcessLabels, ProgramRuns, ServiceUsage,
};
use firetower::model::Reason;
use firetower_ebpf::abi::counter;

/// Metrics in which every series exists.
pub fn filled() -> Metrics {
    let metrics = Metrics::new(MetricsOptions { processes: true, ..MetricsOptions::new(19) });
    let mut totals = [0; counter::COUNT as usize];
    totals[counter::FIRED as usize] = 3;
    totals[(counter::NOT_SUBMITTED + Reason::Idle as u32) as usize] = 1;
    metrics.set_kernel_counters(&KernelCounters { totals });
    metrics.attributed(1);
    metrics.unattributed(Reason::NotPythonThread, 1);
    let process = ProcessLabels { pid: 4242, command: "python \"app\\x\".py\n", python_version: "3.12.1" };
    metrics.process_cpu(process, 0.01);
    let function = |name: &str, file: &str| FunctionUsage {
        function: name.into(),
        file: file.into(),
        own: 10_000_000,
        total: 10_000_000,
    };
    let usage = ServiceUsage {
        service: "shop \"é\\\n".into(),
        container: "c0ffee".into(),
        nanoseconds: 40_000_000,
        unattributed: 10_000_000,
        no_python_frame: 10_000_000,
        functions: vec![function("sell", "shop.py"), function("\0\"\\\n{}", "a\r\n\"b")],
    };
    let start = Instant::now();
    for second in 0..10 {
        metrics.add_usage(std::slice::from_ref(&usage), start + Duration::from_secs(second));
    }
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

/// What docs/metrics.md says: type and labels by name.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let code =
        |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(Into::into).collect() };
    let rows = text.lines().filter(|line| line.starts_with("| `firetower_"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 6, "name, type, labels and meaning: {row}");
        assert!(cells[4].len() > 10 && cells[4].ends_with('.'), "a meaning: {row}");
        let name = code(cells[1]).into_iter().next().expect("a name");
        (name, (cells[2].to_owned(), code(cells[3])))
    })
    .collect()
}

/// The same of what is exported.
fn exported(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut metrics = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            metrics.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let end = line.find(['{', ' ']).expect("a name");
            let name = &line[..end];
            // The series of a histogram have names and a label of their own.
            let of = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
            let name = of.filter(|of| metrics.contains_key(*of)).unwrap_or(name);
            let (_, labels) = metrics.get_mut(name).expect("its type comes first");
            labels.extend(label_names(&line[end..]).into_iter().filter(|label| label != "le"));
        }
    }
    metrics
}

/// The names in `{name="value",…} 1`, whatever is in the values.
fn label_names(text: &str) -> Vec<String> {
    let (mut names, mut name, mut in_value, mut escaped) = (Vec::new(), String::new(), false, false);
    for character in text.chars().skip_while(|character| *character != '{').skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_value => escaped = true,
            '"' => in_value = !in_value,
            _ if in_value => {}
            '=' => names.push(std::mem::take(&mut name)),
            ',' => name.clear(),
            '}' => break,
            _ => name.push(character),
        }
    }
    names
}

#[test]
fn the_documentation_lists_what_is_exported_and_nothing_else() {
    let (documented, exported) = (documented(), exported(&filled().render()));
    for (name, exported) in &exported {
        assert_eq!(documented.get(name), Some(exported), "{name}");
    }
    let missing: Vec<&String> = documented.keys().filter(|name| !exported.contains_key(*name)).collect();
    assert!(missing.is_empty(), "documented but not exported: {missing:?}");
}

#[test]
fn without_pids_that_metric_alone_is_missing() {
    let usual: BTreeSet<String> =
        exported(&Metrics::new(MetricsOptions::new(19)).render()).into_keys().collect();
    assert!(usual.contains("firetower_service_cpu_seconds_total"));
    assert!(!usual.contains("firetower_process_cpu_seconds_total"));
}
