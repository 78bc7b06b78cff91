//! `firetower pyflame` against every Python: true shares, no stack that is none, idle time, threads, and every tick accounted
//! for.

use std::collections::HashMap;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::each::{each_version, interpreter};
use crate::program::{Program, Seen};
use crate::pythons::{Process, fixture};
use crate::running::{Finished, Running, firetower, run, wait_for};

/// A line of pyflame's output: frames root first, and how often.
#[derive(Debug)]
pub struct Line {
    pub frames: Vec<String>,
    pub count: u64,
}

impl Line {
    /// The stack; `None` if a frame is no function.
    pub fn python(&self) -> Option<Vec<Seen>> {
        let seen = |frame: &String| {
            let mut parts = frame.rsplitn(3, ':');
            let line = parts.next()?.parse().ok()?;
            let (function, file) = (parts.next()?.to_owned(), parts.next()?.to_owned());
            Some(Seen { function, file, line })
        };
        self.frames.iter().map(seen).collect()
    }

    pub fn is(&self, root: &str) -> bool {
        self.frames[0] == root
    }
}

pub fn parse(text: &str) -> Vec<Line> {
    let line = |line: &str| {
        let (frames, count) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
        let count = count.parse().unwrap_or_else(|_| panic!("{line:?}"));
        Line { frames: frames.split(';').map(str::to_owned).collect(), count }
    };
    text.lines().map(line).collect()
}

pub fn total(lines: &[Line]) -> u64 {
    lines.iter().map(|line| line.count).sum()
}

/// How many ticks were missed, as it says itself.
pub fn missed(finished: &Finished) -> u64 {
    let line = finished.stderr.lines().find(|line| line.contains(" ticks were missed"));
    line.and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0)
}

/// Its lines, after a run that went well.
fn sampled(minor: &str, process: &Process, options: &[&str]) -> (Finished, Vec<Line>) {
    let pid = process.pid().to_string();
    let finished = run(["pyflame", "-p", &pid].into_iter().chain(options.iter().copied()));
    assert_eq!(finished.code, 0, "Python {minor}: {}", finished.stderr);
    let lines = parse(&finished.stdout);
    (finished, lines)
}

fn started(minor: &str, file: &str) -> Process {
    let mut process = Process::start(Command::new(interpreter(minor)).arg(fixture(file)));
    assert_eq!(process.line().as_deref(), Some("READY"));
    process
}

/// Names are plain in every version, as they were in those that pyflame knew.
fn program(name: &str) -> Program {
    Program::of(name, "3.8")
}

/// Holds that no stack is one that the program can't have; how many could not be read.
fn assert_possible(minor: &str, program: &Program, lines: &[Line]) -> u64 {
    let mut unread = 0;
    for line in lines {
        match line.python() {
            Some(stack) => program
                .check(&stack)
                .unwrap_or_else(|error| panic!("Python {minor}: impossible: {error}: {line:#?}")),
            None => unread += line.count,
        }
    }
    unread
}

/// Standard deviations that a share may be off, and what besides: the workload also counts what it does before and after.
const SIGMAS: f64 = 4.0;
const EDGES: f64 = 0.06;

fn shares_are_true(minor: &str) {
    // On a busy machine a function waits for its CPU as well, and that is part of what is seen.
    let mut command = Command::new(interpreter(minor));
    let mut process = Process::start(command.arg(fixture("shares.py")).arg("wall"));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let (finished, lines) = sampled(minor, &process, &["-s", "3"]);
    assert_eq!(total(&lines) + missed(&finished), 300, "Python {minor}: {}", finished.stderr);
    let program = program("shares.py");
    let unread = assert_possible(minor, &program, &lines);
    assert!(unread <= 15, "Python {minor}: {}", finished.stdout);
    process.close_input();
    let mut used = HashMap::new();
    while let Some(line) = process.line() {
        let words: Vec<&str> = line.split(' ').collect();
        let ["USED", name, seconds] = words[..] else { panic!("{line}") };
        used.insert(program.name(name), seconds.parse::<f64>().expect("seconds"));
    }
    let of = |function: &str| -> u64 {
        let with = |line: &&Line| {
            let stack = line.python().unwrap_or_default();
            stack.get(2).is_some_and(|frame| frame.function == function)
        };
        lines.iter().filter(with).map(|line| line.count).sum()
    };
    let (all, sum): (u64, f64) = (used.keys().map(|name| of(name)).sum(), used.values().sum());
    assert!(all >= 150, "Python {minor}: {}", finished.stdout);
    for (name, seconds) in &used {
        let (seen, share) = (of(name) as f64 / all as f64, seconds / sum);
        let bound = SIGMAS * (share * (1.0 - share) / all as f64).sqrt() + EDGES;
        assert!((seen - share).abs() <= bound, "Python {minor}: {name}: {seen:.3} seen, {share:.3} true");
    }
}

each_version!(shares_are_true);

fn a_changing_stack_is_never_impossible(minor: &str) {
    let process = started(minor, "races.py");
    let (finished, lines) = sampled(minor, &process, &["-s", "2", "-r", "0.005"]);
    let ticks = total(&lines) + missed(&finished);
    assert_eq!(ticks, 400, "Python {minor}: {}", finished.stderr);
    let unread = assert_possible(minor, &program("races.py"), &lines);
    assert!(unread * 10 <= total(&lines), "Python {minor}: {unread}: {}", finished.stderr);
    let leaves: std::collections::HashSet<&String> =
        lines.iter().filter_map(|line| line.frames.last()).collect();
    assert!(leaves.len() >= 8, "Python {minor}: {leaves:?}");
}

each_version!(a_changing_stack_is_never_impossible);

/// A program that waits for its input to end, and is there.
pub fn waiting(program: impl AsRef<std::ffi::OsStr>) -> Process {
    let code = "import sys\nsys.stdout.write('READY\\n')\nsys.stdout.flush()\nsys.stdin.read()";
    let mut process = Process::start(Command::new(program).args(["-c", code]));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let syscall = format!("/proc/{}/syscall", process.pid());
    let reads = format!("{} 0x0 ", libc::SYS_read);
    wait_for("its read", || std::fs::read_to_string(&syscall).ok()?.starts_with(&reads).then_some(()));
    process
}

fn a_process_that_waits_is_idle(minor: &str) {
    let process = waiting(interpreter(minor));
    let (finished, lines) = sampled(minor, &process, &["-s", "0.3"]);
    assert_eq!(total(&lines) + missed(&finished), 30, "Python {minor}");
    assert!(lines.len() == 1 && lines[0].is("(idle)"), "Python {minor}: {}", finished.stdout);
    let (finished, _) = sampled(minor, &process, &["-s", "0.3", "-x"]);
    assert_eq!(finished.stdout, "", "Python {minor}");
    // Its stack is there all the same, if every thread's is asked for.
    let (finished, lines) = sampled(minor, &process, &["-s", "0.3", "--threads"]);
    assert_eq!(total(&lines) + missed(&finished), 30, "Python {minor}");
    assert_eq!(finished.stdout.split(' ').next(), Some("<string>:<module>:4"), "Python {minor}");
}

each_version!(a_process_that_waits_is_idle);

/// Eight threads that fight for the GIL.
fn threads_that_fight(minor: &str) {
    let mut process = Process::start(Command::new(interpreter(minor)).arg(fixture("threads.py")));
    for _ in 0..8 {
        process.line().expect("a thread");
    }
    let threads = |lines: &[Line]| -> Vec<u64> {
        let of = |number: u32| {
            let root = format!(":thread{number}");
            let with = |line: &&Line| line.frames.iter().any(|frame| frame.ends_with(&root));
            lines.iter().filter(with).map(|line| line.count).sum()
        };
        (0..8).map(of).collect()
    };
    let (finished, lines) = sampled(minor, &process, &["-s", "3", "-n"]);
    let ticks = total(&lines) + missed(&finished);
    if minor.ends_with('t') {
        assert!(ticks >= 300, "Python {minor}: several run at once: {ticks}");
    } else {
        assert_eq!(ticks, 300, "Python {minor}: one holds the GIL: {}", finished.stderr);
    }
    let seen = threads(&lines);
    assert!(seen.iter().filter(|count| **count > 0).count() >= 6, "Python {minor}: {seen:?}");
    let (finished, lines) = sampled(minor, &process, &["-s", "1", "-n", "--threads"]);
    let ticks = 100 - missed(&finished);
    let unread: u64 = lines.iter().filter(|line| line.is("(failed)")).map(|line| line.count).sum();
    for (number, count) in threads(&lines).into_iter().enumerate() {
        assert!(count <= ticks && count + unread >= ticks, "Python {minor}: {number}: {}", finished.stdout);
    }
    let main = |line: &&Line| !line.frames.iter().any(|frame| frame.contains(":thread"));
    assert!(lines.iter().filter(main).map(|line| line.count).sum::<u64>() >= ticks, "Python {minor}");
}

each_version!(threads_that_fight);

fn a_command_is_sampled_from_its_start_to_its_end(minor: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, program) = (folder.path().join("x.txt"), interpreter(minor));
    let code = "import sys, time\ndef work(end):\n while time.time() < end: pass\n\
                work(time.time() + 0.5)\nsys.stdout.write(sys.argv[1] + sys.argv[2])\nsys.exit(3)";
    let words = ["-s", "--"];
    let (file, program) = (file.to_str().expect("UTF-8"), program.to_str().expect("UTF-8"));
    let arguments = ["pyflame", "-x", "-n", "-o", file, "-t", program, "-c", code];
    // Before its first line Python itself imports what it needs: some milliseconds, which may all be between two ticks, or
    // on a busy machine over before the command is looked at for the first time. So it may take more than one start to see.
    wait_for("a sample of the start", || {
        let finished = run(arguments.into_iter().chain(words));
        assert_eq!(
            (finished.code, finished.stdout.as_str()),
            (0, "-s--"),
            "Python {minor}: {}",
            finished.stderr
        );
        let lines = parse(&std::fs::read_to_string(file).expect("it was written"));
        let sum = |is: &dyn Fn(&Line) -> bool| {
            lines.iter().filter(|line| is(line)).map(|line| line.count).sum::<u64>()
        };
        let work = sum(&|line| line.frames == ["<string>:<module>", "<string>:work"]);
        let unread = sum(&|line| line.is("(failed)"));
        assert!(
            work > 0 && work + unread + missed(&finished) >= 45,
            "Python {minor}: {lines:#?}: {}",
            finished.stderr
        );
        (total(&lines) > work + unread).then_some(())
    });
}

each_version!(a_command_is_sampled_from_its_start_to_its_end);

/// What was seen until the process ends is printed.
fn a_process_that_ends_ends_the_sampling(minor: &str) {
    let mut process = waiting(interpreter(minor));
    let pid = process.pid().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("x.txt");
    let output = file.to_str().expect("UTF-8");
    // Idle samples come by chunks to the file: four a millisecond are soon one.
    let options = ["pyflame", "-p", &pid, "-s", "600", "-r", "0.001", "--flamechart", "-o", output];
    let running = Running::start(&mut firetower(options));
    wait_for("the first samples", || std::fs::metadata(&file).ok().filter(|file| file.len() > 0));
    process.close_input();
    assert_eq!(process.line(), None);
    process.kill();
    let finished = running.finish();
    assert_eq!(finished.code, 0, "Python {minor}: {}", finished.stderr);
    let written = std::fs::read_to_string(&file).expect("it was written");
    assert!(written.lines().count() > 100 && written.ends_with('\n'), "Python {minor}");
}

each_version!(a_process_that_ends_ends_the_sampling);

#[test]
fn an_interrupt_ends_the_sampling_and_keeps_what_was_seen() {
    let process = started("3.12", "shares.py");
    let pid = process.pid().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("x.txt");
    let output = file.to_str().expect("UTF-8");
    let running = Running::start(&mut firetower(["pyflame", "-p", &pid, "-s", "-1", "-o", output]));
    // Its handlers are there once a CPU is the only one that it may use: it has followed the process.
    let status = format!("/proc/{}/status", running.pid());
    wait_for("its first sample", || {
        let text = std::fs::read_to_string(&status).ok()?;
        let cpus = text.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?.trim().to_owned();
        cpus.parse::<u32>().ok()
    });
    running.signal(Signal::SIGINT);
    let finished = running.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(!parse(&std::fs::read_to_string(&file).expect("it was written")).is_empty());
}

/// A program that becomes another one is sampled on.
#[test]
fn an_exec_is_followed() {
    let python = interpreter("3.11");
    let other = interpreter("3.8");
    let code = format!(
        "import os\nos.execv({other:?}, ['python', '-c', 'def other():\\n while True: pass\\nother()'])",
        other = other.to_str().expect("UTF-8")
    );
    let mut process = Process::start(
        Command::new(python)
            .args(["-c", &format!("import sys\nprint('READY', flush=True)\nsys.stdin.readline()\n{code}")]),
    );
    assert_eq!(process.line().as_deref(), Some("READY"));
    let pid = process.pid().to_string();
    let running = Running::start(&mut firetower(["pyflame", "-n", "-p", &pid, "-s", "5"]));
    process.write_line();
    let finished = running.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let lines = parse(&finished.stdout);
    let other = lines.iter().find(|line| line.frames == ["<string>:<module>", "<string>:other"]);
    assert!(other.is_some_and(|line| line.count + missed(&finished) > 300), "{}", finished.stdout);
    assert_eq!(total(&lines) + missed(&finished), 500, "{}", finished.stderr);
}
