//! Tampering with a recorded process, and what holds whatever was done to it. The fuzz targets use this file too: it
//! must not know the test harness.

use std::cell::Cell;
use std::io;
use std::path::PathBuf;

use firetower::capture::StackDefinition;
use firetower::model::{FrameKind, Pid, Reason};
use firetower::native::kallsyms::Kallsyms;
use firetower::process::maps::{Mapping, MapsError};
use firetower::process::memory::{Memory, MemoryError};
use firetower::process::sparse::Sparse;
use firetower::process::view::{MappedFile, ProcessView};
use firetower::python::detect::{Outcome, Recogniser};
use firetower::python::{Interpreter, frames, versions};
use firetower::recording::RecordedProcess;
use firetower::symbolize::Symbolizer;
use firetower_ebpf::abi::RawFrame;

/// Bytes of a script that make one edit: what, where (24 bits) and a value.
const EDIT: usize = 12;

/// Reads of one process, all lists and chains of it: what was recorded has no room for more of them.
const MOST_READS: u64 = 100_000;

/// Edits a process as a script of any bytes says, one edit per [`EDIT`] of them.
pub fn tamper(process: &mut RecordedProcess, script: &[u8]) {
    for edit in script.as_chunks::<EDIT>().0 {
        let place = u32::from_le_bytes([edit[1], edit[2], edit[3], 0]) as usize;
        let value: [u8; 8] = std::array::from_fn(|index| edit[4 + index]);
        let number = u64::from_le_bytes(value);
        match edit[0] % 10 {
            kind @ 0..=3 => change(&mut process.memory, kind, place, value),
            kind @ 4..=6 => {
                let files = process.files.len().max(1);
                if let Some(file) = process.files.get_mut(place % files) {
                    change(&mut file.bytes, kind - 4, place / files, value);
                }
            }
            7 => {
                let files = process.files.len().max(1);
                if let Some(file) = process.files.get_mut(place % files) {
                    file.length = number;
                }
            }
            8 => change_maps(&mut process.maps, place, value),
            _ => {
                let name = process.maps.get(place % process.maps.len().max(1));
                let path = name.and_then(|line| line.split_whitespace().nth(5));
                process.executable = path.unwrap_or_default().to_owned();
            }
        }
    }
}

/// 0: eight bytes become `value`. 1: one byte is flipped. 2: bytes are forgotten. 3: eight bytes become the place of
/// some other known byte, so that pointers go anywhere, also in circles.
fn change(bytes: &mut Sparse, kind: u8, place: usize, value: [u8; 8]) {
    let Some(at) = nth(bytes, place) else { return };
    let number = u64::from_le_bytes(value);
    match kind {
        0 => bytes.insert(at, &value),
        1 => {
            let flipped = bytes.from(at)[0] ^ value[0].max(1);
            bytes.insert(at, &[flipped]);
        }
        2 => bytes.remove(at, number % 4096 + 1),
        _ => {
            if let Some(to) = nth(bytes, number as usize) {
                bytes.insert(at & !7, &(to & !7).to_ne_bytes());
            }
        }
    }
}

/// The place of a known byte, counted from the first and around.
fn nth(bytes: &Sparse, index: usize) -> Option<u64> {
    let total: usize = bytes.ranges().map(|(_, bytes)| bytes.len()).sum();
    let mut left = index.checked_rem(total)?;
    for (place, bytes) in bytes.ranges() {
        if left < bytes.len() {
            return Some(place + left as u64);
        }
        left -= bytes.len();
    }
    None
}

/// A line is lost, told twice, or loses or changes a character.
fn change_maps(maps: &mut Vec<String>, place: usize, value: [u8; 8]) {
    let count = maps.len();
    let Some(index) = place.checked_rem(count) else { return };
    match value[0] % 4 {
        0 => drop(maps.remove(index)),
        1 if count < 1000 => maps.insert(usize::from(value[1]) % count, maps[index].clone()),
        _ => {
            let mut line: Vec<char> = maps[index].chars().collect();
            if let Some(at) = usize::from(value[1]).checked_rem(line.len()) {
                line[at] = char::from(value[2]);
            }
            maps[index] = line.into_iter().collect();
        }
    }
}

/// Looks at a process as the agent does, and holds what must hold of any: an outcome with its reason, a frame or a
/// reason for every frame, and little read for it. Panics if it does not hold.
pub fn hold(recogniser: &mut Recogniser, process: &dyn ProcessView, stack: &[RawFrame]) {
    let mut counted = Counted { process, reads: Cell::new(0), bytes: Cell::new(0) };
    let interpreter = match recogniser.examine(&counted) {
        Outcome::Python(interpreter) => interpreter,
        Outcome::Broken { reason, detail } => {
            let named = [Reason::UnsupportedPython, Reason::InterpreterUnreadable, Reason::ProcessExited];
            assert!(named.contains(&reason) && !detail.is_empty(), "{reason:?} {detail}");
            return;
        }
        Outcome::NotPython | Outcome::NotYet => return,
    };
    counted.expect_at_most(8, 1 << 16);
    walk(&counted, &interpreter);
    counted.expect_at_most(MOST_READS, MOST_READS << 8);
    (counted.reads, counted.bytes) = Default::default();

    let definition = StackDefinition { python: stack.to_vec(), ..StackDefinition::default() };
    let mut symbolizer = Symbolizer::new(Kallsyms::default());
    let symbolized = symbolizer.symbolize(process.pid(), &counted, &interpreter, &definition);
    assert!(symbolized.frames.len() <= stack.len());
    let unknown = symbolized.frames.iter().any(|frame| frame.kind != FrameKind::Python);
    assert_eq!(unknown, symbolized.reason.is_some());
    // A line table of 1 MiB, two texts of 4096 characters, and headers.
    let frames = stack.len() as u64;
    counted.expect_at_most(4 + 20 * frames, (1 << 16) + frames * ((1 << 20) + (1 << 16)));
}

/// Lists the threads and walks their frames: to a stack or a reason.
fn walk(process: &Counted<'_>, interpreter: &Interpreter) {
    let facts = versions::thread_facts(interpreter.version).expect("it is supported");
    let Ok(offsets) = facts.resolve(process, interpreter) else { return };
    let Ok(threads) = offsets.list(process, &interpreter.layout, interpreter.runtime) else { return };
    for thread in threads {
        match frames::walk(process, &interpreter.layout, &interpreter.objects, thread.address) {
            Ok(stack) => assert!(!stack.frames.is_empty() && stack.frames.len() <= frames::MOST_FRAMES),
            Err(reason) => assert!(!reason.label().is_empty()),
        }
    }
}

/// Counts the memory that is read of a process.
struct Counted<'process> {
    process: &'process dyn ProcessView,
    reads: Cell<u64>,
    bytes: Cell<u64>,
}

impl Counted<'_> {
    fn expect_at_most(&self, reads: u64, bytes: u64) {
        let (read, sum) = (self.reads.get(), self.bytes.get());
        assert!(read <= reads && sum <= bytes, "{read} reads of {sum} bytes, more than {reads} of {bytes}");
    }
}

impl Memory for Counted<'_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError> {
        self.reads.set(self.reads.get() + 1);
        self.bytes.set(self.bytes.get() + buffer.len() as u64);
        self.process.memory().read(address, buffer)
    }
}

impl ProcessView for Counted<'_> {
    fn pid(&self) -> Pid {
        self.process.pid()
    }

    fn maps_text(&self) -> Result<Vec<u8>, MapsError> {
        self.process.maps_text()
    }

    fn executable_link(&self) -> io::Result<PathBuf> {
        self.process.executable_link()
    }

    fn open(&self, mapping: &Mapping) -> io::Result<MappedFile<'_>> {
        self.process.open(mapping)
    }

    fn memory(&self) -> &dyn Memory {
        self
    }
}
