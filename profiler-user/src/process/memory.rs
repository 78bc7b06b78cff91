//! Reading the memory of another process, live or recorded.
//!
//! It must not know what lies there. The readers above it take a [`Memory`], so that the same code runs against a
//! live process and against bytes recorded from one.

use std::io::IoSliceMut;

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd;

use super::sparse::Sparse;
use crate::model::{Pid, Reason};

/// Why bytes of a process could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// The process has exited (`ESRCH`).
    #[error("the process has exited")]
    Gone,
    /// The kernel does not let us read this process (`EPERM`).
    #[error("reading the process's memory is not permitted: CAP_SYS_PTRACE is needed")]
    Denied,
    /// Not all bytes from this address on are mapped and readable.
    #[error("no readable memory at {address:#x}")]
    Fault {
        /// The first byte that could not be read, as far as the kernel tells.
        address: u64,
    },
    /// More bytes were to be read than the caller's limit. Nothing was read.
    #[error("{length} bytes are more than the limit of {limit}")]
    TooLong {
        /// Bytes asked for.
        length: u64,
        /// Most bytes that were allowed.
        limit: u64,
    },
    /// Any other failure of the system call.
    #[error("process_vm_readv failed: {0}")]
    System(Errno),
}

impl MemoryError {
    /// Why there is no stack, if it was to be read there.
    pub fn reason(self) -> Reason {
        match self {
            MemoryError::Gone => Reason::ProcessExited,
            _ => Reason::MemoryFault,
        }
    }
}

/// The memory of one process.
pub trait Memory {
    /// Fills `buffer` with the bytes from `address` on: all of it or an error, in which case `buffer`'s content is
    /// not specified.
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError>;

    /// The native-endian `u64` at `address`.
    fn read_u64(&self, address: u64) -> Result<u64, MemoryError> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    /// The native-endian `u32` at `address`.
    fn read_u32(&self, address: u64) -> Result<u32, MemoryError> {
        let mut bytes = [0; 4];
        self.read(address, &mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    /// `length` bytes from `address` on; [`MemoryError::TooLong`], before anything is allocated, if they are more
    /// than `limit`.
    fn read_bytes(&self, address: u64, length: u64, limit: u64) -> Result<Vec<u8>, MemoryError> {
        if length > limit {
            return Err(MemoryError::TooLong { length, limit });
        }
        let mut bytes = vec![0; length as usize];
        self.read(address, &mut bytes)?;
        Ok(bytes)
    }
}

/// The memory of a running process, by `process_vm_readv(2)`.
///
/// Rejected: `/proc/PID/mem` costs a file descriptor per process; ptrace stops the target.
#[derive(Clone, Copy, Debug)]
pub struct LiveMemory {
    pid: Pid,
}

impl LiveMemory {
    /// The memory of the process with this id, whichever process has it at the time of each read.
    pub fn new(pid: Pid) -> LiveMemory {
        LiveMemory { pid }
    }
}

impl Memory for LiveMemory {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError> {
        let length = buffer.len();
        if length == 0 {
            return Ok(());
        }
        let remote = [RemoteIoVec { base: address as usize, len: length }];
        let pid = unistd::Pid::from_raw(self.pid.0 as i32);
        match process_vm_readv(pid, &mut [IoSliceMut::new(buffer)], &remote) {
            Ok(read) if read == length => Ok(()),
            // A short read ends where the mapping does.
            Ok(read) => Err(MemoryError::Fault { address: address.saturating_add(read as u64) }),
            Err(Errno::EFAULT) => Err(MemoryError::Fault { address }),
            Err(Errno::ESRCH) => Err(MemoryError::Gone),
            Err(Errno::EPERM) => Err(MemoryError::Denied),
            Err(errno) => Err(MemoryError::System(errno)),
        }
    }
}

/// Memory recorded from a process: ranges of bytes; everything between them faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedMemory {
    bytes: Sparse,
}

impl RecordedMemory {
    /// Adds the bytes from `address` on; where some were recorded before, these take their place.
    pub fn record(&mut self, address: u64, bytes: impl AsRef<[u8]>) {
        self.bytes.insert(address, bytes.as_ref());
    }
}

impl From<Sparse> for RecordedMemory {
    fn from(bytes: Sparse) -> RecordedMemory {
        RecordedMemory { bytes }
    }
}

impl Memory for RecordedMemory {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError> {
        self.bytes.read(address, buffer).map_err(|address| MemoryError::Fault { address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_ranges_that_touch_read_as_one() {
        let mut memory = RecordedMemory::default();
        memory.record(0x1000, [1, 0, 0, 0]);
        memory.record(0x1004, [2, 0, 0, 0]);
        assert_eq!(memory.read_u64(0x1000), Ok(0x2_0000_0001));
        assert_eq!(memory.read_u64(0x1004), Err(MemoryError::Fault { address: 0x1008 }));
        assert_eq!(memory.read_u32(0xfff), Err(MemoryError::Fault { address: 0xfff }));
        assert_eq!(memory.read_u32(u64::MAX), Err(MemoryError::Fault { address: u64::MAX }));
    }

    #[test]
    fn live_memory_reads_what_is_mapped_and_says_where_it_ends() {
        let own = LiveMemory::new(Pid(std::process::id()));
        let value = 0x0123_4567_89ab_cdef_u64;
        assert_eq!(own.read_u64(&raw const value as u64), Ok(value));
        assert_eq!(own.read_u64(16), Err(MemoryError::Fault { address: 16 }));
        assert_eq!(own.read_u64(u64::MAX), Err(MemoryError::Fault { address: u64::MAX }));
        assert_eq!(own.read_bytes(16, 9, 8), Err(MemoryError::TooLong { length: 9, limit: 8 }));
        assert_eq!(own.read_bytes(16, 0, 8), Ok(Vec::new()));
    }
}
