//! `firetower dump`: every thread's stack, idle ones too, by its exact lines; and never a stack that was none.

use std::collections::HashMap;
use std::process::Command;

use firetower::dump::{self, Dump, Frames, Stack, Thread, Why};
use firetower::model::{Frame, FrameKind, Pid, Reason};
use firetower::python::frames::MOST_FRAMES;
use firetower::python::threads::Holds;

use crate::each::{each_version, interpreter};
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
        let mut command = Command::new(interpreter(minor));
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
                let Some(thread) = by_tid(&dump, self.tids[*name]) else { return false };
                let Stack::Exact(Frames { frames, .. }) = &thread.stack else { return false };
                let line = frames.first().and_then(|leaf| lines.get((leaf.line as usize).checked_sub(1)?));
                let waits = thread.task.as_ref().is_some_and(|known| known.state == 'S');
                line.is_some_and(|line| line.contains(text)) && waits != text.starts_with("sum(")
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

/// What is said of the GIL where there is one.
fn gil(minor: &str, holds: Holds) -> Holds {
    if minor.ends_with('t') { Holds::NoGil } else { holds }
}

fn idle_threads_and_the_one_that_holds_the_gil(minor: &str) {
    let program = Program::of("waits.py", minor);
    let waits = Waits::start(minor, "hold", 1500);
    let dump = waits.dump(minor, "sum(iter(");
    assert_eq!((dump.threads.len(), dump.ended, dump.list_moves), (5, 0, false), "Python {minor}");
    assert!(dump.python.starts_with(minor.trim_end_matches('t')), "{}", dump.python);
    for (name, tid) in &waits.tids {
        let thread = by_tid(&dump, *tid).expect("every thread is there");
        let known = thread.task.as_ref().expect("it was found by its id");
        let stack = stack_of(thread, minor);
        if name == "main" {
            program.check(&stack).unwrap_or_else(|error| panic!("Python {minor}: {error}: {stack:#?}"));
            assert_eq!((known.state, thread.gil), ('R', gil(minor, Holds::Yes)), "Python {minor}");
            assert_eq!(stack.len(), 2, "Python {minor}: {stack:#?}");
        } else {
            program.check_below(&stack).unwrap_or_else(|error| panic!("Python {minor}: {error}: {stack:#?}"));
            assert_eq!((known.state, thread.gil), ('S', gil(minor, Holds::No)), "Python {minor}: {name}");
            assert_eq!(&*known.name, name, "Python {minor}");
            assert_eq!(stack.len(), if name == "deep" { 1501 } else { 1 }, "Python {minor}: {name}");
        }
        assert_eq!(thread.interpreter, 0, "Python {minor}");
    }
}

each_version!(idle_threads_and_the_one_that_holds_the_gil);

fn nobody_holds_the_gil_where_all_threads_wait(minor: &str) {
    let waits = Waits::start(minor, "wait", 1);
    let dump = waits.dump(minor, "sys.stdin.read()");
    for thread in &dump.threads {
        assert_eq!(thread.gil, gil(minor, Holds::No), "Python {minor}: {thread:?}");
    }
}

each_version!(nobody_holds_the_gil_where_all_threads_wait);

fn a_stack_without_an_end_is_cut_at_its_root(minor: &str) {
    let waits = Waits::start(minor, "wait", MOST_FRAMES + 100);
    let dump = waits.dump(minor, "sys.stdin.read()");
    let Some(Thread { stack: Stack::Exact(frames), .. }) = by_tid(&dump, waits.tids["deep"]) else {
        panic!("Python {minor}: {:?}", dump.threads)
    };
    assert!(frames.truncated && frames.frames.len() == MOST_FRAMES, "Python {minor}");
    let stack = seen(&frames.frames);
    Program::of("waits.py", minor).check_below(&stack).unwrap_or_else(|error| panic!("{minor}: {error}"));
}

each_version!(a_stack_without_an_end_is_cut_at_its_root);

/// Waits until the program is past the line that says READY.
fn wait_until_in_main(process: &Process) {
    wait_for("its loop", || {
        let dump = dump::take(process.pid()).expect("it runs");
        let stack = by_tid(&dump, process.pid().0).map(|thread| &thread.stack);
        matches!(stack, Some(Stack::Exact(frames)) if frames.frames.iter().any(|frame| &*frame.function == "main"))
            .then_some(())
    });
}

/// What a program that changes its frames as often as it can is caught at: every exact stack is one that it can have.
fn a_changing_stack_is_never_impossible(minor: &str) {
    let mut process = Process::start(Command::new(interpreter(minor)).arg(fixture("races.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let program = Program::of("races.py", minor);
    wait_until_in_main(&process);
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

each_version!(a_changing_stack_is_never_impossible);

/// Eight threads that burn CPU: each is known by its id, and has only functions of its own.
fn each_thread_has_its_own_stack(minor: &str) {
    let mut process = Process::start(Command::new(interpreter(minor)).arg(fixture("threads.py")));
    let mut numbers = HashMap::new();
    while numbers.len() < 8 {
        let line = process.line().expect("eight threads");
        let said: Vec<u32> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [tid, number] = said[..] else { panic!("{line}") };
        numbers.insert(tid, number);
    }
    let program = Program::of("threads.py", minor);
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

each_version!(each_thread_has_its_own_stack);

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
pub const WITHOUT_INTERPRETERS: &[&str] = &["2.7", "3.6", "3.7"];

/// The ids that a process has in its own pid namespace are not the ones by which we see its threads.
#[test]
fn threads_of_a_pid_namespace_are_known() {
    for minor in ["3.8", "3.12"] {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(python(minor));
        let mut process = Process::start(command.arg(fixture("waits.py")).args(["wait", "1"]));
        let said: Vec<String> = (0..4).map(|_| process.line().expect("four threads")).collect();
        assert!(said.iter().all(|line| line.len() < "THREAD selects 99".len()), "{said:?}: ids of its own");
        let children = format!("/proc/{0}/task/{0}/children", process.pid());
        let inside = std::fs::read_to_string(children).expect("its child");
        let pid = Pid(inside.trim().parse().expect("one child"));
        let mut names: Vec<String> = wait_for("its threads' sleep", || {
            let dump = dump::take(pid).unwrap_or_else(|error| panic!("Python {minor}: {error}"));
            let exact = |thread: &Thread| matches!(thread.stack, Stack::Exact(_));
            dump.threads.iter().all(exact).then_some(dump)
        })
        .threads
        .iter()
        .map(|thread| thread.task.as_ref().expect("it is known").name.to_string())
        .collect();
        names.sort();
        assert_eq!(names, ["deep", "locks", &format!("python{minor}"), "selects", "sleeps"]);
    }
}

/// A forked child's one thread is the child, whatever its parent's was.
fn the_thread_of_a_forked_child_is_known(minor: &str) {
    // Both end when their input does.
    let fork = "import os, sys\nchild = os.fork()\nif child: os.write(1, ('%d\\n' % child).encode())\nsys.stdin.read()";
    let mut process = Process::start(Command::new(interpreter(minor)).args(["-c", fork]));
    let child = Pid(process.line().and_then(|line| line.parse().ok()).expect("a child"));
    // Until it has run for the first time it has not even its id.
    let known = wait_for("the child's thread", || {
        let dump = dump::take(child).unwrap_or_else(|error| panic!("Python {minor}: {error}"));
        let [thread] = &dump.threads[..] else { panic!("Python {minor}: {:?}", dump.threads) };
        thread.task.clone()
    });
    assert_eq!(known.tid.0, child.0, "Python {minor}");
    process.close_input();
    assert_eq!(process.line(), None);
}

each_version!(the_thread_of_a_forked_child_is_known);

/// Threads that start and end all the time have only stacks that they can have, and ended ones are not shown.
fn threads_that_come_and_go(minor: &str) {
    let mut process = Process::start(Command::new(interpreter(minor)).arg(fixture("brief_threads.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    wait_until_in_main(&process);
    let program = Program::of("brief_threads.py", minor);
    let is_own = |frame: &Seen| program.file.to_str() == Some(&frame.file);
    let mut of_threads = 0;
    wait_for("ten stacks of threads at work", || {
        let dump = dump::take(process.pid()).unwrap_or_else(|error| panic!("Python {minor}: {error}"));
        assert!(by_tid(&dump, process.pid().0).is_some(), "Python {minor}: {dump:#?}");
        for thread in &dump.threads {
            let Stack::Exact(frames) = &thread.stack else { continue };
            let stack = seen(&frames.frames);
            // Only the program's own frames are known: below the library's ones in a thread, above them in the main one.
            let own: Vec<Seen> = stack.iter().filter(|frame| is_own(frame)).cloned().collect();
            let checked = if stack.first().is_some_and(is_own) {
                program.check(&stack[..stack.iter().position(|frame| !is_own(frame)).unwrap_or(stack.len())])
            } else {
                of_threads += usize::from(!own.is_empty());
                program.check_below(&own)
            };
            checked.unwrap_or_else(|error| panic!("Python {minor}: {error}: {stack:#?}"));
        }
        (of_threads >= 10).then_some(())
    });
}

each_version!(threads_that_come_and_go);
