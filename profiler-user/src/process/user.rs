//! Which user a process runs as: its number, and the name that this machine gives to it.
//!
//! Names are read from `/etc/passwd` and nowhere else. getpwuid(3) would ask every directory that the machine has been
//! set up with, LDAP servers among them, and the profiler must not wait for those. It must not know what becomes of
//! the names.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::model::Pid;

/// Most bytes of `/proc/PID/status` that are read: it is the kernel's text of about 1.5 KiB, and what is asked for is in
/// the first lines.
const MAX_STATUS: u64 = 8 << 10;
/// Most bytes of `/etc/passwd` that are read.
const MAX_PASSWD: u64 = 4 << 20;
/// Most users that are remembered; past it they are looked up anew.
const MAX_USERS: usize = 1024;

/// What `/proc/PID/status` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The effective user id, as the reader's user namespace numbers it: whose rights the process has.
    pub uid: u32,
    /// The process that started it, or took it over; 0 if that is not in the reader's pid namespace.
    pub parent: Pid,
}

/// Reads a process's user and parent.
///
/// # Errors
/// If there is no such process, or the kernel's text is not as proc_pid_status(5) has it.
pub fn status(pid: Pid) -> io::Result<Status> {
    let mut text = Vec::new();
    File::open(format!("/proc/{pid}/status"))?.take(MAX_STATUS).read_to_end(&mut text)?;
    parse(&String::from_utf8_lossy(&text)).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse(status: &str) -> Option<Status> {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    // Real, effective, saved, file system's.
    let uid = field("Uid")?.split_whitespace().nth(1)?.parse().ok()?;
    Some(Status { uid, parent: Pid(field("PPid")?.trim().parse().ok()?) })
}

/// Names of users, remembered. A user who gets another name keeps the old one until the agent is started again.
#[derive(Debug, Default)]
pub struct Users {
    names: FxHashMap<u32, Arc<str>>,
}

impl Users {
    /// The user's name on this machine; its number if it has none.
    pub fn name(&mut self, uid: u32) -> Arc<str> {
        if let Some(name) = self.names.get(&uid) {
            return name.clone();
        }
        let found = File::open("/etc/passwd")
            .ok()
            .and_then(|file| name_in(BufReader::new(file.take(MAX_PASSWD)), uid));
        // Not remembered: the user may be given a name yet, and a look costs little.
        let Some(name) = found else { return uid.to_string().into() };
        if self.names.len() >= MAX_USERS {
            self.names.clear();
        }
        self.names.entry(uid).or_insert(name.into()).clone()
    }
}

/// The name of the first line of passwd(5) that has this id.
fn name_in(passwd: impl BufRead, uid: u32) -> Option<String> {
    passwd.split(b'\n').map_while(Result::ok).find_map(|line| {
        let line = String::from_utf8_lossy(&line);
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_user_and_the_parent() {
        let text = "Name:\tUid: 7\nUmask:\t0022\nPid:\t9\nPPid:\t4\nUid:\t1000\t33\t0\t0\nGid:\t1\t2\t3\t4\n";
        assert_eq!(parse(text), Some(Status { uid: 33, parent: Pid(4) }));
        assert_eq!(parse("Name:\tx\n"), None);
        let own = status(Pid(std::process::id())).unwrap();
        assert_eq!(own.uid, nix::unistd::geteuid().as_raw());
        assert_eq!(own.parent.0, std::os::unix::process::parent_id());
    }

    #[test]
    fn a_name_or_the_number() {
        let passwd =
            "# none\n\nroot:x:0:0:root:/root:/bin/sh\n:x:5:\nwww:x:33:33::/:\nother:x:33:33::/:\nbad:x\n";
        assert_eq!(name_in(passwd.as_bytes(), 33).as_deref(), Some("www"));
        assert_eq!(name_in(passwd.as_bytes(), 5), None);
        assert_eq!(name_in(passwd.as_bytes(), 3), None);
        let mut users = Users::default();
        assert_eq!([users.name(0), users.name(0)], ["root".into(), "root".into()]);
        assert_eq!(*users.name(4_000_000_000), *"4000000000");
    }
}
