//! A running process, by `/proc/PID` and `process_vm_readv(2)`.
//!
//! It must not know what is looked for in it.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::maps::{MAX_MAPS_BYTES, Mapping, MapsError};
use super::memory::{LiveMemory, Memory};
use super::view::{FileIdentity, MappedFile, ProcessView};
use crate::model::Pid;

/// The process that has an id, whichever that is at the time of each look.
#[derive(Clone, Copy, Debug)]
pub struct LiveProcess {
    pid: Pid,
    memory: LiveMemory,
}

impl LiveProcess {
    /// The process with this id.
    pub fn new(pid: Pid) -> LiveProcess {
        LiveProcess { pid, memory: LiveMemory::new(pid) }
    }
}

impl ProcessView for LiveProcess {
    fn pid(&self) -> Pid {
        self.pid
    }

    fn maps_text(&self) -> Result<Vec<u8>, MapsError> {
        let pid = self.pid;
        let mut text = Vec::new();
        File::open(format!("/proc/{pid}/maps"))
            .and_then(|file| file.take(MAX_MAPS_BYTES + 1).read_to_end(&mut text))
            .map_err(|error| match error.raw_os_error() {
                Some(libc::ENOENT | libc::ESRCH) => MapsError::Gone,
                Some(libc::EACCES | libc::EPERM) => MapsError::Denied(pid),
                _ => MapsError::System { pid, error },
            })?;
        if text.len() as u64 > MAX_MAPS_BYTES {
            return Err(MapsError::TooLong(pid));
        }
        Ok(text)
    }

    fn executable_link(&self) -> io::Result<PathBuf> {
        fs::read_link(format!("/proc/{}/exe", self.pid))
    }

    /// By `/proc/PID/map_files`, which leads to the very file even if it was deleted; that link needs
    /// `CAP_CHECKPOINT_RESTORE` or `CAP_SYS_ADMIN`. Without them by its path in the process's root, which is
    /// checked to be the same file still.
    fn open(&self, mapping: &Mapping) -> io::Result<MappedFile<'_>> {
        let link = format!("/proc/{}/map_files/{:x}-{:x}", self.pid, mapping.start, mapping.end);
        if let Ok(file) = open_regular(Path::new(&link)) {
            return Ok(file);
        }
        let mut path = format!("/proc/{}/root", self.pid).into_bytes();
        path.extend_from_slice(mapping.path.as_os_str().as_bytes());
        let file = open_regular(Path::new(OsStr::from_bytes(&path)))?;
        // The device is not compared: on overlayfs and btrfs stat(2) and the maps give different ones.
        if file.identity.inode != mapping.inode {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the file was replaced since it was mapped"));
        }
        Ok(file)
    }

    fn memory(&self) -> &dyn Memory {
        &self.memory
    }
}

/// Opens a regular file, and only that: a path inside a process's root may lead to a device or a FIFO, for which
/// even an open can block or have effects. `O_PATH` looks at it first without opening it.
fn open_regular(path: &Path) -> io::Result<MappedFile<'static>> {
    let handle = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path)?;
    if !handle.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let file = File::open(format!("/proc/self/fd/{}", handle.as_raw_fd()))?;
    let metadata = file.metadata()?;
    let identity = FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    };
    Ok(MappedFile { identity, content: Box::new(file) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_executable_is_mapped_and_opens_as_the_file_that_it_is() {
        let process = LiveProcess::new(Pid(std::process::id()));
        let maps = process.maps().unwrap();
        let mapping = maps.executable(&process.executable_link().unwrap()).expect("mapped");
        let opened = process.open(mapping).unwrap().identity;
        let own = fs::metadata("/proc/self/exe").unwrap();
        assert_eq!((opened.device, opened.inode), (own.dev(), own.ino()));
    }
}
