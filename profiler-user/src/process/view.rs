//! One process as it can be seen from outside: what is mapped, the files behind that, and memory.
//!
//! It must not know what the bytes mean. Who looks at a process takes a [`ProcessView`], so that the same code runs
//! against a live process and against what was recorded of one.

use std::io::{self, Read, Seek};
use std::path::PathBuf;

use super::maps::{Mapping, Maps, MapsError};
use super::memory::Memory;
use crate::model::Pid;

/// A process, looked at from outside.
pub trait ProcessView {
    /// Its id, for messages.
    fn pid(&self) -> Pid;

    /// The text of `/proc/PID/maps`; empty for a kernel thread and a process that is just exiting.
    fn maps_text(&self) -> Result<Vec<u8>, MapsError>;

    /// Where `/proc/PID/exe` leads, with the kernel's mark if that file was deleted. Errors: what the kernel said.
    fn executable_link(&self) -> io::Result<PathBuf>;

    /// Opens the file behind a mapping, as the process mapped it. Errors: what the kernel said, or that the file was
    /// replaced.
    fn open(&self, mapping: &Mapping) -> io::Result<MappedFile<'_>>;

    /// Its memory.
    fn memory(&self) -> &dyn Memory;

    /// Its mappings at this moment.
    fn maps(&self) -> Result<Maps, MapsError> {
        Maps::parse(self.pid(), &self.maps_text()?)
    }
}

/// A file that a process has mapped.
pub struct MappedFile<'view> {
    /// Which file it is, and in which state.
    pub identity: FileIdentity,
    /// What is in it.
    pub content: Box<dyn Content + 'view>,
}

/// The content of a file.
pub trait Content: Read + Seek {}

impl<T: Read + Seek> Content for T {}

/// Identity of a file's content: two files that have the same hold the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// The device's number, as stat(2) has it.
    pub device: u64,
    /// The inode.
    pub inode: u64,
    /// Bytes in the file.
    pub size: u64,
    /// When it was modified: seconds since 1970, and nanoseconds.
    pub modified: (i64, i64),
}
