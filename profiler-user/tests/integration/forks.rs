//! Processes that start others, become others, or end: who is followed, under which name, and how the recording ends.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::each::{each_version, interpreter};
use crate::folded::{self, Line};
use crate::program::{Program, Seen};
use crate::pythons::{Process, fixture, python};
use crate::running::{Finished, Running, firetower, run};

/// Standard deviations that a share may be off: one in 16 000 fails by chance.
const SIGMAS: f64 = 4.0;
/// Samples a second and CPU: four workers on two CPUs that others use too shall have some hundreds each.
const FREQUENCY: &str = "1999";

/// Said of code that was first seen when its process had ended.
const GONE: &str = "[process exited before its code was read]";

/// A worker of `forks.py`: what it said of itself.
#[derive(Debug, Default)]
struct Worker {
    index: usize,
    /// CPU seconds by function.
    used: BTreeMap<String, f64>,
}

/// Workers by pid.
type Workers = BTreeMap<u32, Worker>;

fn hear(workers: &mut Workers, line: &str) {
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{line}"));
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["WORKER", pid, index] => workers.entry(number(pid)).or_default().index = number(index) as usize,
        ["USED", pid, function, seconds] => {
            let used = &mut workers.entry(number(pid)).or_default().used;
            used.insert(function.to_owned(), seconds.parse().expect("seconds"));
        }
        _ => panic!("{line}"),
    }
}

/// Each worker has only its own stacks, all of them possible, in shares that are those of its own clock.
fn assert_workers(minor: &str, workers: &Workers, lines: &[Line]) {
    let program = Program::of("forks.py", minor);
    let processes = folded::by_process(lines);
    let indices: Vec<usize> = workers.values().map(|worker| worker.index).collect();
    assert_eq!(workers.len(), 4, "{workers:?}");
    assert!((0..4).all(|index| indices.contains(&index)), "{workers:?}");
    for (&pid, worker) in workers {
        let own = format!("worker{}", worker.index);
        let mut working = Vec::new();
        let (mut all, mut elsewhere) = (0, 0);
        for line in processes.iter().filter(|((of, _), _)| *of == pid).flat_map(|(_, lines)| lines) {
            all += line.count;
            // What a worker runs for the first time just before its end can't be read any more.
            if !line.has("work") || line.unknown() == Some(GONE) {
                elsewhere += line.count;
                continue;
            }
            let stack = line.python().unwrap_or_else(|| panic!("Python {minor}: {line:#?}"));
            assert_eq!(stack_of_worker(&program, &stack), Ok(own.as_str()), "Python {minor}: {line:#?}");
            working.push(line.clone());
        }
        assert!(all > 100, "Python {minor}: {own} has {all} samples, too few to tell anything");
        // Starting, ending, and the interpreter's own hooks after a fork.
        assert!(elsewhere * 4 < all, "Python {minor}: {own}: {elsewhere} of {all} samples are not its work");
        assert_shares(&format!("Python {minor}: {own}"), &worker.used, &working);
    }
}

/// The name of the worker's function, if the program can have this stack from there on, and from its root on if it has
/// no other file's frames there.
fn stack_of_worker<'a>(program: &Program, stack: &'a [Seen]) -> Result<&'a str, String> {
    let index = stack
        .iter()
        .position(|frame| frame.function.starts_with("worker"))
        .ok_or("no function of a worker".to_owned())?;
    program.check_below(&stack[index..])?;
    if stack[..index]
        .iter()
        .any(|frame| frame.function == "fork" && program.file.to_str() == Some(&frame.file))
    {
        program.check(stack)?;
    }
    Ok(&stack[index].function)
}

fn assert_shares(whose: &str, used: &BTreeMap<String, f64>, lines: &[Line]) {
    assert_eq!(used.len(), 3, "{whose}: {used:?}");
    let seconds: f64 = used.values().sum();
    let sampled: u64 = used.keys().map(|function| folded::with(lines, function)).sum();
    let all = folded::total(lines);
    assert!(all - sampled <= all / 10 + 5, "{whose}: {sampled} of {all}: work itself does little");
    for (function, of_it) in used {
        let share = of_it / seconds;
        let seen = folded::with(lines, function) as f64 / sampled as f64;
        let bound = SIGMAS * (share * (1.0 - share) / sampled as f64).sqrt();
        assert!(
            (seen - share).abs() <= bound,
            "{whose}: {function}: {seen:.3} seen, {share:.3} true, {sampled} samples, ± {bound:.3}"
        );
    }
}

/// Records `forks.py` from its start to its exit; its own words are on standard output.
fn record_command(minor: &str, method: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("forks.folded");
    let mut command = firetower(["record", "--subprocesses", "--lines", "-F", FREQUENCY, "-o"]);
    command.arg(&file).arg("--").arg(interpreter(minor)).arg(fixture("forks.py")).args([method, "0.3"]);
    let finished = Running::start(&mut command).finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let mut workers = Workers::new();
    finished.stdout.lines().for_each(|line| hear(&mut workers, line));
    let folded = std::fs::read_to_string(&file).expect("the folded stacks");
    assert_workers(minor, &workers, &folded::parse(&folded));
}

fn workers_forked_by_a_command(minor: &str) {
    record_command(minor, "fork");
}

each_version!(workers_forked_by_a_command);

#[test]
fn workers_of_multiprocessing_that_execute_a_new_interpreter() {
    record_command("3.12", "spawn");
}

#[test]
fn workers_of_multiprocessing_that_a_server_forks() {
    record_command("3.13", "forkserver");
}

#[test]
fn workers_that_were_there_before() {
    let minor = "3.11";
    let mut process = Process::start(Command::new(interpreter(minor)).arg(fixture("forks.py")).arg("fork"));
    let mut workers = Workers::new();
    while workers.len() < 4 {
        hear(&mut workers, &process.line().expect("four workers"));
    }
    let pid = process.pid().to_string();
    let finished = run(["record", "-p", &pid, "--subprocesses", "-d", "1.5", "--lines", "-F", FREQUENCY]);
    process.close_input();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    while let Some(line) = process.line() {
        hear(&mut workers, &line);
    }
    assert_workers(minor, &workers, &folded::parse(&finished.stdout));
}

#[test]
fn without_subprocesses_workers_are_no_targets() {
    let mut process = Process::start(Command::new(python("3.12")).arg(fixture("forks.py")).args(["fork"]));
    let mut workers = Workers::new();
    while workers.len() < 4 {
        hear(&mut workers, &process.line().expect("four workers"));
    }
    // The parent waits: it uses no CPU, and the workers are not what was asked for.
    let pid = process.pid().to_string();
    let finished = run(["record", "-p", &pid, "-d", "0.3", "-F", FREQUENCY]);
    assert_eq!((finished.code, finished.stdout.as_str()), (14, ""), "{}", finished.stderr);
    process.close_input();
    while process.line().is_some() {}
}

/// Records `execs.py`, that uses CPU in one version's `before`, executes the other version and uses as much in its `after`.
fn record_exec(first: &str, second: &str) {
    let seconds = "0.2";
    let mut command = firetower(["record", "--subprocesses", "--lines", "-F", FREQUENCY, "--"]);
    command.arg(python(first)).arg(fixture("execs.py")).arg(seconds).arg(python(second));
    let finished = Running::start(&mut command).finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let lines = folded::parse(&finished.stdout);
    let processes = folded::by_process(&lines);
    let pids: Vec<u32> = processes.keys().map(|(pid, _)| *pid).collect();
    assert!(pids.iter().all(|pid| *pid == pids[0]), "one process: {:?}", processes.keys());
    let (script, newer) = (fixture("execs.py"), python(second));
    let before = format!("({} {} {seconds} {})", python(first).display(), script.display(), newer.display());
    let after = format!("({} {} {seconds})", newer.display(), script.display());
    for (minor, called, function, other) in
        [(first, before, "before", "after"), (second, after, "after", "before")]
    {
        let of_it = |(_, text): &(u32, String)| text.ends_with(&called);
        let lines: Vec<Line> = processes
            .iter()
            .filter(|(process, _)| of_it(process))
            .flat_map(|(_, lines)| lines.clone())
            .collect();
        let program = Program::of("execs.py", minor);
        assert_eq!(folded::with(&lines, other), 0, "{other} under {called}: {lines:#?}");
        for line in lines.iter().filter(|line| line.has(function)) {
            let stack = line.python().unwrap_or_else(|| panic!("{line:#?}"));
            program.check(&stack).unwrap_or_else(|error| panic!("Python {minor}: {error}: {line:#?}"));
        }
        assert!(folded::with(&lines, "burn") > 100, "Python {minor}: {lines:#?}");
        // At most what comes before the interpreter runs Python code.
        let unknown: u64 = folded::unknown(&lines).values().sum();
        assert!(unknown * 4 < folded::total(&lines), "Python {minor}: {:?}", folded::unknown(&lines));
    }
}

#[test]
fn a_program_that_executes_a_newer_python() {
    record_exec("2.7", "3.13");
}

#[test]
fn a_program_that_executes_the_python_it_is() {
    record_exec("3.11", "3.11");
}

/// The end of the recording of a Python program that says `ends` once it has used some CPU.
fn record_end(ends: &str) -> Finished {
    let source = format!("import os, sys, time\nwhile time.process_time() < 0.1: pass\n{ends}");
    let mut command = firetower(["record", "-F", "999", "--"]);
    command.arg(python("3.12")).args(["-c", &source]);
    Running::start(&mut command).finish()
}

#[test]
fn the_exit_code_of_a_command_is_passed_on() {
    let finished = record_end("sys.exit(7)");
    assert_eq!(finished.code, 7, "{}", finished.stderr);
    assert!(finished.stdout.contains("<module> (<string>)"), "{finished:?}");
}

#[test]
fn a_command_that_a_signal_killed_gives_128_and_its_number() {
    let finished = record_end(&format!("os.kill(os.getpid(), {})", Signal::SIGKILL as i32));
    assert_eq!(finished.code, 128 + 9, "{}", finished.stderr);
    assert!(finished.stdout.contains("<module> (<string>)"), "{finished:?}");
}

fn record_only(command: &Path) -> Finished {
    Running::start(firetower(["record", "--"]).arg(command)).finish()
}

#[test]
fn a_command_that_is_not_there_gives_127() {
    let command = "no-such-command-anywhere";
    let finished = record_only(command.as_ref());
    assert_eq!((finished.code, finished.stdout.as_str()), (127, ""), "{}", finished.stderr);
    assert!(finished.stderr.contains(command), "{}", finished.stderr);
}

#[test]
fn a_command_that_can_not_be_executed_gives_126() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("no-program");
    std::fs::write(&file, "pass\n").expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    let finished = record_only(&file);
    assert_eq!((finished.code, finished.stdout.as_str()), (126, ""), "{}", finished.stderr);
    assert!(finished.stderr.contains(file.to_str().expect("UTF-8")), "{}", finished.stderr);
}

#[test]
fn a_recording_ends_with_its_target() {
    let mut process = Process::start(Command::new(python("3.13")).arg(fixture("shares.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("shares.folded");
    let (pid, path) = (process.pid().to_string(), file.to_str().expect("UTF-8"));
    let arguments = ["record", "-p", &pid, "-d", "600", "-F", "999", "--json", "-o", path];
    let mut recording = Running::start(&mut firetower(arguments));
    recording.wait_until_it_has_seen(process.pid(), Duration::from_millis(300));
    process.close_input();
    // That it does not wait for its ten minutes is what this waits for.
    let finished = recording.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let summary: serde_json::Value =
        serde_json::from_str(finished.stderr.lines().last().expect("a summary")).expect("JSON");
    let samples = summary["samples"].as_u64().expect("a number");
    assert!(samples > 50, "{summary}");
    let written = std::fs::read_to_string(&file).expect("the file");
    assert_eq!(folded::total(&folded::parse(&written)), samples, "{summary}");
}
