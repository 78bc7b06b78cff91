//! The threads of a process as the kernel shows them: id, name, state, and how often each was switched out.
//!
//! It must not know what they run. `/proc/PID/task/TID/status` is read by itself here, as procfs refuses one with a
//! thread name that is not UTF-8, which is what a long name is after the kernel has cut it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{Pid, Tid};

/// One thread.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its id as we see it.
    pub tid: Tid,
    folder: PathBuf,
}

/// What the kernel says of a thread at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its name, as proc_pid_status(5) has it: what is no printable character is escaped; not UTF-8 is replaced.
    pub name: Arc<str>,
    /// Its state: `R`, `S`, `D` and so on, as proc_pid_status(5) lists them.
    pub state: char,
    /// How often it was switched out since its start, of its own accord or not.
    pub switches: u64,
}

/// Where the kernel runs a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The CPU that it runs on, waits for, or ran on.
    pub cpu: usize,
    /// Its scheduling policy: sched(7), `SCHED_OTHER` is 0.
    pub policy: u32,
}

/// The thread, or its process, has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the thread has ended")]
pub struct Ended;

impl Task {
    /// What the kernel says of it now.
    pub fn look(&self) -> Result<Look, Ended> {
        let text = read(&self.folder, "status").map_err(|_| Ended)?;
        let look = parse_status(&text).map(|(look, _)| look).ok_or(Ended)?;
        if matches!(look.state, 'Z' | 'X') { Err(Ended) } else { Ok(look) }
    }

    /// Where it runs now.
    pub fn place(&self) -> Result<Place, Ended> {
        let text = read(&self.folder, "stat").map_err(|_| Ended)?;
        parse_stat(&text).ok_or(Ended)
    }
}

/// The threads of a process, each by the id that it has in its own pid namespace: what the process itself knows.
pub fn of(pid: Pid) -> io::Result<HashMap<u32, Task>> {
    let mut tasks = HashMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let folder = entry?.path();
        let tid = folder.file_name().and_then(|name| name.to_str()?.parse().ok());
        // One that has ended meanwhile is left out.
        if let (Some(tid), Ok(text)) = (tid, read(&folder, "status"))
            && let Some((_, inner)) = parse_status(&text)
        {
            tasks.insert(inner.unwrap_or(tid), Task { tid: Tid(tid), folder });
        }
    }
    Ok(tasks)
}

/// A file of a thread's folder, in one read: such a file has no size to go by, and to feel for its end takes several.
fn read(folder: &Path, name: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(LONGEST);
    File::open(folder.join(name))?.take(LONGEST as u64).read_to_end(&mut text)?;
    Ok(text)
}

/// More than a `status` or a `stat` has, even with the longest lists of CPUs and groups of a large machine.
const LONGEST: usize = 16384;

/// Also the id in the innermost pid namespace, which kernels before 4.1 don't tell.
fn parse_status(text: &[u8]) -> Option<(Look, Option<u32>)> {
    let text = String::from_utf8_lossy(text);
    let field = |name: &str| {
        text.lines()
            .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim_matches(['\t', ' '])))
    };
    let number = |name| field(name)?.parse::<u64>().ok();
    let switches = number("voluntary_ctxt_switches")?.checked_add(number("nonvoluntary_ctxt_switches")?)?;
    let look = Look { name: field("Name")?.into(), state: field("State")?.chars().next()?, switches };
    let inner = field("NSpid").and_then(|ids| ids.split_whitespace().next_back()?.parse().ok());
    Some((look, inner))
}

/// Fields 39 and 41 of proc_pid_stat(5), counted from the name in parentheses, which is the second.
fn parse_stat(text: &[u8]) -> Option<Place> {
    let text = String::from_utf8_lossy(text);
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Place { cpu: fields.get(36)?.parse().ok()?, policy: fields.get(38)?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_threads_are_seen_and_counted() {
        let tasks = of(Pid(std::process::id())).expect("we are here");
        let own = &tasks[&(nix::unistd::gettid().as_raw() as u32)];
        let (before, place) = (own.look().expect("it runs"), own.place().expect("it runs"));
        assert_eq!((before.state, place.policy), ('R', 0), "{before:?}");
        std::thread::sleep(std::time::Duration::from_millis(1));
        assert!(own.look().expect("it runs").switches > before.switches);
        assert!(of(Pid(u32::MAX)).is_err());
    }

    #[test]
    fn a_name_may_be_any_bytes() {
        let text = b"Name:\tp) \xd0\nState:\tS (sleeping)\nNSpid:\t4242\t7\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t2\n";
        let (look, inner) = parse_status(text).expect("whole");
        assert_eq!((&*look.name, look.state, look.switches, inner), ("p) \u{fffd}", 'S', 7, Some(7)));
        assert_eq!(parse_status(&text[..60]), None);
        let stat = [b"1 (a) b) S".as_slice(), b" 1".repeat(35).as_slice(), b" 3 99 0 0"].concat();
        assert_eq!(parse_stat(&stat), Some(Place { cpu: 3, policy: 0 }));
    }
}
