//! Single samples (`.jsonl`): each one there once, at its time, with the whole truth of its fields, while it is recorded.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::time::{ClockId, clock_gettime};
use serde_json::Value;

use crate::program::{Program, Seen};
use crate::pythons::{Process, fixture, python};
use crate::running::{Finished, Running, cpu_time, firetower, wait_for};

fn start(minor: &str, name: &str, arguments: &[&str]) -> Process {
    let mut process = Process::start(Command::new(python(minor)).arg(fixture(name)).args(arguments));
    assert_eq!(process.line().as_deref(), Some("READY"));
    process
}

fn now(clock: ClockId) -> u64 {
    Duration::from(clock_gettime(clock).expect("a clock")).as_nanos() as u64
}

fn number(of: &Value) -> u64 {
    of.as_u64().unwrap_or_else(|| panic!("{of} is no number"))
}

/// Records into `x.jsonl` of `folder` until the process has used a second of CPU: about 500 samples.
fn record(process: &Process, options: &[&str], folder: &Path) -> Finished {
    let pid = process.pid().to_string();
    let words = ["record", "-p", &pid, "-F", "499", "-o", "x.jsonl"];
    let mut command = firetower(words.iter().chain(options).copied());
    let mut recording = Running::start(command.current_dir(folder));
    recording.wait_until_it_has_seen(process.pid(), Duration::from_secs(1));
    recording.signal(Signal::SIGINT);
    recording.finish()
}

/// Every line of a file, each of which must be whole.
fn samples(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).expect("UTF-8");
    assert!(text.ends_with('\n'), "the last line is whole");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The Python frames of a sample, kernel frames apart.
fn python_frames(sample: &Value) -> Vec<Seen> {
    let frames = sample["stack"].as_array().expect("frames").iter();
    let python = frames.filter(|frame| frame["kind"] != "kernel").map(|frame| {
        assert_eq!(frame["kind"], "python", "{sample}");
        let text = |key: &str| frame[key].as_str().unwrap_or_else(|| panic!("{key}: {sample}")).to_owned();
        Seen {
            function: text("function"),
            file: text("file"),
            line: frame["line"].as_u64().unwrap_or(0) as u32,
        }
    });
    python.collect()
}

#[test]
fn each_sample_is_a_line_with_its_time_and_exact_stack() {
    let (folder, process) = (tempfile::tempdir().expect("a folder"), start("3.12", "shares.py", &[]));
    let file = folder.path().join("x.jsonl");
    let before = (now(ClockId::CLOCK_MONOTONIC), now(ClockId::CLOCK_REALTIME));
    let finished = record(&process, &["--json"], folder.path());
    let after = (now(ClockId::CLOCK_MONOTONIC), now(ClockId::CLOCK_REALTIME));
    assert_eq!((finished.code, finished.stdout.as_str()), (0, ""), "{}", finished.stderr);

    let samples = samples(&file);
    let summary: Value = serde_json::from_str(finished.stderr.trim()).expect("nothing but the summary");
    assert_eq!(samples.len() as u64, number(&summary["received"]), "{summary}");
    let whole = samples.iter().filter(|sample| sample["reason"].is_null()).count();
    assert_eq!(whole as u64, number(&summary["attributed"]), "{summary}");
    assert!(whole > 300, "{summary}");

    let program = Program::of("shares.py", "3.12");
    let cpus = std::thread::available_parallelism().expect("known").get() as u64;
    let boot = number(&samples[0]["unix"]) - number(&samples[0]["time"]);
    let mut last = vec![0; cpus as usize];
    for sample in &samples {
        let (time, unix, cpu) = (number(&sample["time"]), number(&sample["unix"]), number(&sample["cpu"]));
        assert!(before.0 < time && time < after.0 && unix - time == boot, "{sample}");
        // The clocks are tied together once; setting the wall clock meanwhile would be seen here.
        assert!(before.1 - 1_000_000 < unix && unix < after.1 + 1_000_000, "{sample}");
        assert!(cpu < cpus && std::mem::replace(&mut last[cpu as usize], time) < time, "in order: {sample}");
        assert_eq!(
            (number(&sample["pid"]), number(&sample["tid"])),
            (process.pid().0.into(), process.pid().0.into())
        );
        assert_eq!(sample["weight"], 1_000_000_000 / 499, "{sample}");
        assert_eq!(
            (&sample["thread"], &sample["truncated"]),
            (&"python3.12".into(), &false.into()),
            "{sample}"
        );
        if sample["reason"].is_null() {
            program.check(&python_frames(sample)).unwrap_or_else(|error| panic!("{error}: {sample}"));
        } else {
            assert_eq!(sample["stack"][0]["reason"], sample["reason"], "{sample}");
        }
    }
}

#[test]
fn a_cut_stack_is_marked_and_has_what_was_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    // Deeper than any stack that is kept, and less than Python's own limit.
    let process = start("3.12", "depth.py", &["950"]);
    let ready = cpu_time(process.pid());
    // It says that it is ready before it goes down.
    let down = ready + Duration::from_millis(100);
    wait_for("the recursion", || (cpu_time(process.pid()) >= down).then_some(()));
    let finished = record(&process, &[], folder.path());
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let (kept, program) = (firetower_ebpf::abi::MAX_PYTHON_FRAMES, Program::of("depth.py", "3.12"));
    let samples = samples(&folder.path().join("x.jsonl"));
    assert!(samples.len() > 300, "{}", finished.stderr);
    for sample in samples.iter().filter(|sample| sample["reason"].is_null()) {
        let frames = python_frames(sample);
        assert_eq!((&sample["truncated"], frames.len()), (&(kept < 953).into(), kept.min(953)), "{sample}");
        program.check_below(&frames).unwrap_or_else(|error| panic!("{error}: {sample}"));
    }
}

#[test]
fn lines_are_written_while_recording_and_the_file_gets_its_name_at_the_end() {
    let (folder, process) = (tempfile::tempdir().expect("a folder"), start("3.11", "shares.py", &[]));
    let pid = process.pid().to_string();
    let mut command = firetower(["record", "-p", &pid, "-F", "499", "-o", "x.jsonl"]);
    let mut recording = Running::start(command.current_dir(folder.path()));
    let entries = || {
        let entries = std::fs::read_dir(folder.path()).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    };
    let temporary = wait_for("lines", || {
        recording.assert_running();
        entries().into_iter().find(|file| file.metadata().is_ok_and(|data| data.len() > 0))
    });
    assert_eq!(entries(), [temporary.as_path()]);
    assert!(
        temporary.file_name().expect("a name").to_string_lossy().starts_with(".firetower-"),
        "{temporary:?}"
    );
    recording.signal(Signal::SIGINT);
    let finished = recording.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(entries(), [folder.path().join("x.jsonl")]);
    assert!(samples(&entries()[0]).len() > 10, "{}", finished.stderr);
}
