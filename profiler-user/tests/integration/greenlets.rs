//! Greenlets, that switch stacks under the interpreter: each has its own frames and nobody else's, whether the program
//! switches or gevent does.

use std::collections::BTreeSet;
use std::process::Command;

use crate::program::{Program, Seen};
use crate::pypi::packages;
use crate::pythons::{Process, fixture, python, shared};
use crate::recording::{assert_each, of_process, record_often, start};

/// As many as `greenlets.py` has.
const COUNT: u32 = 30;

fn workload(minor: &str, arguments: &[&str]) -> Process {
    let mut command = Command::new(python(minor));
    command.arg(fixture("greenlets.py")).args(arguments).env("PYTHONPATH", packages(minor));
    start(&mut command)
}

/// The number that the digits of a whole path make; `None`: the stack does not reach its end.
fn number(stack: &[Seen]) -> Option<u32> {
    stack.iter().find(|frame| frame.function == "turn")?;
    let digits = stack.iter().filter_map(|frame| frame.function.strip_prefix('d')?.parse::<u32>().ok());
    Some(digits.fold(0, |number, digit| number * 10 + digit))
}

/// Records every version at once: each greenlet's stack starts at its `run`, called by a function of gevent's or by
/// none, and its path is one that a greenlet has.
fn assert_own_stacks(arguments: &[&str]) {
    let processes: Vec<(String, Process)> =
        shared().map(|minor| (minor.clone(), workload(&minor, arguments))).collect();
    let pids: Vec<_> = processes.iter().map(|(_, process)| process.pid()).collect();
    let lines = record_often(&pids, "3999", &[]);
    let squares: BTreeSet<u32> = (0..COUNT).map(|number| number * number).collect();
    for (minor, process) in &processes {
        let (program, lines) = (Program::of("greenlets.py", minor), of_process(&lines, process.pid()));
        let what = format!("Python {minor}");
        assert_each(&what, &lines, 20, |stack| {
            program.check_through(stack, &["run", "watch"])?;
            match number(stack) {
                Some(number) if !squares.contains(&number) => Err(format!("no greenlet is at {number}")),
                // What another greenlet calls is below none of this one's functions.
                Some(_) if stack.iter().filter(|frame| frame.function == "run").count() != 1 => {
                    Err("not one greenlet's".to_owned())
                }
                _ => Ok(()),
            }
        });
        let stacks = lines.iter().filter_map(|line| number(&line.python()?));
        let seen: BTreeSet<u32> = stacks.collect();
        assert!(seen.len() >= 10, "{what}: greenlets {seen:?} alone");
    }
}

#[test]
fn greenlets_that_the_program_switches() {
    assert_own_stacks(&[]);
}

#[test]
fn greenlets_that_gevent_switches() {
    assert_own_stacks(&["gevent"]);
}
