//! What can go wrong: each with its own exit code and one clear message, and nothing half-written left behind.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::folded;
use crate::pythons::{Process, fixture, python};
use crate::running::{FIRETOWER, Finished, Running, firetower, wait_for};

fn workload() -> Process {
    let mut process = Process::start(Command::new(python("3.12")).arg(fixture("shares.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    process
}

fn entries(folder: &Path) -> Vec<String> {
    let entry = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("an entry").file_name().into_string().expect("UTF-8")
    };
    std::fs::read_dir(folder).expect("a folder").map(entry).collect()
}

/// Holds that `command` ends with this code and says why in one message that has these words, with nothing on stdout
/// and nothing left in `folder`.
fn refused(mut command: Command, folder: &Path, code: i32, words: &[&str]) -> Finished {
    let finished = Running::start(command.current_dir(folder)).finish();
    let said = &finished.stderr;
    assert_eq!((finished.code, finished.stdout.as_str()), (code, ""), "{command:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{command:?}: no {word:?} in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(entries(folder), Vec::<String>::new(), "{command:?}: {said}");
    finished
}

/// The same for `firetower` by itself. Its message is one line, with at most a hint below it.
fn record_refused(arguments: &[&str], code: i32, words: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let command = firetower(["record"].iter().chain(arguments).copied());
    let finished = refused(command, folder.path(), code, words);
    let messages = finished
        .stderr
        .lines()
        .filter(|line| line.starts_with("firetower: ") && !line.contains(" samples in "));
    assert_eq!(messages.count(), 1, "{arguments:?}: {}", finished.stderr);
}

/// A command of a shell whose mounts are its own.
fn with_mounts(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
    command
}

#[test]
fn a_pid_that_is_no_process() {
    // The first id that the kernel never gives: proc_sys_kernel(5).
    let pid = std::fs::read_to_string("/proc/sys/kernel/pid_max").expect("it tells");
    record_refused(
        &["-p", pid.trim(), "-d", "1", "-o", "x.svg"],
        3,
        &["there is no process", pid.trim(), "hint: "],
    );
}

#[test]
fn a_process_that_has_exited() {
    // Not waited for yet, so its id is still taken.
    let mut process = Process::start(Command::new("true").arg(""));
    assert_eq!(process.line(), None);
    let (pid, stat) = (process.pid().to_string(), format!("/proc/{}/stat", process.pid()));
    wait_for("its end", || std::fs::read_to_string(&stat).ok()?.contains(") Z ").then_some(()));
    record_refused(&["-p", &pid, "-d", "1", "-o", "x.svg"], 3, &["has exited", &pid]);
}

#[test]
fn the_id_of_a_thread() {
    let thread = nix::unistd::gettid().to_string();
    let process = std::process::id().to_string();
    record_refused(&["-p", &thread, "-d", "1"], 4, &["is a thread of process", &process, "--threads"]);
}

#[test]
fn a_process_that_is_no_python_is_shown_as_such() {
    let mut command = Command::new("sh");
    let shell = Process::start(command.args(["-c", "while :; do :; done"]));
    let pid = shell.pid().to_string();
    let finished = Running::start(&mut firetower(["record", "-p", &pid, "-d", "1", "-F", "499"])).finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(
        finished.stderr.contains(&pid) && finished.stderr.contains("not a Python process"),
        "{}",
        finished.stderr
    );
    let lines = folded::parse(&finished.stdout);
    assert!(folded::total(&lines) > 10, "{}{}", finished.stdout, finished.stderr);
    assert!(lines.iter().all(|line| line.frames == ["[not a Python process]"]), "{lines:#?}");
}

#[test]
fn a_missing_capability() {
    let process = workload();
    let pid = process.pid().to_string();
    for (capabilities, words) in [
        ("-all", "CAP_"),
        ("-bpf,-sys_admin", "CAP_BPF"),
        ("-perfmon,-sys_admin", "CAP_PERFMON"),
        ("-sys_ptrace", "CAP_SYS_PTRACE"),
    ] {
        let mut command = Command::new("setpriv");
        command.args([&format!("--bounding-set={capabilities}"), &format!("--inh-caps={capabilities}")]);
        command.args([FIRETOWER, "record", "-p", &pid, "-d", "1", "-o", "x.svg"]);
        let folder = tempfile::tempdir().expect("a folder");
        refused(command, folder.path(), 5, &[words, "hint: "]);
    }
}

#[test]
fn no_btf() {
    let (folder, empty) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let process = workload();
    let script = format!(
        "mount --bind {} /sys/kernel/btf && exec {FIRETOWER} record -p {} -d 1 -o x.svg",
        empty.path().display(),
        process.pid()
    );
    refused(with_mounts(&script), folder.path(), 6, &["BTF", "hint: "]);
}

#[test]
fn outputs_that_cannot_be() {
    let process = workload();
    let pid = process.pid().to_string();
    let refused =
        |file: &str, code, words: &[&str]| record_refused(&["-p", &pid, "-d", "1", "-o", file], code, words);
    refused("no/such/folder/x.svg", 8, &["no/such/folder", "mkdir -p"]);
    refused("/proc/x.svg", 8, &["/proc"]);
    refused("x.png", 2, &["x.png", ".svg"]);
    refused("x", 2, &["ending", ".folded"]);
    let folder = tempfile::Builder::new().suffix(".svg").tempdir().expect("a folder");
    refused(folder.path().to_str().expect("UTF-8"), 8, &["no regular file"]);
}

#[test]
fn a_read_only_folder() {
    let (folder, process) = (tempfile::tempdir().expect("a folder"), workload());
    let at = folder.path().display();
    let script = format!(
        "mount -t tmpfs -o ro none {at} && exec {FIRETOWER} record -p {} -d 1 -o {at}/x.svg",
        process.pid()
    );
    refused(with_mounts(&script), folder.path(), 8, &["Read-only"]);
}

#[test]
fn a_full_disk() {
    let (folder, process) = (tempfile::tempdir().expect("a folder"), workload());
    let at = folder.path().display();
    // What is left in the folder goes to stderr: stdout has to stay empty.
    let script = format!(
        "mount -t tmpfs -o size=64k none {at} && cd {at} && ! head -c 100000 /dev/zero > filling 2> /dev/null
         {FIRETOWER} record -p {} -d 1 -o x.svg
         code=$?; echo left: $(ls -A) >&2; exit $code",
        process.pid()
    );
    refused(
        with_mounts(&script),
        folder.path(),
        9,
        &["can't write x.svg", "No space left", "left: filling\n"],
    );
}

#[test]
fn a_disk_that_fills_up_while_single_samples_are_written() {
    let (folder, process) = (tempfile::tempdir().expect("a folder"), workload());
    let at = folder.path().display();
    // No duration: it ends because nothing can be written any more.
    let script = format!(
        "mount -t tmpfs -o size=128k none {at} && cd {at} && {FIRETOWER} record -p {} -F 999 -o x.jsonl
         code=$?; echo left: $(ls -A) >&2; exit $code",
        process.pid()
    );
    let words = ["can't write x.jsonl", "No space left", "nothing written", "left:\n"];
    refused(with_mounts(&script), folder.path(), 9, &words);
}

#[test]
fn a_full_standard_output() {
    let process = workload();
    let pid = process.pid().to_string();
    let full = std::fs::File::options().write(true).open("/dev/full").expect("it is everywhere");
    let finished =
        Running::start_with(&mut firetower(["record", "-p", &pid, "-d", "1"]), full.into()).finish();
    assert_eq!(finished.code, 9, "{}", finished.stderr);
    assert!(finished.stderr.contains("standard output"), "{}", finished.stderr);
}

#[test]
fn command_lines_that_make_no_sense() {
    let folder = tempfile::tempdir().expect("a folder");
    let me = std::process::id().to_string();
    let cases: &[&[&str]] = &[
        &[],
        &["-d", "1"],
        &["-p", &me, "--all"],
        &["-p", &me, "--", "true"],
        &["--all", "--", "true"],
        &["-p", "0"],
        &["-p", "-1"],
        &["-p", "python"],
        &["-p", "4294967296"],
        &["-p", &me, "-F", "0"],
        &["-p", &me, "-F", "10000"],
        &["-p", &me, "-F", "-1"],
        &["-p", &me, "-F", "99.5"],
        &["-p", &me, "-d", "0"],
        &["-p", &me, "-d", "-1"],
        &["-p", &me, "-d", "1e300"],
        &["-p", &me, "-d", "604801"],
        &["-p", &me, "-d", "NaN"],
        &["-p", &me, "-d", "inf"],
        &["-p", &me, "-d", "soon"],
    ];
    for case in cases {
        let command = firetower(["record"].iter().chain(*case).copied());
        let finished = refused(command, folder.path(), 2, &["error: "]);
        let errors = finished.stderr.lines().filter(|line| line.starts_with("error: "));
        assert_eq!(errors.count(), 1, "{case:?}: {}", finished.stderr);
    }
}

#[test]
fn a_sleeping_process_has_no_samples() {
    let mut command = Command::new(python("3.13"));
    let mut process = Process::start(
        command.args(["-c", "import sys; print('READY'); sys.stdout.flush(); sys.stdin.read()"]),
    );
    assert_eq!(process.line().as_deref(), Some("READY"));
    let (pid, state) = (process.pid().to_string(), format!("/proc/{}/stat", process.pid()));
    wait_for("its sleep", || std::fs::read_to_string(&state).ok()?.contains(") S ").then_some(()));
    record_refused(&["-p", &pid, "-d", "0.5", "-o", "x.svg"], 14, &["no samples", "hint: "]);
}

#[test]
fn a_signal_keeps_what_was_taken() {
    let process = workload();
    let pid = process.pid().to_string();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = firetower(["record", "-p", &pid, "-F", "199", "-o", "x.folded"]);
        let mut recording = Running::start(command.current_dir(folder.path()));
        recording.wait_until_it_has_seen(process.pid(), Duration::from_secs(1));
        recording.signal(signal);
        let finished = recording.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        assert_eq!(entries(folder.path()), ["x.folded"]);
        let file = folder.path().join("x.folded");
        let folded = std::fs::read_to_string(&file).expect("a text");
        assert!(folded.ends_with('\n'), "the last line is whole");
        let lines = folded::parse(&folded);
        assert!(folded::total(&lines) > 20 && folded::with(&lines, "Worker.steps") > 0, "{folded}");
        let mode = std::fs::metadata(&file).expect("a file").mode();
        assert_eq!(mode & 0o400, 0o400, "{mode:o}");
    }
}

#[test]
fn a_reader_that_goes_early_is_no_error() {
    let process = workload();
    let (pipe_end, writer) = std::io::pipe().expect("a pipe");
    drop(pipe_end);
    let pid = process.pid().to_string();
    let mut command = firetower(["record", "-p", &pid, "-d", "2"]);
    let finished = Running::start_with(&mut command, Stdio::from(writer)).finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(
        finished.stderr.starts_with("firetower: ") && finished.stderr.contains(" samples in "),
        "{}",
        finished.stderr
    );
}
