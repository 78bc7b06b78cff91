//! Checks that try the thing itself: settings and capabilities say what should work, these say what does.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind};
use std::os::fd::{FromRawFd, OwnedFd};

use perf_event_open_sys::bindings;

use super::{Item, Lack};
use crate::locked_memory;

/// `BPF_MAP_CREATE` and `BPF_MAP_TYPE_RINGBUF` of include/uapi/linux/bpf.h.
const BPF_MAP_CREATE: libc::c_long = 0;
const BPF_MAP_TYPE_RINGBUF: u32 = 27;

/// The head of `union bpf_attr` for `BPF_MAP_CREATE`; the kernel takes the rest as zero.
#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
}

pub(super) fn ring_buffer() -> Item {
    const NAME: &str = "eBPF ring buffer";
    // The smallest size that every page size up to 64 KiB takes.
    let attributes = MapCreate {
        map_type: BPF_MAP_TYPE_RINGBUF,
        key_size: 0,
        value_size: 0,
        max_entries: 65536,
        map_flags: 0,
    };
    let size = size_of::<MapCreate>() as libc::c_long;
    // As capture does.
    let _lifted = locked_memory::lift();
    // SAFETY: the kernel reads `size` bytes of `attributes`, which lives until the call returns, and writes none.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, BPF_MAP_CREATE, &raw const attributes, size) };
    match owned(fd) {
        Ok(_) => Item::ok(NAME, "can be created"),
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Item::failed(
            NAME,
            Lack::Privilege,
            format!("can't be created: {error}"),
            "CAP_BPF, a seccomp profile (docker: --security-opt seccomp=unconfined) or `ulimit -l` (before Linux 5.11) \
             may be in the way",
        ),
        Err(error) => Item::failed(
            NAME,
            Lack::Kernel,
            format!("can't be created: {error}"),
            "boot Linux 5.10 or newer with CONFIG_BPF_SYSCALL",
        ),
    }
}

pub(super) fn perf_events() -> Item {
    const NAME: &str = "perf events";
    match open_event(bindings::PERF_TYPE_SOFTWARE, u64::from(bindings::PERF_COUNT_SW_CPU_CLOCK)) {
        Ok(_) => Item::ok(NAME, "the CPU clock of every process can be sampled"),
        Err(error) => Item::failed(
            NAME,
            Lack::PerfEvents,
            format!("can't be opened: {error}"),
            "CAP_PERFMON, or a seccomp profile (docker: --security-opt seccomp=unconfined) may be in the way",
        ),
    }
}

pub(super) fn cycles() -> Item {
    const NAME: &str = "hardware cycles";
    match open_event(bindings::PERF_TYPE_HARDWARE, u64::from(bindings::PERF_COUNT_HW_CPU_CYCLES)) {
        Ok(_) => Item::ok(NAME, "counted by this machine"),
        Err(_) => Item::ok(
            NAME,
            "not counted by this machine: the software CPU clock is as good, but for code that \
                                  runs with interrupts off",
        ),
    }
}

/// Opens, without enabling it, an event that would sample every process on CPU 0.
fn open_event(kind: u32, config: u64) -> Result<OwnedFd, Error> {
    let mut attributes = bindings::perf_event_attr {
        size: size_of::<bindings::perf_event_attr>() as u32,
        type_: kind,
        config,
        ..Default::default()
    };
    attributes.set_disabled(1);
    let (every_process, cpu, no_group) = (-1, 0, -1);
    let flags = libc::c_ulong::from(bindings::PERF_FLAG_FD_CLOEXEC);
    // SAFETY: `attributes` says its own size and lives until the call returns.
    let fd = unsafe {
        perf_event_open_sys::perf_event_open(&raw mut attributes, every_process, cpu, no_group, flags)
    };
    owned(fd.into())
}

/// What a system call answered, as a file descriptor or an error.
fn owned(answer: libc::c_long) -> Result<OwnedFd, Error> {
    match i32::try_from(answer) {
        // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(Error::last_os_error()),
    }
}

/// Opening a process's memory is what a security module refuses, whatever the capabilities say.
pub(super) fn process_memory() -> Item {
    let processes = match procfs::process::all_processes() {
        Ok(processes) => processes,
        Err(error) => {
            return Item::failed(
                MEMORY,
                Lack::Privilege,
                format!("can't list /proc: {error}"),
                "mount /proc",
            );
        }
    };
    let own = i64::from(std::process::id());
    let others = processes.flatten().filter(|process| i64::from(process.pid) != own).take(MOST_PROCESSES);
    // A kernel thread has no memory. A process that is gone by now tells nothing either.
    let user = others.filter(|process| process.stat().is_ok_and(|stat| stat.flags & PF_KTHREAD == 0));
    let opened =
        user.map(|process| (process.pid, File::open(format!("/proc/{}/mem", process.pid)).map(drop)));
    process_memory_of(
        opened.filter(|(_, result)| !matches!(result, Err(e) if e.kind() == ErrorKind::NotFound)),
    )
}

const MEMORY: &str = "process memory";
/// Most processes that are tried.
const MOST_PROCESSES: usize = 1000;
/// `PF_KTHREAD` of include/linux/sched.h.
const PF_KTHREAD: u32 = 0x0020_0000;

/// Judges the attempts to open the memory of processes.
fn process_memory_of(attempts: impl Iterator<Item = (i32, Result<(), Error>)>) -> Item {
    const ADVICE: &str = "CAP_SYS_PTRACE, or a security module's profile (docker: --security-opt apparmor=unconfined), \
                          is in the way";
    let (mut opened, mut refused) = (0, Vec::new());
    for (pid, result) in attempts {
        match result {
            Ok(()) => opened += 1,
            Err(error) => refused.push(format!("process {pid}: {error}")),
        }
    }
    let Some(first) = refused.first() else {
        return Item::ok(MEMORY, format!("can be read, of {opened} processes tried"));
    };
    let found =
        format!("can't be read of {} in {} processes, {first}", refused.len(), opened + refused.len());
    match opened {
        0 => Item::failed(MEMORY, Lack::Privilege, found, ADVICE),
        _ => Item::warning(MEMORY, found, format!("for those, {ADVICE}")),
    }
}

pub(super) fn kernel_symbols() -> Item {
    match File::open("/proc/kallsyms") {
        Ok(file) => kernel_symbols_of(BufReader::new(file)),
        Err(error) => Item::warning(SYMBOLS, format!("can't read /proc/kallsyms: {error}"), SYMBOLS_ADVICE),
    }
}

const SYMBOLS: &str = "kernel symbols";
const SYMBOLS_ADVICE: &str =
    "give CAP_SYSLOG, and set kernel.kptr_restrict to 0 or 1; without, kernel frames have no names";

/// Whether /proc/kallsyms shows addresses: it shows zeros to whom it hides them from, but for a few absolute symbols.
fn kernel_symbols_of(text: impl BufRead) -> Item {
    const LOOKED_AT: usize = 1000;
    let lines = text.lines().take(LOOKED_AT).map_while(Result::ok);
    let shown = lines.filter(|line| !line.trim_start_matches('0').starts_with(' ')).count();
    match shown {
        0 => Item::warning(SYMBOLS, "their addresses are hidden", SYMBOLS_ADVICE),
        _ => Item::ok(SYMBOLS, "their addresses can be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn hidden_kernel_symbols_are_all_zero() {
        let hidden = "0000000000000000 T startup_64\n0000000000000000 t x\n";
        assert_eq!(kernel_symbols_of(hidden.as_bytes()).state, State::Warning);
        let shown = "0000000000000000 A absolute\nffffffff81000000 T startup_64\n";
        assert_eq!(kernel_symbols_of(shown.as_bytes()).state, State::Ok);
        assert_eq!(kernel_symbols_of("".as_bytes()).state, State::Warning);
    }

    #[test]
    fn memory_that_can_be_read_nowhere_stands_in_the_way() {
        let refused = |pid| (pid, Err(Error::from_raw_os_error(libc::EACCES)));
        assert_eq!(process_memory_of([(2, Ok(())), (3, Ok(()))].into_iter()).state, State::Ok);
        let some = process_memory_of([refused(1), (2, Ok(()))].into_iter());
        assert_eq!(some.state, State::Warning);
        assert!(
            some.found.starts_with("can't be read of 1 in 2 processes, process 1: Permission denied"),
            "{some:?}"
        );
        assert!(process_memory_of([refused(1), refused(2)].into_iter()).is_failed());
    }

    #[test]
    fn an_answer_below_zero_is_an_error() {
        assert!(owned(-1).is_err());
    }
}
