//! Recordings that were tampered with: whatever a process or a file holds, there is an outcome with a reason.

use std::sync::LazyLock;

use firetower::model::Reason;
use firetower::python::detect::{Outcome, Recogniser};
use firetower::recording::{RecordedFile, RecordedProcess, Recording};
use firetower_ebpf::abi::RawFrame;
use proptest::prelude::*;

use super::tamper::{hold, tamper};
use super::{examine, interpreter, raw, recordings, symbolize};

static RECORDINGS: LazyLock<Vec<(String, Recording)>> = LazyLock::new(recordings);

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tampered_process_has_an_outcome_and_its_frames_have_names_or_reasons(
        index in any::<proptest::sample::Index>(),
        script in proptest::collection::vec(any::<u8>(), 12..300),
    ) {
        let (_, recording) = index.get(&RECORDINGS);
        let stack: Vec<RawFrame> = recording.stack.iter().map(raw).collect();
        let mut process = recording.process.clone();
        tamper(&mut process, &script);
        hold(&mut Recogniser::default(), &process, &stack);
    }
}

/// What is said of a recording after `change`: its outcome, and the reason why its stack is not whole.
fn after(
    recording: &Recording,
    change: impl Fn(&mut RecordedProcess),
) -> (Option<Reason>, Option<Reason>, String) {
    let mut process = recording.process.clone();
    change(&mut process);
    hold(&mut Recogniser::default(), &process, &[]);
    match examine(&process) {
        Outcome::Python(interpreter) => {
            let raw = recording.stack.iter().map(raw).collect();
            (None, symbolize(&process, &interpreter, raw).reason, String::new())
        }
        Outcome::Broken { reason, detail } => (Some(reason), None, detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_kind_of_damage_has_its_reason() {
    for (name, recording) in &*RECORDINGS {
        let frame = &recording.stack[0];
        let (outcome, reason, _) =
            after(recording, |process| process.memory.remove(recording.runtime, 1 << 16));
        assert_eq!((outcome, reason), (Some(Reason::InterpreterUnreadable), None), "{name}");
        let (outcome, reason, _) = after(recording, |process| process.files.clear());
        assert_eq!((outcome, reason), (Some(Reason::InterpreterUnreadable), None), "{name}");
        let (outcome, reason, _) = after(recording, |process| process.memory.remove(frame.code, 8));
        assert_eq!((outcome, reason), (None, Some(Reason::CodeUnreadable)), "{name}");
        let fingerprinted = u64::from(interpreter(name, &recording.process).objects.code.fingerprint);
        let (outcome, reason, _) =
            after(recording, |process| process.memory.insert(frame.code + fingerprinted, &[0x5a; 8]));
        assert_eq!((outcome, reason), (None, Some(Reason::CodeReplaced)), "{name}");
    }
}

#[test]
fn a_process_that_maps_more_files_called_after_python_than_are_looked_at_says_so() {
    let is_shared =
        |recording: &&Recording| recording.process.maps.iter().any(|line| line.contains("/libpython"));
    let recording = RECORDINGS.iter().map(|(_, recording)| recording).find(is_shared).expect("most are");
    let executable = &recording.process.executable;
    let (outcome, _, detail) = after(recording, |process| {
        process.maps.retain(|line| line.ends_with(executable));
        // The executable once more and again: linked to a Python, and none itself.
        let file = process.files[0].clone();
        for inode in 1_000_000..1_000_100 {
            process.files.push(RecordedFile { inode, ..file.clone() });
            let (major, minor) = file.device;
            process.maps.push(format!("1000-2000 r-xp 0 {major:x}:{minor:x} {inode} {executable}"));
        }
    });
    assert_eq!(outcome, Some(Reason::InterpreterUnreadable));
    assert!(detail.contains("or more files"), "{detail}");
}

#[test]
fn what_was_not_tampered_with_is_held_to_the_same() {
    for (_, recording) in &*RECORDINGS {
        let stack: Vec<RawFrame> = recording.stack.iter().map(raw).collect();
        hold(&mut Recogniser::default(), &recording.process, &stack);
    }
}
