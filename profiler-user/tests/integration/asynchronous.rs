//! Code that stops and goes on: coroutines, tasks, asynchronous generators, generators that delegate, and the threads of
//! a pool. A stack is what runs at that moment, from the event loop or the thread's start to its leaf.

use std::process::Command;

use crate::program::{Program, Seen};
use crate::pythons::{Process, fixture, python, supported};
use crate::recording::{assert_each, of_process, record_often, start};

/// Functions that a library calls: tasks, which an event loop steps, and what a pool's thread runs.
const ENTRIES: [&str; 6] = ["task", "generators", "pool", "watch", "main", "in_pool"];
/// What must be seen, each with its callers up to one of [`ENTRIES`].
const PATHS: [&[&str]; 4] = [
    &["task", "middle", "leaf", "burn"],
    &["generators", "consume", "numbers", "burn"],
    &["generators", "consume", "burn"],
    &["in_pool", "delegate", "outer", "inner", "burn"],
];

/// The part of a stack that the program says: what a weak reference calls when its object goes, a task or a generator,
/// runs wherever that happens to be.
fn without_callbacks(stack: &[Seen]) -> &[Seen] {
    let is_callback =
        |frame: &Seen| frame.file.ends_with("/_weakrefset.py") || frame.file.ends_with("/weakref.py");
    &stack[..stack.iter().position(is_callback).unwrap_or(stack.len())]
}

/// Whether asyncio and its friends are that of 3.8 and later.
fn is_new(minor: &str) -> bool {
    !matches!(minor, "2.7" | "3.6" | "3.7")
}

#[test]
fn each_stack_is_what_runs() {
    let start = |minor: String| {
        let process = start(Command::new(python(&minor)).arg(fixture("asynchronous.py")));
        (minor, process)
    };
    let processes: Vec<(String, Process)> = supported().filter(|minor| is_new(minor)).map(start).collect();
    let pids: Vec<_> = processes.iter().map(|(_, process)| process.pid()).collect();
    let lines = record_often(&pids, "3999", &[]);
    for (minor, process) in &processes {
        let (program, lines) = (Program::of("asynchronous.py", minor), of_process(&lines, process.pid()));
        let what = format!("Python {minor}");
        assert_each(&what, &lines, 20, |stack| program.check_through(without_callbacks(stack), &ENTRIES));
        let stacks: Vec<Vec<String>> = lines
            .iter()
            .filter_map(|line| Some(line.python()?.into_iter().map(|frame| frame.function).collect()))
            .collect();
        for path in PATHS {
            let path: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
            let seen = stacks.iter().any(|stack| stack.ends_with(&path));
            assert!(seen, "{what}: {path:?} was never seen");
        }
    }
}
