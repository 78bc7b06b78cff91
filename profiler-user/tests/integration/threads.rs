//! Which thread runs what: threads of Python, threads that Python knows nothing of, threads that come and go.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::each::{each_version, interpreter};
use crate::folded::{self, Line};
use crate::program::{Program, Seen};
use crate::pythons::{Process, fixture};
use crate::running::{Running, firetower, run};

/// Standard deviations that a share may be off: one in 16 000 fails by chance.
const SIGMAS: f64 = 4.0;
/// CPU seconds in C between the calls into Python: 60 times 5 ms, by `foreign.c`.
const IN_TURNS: f64 = 0.3;
const NOT_PYTHON: &str = "[not a Python thread]";

/// Takes the thread frames off: lines by thread id.
fn by_thread(lines: &[Line]) -> BTreeMap<u32, Vec<Line>> {
    let mut threads: BTreeMap<_, Vec<Line>> = BTreeMap::new();
    for line in lines {
        let (thread, frames) = line.frames.split_first().expect("a thread frame");
        let tid = thread.strip_prefix("thread ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        let tid = tid.unwrap_or_else(|| panic!("{thread} is no thread frame"));
        threads.entry(tid).or_default().push(Line { frames: frames.to_vec(), ..line.clone() });
    }
    threads
}

/// The frames of a `threading.Thread`'s stack that are the program's, if those below are the library's as they must be:
/// it starts at `_bootstrap` (`__bootstrap` in 2.7), and comes to the program from `run`.
fn of_thread<'a>(program: &Program, stack: &'a [Seen]) -> Result<&'a [Seen], String> {
    let own = |frame: &Seen| program.file.to_str() == Some(&frame.file);
    let root = stack.first().ok_or("no frame")?;
    if !root.function.ends_with("_bootstrap") || !root.file.ends_with("/threading.py") {
        return Err(format!("starts at {root:?}"));
    }
    let (library, program_part) = stack.split_at(stack.iter().position(own).unwrap_or(stack.len()));
    if !program_part.is_empty() && !library.last().is_some_and(|frame| frame.function.ends_with("run")) {
        return Err("the program's function is not called by run".into());
    }
    program.check_below(program_part)?;
    Ok(program_part)
}

fn each_has_its_own_functions(minor: &str) {
    let mut process = Process::start(Command::new(interpreter(minor)).arg(fixture("threads.py")));
    let mut threads: BTreeMap<u32, u32> = BTreeMap::new();
    while threads.len() < 8 {
        let line = process.line().expect("eight threads");
        let numbers: Vec<u32> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [tid, number] = numbers[..] else { panic!("{line}") };
        threads.insert(tid, number);
    }
    let pid = process.pid().to_string();
    let finished = run(["record", "-p", &pid, "-d", "1", "-F", "1999", "--lines", "--threads"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let program = Program::of("threads.py", minor);
    let seen = by_thread(&folded::parse(&finished.stdout));
    for (tid, lines) in &seen {
        let number = threads.get(tid).unwrap_or_else(|| panic!("Python {minor}: {tid}: {lines:#?}"));
        for line in lines {
            let stack = line.python().unwrap_or_else(|| panic!("Python {minor}: {line:#?}"));
            let own = of_thread(&program, &stack);
            let own = own.unwrap_or_else(|error| panic!("Python {minor}: {error}: {line:#?}"));
            let entry = own.first().map(|frame| frame.function.as_str());
            assert_eq!(entry, Some(format!("thread{number}").as_str()), "Python {minor}: {line:#?}");
        }
        assert!(folded::with(lines, "multiply") > 0, "Python {minor}, thread {number}: {lines:#?}");
        assert!(folded::with(lines, "write") > 0, "Python {minor}, thread {number}: {lines:#?}");
    }
    assert_eq!(seen.len(), 8, "Python {minor}: {:?} of {threads:?}", seen.keys());
}

each_version!(each_has_its_own_functions);

/// Compiles the library of `foreign.c`.
fn compile(into: &Path) {
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-O1", "-pthread", "-o"]).arg(into).arg(fixture("foreign.c"));
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}");
}

/// A thread of C code is none of Python's, until it calls into Python, and again after that.
fn a_thread_of_c_code(minor: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let library = folder.path().join("foreign.so");
    compile(&library);
    let mut command = Command::new(interpreter(minor));
    let mut process = Process::start(command.arg(fixture("foreign.py")).arg(&library));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let pid = process.pid().to_string();
    let arguments = ["record", "-p", &pid, "-d", "600", "-F", "1999", "--lines", "--threads"];
    let mut recording = Running::start(&mut firetower(arguments));
    recording.wait_until_it_has_seen(process.pid(), Duration::from_millis(200));
    process.close_input();
    let said = process.line().expect("what the thread used");
    let words: Vec<f64> = said.split(' ').skip(1).map(|word| word.parse().expect("a number")).collect();
    let [tid, in_c, in_python] = words[..] else { panic!("{said}") };
    let finished = recording.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);

    let seen = by_thread(&folded::parse(&finished.stdout));
    let lines = seen.get(&(tid as u32)).unwrap_or_else(|| panic!("{tid} in {seen:#?}"));
    let program = Program::of("foreign.py", minor);
    let (mut python_samples, mut c_samples, mut between) = (0, 0, 0);
    for line in lines {
        match (line.unknown(), line.python()) {
            (Some(NOT_PYTHON), _) => c_samples += line.count,
            // PyGILState_Ensure and PyGILState_Release, and what ctypes does around the function.
            (
                Some("[no Python frame]" | "[frame chain inconsistent]" | "[process memory not readable]"),
                _,
            ) => {
                between += line.count;
            }
            (None, Some(stack)) => {
                assert_eq!(stack[0].function, "called", "Python {minor}: {line:#?}");
                program.check_below(&stack).unwrap_or_else(|error| panic!("{error}: {line:#?}"));
                python_samples += line.count;
            }
            _ => panic!("Python {minor}: {line:#?}"),
        }
    }
    let all = python_samples + c_samples;
    assert!(all > 200 && between < all / 20 + 3, "Python {minor}: {lines:#?}");
    assert!(c_samples > 0 && python_samples > 0, "Python {minor}: {lines:#?}");
    // The recording saw all of the CPU in Python and, as it began late, some of that in C, but all of the turns' part:
    // the samples per second of the one tell what of the other that was.
    let rate = python_samples as f64 / in_python;
    let bound = SIGMAS * (1.0 / python_samples as f64 + 1.0 / c_samples as f64).sqrt();
    let in_c_seen = c_samples as f64 / rate;
    let possible = IN_TURNS * (1.0 - bound)..=in_c * (1.0 + bound);
    assert!(possible.contains(&in_c_seen), "Python {minor}: {in_c_seen:.3} s in C, not in {possible:?}");
}

each_version!(a_thread_of_c_code);

/// Threads that start and end all the time have only stacks that they can have.
fn threads_that_come_and_go(minor: &str) {
    let mut process = Process::start(Command::new(interpreter(minor)).arg(fixture("brief_threads.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let pid = process.pid().to_string();
    let finished = run(["record", "-p", &pid, "-d", "1", "-F", "1999", "--lines", "--threads"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let program = Program::of("brief_threads.py", minor);
    let all = folded::parse(&finished.stdout);
    let seen = by_thread(&all);
    assert!(seen.len() > 10, "Python {minor}: {} threads are too few to tell anything", seen.len());
    for (tid, lines) in &seen {
        for line in lines.iter().filter(|line| line.unknown().is_none()) {
            let stack = line.python().unwrap_or_else(|| panic!("{line:#?}"));
            let checked = if *tid == process.pid().0 {
                // Its calls into the library are not followed further.
                let library = |frame: &Seen| program.file.to_str() != Some(&frame.file);
                let own = stack.iter().position(library).unwrap_or(stack.len());
                program.check(&stack[..own])
            } else {
                of_thread(&program, &stack).map(|_| ())
            };
            checked.unwrap_or_else(|error| panic!("Python {minor}: {error}: {line:#?}"));
        }
    }
    // A thread starts before it is one of Python's, and ends after; its code may be freed before it is read.
    let unknown: u64 = folded::unknown(&all).values().sum();
    let (total, reasons) = (folded::total(&all), folded::unknown(&all));
    assert!(unknown * 10 < total + 50, "Python {minor}: of {total}: {reasons:?}");
    for function in ["odd", "even", "negative"] {
        assert!(folded::with(&all, function) > 0, "Python {minor}: {function} was never seen");
    }
}

each_version!(threads_that_come_and_go);
