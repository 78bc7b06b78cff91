//! Recordings of real interpreters, replayed: detection and symbolization give what they gave where the interpreter
//! was, on any machine. They are in `tests/recordings`, one of each build, made by `cargo xtask recordings`.

mod make;
mod mutate;
mod tamper;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use firetower::capture::StackDefinition;
use firetower::model::{Frame, FrameKind};
use firetower::native::kallsyms::Kallsyms;
use firetower::process::memory::Memory;
use firetower::process::view::ProcessView;
use firetower::python::detect::{Outcome, Recogniser};
use firetower::python::{Interpreter, frames, versions};
use firetower::recording::{RecordedFrame, RecordedProcess, Recording};
use firetower::symbolize::{Symbolized, Symbolizer};
use firetower_ebpf::abi::{PyLayout, RawFrame};

use crate::pythons::supported;

/// Most bytes of a recording's file.
const MOST_BYTES: u64 = 60_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

/// Every recording with its name.
fn recordings() -> Vec<(String, Recording)> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder())
        .expect("tests/recordings")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let size = fs::metadata(path).expect("a file").len();
        assert!(size <= MOST_BYTES, "{name}: {size} bytes");
        let recording = Recording::from_json(&fs::read_to_string(path).expect("a text"));
        (name.clone(), recording.unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    files.iter().map(read).collect()
}

/// What a process runs, for an agent that has seen no other.
fn examine(process: &dyn ProcessView) -> Outcome {
    Recogniser::default().examine(process)
}

/// The interpreter that it must run.
fn interpreter(name: &str, process: &dyn ProcessView) -> Interpreter {
    match examine(process) {
        Outcome::Python(interpreter) => *interpreter,
        other => panic!("{name}: {other:?}"),
    }
}

/// The frames of the thread with this `pthread_self()`, leaf first, found from the runtime on.
fn frames(memory: &dyn Memory, interpreter: &Interpreter, thread: u64) -> Vec<RawFrame> {
    let facts = versions::thread_facts(interpreter.version).expect("it is supported");
    let offsets = facts.resolve(memory, interpreter).expect("its threads can be read");
    let threads = offsets.list(memory, &interpreter.layout, interpreter.runtime).expect("a list");
    assert!(threads.len() > 1, "the program has two threads");
    let state = threads.iter().find(|state| state.thread_id == thread).expect("it is in the list");
    let stack = frames::walk(memory, &interpreter.layout, &interpreter.objects, state.address);
    stack.expect("it waits").frames.into_iter().map(|(_, raw)| raw).collect()
}

/// The stack in names.
fn symbolize(process: &dyn ProcessView, interpreter: &Interpreter, python: Vec<RawFrame>) -> Symbolized {
    let stack = StackDefinition { python, ..StackDefinition::default() };
    let mut symbolizer = Symbolizer::new(Kallsyms::default());
    symbolizer.symbolize(process.pid(), process.memory(), interpreter, &stack)
}

fn raw(frame: &RecordedFrame) -> RawFrame {
    RawFrame::new(frame.code, frame.instr, frame.fingerprint, frame.entry)
}

/// The fields of a layout by name, out of its `Debug` form: the recordings outlive fields that are added.
fn facts(layout: &PyLayout) -> BTreeMap<String, u32> {
    let text = format!("{layout:?}");
    let fields = text.strip_prefix("PyLayout { ").and_then(|text| text.strip_suffix(" }"));
    let fact = |field: &str| {
        let (name, value) = field.split_once(": ").expect("name: value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    fields.expect("a struct's Debug form").split(", ").map(fact).collect()
}

/// The name of a build's recording.
fn name_of(build: &str) -> String {
    format!("cpython-{build}")
}

#[test]
fn every_supported_version_was_recorded() {
    let recordings = recordings();
    for minor in supported() {
        let name = name_of(&minor);
        let found = recordings.iter().any(|(known, _)| *known == name);
        assert!(found, "there is no recording of {minor}: run `cargo xtask recordings {minor}`");
    }
}

#[test]
fn a_recorded_process_is_recognised_as_the_live_one_was() {
    for (name, recording) in recordings() {
        let found = interpreter(&name, &recording.process);
        let version = found.version.to_string();
        assert!(
            recording.version == version || recording.version.starts_with(&format!("{version}.")),
            "{name}: {version}"
        );
        assert!(recording.interpreter.starts_with(&recording.version), "{name}");
        assert_eq!(found.runtime, recording.runtime, "{name}");
        let facts = facts(&found.layout);
        for (fact, value) in &recording.layout {
            assert_eq!(facts.get(fact), Some(value), "{name}: {fact}");
        }
    }
}

/// The process before the loader had mapped anything but the executable.
fn just_started(process: &RecordedProcess) -> RecordedProcess {
    let mut process = process.clone();
    process.maps.retain(|line| line.ends_with(&process.executable));
    process
}

#[test]
fn before_its_libraries_are_mapped_a_recorded_process_is_not_yet_python() {
    for (name, recording) in recordings() {
        let process = just_started(&recording.process);
        let is_shared = process.maps.len() < recording.process.maps.len()
            && recording.process.maps.iter().any(|line| line.contains("/libpython"));
        let outcome = examine(&process);
        assert!(!is_shared || matches!(outcome, Outcome::NotYet), "{name}: {outcome:?}");
    }
}

#[test]
fn the_layout_leads_to_the_recorded_frames() {
    for (name, recording) in recordings() {
        let interpreter = interpreter(&name, &recording.process);
        let expected: Vec<RawFrame> = recording.stack.iter().map(raw).collect();
        let found = frames(recording.process.memory(), &interpreter, recording.thread);
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn every_recorded_frame_has_the_function_file_and_line_that_the_program_itself_named() {
    for (name, recording) in recordings() {
        let interpreter = interpreter(&name, &recording.process);
        let raw = recording.stack.iter().map(raw).collect();
        let symbolized = symbolize(&recording.process, &interpreter, raw);
        assert_eq!(symbolized.reason, None, "{name}");
        assert!(symbolized.frames.iter().all(|frame| frame.kind == FrameKind::Python), "{name}");
        let named = |frame: &Frame| (frame.function.to_string(), frame.file.to_string(), frame.line);
        let found: Vec<_> = symbolized.frames.iter().rev().map(named).collect();
        let said = |frame: &RecordedFrame| (frame.function.clone(), frame.file.clone(), frame.line);
        let expected: Vec<_> = recording.stack.iter().map(said).collect();
        assert!(expected.len() >= 12, "{name}");
        assert_eq!(found, expected, "{name}");
    }
}
