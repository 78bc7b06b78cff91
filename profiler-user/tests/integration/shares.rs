//! A program whose call tree and shares are known, in every Python: exact stacks, exact lines, true shares.

use std::collections::HashMap;
use std::process::Command;

use crate::each::{each_version, interpreter};
use crate::folded::{self, Line};
use crate::program::Program;
use crate::pythons::{Process, fixture, python};
use crate::running::run;

/// Standard deviations that a share may be off: one in 16 000 tests fails by chance.
const SIGMAS: f64 = 4.0;

/// The workload, running; its end tells what each function really used.
fn workload(minor: &str) -> Process {
    let mut process = Process::start(Command::new(interpreter(minor)).arg(fixture("shares.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    process
}

/// Shares of the CPU time by function, as the workload measured them itself.
fn truth(mut process: Process) -> HashMap<String, f64> {
    process.close_input();
    let mut used = HashMap::new();
    while let Some(line) = process.line() {
        let words: Vec<&str> = line.split(' ').collect();
        let ["USED", name, seconds] = words[..] else { panic!("{line}") };
        used.insert(name.to_owned(), seconds.parse::<f64>().expect("seconds"));
    }
    let all: f64 = used.values().sum();
    used.values_mut().for_each(|seconds| *seconds /= all);
    assert_eq!(used.len(), 3);
    used
}

/// Holds that every stack is one that the program can have. A sample that fires while frames are being changed is
/// allowed to be unknown; here that is one in some hundreds.
fn assert_possible(program: &Program, lines: &[Line]) {
    let mut torn = 0;
    for line in lines {
        if line.unknown() == Some("[frame chain inconsistent]") {
            torn += line.count;
            continue;
        }
        let stack = line.python().unwrap_or_else(|| panic!("{line:?} in {lines:#?}"));
        if let Err(error) = program.check(&stack) {
            panic!("impossible: {error}: {line:#?}");
        }
    }
    assert!(torn <= 3 + folded::total(lines) / 200, "{torn} of {}", folded::total(lines));
}

fn assert_shares(program: &Program, lines: &[Line], truth: &HashMap<String, f64>) {
    let of = |function: &str| folded::with(lines, &program.name(function));
    let sampled: u64 = truth.keys().map(|function| of(function)).sum();
    let all = folded::total(lines);
    assert!(sampled <= all && all - sampled <= all / 20 + 5, "{sampled} of {all}: main itself does little");
    for (function, &share) in truth {
        let seen = of(function) as f64 / sampled as f64;
        let bound = SIGMAS * (share * (1.0 - share) / sampled as f64).sqrt();
        assert!(
            (seen - share).abs() <= bound,
            "{function}: {seen:.3} seen, {share:.3} true, {sampled} samples, ± {bound:.3}"
        );
    }
}

fn exact(minor: &str) {
    let process = workload(minor);
    let pid = process.pid().to_string();
    let finished = run(["record", "-p", &pid, "-d", "3.5", "-F", "199", "--lines"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let lines = folded::parse(&finished.stdout);
    let program = Program::of("shares.py", minor);
    assert_possible(&program, &lines);
    assert!(lines.iter().any(|line| line.kernel > 0), "the clock and select are system calls");
    assert_shares(&program, &lines, &truth(process));
}

each_version!(exact);

#[test]
fn by_function_there_are_no_lines() {
    let process = workload("3.12");
    let pid = process.pid().to_string();
    let finished = run(["record", "-p", &pid, "-d", "1", "--no-kernel"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let lines = folded::parse(&finished.stdout);
    let file = fixture("shares.py");
    let frame = |name: &str| format!("{name} ({})", file.display());
    let paths: [&[&str]; 8] = [
        &["<module>", "main"],
        &["<module>", "main", "outer"],
        &["<module>", "main", "outer", "middle"],
        &["<module>", "main", "outer", "middle", "inner"],
        &["<module>", "main", "Worker.run"],
        &["<module>", "main", "Worker.run", "Worker.steps"],
        &["<module>", "main", "order"],
        &["<module>", "main", "order", "by_hash"],
    ];
    let lambda: &[&str] = &["<module>", "main", "order", "order.<locals>.<lambda>"];
    let below: &[&str] = &["<module>", "main", "order", "order.<locals>.<lambda>", "by_hash"];
    let possible: Vec<Vec<String>> = paths
        .into_iter()
        .chain([lambda, below])
        .map(|path| path.iter().map(|name| frame(name)).collect())
        .collect();
    for line in &lines {
        assert!(possible.contains(&line.frames), "{line:#?}");
        assert_eq!(line.kernel, 0, "--no-kernel: {line:#?}");
    }
    for leaf in ["inner", "Worker.steps", "by_hash"] {
        assert!(folded::with(&lines, leaf) > 0, "{leaf}");
    }
}

#[test]
fn the_flame_graph_is_xml_with_the_functions() {
    let process = workload("3.13");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("shares.svg");
    let (pid, path) = (process.pid().to_string(), file.to_str().expect("UTF-8"));
    let finished = run(["record", "-p", &pid, "-d", "1", "-F", "499", "-o", path]);
    assert_eq!((finished.code, finished.stdout.as_str()), (0, ""), "{}", finished.stderr);
    let svg = std::fs::read_to_string(&file).expect("the flame graph");
    // The interpreter's own parser tells whether it is well-formed, and gives the texts without their escapes.
    let titles = "import sys, xml.etree.ElementTree as t\nfor e in t.parse(sys.argv[1]).iter(): e.tag.endswith('}title') and print(e.text)";
    let parsed = Command::new(python("3.13")).args(["-c", titles, path]).output().expect("it runs");
    assert!(parsed.status.success(), "{}\n{svg}", String::from_utf8_lossy(&parsed.stderr));
    let titles = String::from_utf8(parsed.stdout).expect("UTF-8");
    for function in [
        "main",
        "outer",
        "middle",
        "inner",
        "Worker.run",
        "Worker.steps",
        "order.<locals>.<lambda>",
        "by_hash",
    ] {
        assert!(
            titles.lines().any(|title| title.starts_with(&format!("{function} ("))),
            "{function} in {titles}"
        );
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
