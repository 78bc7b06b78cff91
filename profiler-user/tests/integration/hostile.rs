//! Bytes that no well-behaved process or file has: readers give an error or an answer, and never panic.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::process::Command;

use firetower::native::elf::{Elf, ElfFile, SymbolTable};
use firetower::process::memory::{LiveMemory, Memory, MemoryError, RecordedMemory};
use firetower::python::Interpreter;
use firetower::python::code::{Code, CodeError};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::pythons::{python, supported};
use crate::target::{Target, fingerprint};

/// The memory of a process that remembers what was read from it.
struct Recorder {
    process: LiveMemory,
    read: RefCell<BTreeMap<u64, u8>>,
}

impl Recorder {
    /// What was read, in ranges that do not touch.
    fn ranges(self) -> BTreeMap<u64, Vec<u8>> {
        let mut ranges: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        for (address, byte) in self.read.into_inner() {
            match ranges.last_entry() {
                Some(mut last) if last.key() + last.get().len() as u64 == address => {
                    last.get_mut().push(byte)
                }
                _ => drop(ranges.insert(address, vec![byte])),
            }
        }
        ranges
    }
}

impl Memory for Recorder {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError> {
        self.process.read(address, buffer)?;
        self.read.borrow_mut().extend((address..).zip(buffer.iter().copied()));
        Ok(())
    }
}

/// The memory of a process in which the bytes at one address are others from the second read on.
struct Replaced {
    process: LiveMemory,
    address: u64,
    reads: Cell<u32>,
}

impl Memory for Replaced {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError> {
        self.process.read(address, buffer)?;
        if address == self.address {
            self.reads.set(self.reads.get() + 1);
            if self.reads.get() > 1 {
                buffer[buffer.len() - 1] ^= 1;
            }
        }
        Ok(())
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn a_code_object_that_is_replaced_while_it_is_read_is_replaced() {
    for minor in supported() {
        let target = Target::start(&mut Command::new(python(&minor)));
        let (process, Interpreter { objects, .. }) = (target.memory(), target.interpreter());
        for code in &target.codes {
            let fingerprint = fingerprint(&process, &objects, code.address);
            let memory = Replaced { process, address: code.address, reads: Cell::new(0) };
            let read = Code::read(&memory, &objects, code.address, fingerprint);
            assert_eq!(read, Err(CodeError::Replaced), "Python {minor}");
            assert_eq!(memory.reads.get(), 2, "Python {minor}: before and after, not more");
        }
    }
}

#[test]
fn a_recorded_code_object_with_any_bytes_changed_is_read_or_refused() {
    for minor in supported() {
        let target = Target::start(&mut Command::new(python(&minor)));
        let (process, Interpreter { objects, .. }) = (target.memory(), target.interpreter());
        // The names that are ASCII and the ones that are not; without the very long ones.
        let codes = [&target.codes[0], &target.codes[3], target.codes.last().expect("some")];
        for code in codes {
            let memory = Recorder { process, read: RefCell::default() };
            let expected =
                Code::read(&memory, &objects, code.address, fingerprint(&process, &objects, code.address));
            let recorded = memory.ranges();
            let total: usize = recorded.values().map(Vec::len).sum();
            let changes = proptest::collection::vec((0..total, any::<u8>()), 0..4);
            let replay = |changes: &[(usize, u8)]| {
                let memory = changed(&recorded, changes);
                let fingerprint = Code::fingerprint(&memory, &objects, code.address);
                fingerprint
                    .map_err(|_| CodeError::Replaced)
                    .and_then(|fingerprint| Code::read(&memory, &objects, code.address, fingerprint))
            };
            assert_eq!(replay(&[]), expected, "Python {minor}: a recording reads as the process did");
            let checked = TestRunner::new(config(2000)).run(&changes, |changes| {
                if let Ok(code) = replay(&changes) {
                    prop_assert!(code.name.chars().count() <= 4097 && code.file.chars().count() <= 4097);
                    code.line_at(i32::MAX);
                    code.line_at(i32::MIN);
                }
                Ok(())
            });
            checked.unwrap_or_else(|error| panic!("Python {minor}: {error}"));
        }
    }
}

/// Recorded memory in which some bytes, counted over all ranges, are others.
fn changed(recorded: &BTreeMap<u64, Vec<u8>>, changes: &[(usize, u8)]) -> RecordedMemory {
    let mut memory = RecordedMemory::default();
    let mut before = 0;
    for (&address, bytes) in recorded {
        let mut bytes = bytes.clone();
        for &(index, value) in changes {
            if let Some(byte) = index.checked_sub(before).and_then(|index| bytes.get_mut(index)) {
                *byte = value;
            }
        }
        before += bytes.len();
        memory.record(address, bytes);
    }
    memory
}

#[test]
fn an_elf_file_with_any_bytes_changed_or_cut_off_is_read_or_refused() {
    let whole = fs::read(python("3.11")).unwrap();
    // Mostly the headers, which decide where everything else is looked for.
    let index = prop_oneof![0..64_usize, 64..1024_usize, 0..whole.len()];
    let changes = proptest::collection::vec((index, any::<u8>()), 1..6);
    let checked =
        TestRunner::new(config(3000)).run(&(changes, any::<prop::sample::Index>()), |(changes, cut)| {
            let mut bytes = whole.clone();
            for (index, value) in changes {
                bytes[index] = value;
            }
            if cut.index(4) == 0 {
                bytes.truncate(cut.index(whole.len()));
            }
            let file = ElfFile::new(Cursor::new(bytes));
            if let Ok(elf) = Elf::parse(&file) {
                for table in [SymbolTable::Dynamic, SymbolTable::Full] {
                    let _ = elf.symbols(table, ["_IO_stdin_used", "main"]);
                }
                let _ = elf.dynamic_names();
                for segment in elf.segments() {
                    elf.u64_at(segment.address);
                    elf.u64_at(segment.address.wrapping_add(segment.file_size).wrapping_sub(4));
                }
            }
            Ok(())
        });
    checked.unwrap_or_else(|error| panic!("{error}"));
}
