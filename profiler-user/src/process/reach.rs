//! Opens a file by the name that a process has for it, if that process itself could read it.
//!
//! The name is the process's own word and the agent may read everything, so nothing is opened by a path: each part of it
//! is opened in the folder before, from the process's root on, and looked at. `..` and links are followed here, so that
//! they never lead out of that root, and never into a file system that shows the reader its own or the kernel's state. A
//! link of another user is followed only to that user's files: in a folder where everybody may write it could be anybody's.
//! What is there may change meanwhile: what was looked at is what is read. It must not know what is in the file.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::sys::statfs::fstatfs;

use super::rights::{Access, Rights};
use crate::model::Pid;

/// Most bytes of a file.
pub const MAX_BYTES: u64 = 2 << 20;
/// Most links, as the kernel has it.
const MAX_LINKS: usize = 40;
/// Most parts of a name, with those of links.
const MAX_PARTS: usize = 512;
/// Opens the thing itself, a link too, without reading it: no device or pipe notices.
const LOOK: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);
/// File systems without files: what they show is the kernel's state, and of that what the reader may see, not the process.
/// Of include/uapi/linux/magic.h.
const NO_FILES: [u32; 16] = [
    0x9fa0,
    0x6265_6572,
    0x27_e0eb,
    0x6367_7270,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0xcafe_4a11,
    0x6165_676c,
    0x6265_6570,
    0xde5e_81e4,
    0xf97c_ff8c,
    0x4341_5d53,
    0x6e73_6673,
    0x1cd1,
    0x6573_5543,
];

/// A file's content.
#[derive(Debug, PartialEq, Eq)]
pub struct Content {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Seconds since 1970 at which it was modified.
    pub modified: i64,
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// It is something else.
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    /// It is too large.
    #[error("it has {0} bytes")]
    TooLarge(u64),
    /// The process could not read it, by the bits of this part of the name.
    #[error("{}", denied(.part, *.everybody))]
    Denied {
        /// The part.
        part: PathBuf,
        /// The process could, but not every user of this machine.
        everybody: bool,
    },
    /// A link that others could have made.
    #[error("it is reached by a link of user {0}, who does not own it")]
    ForeignLink(u32),
    /// It is in `/proc` or the like.
    #[error("it is in a file system of the kernel's, which has no source files")]
    Kernels,
    /// Too many links or parts.
    #[error("its name has too many links or parts")]
    Endless,
    /// A relative name, and it is not known to what.
    #[error("its name is relative, and the process's working folder is not in its root, or is gone")]
    Homeless,
    /// The process's ids differ.
    #[error("the process has the rights of several users")]
    Mixed,
    /// The kernel says no to the agent.
    #[error("{0}")]
    Io(#[from] io::Error),
}

fn denied(part: &Path, everybody: bool) -> String {
    let who = if everybody { "not every user of this machine may" } else { "the process itself may not" };
    format!("{who} get at {}", part.display())
}

impl From<Errno> for Refused {
    fn from(error: Errno) -> Refused {
        match error {
            Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG => Refused::Missing,
            error => Refused::Io(error.into()),
        }
    }
}

/// A process's view of files.
#[derive(Debug)]
pub struct Reach {
    folder: OwnedFd,
    /// Whose rights it has.
    pub rights: Rights,
}

impl Reach {
    /// Of a process as it is now: should its id become another's, reading fails.
    ///
    /// # Errors
    /// If there is no such process, or the agent may not look at it.
    pub fn of(pid: Pid) -> io::Result<Reach> {
        let folder = open(format!("/proc/{pid}").as_str(), LOOK | OFlag::O_DIRECTORY, Mode::empty())?;
        let rights = Rights::read(&folder)?;
        Ok(Reach { folder, rights })
    }

    /// Whether it still is that process, with the same rights.
    pub fn is_unchanged(&self) -> bool {
        Rights::read(&self.folder).is_ok_and(|rights| rights == self.rights)
    }

    /// Reads the file that the process means by a name. With `everybody` only what every user of this machine may read.
    ///
    /// # Errors
    /// As [`Refused`] says.
    pub fn read(&self, name: &Path, everybody: bool) -> Result<Content, Refused> {
        if self.rights.mixed {
            return Err(Refused::Mixed);
        }
        let follow = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = openat(&self.folder, "root", follow, Mode::empty())?;
        let mut walk = Walk {
            rights: &self.rights,
            everybody,
            folders: vec![root],
            links: Vec::new(),
            parts: 0,
            followed: 0,
        };
        if name.is_relative() {
            walk.enter(&self.working_folder()?)?;
            let here = fstat(openat(&self.folder, "cwd", follow, Mode::empty())?)?;
            let there = fstat(walk.here())?;
            if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino) {
                return Err(Refused::Homeless);
            }
        }
        let (file, stat) = walk.go(name)?.ok_or(Refused::NotAFile("a folder"))?;
        walk.read(name, &file, &stat)
    }

    /// The working folder's name in the process's root.
    fn working_folder(&self) -> Result<PathBuf, Refused> {
        let root = PathBuf::from(readlinkat(&self.folder, "root")?);
        let folder = PathBuf::from(readlinkat(&self.folder, "cwd")?);
        folder.strip_prefix(root).map(Path::to_owned).map_err(|_| Refused::Homeless)
    }
}

/// A name on its way.
struct Walk<'a> {
    rights: &'a Rights,
    everybody: bool,
    /// From the root to where it is.
    folders: Vec<OwnedFd>,
    /// Owners of links that were followed, but for root and the process's own user.
    links: Vec<u32>,
    parts: usize,
    followed: usize,
}

impl Walk<'_> {
    fn here(&self) -> &OwnedFd {
        self.folders.last().expect("the root stays")
    }

    fn enter(&mut self, folder: &Path) -> Result<(), Refused> {
        match self.go(folder) {
            Ok(None) => Ok(()),
            Ok(Some(_)) | Err(Refused::Missing) => Err(Refused::Homeless),
            Err(refused) => Err(refused),
        }
    }

    /// Goes along a name; what it ends at, if that is no folder.
    fn go(&mut self, name: &Path) -> Result<Option<(OwnedFd, FileStat)>, Refused> {
        let mut ahead: Vec<OsString> = Vec::new();
        self.put(name, &mut ahead)?;
        while let Some(part) = ahead.pop() {
            if part == ".." {
                // The root is its own parent.
                self.folders.truncate(self.folders.len().saturating_sub(1).max(1));
                continue;
            }
            self.allow(Access::Search, self.here(), &fstat(self.here())?, &part)?;
            let found = openat(self.here(), part.as_os_str(), LOOK, Mode::empty())?;
            let stat = fstat(&found)?;
            match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
                SFlag::S_IFDIR => {
                    check_has_files(&found)?;
                    self.folders.push(found);
                }
                SFlag::S_IFLNK => {
                    self.followed += 1;
                    if self.followed > MAX_LINKS {
                        return Err(Refused::Endless);
                    }
                    if stat.st_uid != 0 && stat.st_uid != self.rights.uid {
                        self.links.push(stat.st_uid);
                    }
                    let target = readlinkat(&found, "")?;
                    self.put(Path::new(&target), &mut ahead)?;
                }
                _ if ahead.is_empty() => return Ok(Some((found, stat))),
                _ => return Err(Refused::Missing),
            }
        }
        Ok(None)
    }

    /// Puts the parts of a name before those that are ahead, which are in reverse.
    fn put(&mut self, name: &Path, ahead: &mut Vec<OsString>) -> Result<(), Refused> {
        if name.is_absolute() {
            self.folders.truncate(1);
        }
        let before = ahead.len();
        for part in name.components() {
            match part {
                Component::Normal(part) => ahead.push(part.to_owned()),
                Component::ParentDir => ahead.push("..".into()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        self.parts += ahead.len() - before;
        ahead[before..].reverse();
        if self.parts > MAX_PARTS { Err(Refused::Endless) } else { Ok(()) }
    }

    /// `part`: what is looked for in a folder, or read.
    fn allow(&self, access: Access, file: &OwnedFd, stat: &FileStat, part: &OsStr) -> Result<(), Refused> {
        if self.rights.allow(access, file, stat, self.everybody)? {
            return Ok(());
        }
        let everybody = self.everybody && self.rights.allow(access, file, stat, false)?;
        Err(Refused::Denied { part: part.into(), everybody })
    }

    fn read(&self, name: &Path, file: &OwnedFd, stat: &FileStat) -> Result<Content, Refused> {
        match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
            SFlag::S_IFREG => {}
            SFlag::S_IFIFO => return Err(Refused::NotAFile("a pipe")),
            SFlag::S_IFSOCK => return Err(Refused::NotAFile("a socket")),
            _ => return Err(Refused::NotAFile("a device")),
        }
        check_has_files(file)?;
        self.allow(Access::Read, file, stat, name.as_os_str())?;
        if let Some(owner) = self.links.iter().find(|owner| **owner != stat.st_uid) {
            return Err(Refused::ForeignLink(*owner));
        }
        let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        if size > MAX_BYTES {
            return Err(Refused::TooLarge(size));
        }
        // The same file again, now to be read: by what is open, not by its name.
        let again = format!("/proc/self/fd/{}", file.as_raw_fd());
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = File::from(open(again.as_str(), flags, Mode::empty()).map_err(io::Error::from)?);
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 {
            length if length > MAX_BYTES => Err(Refused::TooLarge(length)),
            _ => Ok(Content { bytes, modified: stat.st_mtime }),
        }
    }
}

/// Turns file systems away that have no files.
fn check_has_files(of: impl AsFd) -> Result<(), Refused> {
    let kind = fstatfs(of).map_err(io::Error::from)?.filesystem_type().0;
    if NO_FILES.contains(&(kind as u32)) { Err(Refused::Kernels) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
