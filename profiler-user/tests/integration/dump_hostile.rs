//! Memory that lies about its threads and frames: the walks end, never panic, and call what is a circle no stack.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::Command;

use firetower::model::Reason;
use firetower::process::memory::{LiveMemory, Memory, MemoryError, RecordedMemory};
use firetower::process::pages::Pages;
use firetower::python::Interpreter;
use firetower::python::frames::{self, MOST_FRAMES};
use firetower::python::threads::{ListError, ThreadState};
use firetower::python::versions::thread_facts;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::pythons::{python, supported};
use crate::target::Target;

/// The memory of a process, of which it remembers each piece that was read.
struct Recorder {
    process: LiveMemory,
    read: RefCell<BTreeMap<u64, Vec<u8>>>,
}

impl Memory for Recorder {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError> {
        self.process.read(address, buffer)?;
        self.read.borrow_mut().insert(address, buffer.to_vec());
        Ok(())
    }
}

/// Memory with words that are others.
struct Changed<'a> {
    pages: &'a BTreeMap<u64, Vec<u8>>,
    words: Vec<(u64, u64)>,
}

impl Memory for Changed<'_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError> {
        let mut memory = RecordedMemory::default();
        for (&page, bytes) in self.pages {
            memory.record(page, bytes.as_slice());
        }
        memory.read(address, buffer)?;
        for &(at, word) in &self.words {
            for (byte, to) in word.to_ne_bytes().into_iter().zip(at..) {
                if let Some(place) = to.checked_sub(address).and_then(|at| buffer.get_mut(at as usize)) {
                    *place = byte;
                }
            }
        }
        Ok(())
    }
}

/// A thread state and its frames.
type Seen = (ThreadState, Result<frames::RawStack, Reason>);

/// What a dump reads: the list, then each thread's frames.
fn read_all(memory: &dyn Memory, interpreter: &Interpreter) -> Result<Vec<Seen>, ListError> {
    let Interpreter { layout, objects, runtime, .. } = interpreter;
    let facts = thread_facts(interpreter.version).expect("it is supported");
    let offsets = facts.resolve(memory, interpreter)?;
    let states = offsets.list(memory, layout, *runtime)?;
    Ok(states
        .into_iter()
        .map(|state| {
            // Any answer will do; it must be one.
            let _ = offsets.holds_gil(memory, layout, &state);
            let _ = offsets.native_thread_id(memory, &state);
            (state, frames::walk(memory, layout, objects, state.address))
        })
        .collect())
}

/// The pages of a waiting process that a dump reads.
fn recorded(minor: &str) -> (Interpreter, BTreeMap<u64, Vec<u8>>) {
    let target = Target::start(&mut Command::new(python(minor)));
    let interpreter = target.interpreter();
    let recorder = Recorder { process: target.memory(), read: RefCell::default() };
    let seen = read_all(&Pages::new(&recorder), &interpreter).expect("a list");
    assert!(seen.len() == 2 && seen.iter().all(|(_, stack)| stack.is_ok()), "Python {minor}: {seen:?}");
    let pages = recorder.read.into_inner();
    let again = read_all(&Changed { pages: &pages, words: Vec::new() }, &interpreter);
    assert_eq!(again, Ok(seen), "Python {minor}: a recording reads as the process did");
    (interpreter, pages)
}

#[test]
fn a_circle_of_frames_is_inconsistent_and_one_of_threads_is_no_list() {
    for minor in supported() {
        let (interpreter, pages) = recorded(&minor);
        let Interpreter { layout, objects, .. } = &interpreter;
        let plain = Changed { pages: &pages, words: Vec::new() };
        let seen = read_all(&plain, &interpreter).expect("a list");
        for (state, stack) in &seen {
            let stack = stack.as_ref().expect("it waits");
            let (leaf, root) = (stack.frames[0].0, stack.frames[stack.frames.len() - 1].0);
            let words = vec![(root + u64::from(layout.frame_previous), leaf)];
            let circle = frames::walk(&Changed { pages: &pages, words }, layout, objects, state.address);
            assert_eq!(circle, Err(Reason::InconsistentFrames), "Python {minor}");
        }
        let (first, last) = (seen[0].0.address, seen[1].0.address);
        for (from, to) in [(first, last), (last, last)] {
            let words = vec![(from + u64::from(layout.tstate_next), to)];
            let circle = read_all(&Changed { pages: &pages, words }, &interpreter);
            assert!(matches!(circle, Err(ListError::Inconsistent(_))), "Python {minor}: {circle:?}");
        }
    }
}

#[test]
fn memory_with_any_words_changed_is_read_or_refused() {
    for minor in supported() {
        let (interpreter, pages) = recorded(&minor);
        let words: Vec<(u64, u64)> = pages
            .iter()
            .flat_map(|(&page, bytes)| {
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .zip(0..)
                    .map(move |(word, at)| (page + 8 * at, u64::from_ne_bytes(*word)))
            })
            .collect();
        // Mostly what lies where something is read, and pointers to what can be read.
        let pointers: Vec<u64> = words.iter().map(|(_, word)| *word).filter(|word| *word != 0).collect();
        let value = prop_oneof![prop::sample::select(pointers), any::<u64>(), 0..16_u64];
        let index = prop::sample::select(words.iter().map(|(at, _)| *at).collect::<Vec<_>>());
        let changes = proptest::collection::vec((index, value), 1..64);
        let config = ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() };
        let checked = TestRunner::new(config).run(&changes, |words| {
            if let Ok(seen) = read_all(&Changed { pages: &pages, words }, &interpreter) {
                for (_, stack) in seen {
                    prop_assert!(
                        stack.is_err() || stack.is_ok_and(|stack| stack.frames.len() <= MOST_FRAMES)
                    );
                }
            }
            Ok(())
        });
        checked.unwrap_or_else(|error| panic!("Python {minor}: {error}"));
    }
}
