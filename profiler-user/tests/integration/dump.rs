//! `firetower dump`: every thread's stack, idle ones too, by its exact lines; and never a stack that was none.

use std::collections::HashMap;
use std::process::Command;

use firetower::dump::{self, Dump, Stack, Thread, Why};
use firetower::model::{Frame, FrameKind, Reason};
use firetower::python::frames::MOST_FRAMES;
use firetower::python::threads::Holds;

use crate::program::{Program, Seen};
use crate::pythons::{Process, fixture, python, supported};
use crate::running::wait_for;

/// A running `waits.py`, and the ids of its threads by name.
struct Waits {
    process: Process,
    tids: HashMap<String, u32>,
}

impl Waits {
    fn start(minor: &str, main: &str, depth: usize) -> Waits {
        let mut command = Command::new(python(minor));
        let mut process = Process::start(command.arg(fixture("waits.py")).args([main, &depth.to_string()]));
        let mut tids = HashMap::from([("main".to_owned(), process.pid().0)]);
        while tids.len() < 5 {
            let line = process.line().expect("four threads");
            let ["THREAD", name, tid] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            tids.insert(name.to_owned(), tid.parse().expect("an id"));
        }
        let mut waits = Waits { process, tids };
        // Who has not come to wait yet could not go on once the GIL is held.
        waits.dump(minor, "sys.stdin.readline()");
        waits.process.write_line();
        waits
    }

    /// A dump in which every thread is where it stays.
    fn dump(&self, minor: &str, main: &str) -> Dump {
        let source = std::fs::read_to_string(fixture("waits.py")).expect("a fixture");
        let lines: Vec<&str> = source.lines().collect();
        let ends = [
            ("main", main),
            ("sleeps", "time.sleep("),
            ("locks", "lock.acquire("),
            ("selects", "select.select("),
            ("deep", "time.sleep("),
        ];
        wait_for(&format!("the threads of Python {minor}"), || {
            let dump = dump::take(self.process.pid()).unwrap_or_else(|error| panic!("{minor}: {error}"));
            let there = ends.iter().all(|(name, text)| {
                let stack = by_tid(&dump, self.tids[*name]).map(|thread| stack_of(thread, minor));
                let leaf = stack.and_then(|stack| stack.last().map(|frame| frame.line));
                leaf.is_some_and(|line| lines.get(line as usize - 1).is_some_and(|line| line.contains(text)))
            });
            there.then_some(dump)
        })
    }
}

fn by_tid(dump: &Dump, tid: u32) -> Option<&Thread> {
    dump.threads.iter().find(|thread| thread.task.as_ref().is_some_and(|known| known.tid.0 == tid))
}

/// An exact stack in names, root first.
fn stack_of(thread: &Thread, minor: &str) -> Vec<Seen> {
    match &thread.stack {
        Stack::Exact(frames) => seen(&frames.frames),
        other => panic!("Python {minor}: {other:?} of {:?}", thread.task),
    }
}

fn seen(frames: &[Frame]) -> Vec<Seen> {
    let frame = |frame: &Frame| {
        assert_eq!(frame.kind, FrameKind::Python, "{frame:?} in {frames:#?}");
        Seen { function: frame.function.to_string(), file: frame.file.to_string(), line: frame.line }
    };
    frames.iter().rev().map(frame).collect()
}

#[test]
fn idle_threads_and_the_one_that_holds_the_gil() {
    for minor in supported() {
        let program = Program::of("waits.py", &minor);
        let waits = Waits::start(&minor, "hold", 1500);
        let dump = waits.dump(&minor, "sum(iter(");
        assert_eq!((dump.threads.len(), dump.ended, dump.list_moves), (5, 0, false), "Python {minor}");
        assert!(dump.python.starts_with(&minor), "{}", dump.python);
        for (name, tid) in &waits.tids {
            let thread = by_tid(&dump, *tid).expect("every thread is there");
            let known = thread.task.as_ref().expect("it was found by its id");
            let stack = stack_of(thread, &minor);
            if name == "main" {
                program.check(&stack).unwrap_or_else(|error| panic!("Python {minor}: {error}: {stack:#?}"));
                assert_eq!((known.state, thread.gil), ('R', Holds::Yes), "Python {minor}");
                assert_eq!(stack.len(), 2, "Python {minor}: {stack:#?}");
            } else {
                program
                    .check_below(&stack)
                    .unwrap_or_else(|error| panic!("Python {minor}: {error}: {stack:#?}"));
                assert_eq!((known.state, thread.gil), ('S', Holds::No), "Python {minor}: {name}");
                assert_eq!(&*known.name, name, "Python {minor}");
                assert_eq!(stack.len(), if name == "deep" { 1501 } else { 1 }, "Python {minor}: {name}");
            }
            assert_eq!(thread.interpreter, 0, "Python {minor}");
        }
    }
}

#[test]
fn nobody_holds_the_gil_where_all_threads_wait() {
    for minor in supported() {
        let waits = Waits::start(&minor, "wait", 1);
        let dump = waits.dump(&minor, "sys.stdin.read()");
        for thread in &dump.threads {
            assert_eq!(thread.gil, Holds::No, "Python {minor}: {thread:?}");
        }
    }
}

#[test]
fn a_stack_without_an_end_is_cut_at_its_root() {
    for minor in supported() {
        let waits = Waits::start(&minor, "wait", MOST_FRAMES + 100);
        let dump = waits.dump(&minor, "sys.stdin.read()");
        let Some(Thread { stack: Stack::Exact(frames), .. }) = by_tid(&dump, waits.tids["deep"]) else {
            panic!("Python {minor}: {:?}", dump.threads)
        };
        assert!(frames.truncated && frames.frames.len() == MOST_FRAMES, "Python {minor}");
        let stack = seen(&frames.frames);
        Program::of("waits.py", &minor)
            .check_below(&stack)
            .unwrap_or_else(|error| panic!("{minor}: {error}"));
    }
}

/// What a program that changes its frames as often as it can is caught at: every exact stack is one that it can have.
fn never_impossible(minor: &str) {
    let mut process = Process::start(Command::new(python(minor)).arg(fixture("races.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let program = Program::of("races.py", minor);
    wait_for("its loop", || {
        let dump = dump::take(process.pid()).unwrap_or_else(|error| panic!("Python {minor}: {error}"));
        match &dump.threads[..] {
            [Thread { stack: Stack::Exact(frames), .. }] if frames.frames.len() > 1 => Some(()),
            _ => None,
        }
    });
    let (mut exact, mut other) = (0, Vec::new());
    let mut functions = HashMap::new();
    for _ in 0..DUMPS {
        let dump = dump::take(process.pid()).unwrap_or_else(|error| panic!("Python {minor}: {error}"));
        let [thread] = &dump.threads[..] else { panic!("Python {minor}: {:?}", dump.threads) };
        if let Stack::Exact(frames) = &thread.stack {
            let stack = seen(&frames.frames);
            program.check(&stack).unwrap_or_else(|error| panic!("Python {minor}: {error}: {stack:#?}"));
            exact += 1;
            *functions.entry(stack.last().map(|frame| frame.function.clone())).or_insert(0) += 1;
        } else {
            // It always runs some function.
            let none = Stack::Missing(Why::Reason(Reason::NoPythonFrame));
            assert_ne!(thread.stack, none, "Python {minor}");
            other.push(thread.stack.clone());
        }
    }
    assert!(exact * 10 >= DUMPS * 9, "Python {minor}: {exact} exact, others: {other:#?}");
    assert!(functions.len() >= 8, "Python {minor}: seen at their leaf: {functions:?}");
}

/// How often a changing program is looked at.
const DUMPS: usize = 200;

#[test]
fn a_changing_stack_is_never_impossible() {
    for minor in supported() {
        never_impossible(&minor);
    }
}

/// Eight threads that burn CPU: each is known by its id, and has only functions of its own.
#[test]
fn each_thread_has_its_own_stack() {
    for minor in supported() {
        let mut process = Process::start(Command::new(python(&minor)).arg(fixture("threads.py")));
        let mut numbers = HashMap::new();
        while numbers.len() < 8 {
            let line = process.line().expect("eight threads");
            let said: Vec<u32> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
            let [tid, number] = said[..] else { panic!("{line}") };
            numbers.insert(tid, number);
        }
        let program = Program::of("threads.py", &minor);
        let mut exact = 0;
        for _ in 0..5 {
            let dump = dump::take(process.pid()).unwrap_or_else(|error| panic!("Python {minor}: {error}"));
            assert_eq!(dump.threads.len(), 9, "Python {minor}");
            for (tid, number) in &numbers {
                let thread = by_tid(&dump, *tid).unwrap_or_else(|| panic!("Python {minor}: no {tid}"));
                let Stack::Exact(frames) = &thread.stack else { continue };
                let mut stack = seen(&frames.frames);
                let own = |frame: &Seen| program.file.to_str() == Some(&frame.file);
                stack.drain(..stack.iter().position(own).expect("it is in its function"));
                program.check_below(&stack).unwrap_or_else(|error| panic!("Python {minor}: {error}"));
                assert_eq!(stack[0].function, format!("thread{number}"), "Python {minor}");
                exact += 1;
            }
        }
        assert!(exact >= 36, "Python {minor}: {exact} exact of 40");
    }
}

#[test]
fn a_thread_in_two_interpreters_has_a_stack_in_each() {
    for minor in supported().filter(|minor| !WITHOUT_INTERPRETERS.contains(&minor.as_str())) {
        let mut process = Process::start(Command::new(python(&minor)).arg(fixture("interpreters.py")));
        let line = process.line().expect("a thread");
        let tid: u32 = line.trim_start_matches("THREAD ").parse().expect("an id");
        let within = |thread: &&Thread| {
            thread.interpreter != 0
                && matches!(&thread.stack, Stack::Exact(frames) if frames.frames.len() == 2)
        };
        let dump = wait_for(&format!("its sleep in Python {minor}"), || {
            let dump = dump::take(process.pid()).unwrap_or_else(|error| panic!("Python {minor}: {error}"));
            dump.threads.iter().any(|thread| within(&thread)).then_some(dump)
        });
        assert_eq!(dump.threads.len(), 3, "Python {minor}: {:#?}", dump.threads);
        let other = dump.threads.iter().find(within).expect("it was there");
        assert_eq!(other.task.as_ref().map(|known| known.tid.0), Some(tid), "Python {minor}");
        let functions: Vec<String> = stack_of(other, &minor)
            .iter()
            .map(|frame| format!("{}:{}", frame.function, frame.line))
            .collect();
        assert_eq!(functions, ["<module>:5", "within:4"], "Python {minor}");
        let main = dump.threads.iter().find(|thread| {
            thread.interpreter == 0 && thread.task.as_ref().is_some_and(|known| known.tid.0 == tid)
        });
        let stack = stack_of(main.expect("it has one in the main interpreter, too"), &minor);
        assert_eq!(stack.last().map(|frame| frame.function.as_str()), Some("other"), "Python {minor}");
    }
}

/// Versions whose library has no module that makes interpreters: `_xxsubinterpreters` is new in 3.8.
const WITHOUT_INTERPRETERS: &[&str] = &["2.7", "3.6", "3.7"];
