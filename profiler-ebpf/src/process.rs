//! A process's life as events: reported, forked, executed, exited. It must not know what a process runs.

use aya_ebpf::helpers::{
    bpf_get_current_pid_tgid,
    generated::{bpf_get_current_task, bpf_ktime_get_ns},
};
use firetower_ebpf::{
    abi::{
        ExecutableKey, ProcessEvent, ProcessFacts, PyLayout, ThreadKey, counter, event, process_event, target,
    },
    reason::Reason,
};

use crate::{
    maps::{EVENTS, EXECUTABLES, PROCESSES, TARGETS, THREADS, count},
    read, settings,
};

const WAKE_UP: u64 = aya_ebpf::bindings::BPF_RB_FORCE_WAKEUP as u64;
/// A process whose report was lost or not answered is reported again after this long.
const REPORT_AGAIN_NS: u64 = 100_000_000;
/// A process whose executable is no Python may load one all the same, as a plugin: it is looked at after this long.
const LOOK_AGAIN_NS: u64 = 250_000_000;

/// Makes `tgid`, the running process, known and tells the agent, unless its executable is known to be no Python. Gives
/// the reason for the sample that found it.
#[inline(always)]
pub fn report_new(tgid: u32, now: u64) -> Reason {
    let executable = executable().unwrap_or(ExecutableKey::NONE);
    let pending = remember_by_executable(tgid, &executable, now);
    if pending == Reason::ProcessPending {
        send(ProcessEvent { executable, ..event(process_event::REPORT, tgid, now) });
    }
    pending
}

/// Writes first facts about a process that runs `executable`, and gives the reason for its samples.
#[inline(always)]
fn remember_by_executable(tgid: u32, executable: &ExecutableKey, now: u64) -> Reason {
    let is_no_python = EXECUTABLES.get_ptr(executable).is_some();
    let (reason, patience) = if is_no_python {
        (Reason::NotPython, LOOK_AGAIN_NS)
    } else {
        (Reason::ProcessPending, REPORT_AGAIN_NS)
    };
    let facts = ProcessFacts {
        state: reason as u32,
        generation: 0,
        runtime: 0,
        current_tstate: 0,
        report_after: now + patience,
        layout: PyLayout::NONE,
    };
    match PROCESSES.insert(&tgid, &facts, aya_ebpf::bindings::BPF_NOEXIST as u64) {
        Ok(()) => reason,
        Err(_) => Reason::ProcessTableFull,
    }
}

/// The file that the running process executes.
#[inline(always)]
fn executable() -> read::Outcome<ExecutableKey> {
    let settings = settings();
    // SAFETY: takes nothing, changes nothing.
    let task = unsafe { bpf_get_current_task() };
    let pointer = |base: u64, offset: u32| read::kernel::<u64>(base + u64::from(offset));
    let file = pointer(pointer(task, settings.task_mm)?, settings.mm_exe_file)?;
    let inode = pointer(file, settings.file_inode)?;
    let superblock = pointer(inode, settings.inode_sb)?;
    Ok(ExecutableKey {
        inode: pointer(inode, settings.inode_ino)?,
        device: read::kernel::<u32>(superblock + u64::from(settings.sb_dev))?,
        size: read::kernel::<u32>(inode + u64::from(settings.inode_size))?,
    })
}

/// Tells the agent again of a process that it did not call Python, if the time for that has come.
#[inline(always)]
pub fn report_again(facts: *mut ProcessFacts, tgid: u32, now: u64) {
    // SAFETY: `facts` is a live map value; a lost race with another CPU costs one more report.
    unsafe {
        if now < (*facts).report_after {
            return;
        }
        (*facts).report_after = now.saturating_add(REPORT_AGAIN_NS);
    }
    let executable = executable().unwrap_or(ExecutableKey::NONE);
    send(ProcessEvent { executable, ..event(process_event::REPORT, tgid, now) });
}

/// A child process has its parent's memory, so it has its parent's facts: known from its first instruction.
#[inline(always)]
pub fn fork(parent: u64, child: u64) {
    let tgid_at = u64::from(settings().task_tgid);
    let (Ok(parent), Ok(child)) =
        (read::kernel::<u32>(parent + tgid_at), read::kernel::<u32>(child + tgid_at))
    else {
        return count(counter::PROCESS_EVENTS_LOST);
    };
    if parent == child {
        return; // A new thread.
    }
    let mut known = false;
    // SAFETY: preallocated map: the value stays valid memory; the agent replaces values, it does not edit them.
    if let Some(facts) = unsafe { PROCESSES.get(&parent) } {
        known = PROCESSES.insert(&child, facts, 0).is_ok();
    }
    // SAFETY: as above.
    if let Some(&kind) = unsafe { TARGETS.get(&parent) }
        && kind == target::FOLLOW
    {
        known |= TARGETS.insert(&child, &kind, 0).is_ok();
    }
    if known {
        send(ProcessEvent { parent, ..event(process_event::FORK, child, now()) });
    }
}

/// The process runs another program from here on: nothing that was known of it holds.
///
/// The agent is told of it at once, not by the first sample, so that it can look before there is one.
#[inline(always)]
pub fn exec() {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    let known = PROCESSES.remove(&tgid).is_ok();
    if let Some(kind) = TARGETS.get_ptr_mut(&tgid) {
        // SAFETY: a live map value, of the process that is running here.
        unsafe { *kind &= !target::FROM_EXEC };
    }
    if settings().only_targets != 0 && TARGETS.get_ptr(&tgid).is_none() {
        return;
    }
    let now = now();
    let executable = executable().unwrap_or(ExecutableKey::NONE);
    let first = remember_by_executable(tgid, &executable, now);
    if known || first != Reason::NotPython {
        send(ProcessEvent { executable, ..event(process_event::EXEC, tgid, now) });
    }
}

/// A thread has exited, and with the last one its process.
#[inline(always)]
pub fn exit(task: u64) {
    let id = bpf_get_current_pid_tgid();
    let (tgid, tid) = ((id >> 32) as u32, id as u32);
    let _ = THREADS.remove(&ThreadKey { tgid, tid }); // Most threads were never sampled: absent is no failure.
    let settings = settings();
    let live = read::kernel::<u64>(task + u64::from(settings.task_signal))
        .and_then(|signal| read::kernel::<u32>(signal + u64::from(settings.signal_live)));
    // A failed read leaves the entry to the agent, which looks for processes that are gone.
    if live == Ok(0) {
        let known = PROCESSES.remove(&tgid).is_ok();
        let target = TARGETS.remove(&tgid).is_ok();
        if known || target {
            send(event(process_event::EXIT, tgid, now()));
        }
    }
}

/// An event with neither parent nor file.
#[inline(always)]
fn event(what: u32, tgid: u32, time: u64) -> ProcessEvent {
    ProcessEvent { kind: event::PROCESS, what, time, tgid, parent: 0, executable: ExecutableKey::NONE }
}

#[inline(always)]
fn send(event: ProcessEvent) {
    if EVENTS.output::<ProcessEvent>(&event, WAKE_UP).is_err() {
        count(counter::PROCESS_EVENTS_LOST);
    }
}

/// `CLOCK_MONOTONIC` nanoseconds.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: takes nothing, changes nothing.
    unsafe { bpf_ktime_get_ns() }
}
