//! A process's life as events: reported, forked, executed, exited. It must not know what a process runs.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, generated::bpf_ktime_get_ns};
use firetower_ebpf::{
    abi::{
        ExecutableKey, ProcessEvent, ProcessFacts, PyLayout, ThreadKey, counter, event, process_event, target,
    },
    reason::Reason,
};

use crate::{
    maps::{EVENTS, PROCESSES, TARGETS, THREADS, count},
    read, settings,
};

const WAKE_UP: u64 = aya_ebpf::bindings::BPF_RB_FORCE_WAKEUP as u64;
/// A process whose report was lost or not answered is reported again after this long.
const REPORT_AGAIN_NS: u64 = 100_000_000;

/// Makes `tgid` known as pending and tells the agent. Gives the reason for the sample that found it.
#[inline(always)]
pub fn report_new(tgid: u32, now: u64) -> Reason {
    let pending = ProcessFacts {
        state: Reason::ProcessPending as u32,
        generation: 0,
        runtime: 0,
        current_tstate: 0,
        report_after: now + REPORT_AGAIN_NS,
        layout: PyLayout::NONE,
    };
    if PROCESSES.insert(&tgid, &pending, aya_ebpf::bindings::BPF_NOEXIST as u64).is_err() {
        return Reason::ProcessTableFull;
    }
    send(process_event::REPORT, tgid, 0, now);
    Reason::ProcessPending
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
    send(process_event::REPORT, tgid, 0, now);
}

/// A child process has its parent's memory, so it has its parent's facts: known from its first instruction.
#[inline(always)]
pub fn fork(parent: u64, child: u64) {
    let tgid_at = u64::from(settings().task_tgid);
    let (Ok(parent), Ok(child)) =
        (read::kernel::<u32>(parent + tgid_at), read::kernel::<u32>(child + tgid_at))
    else {
        return count(counter::NOT_SUBMITTED); // Index 0 of the reasons: see `counter`.
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
        send(process_event::FORK, child, parent, now());
    }
}

/// The process runs another program from here on: nothing that was known of it holds.
#[inline(always)]
pub fn exec() {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    let known = PROCESSES.remove(&tgid).is_ok();
    if known || TARGETS.get_ptr(&tgid).is_some() {
        send(process_event::EXEC, tgid, 0, now());
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
            send(process_event::EXIT, tgid, 0, now());
        }
    }
}

#[inline(always)]
fn send(what: u32, tgid: u32, parent: u32, time: u64) {
    let event = ProcessEvent {
        kind: event::PROCESS,
        what,
        time,
        tgid,
        parent,
        executable: ExecutableKey { inode: 0, device: 0, size: 0 },
    };
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
