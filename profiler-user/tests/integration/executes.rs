//! Processes that become something else: another program in place, by a chain of programs that start each other, or just
//! another name.

use std::collections::BTreeMap;
use std::process::Command;

use crate::folded::{self, Line};
use crate::program::Program;
use crate::pythons::{fixture, python};
use crate::recording::{assert_exact, record, start};
use crate::running::{Running, firetower};

const NOT_PYTHON: &str = "[not a Python process]";

/// Records a command and what it starts; answers the lines by process, without the process's frame.
fn record_command(command: &Command) -> BTreeMap<(u32, String), Vec<Line>> {
    let mut recording = firetower(["record", "--subprocesses", "--lines", "-F", "999", "--"]);
    recording.arg(command.get_program()).args(command.get_args());
    let finished = Running::start(&mut recording).finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    folded::by_process(&folded::parse(&finished.stdout))
}

/// The lines that have `main`, and so are the program's own: what comes before it is the start of an interpreter.
fn own(lines: &[Line], program: &Program) -> Vec<Line> {
    let main = format!("main ({}:", program.file.display());
    lines.iter().filter(|line| line.frames.iter().any(|frame| frame.starts_with(&main))).cloned().collect()
}

/// A shell that counts, which takes some tenths of a second.
const COUNTS: &str = "i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done";

#[test]
fn a_python_that_becomes_a_shell() {
    for minor in ["2.7", "3.12"] {
        let source = format!(
            "import os, time\ncpu = getattr(time, 'process_time', None) or time.clock\n\
            def main():\n while cpu() < 0.4: pass\nmain()\nos.execv('/bin/sh', ['sh', '-c', {COUNTS:?}])"
        );
        let processes = record_command(Command::new(python(minor)).args(["-c", &source]));
        let pids: Vec<u32> = processes.keys().map(|(pid, _)| *pid).collect();
        assert!(
            pids.iter().all(|pid| *pid == pids[0]),
            "Python {minor}: one process: {:?}",
            processes.keys()
        );
        for ((_, command), lines) in &processes {
            let shell = command.contains("(sh -c i=0");
            let (python, other) = (folded::with(lines, "main"), folded::unknown(lines).remove(NOT_PYTHON));
            match shell {
                true => {
                    assert!(python == 0 && other.is_some_and(|count| count > 20), "{command}: {lines:#?}")
                }
                // Before it was a Python it was what started it.
                false => assert!(
                    python > 50 && other.unwrap_or(0) * 10 < python,
                    "Python {minor}: {command}: {lines:#?}"
                ),
            }
        }
        assert_eq!(processes.len(), 2, "Python {minor}: {:?}", processes.keys());
    }
}

#[test]
fn a_shell_that_becomes_a_python() {
    for minor in ["2.7", "3.13"] {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("{COUNTS}; exec \"$0\" \"$1\" 0.4")]);
        let processes = record_command(shell.arg(python(minor)).arg(fixture("unlinks.py")));
        let program = Program::of("unlinks.py", minor);
        let lines: Vec<Line> = processes
            .iter()
            .filter(|((_, command), _)| command.contains("unlinks.py 0.4)"))
            .flat_map(|(_, lines)| own(lines, &program))
            .collect();
        assert_exact(&format!("Python {minor}"), &program, &lines, 100);
        let all: Vec<Line> = processes.into_values().flatten().collect();
        assert!(folded::unknown(&all).get(NOT_PYTHON).is_some_and(|count| *count > 20), "{all:#?}");
    }
}

#[test]
fn a_python_that_starts_a_shell_that_starts_a_python() {
    let (first, last) = ("3.8", "3.13");
    let script = fixture("unlinks.py");
    let shell = format!("{} {} 0.3 & wait", python(last).display(), script.display());
    let source = format!("import subprocess\nsubprocess.check_call(['sh', '-c', {shell:?}])");
    let processes = record_command(Command::new(python(first)).args(["-c", &source]));
    let program = Program::of("unlinks.py", last);
    let lines = processes.iter().filter(|((_, command), _)| command.contains("unlinks.py 0.3)"));
    let lines: Vec<Line> = lines.flat_map(|(_, lines)| own(lines, &program)).collect();
    assert_exact("the last of them", &program, &lines, 100);
}

/// Samples by the name that their thread's frame has.
fn by_name(lines: &[Line]) -> BTreeMap<String, Vec<Line>> {
    let mut names: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for line in lines {
        let (thread, frames) = line.frames.split_first().expect("a thread frame");
        let name = thread.split_once('(').and_then(|(_, name)| name.strip_suffix(')'));
        let name = name.unwrap_or_else(|| panic!("{thread} has no name"));
        names.entry(name.to_owned()).or_default().push(Line { frames: frames.to_vec(), ..line.clone() });
    }
    names
}

#[test]
fn a_process_that_gives_itself_a_name() {
    let mut command = Command::new(python("3.11"));
    let process = start(command.arg(fixture("renames.py")).arg("tower (7; x)"));
    let lines = record(&[process.pid()], &["--threads"]);
    let names = by_name(&lines);
    // Its `;` would end a frame.
    assert_eq!(names.len(), 1, "{lines:#?}");
    let (name, lines) = names.first_key_value().expect("one");
    assert!(name.starts_with("tower (7") && !name.contains(';'), "{name}");
    assert_exact("named", &Program::of("renames.py", "3.11"), lines, 5);
}

#[test]
fn a_process_that_changes_its_name_while_it_is_recorded() {
    let mut command = firetower(["record", "--lines", "--threads", "-F", "999", "-o"]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("names.folded");
    command.arg(&file).args(["-d", "600", "--"]);
    command.arg(python("3.12")).arg(fixture("renames.py")).args(["before", "after"]);
    let finished = Running::start(&mut command).finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let names = by_name(&folded::parse(&std::fs::read_to_string(file).expect("stacks")));
    let of = |name: &str, function: &str| names.get(name).map_or(0, |lines| folded::with(lines, function));
    for (name, function, other) in [("before", "first", "second"), ("after", "second", "first")] {
        assert!(of(name, function) > 50 && of(name, other) == 0, "{name}: {:#?}", names.get(name));
    }
    assert!(names.keys().all(|name| of(name, "first") == 0 || name == "before"), "{names:#?}");
    assert!(names.keys().all(|name| of(name, "second") == 0 || name == "after"), "{names:#?}");
}
