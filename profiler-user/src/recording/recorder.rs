//! A process that is recorded: it shows what another view shows, and notes it.
//!
//! It must not know what is asked for. What fails is not noted: it fails again when the recording is replayed.

use std::cell::RefCell;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::{RecordedFile, RecordedProcess, RecordingError};
use crate::model::Pid;
use crate::process::maps::{Mapping, MapsError};
use crate::process::memory::{Memory, MemoryError};
use crate::process::view::{Content, MappedFile, ProcessView};

/// Passes everything through, and notes it.
pub struct Recorder<'process> {
    process: &'process dyn ProcessView,
    noted: RefCell<RecordedProcess>,
    /// Apart from what has to be UTF-8 in the end.
    maps: RefCell<Vec<u8>>,
    executable: RefCell<PathBuf>,
}

impl<'process> Recorder<'process> {
    /// Starts a recording of a process.
    pub fn new(process: &'process dyn ProcessView) -> Recorder<'process> {
        let noted = RecordedProcess { pid: process.pid().0, ..RecordedProcess::default() };
        Recorder {
            process,
            noted: RefCell::new(noted),
            maps: RefCell::default(),
            executable: RefCell::default(),
        }
    }

    /// What was noted.
    pub fn finish(self) -> Result<RecordedProcess, RecordingError> {
        let maps = String::from_utf8(self.maps.into_inner()).map_err(|_| RecordingError::NotUtf8)?;
        let executable = self.executable.into_inner().into_os_string();
        let mut noted = self.noted.into_inner();
        noted.maps = maps.lines().map(str::to_owned).collect();
        noted.executable = executable.into_string().map_err(|_| RecordingError::NotUtf8)?;
        Ok(noted)
    }
}

impl Memory for Recorder<'_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError> {
        self.process.memory().read(address, buffer)?;
        self.noted.borrow_mut().memory.insert(address, buffer);
        Ok(())
    }
}

impl ProcessView for Recorder<'_> {
    fn pid(&self) -> Pid {
        self.process.pid()
    }

    fn maps_text(&self) -> Result<Vec<u8>, MapsError> {
        let text = self.process.maps_text()?;
        self.maps.replace(text.clone());
        Ok(text)
    }

    fn executable_link(&self) -> io::Result<PathBuf> {
        let link = self.process.executable_link()?;
        self.executable.replace(link.clone());
        Ok(link)
    }

    fn open(&self, mapping: &Mapping) -> io::Result<MappedFile<'_>> {
        let MappedFile { identity, content } = self.process.open(mapping)?;
        let files = &mut self.noted.borrow_mut().files;
        let (device, inode) = (mapping.device, mapping.inode);
        let known = files.iter().position(|file| (file.device, file.inode) == (device, inode));
        let index = known.unwrap_or_else(|| {
            files.push(RecordedFile { device, inode, length: identity.size, ..RecordedFile::default() });
            files.len() - 1
        });
        let content = Noting { content, position: 0, noted: &self.noted, index };
        Ok(MappedFile { identity, content: Box::new(content) })
    }

    fn memory(&self) -> &dyn Memory {
        self
    }
}

/// A file whose reads are noted.
struct Noting<'recorder> {
    content: Box<dyn Content + 'recorder>,
    position: u64,
    noted: &'recorder RefCell<RecordedProcess>,
    /// Of the file in what is noted.
    index: usize,
}

impl Read for Noting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.content.read(buffer)?;
        self.noted.borrow_mut().files[self.index].bytes.insert(self.position, &buffer[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for Noting<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.content.seek(to)?;
        Ok(self.position)
    }
}
