//! Python interpreters: which process runs which, where its structures lie, and what a code object says.
//!
//! It must not know how samples are taken, nor what becomes of the names it gives. Three lifetimes: a file is
//! recognised once (`file`), a process is attached to ([`detect`]), a code object is read per frame ([`code`]).
//! What differs between versions is data, in [`versions`] and nowhere else.

use std::fmt;
use std::path::PathBuf;

use firetower_ebpf::abi::PyLayout;
use firetower_ebpf::reason::Reason;

use crate::process::memory::MemoryError;

pub mod code;
mod debug_offsets;
pub mod detect;
pub mod dicts;
mod embedded;
mod file;
pub mod frames;
pub mod instances;
mod interp_head;
pub mod ints;
pub mod line_table;
pub mod objects;
pub mod program;
pub mod source;
pub mod thread_names;
pub mod threads;
pub mod versions;

/// The interpreter of one process.
#[derive(Clone, Debug)]
pub struct Interpreter {
    /// Its version.
    pub version: versions::PythonVersion,
    /// The file that holds it, as the process's mappings name it: `libpython3.11.so.1.0` or an executable.
    pub file: PathBuf,
    /// Address in the process of `_PyRuntime`, or of `interp_head` where there is no runtime structure.
    pub runtime: u64,
    /// Address in the process of the pointer to the thread state that holds the GIL, where all interpreters share one
    /// GIL; 0 where they don't, or where it is not known.
    pub current_tstate: u64,
    /// Offset of `PyInterpreterState.id`, an `int64_t` that is 0 for the main interpreter. `None`: interpreters have no
    /// numbers (to 3.6).
    pub interp_id: Option<u32>,
    /// Facts for the kernel side; they have passed [`PyLayout::validate`].
    pub layout: PyLayout,
    /// Facts for reading code objects.
    pub objects: objects::Objects,
}

/// Why an interpreter can't be used, with the words for who has to do something about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Obstacle {
    reason: Reason,
    detail: String,
}

impl Obstacle {
    fn unsupported(detail: impl fmt::Display) -> Obstacle {
        Obstacle { reason: Reason::UnsupportedPython, detail: detail.to_string() }
    }

    fn unreadable(detail: impl fmt::Display) -> Obstacle {
        Obstacle { reason: Reason::InterpreterUnreadable, detail: detail.to_string() }
    }

    fn exited() -> Obstacle {
        Obstacle { reason: Reason::ProcessExited, detail: "the process has exited".to_owned() }
    }

    /// `what` could not be read from the process.
    fn memory(what: &str, error: MemoryError) -> Obstacle {
        match error {
            MemoryError::Gone => Obstacle::exited(),
            error => Obstacle::unreadable(format_args!("{what}: {error}")),
        }
    }
}
