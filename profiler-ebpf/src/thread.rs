//! Which `PyThreadState` belongs to the running thread?
//!
//! `PyThreadState.thread_id` is `pthread_self()`, on x86-64 the thread pointer, which the kernel knows as
//! `task->thread.fsbase`. So the state is found by a walk over the interpreters' lists, with no TLS or pthread key to
//! decode, and the finding is cached and checked at each use. This module must not know what a frame is.
//!
//! A cached thread state is trusted only while the pointer that led to it still does: a deleted one is unlinked
//! first, and its freed memory may keep the old `thread_id` for long.

use firetower_ebpf::{
    abi::{ProcessFacts, PyLayout, THREAD_STATE_BYTES, ThreadEntry, ThreadKey},
    reason::Reason,
};

use crate::{
    maps::{Scratch, THREADS},
    process,
    read::{self, Outcome},
};

/// Steps of one search: two reads each. A longer list is gone on with at the next sample.
const SEARCH_STEPS: u32 = 96;

/// How long a thread is taken for no Python thread without another search. A thread state is in the list before its
/// thread has set `thread_id`; if more states follow it at once, the head does not tell of it.
const TRUSTED_NS: u64 = 100_000_000;

/// Where a search stands: `tstate` is the next to look at, `link` the address of the pointer that leads to it.
struct Position {
    /// 0: nowhere yet.
    interp: u64,
    link: u64,
    tstate: u64,
}

impl Position {
    /// All its bytes are set, as those of an `Option`'s `None` are not: LLVM copies a position before it looks whether
    /// there is one, and up to Linux 6.2 the verifier refuses a read of stack that was not written.
    const NOWHERE: Position = Position { interp: 0, link: 0, tstate: 0 };
}

/// Leaves the running thread's `PyThreadState` in `scratch.tstate`.
#[inline(always)]
pub fn find(facts: &ProcessFacts, key: ThreadKey, thread_pointer: u64, scratch: *mut Scratch) -> Outcome<()> {
    let layout = &facts.layout;
    let mut resume = Position::NOWHERE;
    // SAFETY: preallocated map; the entry is this thread's own, and it is not running on another CPU.
    if let Some(&entry) = unsafe { THREADS.get(&key) }
        && entry.generation == facts.generation
    {
        if entry.state == ThreadEntry::NOT_PYTHON {
            let is_fresh = process::now() < entry.interp_or_time + TRUSTED_NS;
            if is_fresh && unchanged(facts, entry.tstate, thread_pointer)? {
                return Err(Reason::NotPythonThread);
            }
        } else if read::user_u64(entry.link) == Ok(entry.tstate) {
            if entry.state == ThreadEntry::FOUND {
                load(layout, entry.tstate, scratch)?;
                if thread_id(layout, scratch) == thread_pointer {
                    return Ok(());
                }
            } else {
                resume = Position { interp: entry.interp_or_time, link: entry.link, tstate: entry.tstate };
            }
        }
    }
    search(facts, key, thread_pointer, resume)?;
    // SAFETY: as above; `search` has just written it, or there was no room and the position is lost.
    match unsafe { THREADS.get(&key) } {
        Some(entry) => load(layout, entry.tstate, scratch),
        None => Err(Reason::ThreadSearchUnfinished),
    }
}

/// Whether no thread state was added since the thread was found to be no Python thread: new ones are put at the head.
/// The head's own id is looked at too, since a new thread state may lie where a deleted one lay.
#[inline(always)]
fn unchanged(facts: &ProcessFacts, head_then: u64, thread_pointer: u64) -> Outcome<bool> {
    let start = first(facts)?;
    if start.tstate != head_then {
        return Ok(false);
    }
    if start.tstate == 0 {
        return Ok(true);
    }
    Ok(read::user_u64(start.tstate + u64::from(facts.layout.tstate_thread_id))? != thread_pointer)
}

/// The newest thread state of the main interpreter.
#[inline(always)]
fn first(facts: &ProcessFacts) -> Outcome<Position> {
    let interp = read::user_u64(facts.runtime + u64::from(facts.layout.runtime_interpreters_head))?;
    if interp == 0 {
        return Err(Reason::InterpreterNotRunning);
    }
    let link = interp + u64::from(facts.layout.interp_threads_head);
    Ok(Position { interp, link, tstate: read::user_u64(link)? })
}

/// Walks the lists until the thread's state is found, and remembers it, or that there is none, or how far it came.
#[inline(always)]
fn search(facts: &ProcessFacts, key: ThreadKey, thread_pointer: u64, resume: Position) -> Outcome<()> {
    let layout = &facts.layout;
    let start = first(facts)?;
    let head = start.tstate;
    let mut at = if resume.interp == 0 { start } else { resume };
    let mut state = ThreadEntry::SEARCHING;
    for _ in 0..SEARCH_STEPS {
        if at.tstate == 0 {
            at.interp = read::user_u64(at.interp + u64::from(layout.interp_next))?;
            if at.interp == 0 {
                state = ThreadEntry::NOT_PYTHON;
                at.tstate = head;
                break;
            }
            at.link = at.interp + u64::from(layout.interp_threads_head);
        } else {
            if read::user_u64(at.tstate + u64::from(layout.tstate_thread_id))? == thread_pointer {
                state = ThreadEntry::FOUND;
                break;
            }
            at.link = at.tstate + u64::from(layout.tstate_next);
        }
        at.tstate = read::user_u64(at.link)?;
    }
    let entry = ThreadEntry {
        state,
        generation: facts.generation,
        tstate: at.tstate,
        link: at.link,
        interp_or_time: if state == ThreadEntry::NOT_PYTHON { process::now() } else { at.interp },
    };
    let kept = THREADS.insert(&key, &entry, 0);
    match state {
        ThreadEntry::FOUND if kept.is_ok() => Ok(()),
        ThreadEntry::NOT_PYTHON => Err(Reason::NotPythonThread),
        _ => Err(Reason::ThreadSearchUnfinished),
    }
}

/// Reads a `PyThreadState`.
#[inline(always)]
fn load(layout: &PyLayout, tstate: u64, scratch: *mut Scratch) -> Outcome<()> {
    let size = layout.tstate_size;
    if size as usize > THREAD_STATE_BYTES {
        return Err(Reason::KernelSideFailed);
    }
    // SAFETY: in bounds of the scratch value, which this CPU alone uses.
    read::user_bytes(unsafe { &raw mut (*scratch).tstate }.cast(), size, tstate)
}

#[inline(always)]
fn thread_id(layout: &PyLayout, scratch: *mut Scratch) -> u64 {
    pointer(scratch, layout.tstate_thread_id)
}

/// The pointer at `offset` of the loaded `PyThreadState`.
#[inline(always)]
pub fn pointer(scratch: *mut Scratch, offset: u32) -> u64 {
    // SAFETY: in bounds: see `Scratch::tstate`.
    read::field::<u64, { THREAD_STATE_BYTES as u32 - 1 }>(
        unsafe { &raw const (*scratch).tstate }.cast(),
        offset,
    )
}
