//! Recordings: what was read of one process while its interpreter was recognised and one of its stacks named, so
//! that the same can be done again where there is no such interpreter.
//!
//! It must not know Python nor ELF: it keeps what was asked for and answers it again. A recording is a JSON file, its
//! schema the fields of [`Recording`]; bytes are written as `encoding.rs` says.

mod encoding;
mod minimise;
mod recorder;
mod replay;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::process::sparse::Sparse;
pub use minimise::minimise;
pub use recorder::Recorder;

/// One recording: a process, and what is known to be true of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// `sys.version` of the interpreter.
    pub interpreter: String,
    /// The interpreter's own word for its version: `3.11.7`.
    pub version: String,
    /// Address of the structure that everything starts from, as detection found it.
    pub runtime: u64,
    /// What detection found for the kernel side: the fields of its layout, by name.
    pub layout: BTreeMap<String, u32>,
    /// `pthread_self()` of the thread whose stack it is.
    pub thread: u64,
    /// That thread's Python frames, leaf first.
    pub stack: Vec<RecordedFrame>,
    /// The process.
    pub process: RecordedProcess,
}

/// A frame: as the kernel side sees it, and as the program itself named it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedFrame {
    /// Address of its code object.
    pub code: u64,
    /// Bytes from the first instruction to the one being run.
    pub instr: i32,
    /// The code object's fingerprint.
    pub fingerprint: u32,
    /// Whether C code called it.
    pub entry: bool,
    /// Qualified name where the version has them, else name.
    pub function: String,
    /// `co_filename`.
    pub file: String,
    /// The line being run.
    pub line: u32,
}

/// What was read of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedProcess {
    /// Its id.
    pub pid: u32,
    /// Where `/proc/PID/exe` led.
    pub executable: String,
    /// The lines of `/proc/PID/maps`.
    pub maps: Vec<String>,
    /// The mapped files that were opened.
    pub files: Vec<RecordedFile>,
    /// The memory that was read, by address.
    #[serde(with = "encoding")]
    pub memory: Sparse,
}

/// What was read of a file. Reading anything else of it fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedFile {
    /// Major and minor number of its device, as in the maps.
    pub device: (u32, u32),
    /// Its inode.
    pub inode: u64,
    /// Its size in bytes.
    pub length: u64,
    /// By offset. [`minimise`] made zeros of what nothing depends on.
    #[serde(with = "encoding")]
    pub bytes: Sparse,
}

/// Why a recording can't be read or made.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It is not a recording.
    #[error("not a recording: {0}")]
    Format(#[from] serde_json::Error),
    /// The process has a path that is no UTF-8.
    #[error("a path of the process is no UTF-8")]
    NotUtf8,
}

impl Recording {
    /// Reads a recording from its JSON.
    pub fn from_json(text: &str) -> Result<Recording, RecordingError> {
        Ok(serde_json::from_str(text)?)
    }

    /// As JSON, the same for the same recording, one line a value.
    pub fn to_json(&self) -> Result<String, RecordingError> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl RecordedProcess {
    /// Replaces a folder in all paths: where an interpreter was installed is nobody's business.
    pub fn relocate(&mut self, from: &str, to: &str) {
        for text in self.maps.iter_mut().chain([&mut self.executable]) {
            *text = text.replace(from, to);
        }
    }
}
