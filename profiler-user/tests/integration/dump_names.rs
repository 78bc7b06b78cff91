//! Python's own names of threads in a dump: right ones, or none.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::process::Command;

use firetower::dump::{self, Dump, Thread};
use firetower::process::memory::{LiveMemory, Memory, MemoryError};
use firetower::python::Interpreter;
use firetower::python::detect::Outcome;
use firetower::python::thread_names::ThreadNames;
use firetower::python::threads::ThreadState;
use firetower::python::versions::thread_facts;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::dump::WITHOUT_INTERPRETERS;
use crate::each::{each_version, interpreter};
use crate::pythons::{Process, fixture, python, supported};
use crate::running::{run, wait_for};
use crate::target::examine;

/// A running `names.py`, and the names that it says, by ident; none is `None`.
fn named(minor: &str) -> (Process, HashMap<u64, Option<String>>) {
    let mut process = Process::start(Command::new(interpreter(minor)).arg(fixture("names.py")));
    let mut said = HashMap::new();
    loop {
        let line = process.line().expect("it says READY");
        if line == "READY" {
            return (process, said);
        }
        let rest = line.strip_prefix("IDENT ").unwrap_or_else(|| panic!("{line}"));
        let (ident, name) = rest.split_once(' ').unwrap_or((rest, ""));
        let name = (!name.is_empty()).then(|| name.to_owned());
        assert_eq!(said.insert(ident.parse().expect("a number"), name), None);
    }
}

fn take(process: &Process, minor: &str) -> Dump {
    dump::take(process.pid()).unwrap_or_else(|error| panic!("Python {minor}: {error}"))
}

/// The main thread, workers, 50 of a pool, names of each width of characters, and a thread that `threading` does not know.
fn every_thread_has_the_name_that_python_gives_it(minor: &str) {
    let (process, said) = named(minor);
    assert_eq!(said.len(), 63, "Python {minor}: {said:#?}");
    for name in ["MainThread", "worker", "pool-49", "déjà vu", "☃ λ", "🐍 é", "failure", "second"] {
        assert!(said.values().flatten().any(|said| said == name), "Python {minor}: no {name}");
    }
    let dump = take(&process, minor);
    let names = dump
        .threads
        .iter()
        .map(|thread| (thread.thread_id, thread.name.as_ref().map(|name| name.to_string())));
    assert_eq!(names.collect::<HashMap<_, _>>(), said, "Python {minor}");
}

each_version!(every_thread_has_the_name_that_python_gives_it);

/// How often threads that come and go are looked at, and how many names of them must be seen, at least.
const DUMPS: usize = 30;

fn a_thread_never_has_the_name_of_another(minor: &str) {
    let mut process = Process::start(Command::new(interpreter(minor)).arg(fixture("names.py")).arg("churn"));
    let line = process.line().expect("its main thread");
    let main: u64 = line.split(' ').nth(1).and_then(|ident| ident.parse().ok()).expect("an ident");
    let (mut dumps, mut main_named, mut others) = (0, 0, 0);
    wait_for(&format!("names of Python {minor}'s threads"), || {
        for thread in take(&process, minor).threads {
            let Some(name) = thread.name.as_deref() else { continue };
            if thread.thread_id == main {
                assert_eq!(name, "MainThread", "Python {minor}");
                main_named += 1;
            } else {
                let own = format!("t{}", thread.thread_id);
                assert!(name == own || name == "starting", "Python {minor}: {name} of {own}");
                others += 1;
            }
        }
        dumps += 1;
        (dumps >= DUMPS && others >= DUMPS).then_some(())
    });
    assert!(2 * main_named >= dumps, "Python {minor}: the main thread is named in {main_named} of {dumps}");
}

each_version!(a_thread_never_has_the_name_of_another);

#[test]
fn where_python_has_no_name_the_kernels_is_shown() {
    for minor in ["2.7", "3.8", "3.13"] {
        let program = "import sys\nassert 'threading' not in sys.modules\nsys.stdin.readline()\nimport threading\n\
                       print('READY')\nsys.stdout.flush()\nsys.stdin.read()";
        let mut command = Command::new(python(minor));
        let mut process = Process::start(command.args(["-S", "-E", "-c", program]));
        let pid = process.pid().to_string();
        let thread = |finished: String| {
            let line = finished.lines().find(|line| line.starts_with("Thread ")).map(str::to_owned);
            line.unwrap_or_else(|| panic!("Python {minor}: {finished}"))
        };
        // Until it has started there is no interpreter.
        let text = wait_for("its interpreter", || {
            let finished = run(["dump", "-p", &pid]);
            (finished.code == 0 && finished.stdout.contains("<module>")).then_some(finished.stdout)
        });
        assert!(thread(text).ends_with(&format!("\"python{minor}\"")), "Python {minor}");
        process.write_line();
        assert_eq!(process.line().as_deref(), Some("READY"));
        assert!(thread(run(["dump", "-p", &pid]).stdout).ends_with("\"MainThread\""), "Python {minor}");
        let json: Value = serde_json::from_str(&run(["dump", "-p", &pid, "--json"]).stdout).expect("JSON");
        let main = &json["threads"][0];
        assert_eq!(main["name"], format!("python{minor}"), "{main}");
        assert_eq!(main["python_name"], "MainThread", "{main}");
    }
}

/// Each interpreter has a `threading` of its own, so a thread in two has a name in each.
#[test]
fn a_thread_has_the_name_that_its_interpreter_gives_it() {
    let within = "import threading, time\nthreading.current_thread().name = 'within'\ntime.sleep(10000)";
    let program = format!(
        "import sys, threading\ntry:\n    import _interpreters\nexcept ImportError:\n    import _xxsubinterpreters as \
         _interpreters\ndef other():\n    _interpreters.run_string(_interpreters.create(), {within:?})\n\
         threading.Thread(target=other, name='outside', daemon=True).start()\nsys.stdin.read()"
    );
    for minor in supported().filter(|minor| !WITHOUT_INTERPRETERS.contains(&minor.as_str())) {
        let process = Process::start(Command::new(python(&minor)).args(["-c", &program]));
        let names = wait_for(&format!("the names in Python {minor}"), || {
            // It may not have started yet.
            let dump = dump::take(process.pid()).ok()?;
            let name = |thread: &Thread| (thread.interpreter != 0, thread.name.as_deref().map(str::to_owned));
            let names: Vec<_> = dump.threads.iter().map(name).collect();
            let ident = |inner| dump.threads.iter().rfind(|thread| (thread.interpreter != 0) == inner);
            let same =
                ident(true).map(|thread| thread.thread_id) == ident(false).map(|thread| thread.thread_id);
            // Until it calls itself so, it is the main thread there.
            let named = |(_, name): &(bool, Option<String>)| name.as_deref() == Some("within");
            (same && names.iter().any(named)).then_some(names)
        });
        let expected = [(false, "MainThread"), (false, "outside"), (true, "within")];
        let expected = expected.map(|(inner, name)| (inner, Some(name.to_owned())));
        assert_eq!(names, expected, "Python {minor}");
    }
}

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

/// Pieces that were read, some of their words changed. What is not in one piece is no memory.
struct Pieces(BTreeMap<u64, Vec<u8>>);

impl Memory for Pieces {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError> {
        let fault = MemoryError::Fault { address };
        let pieces = self.0.range(..=address).next_back().or_else(|| self.0.first_key_value());
        let (start, piece) = pieces.ok_or(fault)?;
        let offset = address.checked_sub(*start).ok_or(fault)? as usize;
        let bytes = offset.checked_add(buffer.len()).and_then(|end| piece.get(offset..end)).ok_or(fault)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

/// The interpreter and thread states of a process that waits, and what its names are read from.
fn recorded(minor: &str) -> (Interpreter, Vec<ThreadState>, BTreeMap<u64, Vec<u8>>, usize) {
    let (process, said) = named(minor);
    let Outcome::Python(python) = examine(process.pid()) else { panic!("Python {minor}") };
    let memory = LiveMemory::new(process.pid());
    let offsets = thread_facts(python.version).expect("it is supported").resolve(&memory, &python);
    let offsets = offsets.expect("its threads can be read");
    let states = offsets.list(&memory, &python.layout, python.runtime).expect("it waits");
    let recorder = Recorder { process: memory, read: RefCell::default() };
    let names = ThreadNames::read(&recorder, &python, &states);
    let known = states.iter().filter(|state| names.of(state).is_some()).count();
    assert_eq!(known, said.values().flatten().count(), "Python {minor}");
    let pieces = recorder.read.into_inner();
    assert_eq!(ThreadNames::read(&Pieces(pieces.clone()), &python, &states), names, "Python {minor}");
    (*python, states, pieces, known)
}

/// Any answer will do; it must be one.
fn changed_memory_gives_names_or_none(minor: &str) {
    let (python, states, pieces, known) = recorded(minor);
    let places: Vec<(u64, usize)> = pieces
        .iter()
        .flat_map(|(&piece, bytes)| (0..bytes.len() / 8).map(move |word| (piece, 8 * word)))
        .collect();
    let word_at = |(piece, at): &(u64, usize)| {
        let bytes = pieces[piece][*at..].first_chunk().expect("a word");
        u64::from_ne_bytes(*bytes)
    };
    let used: Vec<(u64, usize)> = places.into_iter().filter(|place| word_at(place) != 0).collect();
    let words: Vec<u64> = used.iter().map(word_at).collect();
    let value = prop_oneof![prop::sample::select(words), any::<u64>(), 0..16_u64];
    let changes = proptest::collection::vec((prop::sample::select(used), value), 1..256);
    let config = ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() };
    let checked = TestRunner::new(config).run(&changes, |changes| {
        let mut pieces = pieces.clone();
        for ((piece, at), word) in changes {
            if let Some(place) = pieces.get_mut(&piece).and_then(|bytes| bytes.get_mut(at..at + 8)) {
                place.copy_from_slice(&word.to_ne_bytes());
            }
        }
        let names = ThreadNames::read(&Pieces(pieces), &python, &states);
        let found = states.iter().filter(|state| names.of(state).is_some()).count();
        prop_assert!(found <= known);
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("Python {minor}: {error}"));
}

each_version!(changed_memory_gives_names_or_none);
