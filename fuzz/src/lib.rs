//! What the fuzz targets share: recorded processes to start from, a bound on memory, and how bytes become sparse ones.
//!
//! A target uses what the agent's other modules may use, nothing that is private: all that it feeds bytes to takes bytes.

mod bounded;
mod chunks;
mod seeds;
#[path = "../../profiler-user/tests/integration/recordings/tamper.rs"]
pub mod tamper;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use firetower::python::Interpreter;
use firetower::python::detect::{Outcome, Recogniser};
use firetower::recording::Recording;
use firetower_ebpf::abi::RawFrame;

pub use bounded::within;
pub use chunks::{chunks, to_chunks};
pub use seeds::write_seeds;

/// A recorded process, and what detection says of it.
pub struct Recorded {
    pub name: String,
    pub recording: Recording,
    pub interpreter: Interpreter,
    /// The recorded stack.
    pub stack: Vec<RawFrame>,
}

/// Every recording, in the order of the names: a target's input names one by its index.
pub fn recordings() -> &'static [Recorded] {
    static RECORDINGS: LazyLock<Vec<Recorded>> = LazyLock::new(read);
    &RECORDINGS
}

fn read() -> Vec<Recorded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiler-user/tests/recordings");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("tests/recordings")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let recorded = |path: &std::path::PathBuf| {
        let recording =
            Recording::from_json(&fs::read_to_string(path).expect("a text")).expect("a recording");
        let Outcome::Python(interpreter) = Recogniser::default().examine(&recording.process) else {
            panic!("{} is not recognised", path.display());
        };
        let raw = recording
            .stack
            .iter()
            .map(|frame| RawFrame::new(frame.code, frame.instr, frame.fingerprint, frame.entry));
        let stack = raw.collect();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        Recorded { name, recording, interpreter: *interpreter, stack }
    };
    files.iter().map(recorded).collect()
}

/// The first byte of an input as an index into `all`, and the rest of the input.
pub fn choose<'all, 'input, T>(all: &'all [T], input: &'input [u8]) -> Option<(&'all T, &'input [u8])> {
    let (first, rest) = input.split_first()?;
    Some((&all[usize::from(*first).checked_rem(all.len())?], rest))
}
