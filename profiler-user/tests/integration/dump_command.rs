//! `firetower dump` as a user runs it: its text, its JSON, its exit codes, and the rights that it needs.

use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::pythons::{Process, fixture, python};
use crate::running::{FIRETOWER, Finished, Running, for_everybody, run, wait_for};

/// `target.py`, reading its input.
fn waiting(mut command: Command) -> Process {
    let mut process = Process::start(command.arg(fixture("target.py")));
    while !process.line().expect("it says READY").starts_with("READY") {}
    let syscall = format!("/proc/{}/syscall", process.pid());
    let reads = format!("{} 0x0 ", libc::SYS_read);
    wait_for("its read", || std::fs::read_to_string(&syscall).ok()?.starts_with(&reads).then_some(()));
    process
}

fn dump(process: &Process, options: &[&str]) -> Finished {
    let pid = process.pid().to_string();
    run(["dump", "-p", &pid].into_iter().chain(options.iter().copied()))
}

#[test]
fn the_text_has_every_thread_and_the_innermost_function_first() {
    let process = waiting(Command::new(python("3.12")));
    let finished = dump(&process, &[]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    let (pid, file) = (process.pid(), fixture("target.py"));
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert!(lines[0].starts_with(&format!("Process {pid}: ")), "{}", finished.stdout);
    assert!(lines[1].starts_with("Python 3.12."), "{}", finished.stdout);
    let thread = lines.iter().position(|line| *line == format!("Thread {pid} (sleeping): \"MainThread\""));
    let main = &lines[thread.unwrap_or_else(|| panic!("{}", finished.stdout)) + 1..];
    let source = std::fs::read_to_string(&file).expect("a fixture");
    let line_of = |text: &str| source.lines().position(|line| line.trim() == text).expect("a line") + 1;
    let at = |function: &str, text: &str| format!("    {function} ({}:{})", file.display(), line_of(text));
    assert_eq!(main[0], at("wait", "os.read(0, 1)"));
    assert_eq!(main[1], at("<module>", "sorted([0], key=wait)"));
    let other = lines.iter().filter(|line| line.starts_with("Thread ")).count();
    assert_eq!(other, 2, "{}", finished.stdout);
    assert!(
        finished.stdout.contains("    Event.wait (") && finished.stdout.contains("    Thread._bootstrap (")
    );
}

#[test]
fn the_json_says_the_same() {
    let process = waiting(Command::new(python("3.13")));
    let finished = dump(&process, &["--json"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    let json: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(json["pid"], process.pid().0);
    assert!(json["python"].as_str().is_some_and(|version| version.starts_with("3.13.")), "{json}");
    for key in ["command", "executable", "interpreter"] {
        assert!(json[key].as_str().is_some_and(|text| text.contains("python3.13")), "{key}: {json}");
    }
    assert_eq!((&json["ended"], &json["threads_move"]), (&0.into(), &false.into()));
    let threads = json["threads"].as_array().expect("a list");
    assert_eq!(threads.len(), 2, "{json}");
    let main = &threads[0];
    for (key, value) in [
        ("tid", Value::from(process.pid().0)),
        ("name", "python3.13".into()),
        ("python_name", "MainThread".into()),
        ("state", "sleeping".into()),
        ("interpreter", 0.into()),
        ("gil", "not held".into()),
        ("stack", "exact".into()),
        ("reason", Value::Null),
        ("truncated", false.into()),
    ] {
        assert_eq!(main[key], value, "{key}: {main}");
    }
    let frames = main["frames"].as_array().expect("a list");
    let functions: Vec<&Value> = frames.iter().map(|frame| &frame["function"]).collect();
    assert_eq!(functions, ["wait", "<module>"]);
    let file = fixture("target.py");
    assert!(frames.iter().all(|frame| frame["file"] == *file.to_string_lossy() && frame["line"].is_u64()));
}

/// Holds that this ends with `code`, one message that has these words, and nothing on stdout.
fn refused(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!((finished.code, finished.stdout.as_str()), (code, ""), "{}", finished.stderr);
    for word in words {
        assert!(finished.stderr.contains(word), "no {word:?} in: {}", finished.stderr);
    }
    assert!(finished.stderr.lines().filter(|line| line.starts_with("firetower: ")).count() == 1);
}

#[test]
fn what_is_no_process_is_refused() {
    let gone = {
        let process = Process::start(Command::new("sleep").arg("1000"));
        process.pid().to_string()
    };
    refused(&run(["dump", "-p", &gone]), 3, &["there is no process", "pgrep"]);
    let process = waiting(Command::new(python("3.8")));
    let pid = process.pid().to_string();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    let names = tasks.map(|task| task.expect("a thread").file_name().into_string().expect("a number"));
    let thread = names.into_iter().find(|tid| *tid != pid).expect("it has two");
    let words = ["is a thread of process", &format!("firetower dump -p {pid}")];
    refused(&run(["dump", "-p", &thread]), 4, &words);
}

#[test]
fn what_is_no_python_is_refused() {
    let process = Process::start(Command::new("sleep").arg("1000"));
    refused(&dump(&process, &[]), 15, &["runs no Python", "firetower doctor"]);
}

#[test]
fn another_user_may_not_look() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = waiting(Command::new(python("3.11")));
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(for_everybody(folder.path()));
    let finished = Running::start(command.args(["dump", "-p", &process.pid().to_string()])).finish();
    refused(&finished, 5, &["not permitted", "CAP_SYS_PTRACE"]);
}

/// A program without any capability but these.
fn with_capabilities(only: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.arg(format!("--bounding-set=-all{only}")).arg(format!("--inh-caps=-all{only}")).arg(program);
    command
}

#[test]
fn the_right_to_read_memory_is_all_that_it_takes() {
    // The same user without any capability on both sides.
    let process = waiting(with_capabilities("", python("3.11")));
    let pid = process.pid().to_string();
    let dump_with = |only: &str, pid: &str| {
        Running::start(with_capabilities(only, FIRETOWER).args(["dump", "-p", pid])).finish()
    };
    let finished = dump_with("", &pid);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(finished.stdout.contains("    wait ("), "{}", finished.stdout);
    // One that has more rights than we do: CAP_SYS_PTRACE makes the difference.
    let process = waiting(Command::new(python("3.11")));
    let pid = process.pid().to_string();
    refused(&dump_with("", &pid), 5, &["not permitted"]);
    let finished = dump_with(",+sys_ptrace", &pid);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(finished.stdout.contains("    wait ("), "{}", finished.stdout);
}

#[test]
fn a_process_that_exits_meanwhile_is_gone_or_was_there() {
    for _ in 0..20 {
        let process = waiting(Command::new(python("3.12")));
        let pid = process.pid();
        let running = Running::start(Command::new(FIRETOWER).args(["dump", "-p", &pid.to_string()]));
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.0 as i32), Signal::SIGKILL).expect("our child");
        let finished = running.finish();
        assert!(matches!(finished.code, 0 | 3), "{}: {}", finished.code, finished.stderr);
        assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    }
}
