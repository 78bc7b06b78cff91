//! A recorded process, seen again as it was.
//!
//! It must not know who looks at it. What was not recorded is not there: memory faults, a file can't be opened, and
//! what was not read of a file can't be read.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::{RecordedFile, RecordedProcess};
use crate::model::Pid;
use crate::process::maps::{Mapping, MapsError};
use crate::process::memory::{Memory, MemoryError};
use crate::process::sparse::Sparse;
use crate::process::view::{FileIdentity, MappedFile, ProcessView};

impl Memory for RecordedProcess {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError> {
        self.memory.read(address, buffer).map_err(|address| MemoryError::Fault { address })
    }
}

impl ProcessView for RecordedProcess {
    fn pid(&self) -> Pid {
        Pid(self.pid)
    }

    fn maps_text(&self) -> Result<Vec<u8>, MapsError> {
        Ok(self.maps.join("\n").into_bytes())
    }

    fn executable_link(&self) -> io::Result<PathBuf> {
        Ok(PathBuf::from(&self.executable))
    }

    fn open(&self, mapping: &Mapping) -> io::Result<MappedFile<'_>> {
        let is_it = |file: &&RecordedFile| (file.device, file.inode) == (mapping.device, mapping.inode);
        let file = self.files.iter().find(is_it).ok_or_else(|| not_recorded("the file"))?;
        let (major, minor) = file.device;
        let identity = FileIdentity {
            device: u64::from(major) << 32 | u64::from(minor),
            inode: file.inode,
            size: file.length,
            modified: (0, 0),
        };
        let content = SparseReader { bytes: &file.bytes, length: file.length, position: 0 };
        Ok(MappedFile { identity, content: Box::new(content) })
    }

    fn memory(&self) -> &dyn Memory {
        self
    }
}

fn not_recorded(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{what} was not recorded"))
}

/// A file of which only some bytes are there.
struct SparseReader<'bytes> {
    bytes: &'bytes Sparse,
    length: u64,
    position: u64,
}

impl Read for SparseReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.position);
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let known = self.bytes.from(self.position);
        let length = known.len().min(wanted);
        if length == 0 && wanted > 0 {
            return Err(not_recorded(&format!("what is at byte {}", self.position)));
        }
        buffer[..length].copy_from_slice(&known[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for SparseReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
