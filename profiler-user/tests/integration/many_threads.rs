//! One thread, ten, a hundred and a thousand: each is found, soon, and has its own stack and no other.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::folded::{self, Line, by_thread};
use crate::program::{Program, Seen};
use crate::pythons::{Process, fixture, python};
use crate::recording::{TORN, start_recording};
use crate::running::firetower;

/// CPU seconds of a turn in `many_threads.py`.
const TURN: f64 = 0.002;
/// Samples in a turn: 10.
const FREQUENCY: &str = "4999";
/// Rounds in which each thread has its turn.
const ROUNDS: f64 = 1.5;
/// Thread states that one sample looks at: `SEARCH_STEPS` of the kernel side.
const SEARCHED: usize = 96;
const UNFINISHED: &str = "[thread state not found yet]";

/// The program, and the numbers of its threads by their ids.
fn workload(minor: &str, count: usize) -> (Process, BTreeMap<u32, usize>) {
    let mut command = Command::new(python(minor));
    let mut process = Process::start(command.arg(fixture("many_threads.py")).arg(count.to_string()));
    let mut threads = BTreeMap::new();
    while threads.len() < count {
        let line = process.line().expect("a line for each thread");
        let words =
            line.split_once(' ').and_then(|(tid, number)| Some((tid.parse().ok()?, number.parse().ok()?)));
        let (tid, number) = words.unwrap_or_else(|| panic!("{line}"));
        threads.insert(tid, number);
    }
    (process, threads)
}

/// The number that the digits of a path make.
fn number(stack: &[Seen]) -> Option<usize> {
    stack.iter().find(|frame| frame.function == "turns")?;
    let digits = stack.iter().filter_map(|frame| frame.function.strip_prefix('d')?.parse::<usize>().ok());
    Some(digits.fold(0, |number, digit| number * 10 + digit))
}

/// Holds that a thread has only stacks of its own, and answers how many samples it took to find it.
fn assert_own(what: &str, program: &Program, expected: usize, lines: &[Line]) -> u64 {
    let (mut unfinished, mut torn) = (0, 0);
    for line in lines {
        match line.unknown() {
            Some(UNFINISHED) => unfinished += line.count,
            Some(reason) if TORN.contains(&reason) => torn += line.count,
            _ => {
                let stack = line.python().unwrap_or_else(|| panic!("{what}: {line:#?}"));
                let checked = program.check_through(&stack, &["run"]);
                checked.unwrap_or_else(|error| panic!("{what}: {error}: {line:#?}"));
                assert_eq!(number(&stack), Some(expected), "{what}: {line:#?}");
            }
        }
    }
    assert!(torn <= 3, "{what}: {lines:#?}");
    unfinished
}

fn each_is_found(minor: &str, count: usize) {
    let (mut process, threads) = workload(minor, count);
    let pid = process.pid().to_string();
    let mut command = firetower(["record", "-p", &pid, "-F", FREQUENCY, "--lines", "--threads"]);
    let mut recording = start_recording(&mut command);
    // The turns go round from where they are when it begins. 2.7 has no clock of a thread: its turns are of wall clock.
    let rounds = Duration::from_secs_f64((count as f64 * TURN * ROUNDS).max(0.3));
    recording.wait_until_it_has_seen(process.pid(), rounds);
    recording.signal(Signal::SIGINT);
    let finished = recording.finish();
    process.close_input();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let program = Program::of("many_threads.py", minor);
    let (mut found, mut searched, mut most) = (0, 0, 0);
    for (tid, lines) in by_thread(&folded::parse(&finished.stdout)) {
        let what = format!("Python {minor}, {count} threads, thread {tid}");
        let Some(&number) = threads.get(&tid) else {
            // The main thread, which only waits.
            assert_eq!(tid, process.pid().0, "{what}: {lines:#?}");
            continue;
        };
        let unfinished = assert_own(&what, &program, number, &lines);
        // As many samples as the list of thread states takes, and the one in which it is found is none of them.
        assert!(
            unfinished <= ((count + 1) / SEARCHED) as u64,
            "{what}: searched for in {unfinished}: {lines:#?}"
        );
        found += usize::from(lines.iter().any(|line| line.unknown().is_none()));
        searched += unfinished;
        most = most.max(unfinished);
    }
    println!(
        "Python {minor}: {found} of {count} threads found; searches went on in {searched} samples, at most {most} for a thread"
    );
    // A turn that began before the recording, or ended after it.
    assert!(found + 2 + count / 50 >= count, "Python {minor}: {found} of {count} threads were found");
}

#[test]
fn one_thread() {
    for minor in ["2.7", "3.13"] {
        each_is_found(minor, 1);
    }
}

#[test]
fn a_hundred_threads() {
    for minor in ["2.7", "3.12"] {
        each_is_found(minor, 100);
    }
}

#[test]
fn a_thousand_threads_python_3_8() {
    each_is_found("3.8", 1000);
}

#[test]
fn a_thousand_threads_python_3_13() {
    each_is_found("3.13", 1000);
}
