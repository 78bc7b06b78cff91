//! The memory mappings of a process: the text of `/proc/PID/maps`, parsed.
//!
//! It must not know where the text comes from, nor what the files are. The parser is our own: `procfs` fails on paths
//! that are no UTF-8 and has no bound; a process names its files as it likes.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::model::Pid;

/// Most bytes of `/proc/PID/maps` that are read: more than `vm.max_map_count` mappings take by default.
pub(super) const MAX_MAPS_BYTES: u64 = 32 << 20;

/// Why the mappings of a process could not be read.
#[derive(Debug, thiserror::Error)]
pub enum MapsError {
    /// The process does not exist, or not any more.
    #[error("the process has exited")]
    Gone,
    /// The kernel does not let us see them.
    #[error("reading /proc/{0}/maps is not permitted: CAP_SYS_PTRACE is needed")]
    Denied(Pid),
    /// There is more than is sane.
    #[error("/proc/{0}/maps has more than {MAX_MAPS_BYTES} bytes")]
    TooLong(Pid),
    /// A line that is not as proc(5) says.
    #[error("/proc/{pid}/maps has a line that makes no sense: {line:?}")]
    Malformed {
        /// The process.
        pid: Pid,
        /// The line, lossily decoded.
        line: String,
    },
    /// Any other failure.
    #[error("reading /proc/{pid}/maps failed: {error}")]
    System {
        /// The process.
        pid: Pid,
        /// What the kernel said.
        error: io::Error,
    },
}

/// One mapping, as proc_pid_maps(5) describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// Address behind the last.
    pub end: u64,
    /// Whether it may be executed.
    pub executable: bool,
    /// Bytes into the file at which it starts.
    pub offset: u64,
    /// Major and minor number of the file's device.
    pub device: (u32, u32),
    /// The file's inode, 0 if there is no file.
    pub inode: u64,
    /// The file's path as the kernel has it, or a name in brackets, or empty; without the mark of a deleted file.
    pub path: PathBuf,
    /// Whether the kernel marked the file as deleted.
    pub deleted: bool,
}

impl Mapping {
    /// Whether both map the same file.
    pub fn same_file(&self, other: &Mapping) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// The last component of its path, lossily decoded; empty if there is none.
    pub fn file_name(&self) -> std::borrow::Cow<'_, str> {
        self.path.file_name().unwrap_or_default().to_string_lossy()
    }
}

/// The mappings of one process at one time, by address.
#[derive(Clone, Debug)]
pub struct Maps {
    mappings: Vec<Mapping>,
}

impl Maps {
    /// Parses the text of `/proc/PID/maps`; `pid` is for messages.
    pub fn parse(pid: Pid, text: &[u8]) -> Result<Maps, MapsError> {
        let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let mappings = lines.map(|line| {
            parse_line(line)
                .ok_or_else(|| MapsError::Malformed { pid, line: String::from_utf8_lossy(line).into_owned() })
        });
        Ok(Maps { mappings: mappings.collect::<Result<_, _>>()? })
    }

    /// The mappings, by address.
    pub fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    /// The mapping that this address lies in.
    pub fn find(&self, address: u64) -> Option<&Mapping> {
        let index = self.mappings.partition_point(|mapping| mapping.end <= address);
        self.mappings.get(index).filter(|mapping| mapping.start <= address)
    }

    /// The first mapping of the process's executable, if it is mapped. `link` is where `/proc/PID/exe` leads.
    pub fn executable(&self, link: &Path) -> Option<&Mapping> {
        let (path, deleted) = path_and_mark(link.as_os_str().as_bytes());
        self.mappings.iter().find(|mapping| mapping.path == path && mapping.deleted == deleted)
    }
}

/// `7f1c2a000000-7f1c2a021000 r-xp 00001000 fd:01 1234   /usr/lib/libc.so.6 (deleted)`
fn parse_line(line: &[u8]) -> Option<Mapping> {
    let mut rest = line;
    let mut field = || {
        let end = rest.iter().position(|&byte| byte == b' ').unwrap_or(rest.len());
        let (field, tail) = rest.split_at(end);
        rest = tail.get(1..).unwrap_or_default();
        std::str::from_utf8(field).ok()
    };
    let (start, end) = field()?.split_once('-')?;
    let permissions = field()?;
    let offset = field()?;
    let (major, minor) = field()?.split_once(':')?;
    let inode = field()?;
    let (path, deleted) = path_and_mark(rest.trim_ascii_start());
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        executable: permissions.as_bytes().get(2) == Some(&b'x'),
        offset: u64::from_str_radix(offset, 16).ok()?,
        device: (u32::from_str_radix(major, 16).ok()?, u32::from_str_radix(minor, 16).ok()?),
        inode: inode.parse().ok()?,
        path,
        deleted,
    })
}

/// Takes the mark of a deleted file off a path, and the kernel's escape (of newlines, nothing else). A file that is
/// really called so cannot be told from it; opening the file does not depend on it.
fn path_and_mark(raw: &[u8]) -> (PathBuf, bool) {
    let (path, deleted) = match raw.strip_suffix(b" (deleted)") {
        Some(path) => (path, true),
        None => (raw, false),
    };
    let mut unescaped = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, tail)) = rest.split_first() {
        if let Some(tail) = rest.strip_prefix(b"\\012") {
            unescaped.push(b'\n');
            rest = tail;
        } else {
            unescaped.push(byte);
            rest = tail;
        }
    }
    (PathBuf::from(OsStr::from_bytes(&unescaped)), deleted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Maps, MapsError> {
        Maps::parse(Pid(1), text.as_bytes())
    }

    #[test]
    fn a_line_has_its_range_offset_file_and_path() {
        let text = "7f00-7f10 r-xp 00001000 fd:01 42    /a b/lib\\012x.so (deleted)\n\
                    7f10-8000 rw-p 00000000 00:00 0 \n\
                    8000-9000 rw-p 00000000 00:00 0    [heap]\n";
        let maps = parse(text).unwrap();
        let [file, anonymous, heap] = maps.mappings() else { panic!("{maps:?}") };
        assert_eq!((file.start, file.end, file.offset), (0x7f00, 0x7f10, 0x1000));
        assert_eq!((file.device, file.inode, file.executable), ((0xfd, 1), 42, true));
        assert_eq!((file.path.to_str(), file.deleted), (Some("/a b/lib\nx.so"), true));
        assert_eq!((anonymous.path.to_str(), anonymous.executable), (Some(""), false));
        assert_eq!(heap.path.to_str(), Some("[heap]"));
        assert_eq!(maps.find(0x7f10), Some(anonymous));
        assert_eq!(maps.find(0x9000), None);
    }

    #[test]
    fn a_line_that_makes_no_sense_is_an_error() {
        for text in
            ["x", "1-2", "1-2 r-xp 0 fd:01 x", "1-2 r-xp 0 fd 1", "12 r-xp 0 0:0 1", "-1-2 rwxp 0 0:0 0"]
        {
            assert!(matches!(parse(text), Err(MapsError::Malformed { .. })), "{text}");
        }
    }
}
