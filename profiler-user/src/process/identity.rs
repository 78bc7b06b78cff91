//! Who a process is: is it there, is it the same one, what is it called. It must not know what it runs.

use std::fs::{self, File};
use std::io::{self, Read};
use std::sync::Arc;

use procfs::process::{self, Process};
use sha2::{Digest as _, Sha256};

use crate::model::Pid;

/// Most bytes of an auxiliary vector: it has some 25 entries of 16.
const MAX_VECTOR: u64 = 4096;
/// Most bytes of arguments that are read to tell what a process runs: that is in the first ones.
const MAX_ARGUMENTS: u64 = 16 << 10;
/// Most characters of a command line that are kept.
const MAX_COMMAND: usize = 200;

/// `PF_EXITING` of include/linux/sched.h: its memory is about to go, or gone.
const PF_EXITING: u32 = 4;

/// When the process started, in clock ticks since boot; `None`: there is no such process, or it is exiting or a zombie.
/// Together with the pid it names one process for good.
pub fn started(pid: Pid) -> Option<u64> {
    let stat = Process::new(i32::try_from(pid.0).ok()?).and_then(|process| process.stat()).ok()?;
    let ends = matches!(stat.state, 'Z' | 'X') || stat.flags & PF_EXITING != 0;
    (!ends).then_some(stat.starttime)
}

/// What names one execution of a program by one process, as [`started`] names the process; `None` as there, and for a kernel
/// thread. A forked child goes on with its parent's execution, under its own start.
///
/// No number of the kernel's tells executions apart; but each lays the program out at random addresses, and the auxiliary
/// vector, getauxval(3), has several of them and never changes until the next.
pub fn execution(pid: Pid) -> Option<[u64; 2]> {
    let started = started(pid)?;
    let mut vector = Vec::new();
    File::open(format!("/proc/{pid}/auxv")).ok()?.take(MAX_VECTOR).read_to_end(&mut vector).ok()?;
    let digest: [u8; 32] = Sha256::digest(&vector).into();
    let [first, ..] = *digest.as_chunks::<8>().0 else { return None };
    (!vector.is_empty()).then_some([started, u64::from_le_bytes(first)])
}

/// The process whose child it is now; `None`: it is gone, or has none in this namespace.
pub fn parent(pid: Pid) -> Option<Pid> {
    let stat = Process::new(i32::try_from(pid.0).ok()?).and_then(|process| process.stat()).ok()?;
    u32::try_from(stat.ppid).ok().filter(|parent| *parent != 0).map(Pid)
}

/// The command line, arguments separated by spaces and shortened; for one that has none (a kernel thread) its name in
/// brackets; `[gone]` where there is no such process.
pub fn command(pid: Pid) -> Arc<str> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ");
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.trim().is_empty() {
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_else(|_| "gone".to_owned());
        return format!("[{}]", comm.trim_end()).into();
    }
    match text.char_indices().nth(MAX_COMMAND) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// The arguments, as far as the first 16 KiB go; empty for a kernel thread, and where there is no such process. A process
/// may have written anything over them.
pub fn arguments(pid: Pid) -> Vec<String> {
    let mut line = Vec::new();
    let read = File::open(format!("/proc/{pid}/cmdline"))
        .and_then(|file| file.take(MAX_ARGUMENTS).read_to_end(&mut line));
    if read.is_err() || line.is_empty() {
        return Vec::new();
    }
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    line.split(|&byte| byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

/// The process that a thread id belongs to, if it is a thread id and not that of the process itself.
pub fn process_of_thread(tid: Pid) -> Option<Pid> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let tgid = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()?;
    (tgid != tid.0).then_some(Pid(tgid))
}

/// Every process that there is; one that exits meanwhile is left out.
pub fn all() -> io::Result<Vec<Pid>> {
    Ok(processes()?.map(|process| Pid(process.pid as u32)).collect())
}

/// The children of a process, and theirs, at this moment.
pub fn descendants(of: Pid) -> io::Result<Vec<Pid>> {
    let parents: Vec<(Pid, Pid)> = processes()?
        .filter_map(|process| process.stat().ok())
        .map(|stat| (Pid(stat.pid as u32), Pid(stat.ppid as u32)))
        .collect();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        let children = parents.iter().filter(|(pid, ppid)| *ppid == parent && !found.contains(pid));
        found.extend(children.map(|(pid, _)| *pid).collect::<Vec<_>>());
        next += 1;
    }
    Ok(found.split_off(1))
}

fn processes() -> io::Result<impl Iterator<Item = Process>> {
    Ok(process::all_processes().map_err(io::Error::other)?.flatten())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn an_execution_ends_with_the_next_one() {
        let mut child = Command::new("sh")
            .args(["-c", "echo one; read line; exec sh -c 'echo two; read line'"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid(child.id());
        let (mut input, mut lines) =
            (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
        lines.next().unwrap().unwrap();
        let first = execution(pid).unwrap();
        assert_eq!(execution(pid), Some(first));
        input.write_all(b"go\n").unwrap();
        lines.next().unwrap().unwrap();
        let second = execution(pid).unwrap();
        assert!(first[0] == second[0] && first[1] != second[1], "{first:?} {second:?}");
        drop(input);
        child.wait().unwrap();
        assert_eq!(execution(pid), None);
    }
}
