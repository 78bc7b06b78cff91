//! What the kernel would let a process read, by the permission bits of a file: its ids, its groups, one capability.
//!
//! The agent may read everything, so it can't find out by trying; and to take on another user's ids for the time of a look
//! was rejected, as a running service has given up the right to. Where bits do not say it all, the answer is no. It must
//! not know which files are asked about.

use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{FileStat, Mode};

/// Most bytes of `/proc/PID/status` that are read: 1.5 KiB, and the numbers of the groups, of which there may be 65,536.
const MAX_STATUS: u64 = 1 << 20;
/// `CAP_DAC_OVERRIDE` and `CAP_DAC_READ_SEARCH` of include/uapi/linux/capability.h.
const OVERRIDES: u64 = 1 << 1 | 1 << 2;
/// The attribute that has a file's access control list, acl(5).
const ACL: &std::ffi::CStr = c"system.posix_acl_access";

/// What is to be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read what is in it.
    Read,
    /// Pass through a folder.
    Search,
}

/// Whose rights a process has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The user for access to files, as the agent's user namespace numbers it.
    pub uid: u32,
    gid: u32,
    groups: Vec<u32>,
    /// It is root of this machine, with the capability to read what the bits forbid.
    overrides: bool,
    /// Its real, effective, saved and file system's ids are not all the same: a set-user-id program, or one that has given
    /// up rights for a while.
    pub mixed: bool,
}

impl Rights {
    /// Those of the process whose folder in `/proc` this is.
    ///
    /// # Errors
    /// If the process is gone, or the kernel's text is not as proc_pid_status(5) has it.
    pub fn read(folder: impl AsFd) -> io::Result<Rights> {
        use std::os::unix::fs::MetadataExt as _;
        let status = openat(folder.as_fd(), "status", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        let mut text = Vec::new();
        std::fs::File::from(status).take(MAX_STATUS).read_to_end(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        let own = std::fs::metadata("/proc/self/ns/user")?;
        let namespace = openat(folder, "ns/user", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        let namespace = nix::sys::stat::fstat(namespace)?;
        let same = (namespace.st_dev, namespace.st_ino) == (own.dev(), own.ino());
        Rights::parse(&text, same).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// `same_namespace`: the process's capabilities are over this machine's files, not over those of a container's users.
    fn parse(status: &str, same_namespace: bool) -> Option<Rights> {
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let numbers = |name: &str| -> Option<Vec<u32>> {
            field(name)?.split_whitespace().map(|number| number.parse().ok()).collect()
        };
        let (uids, gids, groups) = (numbers("Uid")?, numbers("Gid")?, numbers("Groups")?);
        let (&[_, _, _, uid], &[_, _, _, gid]) = (&uids[..], &gids[..]) else { return None };
        let mixed = uids.iter().any(|id| *id != uid) || gids.iter().any(|id| *id != gid);
        let effective = u64::from_str_radix(field("CapEff")?.trim(), 16).ok()?;
        // Capabilities of other users are left out: they may come from the program that runs now.
        let overrides = same_namespace && uid == 0 && effective & OVERRIDES != 0;
        Some(Rights { uid, gid, groups, overrides, mixed })
    }

    /// Whether the bits of what is open as `file` allow it to this process; with `everybody` to any other too. No where the
    /// file has an access control list that could say otherwise.
    ///
    /// # Errors
    /// If the kernel does not tell whether there is such a list.
    pub fn allow(
        &self,
        access: Access,
        file: impl AsFd,
        stat: &FileStat,
        everybody: bool,
    ) -> io::Result<bool> {
        if self.overrides && !everybody {
            return Ok(true);
        }
        if !self.overrides && !self.bits_allow(access, stat) || everybody && !allowed(access, stat.st_mode) {
            return Ok(false);
        }
        // Its owner has what the bits say. For others the list decides.
        Ok((stat.st_uid == self.uid && !everybody) || !has_list(file)?)
    }

    /// Those of a user without groups.
    #[cfg(test)]
    pub(super) fn of_user(uid: u32) -> Rights {
        Rights { uid, gid: uid, groups: Vec::new(), overrides: false, mixed: false }
    }

    fn bits_allow(&self, access: Access, stat: &FileStat) -> bool {
        let class = if stat.st_uid == self.uid {
            6
        } else if stat.st_gid == self.gid || self.groups.contains(&stat.st_gid) {
            3
        } else {
            0
        };
        allowed(access, stat.st_mode >> class)
    }
}

fn allowed(access: Access, bits: u32) -> bool {
    bits & if access == Access::Read { 4 } else { 1 } != 0
}

/// Whether a file has an access control list.
fn has_list(file: impl AsFd) -> io::Result<bool> {
    // What is open for its path alone has attributes by its name only.
    let path = format!("/proc/self/fd/{}\0", file.as_fd().as_raw_fd());
    let path = std::ffi::CStr::from_bytes_with_nul(path.as_bytes()).map_err(io::Error::other)?;
    // SAFETY: both names end in a zero byte; without room for the value the kernel only answers its length.
    let length = unsafe { libc::getxattr(path.as_ptr(), ACL.as_ptr(), std::ptr::null_mut(), 0) };
    match Errno::result(length) {
        Ok(_) => Ok(true),
        Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tUid: 7\nUid:\t1000\t1000\t1000\t1000\nGid:\t100\t100\t100\t100\nGroups:\t4 24 \n\
                          CapEff:\t0000000000000000\n";

    fn stat(uid: u32, gid: u32, mode: u32) -> FileStat {
        // SAFETY: a struct of integers, for which zero is a value.
        let mut stat: FileStat = unsafe { std::mem::zeroed() };
        (stat.st_uid, stat.st_gid, stat.st_mode) = (uid, gid, mode);
        stat
    }

    #[test]
    fn the_first_class_that_fits_decides() {
        let rights = Rights::parse(STATUS, true).unwrap();
        for (uid, gid, mode, read) in [
            (1000, 0, 0o400, true),
            (1000, 100, 0o044, false),
            (0, 100, 0o040, true),
            (0, 24, 0o040, true),
            (0, 24, 0o404, false),
            (0, 0, 0o004, true),
            (0, 0, 0o770, false),
            (0, 42, 0o640, false),
        ] {
            assert_eq!(rights.bits_allow(Access::Read, &stat(uid, gid, mode)), read, "{uid} {gid} {mode:o}");
            let search = rights.bits_allow(Access::Search, &stat(uid, gid, mode >> 2));
            assert_eq!(search, read, "{uid} {gid} {mode:o}");
        }
    }

    #[test]
    fn only_root_of_this_machine_overrides() {
        let status =
            |uid: u32, caps: &str| STATUS.replace("1000", &uid.to_string()).replace("0000000000000000", caps);
        let overrides = |uid, caps, same| Rights::parse(&status(uid, caps), same).unwrap().overrides;
        assert!(overrides(0, "000001ffffffffff", true) && overrides(0, "0000000000000004", true));
        assert!(!overrides(0, "000001ffffffffff", false), "root of a container with users of its own");
        assert!(!overrides(0, "0000000000000001", true) && !overrides(1000, "000001ffffffffff", true));
    }

    #[test]
    fn mixed_ids_and_texts_that_are_none() {
        assert!(!Rights::parse(STATUS, true).unwrap().mixed);
        for (from, to) in
            [("1000\t1000\t1000\t1000", "1000\t0\t0\t0"), ("100\t100\t100\t100", "100\t42\t42\t42")]
        {
            assert!(Rights::parse(&STATUS.replacen(from, to, 1), true).unwrap().mixed, "{to}");
        }
        for cut in ["Uid:\t", "Gid:\t", "Groups:\t", "CapEff:\t", "\t1000\n"] {
            assert_eq!(Rights::parse(&STATUS.replace(cut, "\n"), true), None, "{cut:?}");
        }
    }

    #[test]
    fn what_is_for_everybody_is_so_by_the_last_bits() {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::open(folder.path()).unwrap();
        let root = Rights { overrides: true, ..Rights::parse(STATUS, true).unwrap() };
        assert!(root.allow(Access::Read, &file, &stat(5, 5, 0), false).unwrap());
        assert!(!root.allow(Access::Read, &file, &stat(5, 5, 0o770), true).unwrap());
        assert!(root.allow(Access::Read, &file, &stat(5, 5, 0o004), true).unwrap());
        let own = Rights { overrides: false, ..root };
        assert!(
            !own.allow(Access::Read, &file, &stat(1000, 5, 0o044), true).unwrap(),
            "not the process itself"
        );
    }

    #[test]
    fn a_list_is_seen() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let name = std::ffi::CString::new(file.path().as_os_str().as_encoded_bytes()).unwrap();
        // Version 2; owner rw, user 5 nothing, group r, mask r, others r: linux/posix_acl_xattr.h.
        let entries: [(u16, u16, u32); 5] =
            [(1, 6, u32::MAX), (2, 0, 5), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 4, u32::MAX)];
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, bits, id) in entries {
            list.extend(tag.to_le_bytes());
            list.extend(bits.to_le_bytes());
            list.extend(id.to_le_bytes());
        }
        assert!(!has_list(&file).unwrap());
        // SAFETY: names that end in a zero byte, and as many bytes as there are.
        let set = unsafe { libc::setxattr(name.as_ptr(), ACL.as_ptr(), list.as_ptr().cast(), list.len(), 0) };
        match Errno::result(set) {
            Err(Errno::EOPNOTSUPP) => {
                eprintln!("no access control lists on the file system of temporary files")
            }
            set => {
                set.unwrap();
                assert!(has_list(&file).unwrap());
                let others = Rights { uid: 5, ..Rights::parse(STATUS, true).unwrap() };
                assert!(!others.allow(Access::Read, &file, &stat(0, 0, 0o644), false).unwrap());
            }
        }
    }
}
