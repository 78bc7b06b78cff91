//! Which `PyThreadState` belongs to the running thread?
//!
//! `PyThreadState.thread_id` is `pthread_self()`, on x86-64 the thread pointer, which the kernel knows as
//! `task->thread.fsbase`. So the state is found by a walk over the interpreters' lists, with no TLS or pthread key to
//! decode, and the finding is cached and checked at each use. This module must not know what a frame is.
//!
//! A cached thread state is trusted only while the pointer that led to it still does: a deleted one is unlinked
//! first, and its freed memory may keep the old `thread_id` for long.
//!
//! Where there are sub-interpreters, a thread may have a state in several of them. The one that it runs in holds the
//! GIL (to 3.11) or is marked `active` (from 3.12); while the thread is in C code that has given both up, it is the
//! one of the newest interpreter that has frames.

use firetower_ebpf::{
    abi::{ABSENT, ProcessFacts, PyLayout, THREAD_STATE_BYTES, ThreadEntry, ThreadKey},
    reason::Reason,
};

use crate::{
    maps::{SCRATCH, THREADS},
    process,
    read::{self, Outcome},
    scratch::{Scratch, Search},
};

/// Rounds of one search, each of [`STEPS`]. A longer list is gone on with at the next sample.
const ROUNDS: u32 = 32;
/// Thread states and interpreters looked at in one round: two reads each.
const STEPS: u32 = 32;

/// How long a thread is taken for no Python thread without another search. A thread state is in the list before its
/// thread has set `thread_id`; if more states follow it at once, the head does not tell of it.
const TRUSTED_NS: u64 = 100_000_000;

/// Values of [`Search::rank`]: surely the one, probably the one, and one that may be it if there is no other.
const RUNS: u32 = 3;
const HAS_FRAMES: u32 = 2;
const IDLE: u32 = 1;

/// A thread state and the way to it.
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

/// Leaves the running thread's `PyThreadState` in `scratch.tstate` and gives the address of its interpreter.
#[inline(always)]
pub fn find(
    facts: &ProcessFacts,
    key: ThreadKey,
    thread_pointer: u64,
    scratch: *mut Scratch,
) -> Outcome<u64> {
    let layout = &facts.layout;
    let newest = read::user_u64(facts.runtime + u64::from(layout.runtime_interpreters_head))?;
    if newest == 0 {
        return Err(Reason::InterpreterNotRunning);
    }
    let mut resume = Position::NOWHERE;
    // SAFETY: preallocated map; the entry is this thread's own, and it is not running on another CPU.
    if let Some(&entry) = unsafe { THREADS.get(&key) }
        && entry.generation == facts.generation
    {
        if entry.state == ThreadEntry::NOT_PYTHON {
            let is_fresh = process::now() < entry.interp_or_time + TRUSTED_NS;
            if is_fresh && unchanged(layout, newest, entry.tstate, thread_pointer)? {
                return Err(Reason::NotPythonThread);
            }
        } else if read::user_u64(entry.link) == Ok(entry.tstate) {
            if entry.state == ThreadEntry::SEARCHING {
                resume = Position { interp: entry.interp_or_time, link: entry.link, tstate: entry.tstate };
            } else {
                load(layout, entry.tstate, scratch)?;
                let alone = entry.state == ThreadEntry::FOUND && entry.interp_or_time == newest;
                if thread_id(layout, scratch) == thread_pointer
                    && (alone || runs(facts, entry.tstate, scratch)?)
                {
                    return Ok(entry.interp_or_time);
                }
            }
        }
    }
    search(facts, key, newest, resume, thread_pointer)?;
    // SAFETY: as above; `search` has just written it, or there was no room and the position is lost.
    match unsafe { THREADS.get(&key) } {
        Some(entry) => {
            load(layout, entry.tstate, scratch)?;
            Ok(entry.interp_or_time)
        }
        None => Err(Reason::ThreadSearchUnfinished),
    }
}

/// Whether the thread surely runs in the loaded thread state, though there are others that may be its own.
#[inline(always)]
fn runs(facts: &ProcessFacts, tstate: u64, scratch: *mut Scratch) -> Outcome<bool> {
    let layout = &facts.layout;
    if facts.current_tstate != 0 {
        return Ok(read::user_u64(facts.current_tstate)? == tstate);
    }
    if layout.tstate_status == ABSENT {
        return Ok(false);
    }
    // SAFETY: in bounds of the scratch value: see `Scratch::tstate`.
    let bytes: *const u8 = unsafe { &raw const (*scratch).tstate }.cast();
    let status = read::field::<u32, { THREAD_STATE_BYTES as u32 - 1 }>(bytes, layout.tstate_status);
    Ok(status & layout.status_active != 0)
}

/// Whether no thread state was added since the thread was found to be no Python thread: new ones are put at the head.
/// The head's own id is looked at too, since a new thread state may lie where a deleted one lay.
#[inline(always)]
fn unchanged(layout: &PyLayout, newest: u64, head_then: u64, thread_pointer: u64) -> Outcome<bool> {
    let head = read::user_u64(newest + u64::from(layout.interp_threads_head))?;
    if head != head_then {
        return Ok(false);
    }
    if head == 0 {
        return Ok(true);
    }
    Ok(read::user_u64(head + u64::from(layout.tstate_thread_id))? != thread_pointer)
}

/// Walks the lists until the thread's state is found, and remembers it, or that there is none, or how far it came.
#[inline(always)]
fn search(
    facts: &ProcessFacts,
    key: ThreadKey,
    newest: u64,
    resume: Position,
    thread_pointer: u64,
) -> Outcome<()> {
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return Err(Reason::KernelSideFailed) };
    let layout = &facts.layout;
    let head_link = newest + u64::from(layout.interp_threads_head);
    let head = read::user_u64(head_link)?;
    let several = read::user_u64(newest + u64::from(layout.interp_next))? != 0;
    // SAFETY: the scratch value is this CPU's alone.
    let search = unsafe { &mut (*scratch).search };
    search.layout = *layout;
    search.thread_pointer = thread_pointer;
    search.current = if facts.current_tstate == 0 { 0 } else { read::user_u64(facts.current_tstate)? };
    search.found = 0;
    search.rank = 0;
    search.over = 0;
    search.several = several.into();
    // Among several interpreters the best may lie before the point that was reached.
    if resume.interp == 0 || several {
        (search.interp, search.link, search.tstate) = (newest, head_link, head);
    } else {
        (search.interp, search.link, search.tstate) = (resume.interp, resume.link, resume.tstate);
    }
    for round in 0..ROUNDS {
        if let Some(reason) = Reason::from_code(search_states(round)) {
            return Err(reason);
        }
        if search.over != 0 {
            break;
        }
    }
    let mut entry = ThreadEntry {
        state: ThreadEntry::SEARCHING,
        generation: facts.generation,
        tstate: search.tstate,
        link: search.link,
        interp_or_time: search.interp,
    };
    if search.over != 0 && search.found != 0 {
        entry.state = if several { ThreadEntry::FOUND_AMONG } else { ThreadEntry::FOUND };
        (entry.tstate, entry.link, entry.interp_or_time) =
            (search.found, search.found_link, search.found_interp);
    } else if search.over != 0 {
        entry.state = ThreadEntry::NOT_PYTHON;
        (entry.tstate, entry.interp_or_time) = (head, process::now());
    }
    let kept = THREADS.insert(&key, &entry, 0);
    match entry.state {
        ThreadEntry::FOUND | ThreadEntry::FOUND_AMONG if kept.is_ok() => Ok(()),
        ThreadEntry::NOT_PYTHON => Err(Reason::NotPythonThread),
        _ => Err(Reason::ThreadSearchUnfinished),
    }
}

/// One round of the search; 0, or the code of the reason why it can't go on.
///
/// A global function for the reason that [`crate::python::walk_one_frame`] is.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn search_states(round: u32) -> u32 {
    read::used(round);
    for _ in 0..STEPS {
        let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return Reason::KernelSideFailed as u32 };
        // SAFETY: the scratch value is this CPU's alone.
        let search = unsafe { &mut (*scratch).search };
        if search.over != 0 {
            return 0;
        }
        if let Err(reason) = step(search) {
            return reason as u32;
        }
    }
    0
}

#[inline(always)]
fn step(search: &mut Search) -> Outcome<()> {
    if search.tstate == 0 {
        search.interp = read::user_u64(search.interp + u64::from(search.layout.interp_next))?;
        if search.interp == 0 {
            search.over = 1;
            return Ok(());
        }
        search.link = search.interp + u64::from(search.layout.interp_threads_head);
    } else {
        let id = read::user_u64(search.tstate + u64::from(search.layout.tstate_thread_id))?;
        if id == search.thread_pointer {
            let rank = if search.several == 0 { RUNS } else { rank(search)? };
            if rank > search.rank {
                search.rank = rank;
                search.found = search.tstate;
                search.found_link = search.link;
                search.found_interp = search.interp;
            }
            if rank == RUNS {
                search.over = 1;
                return Ok(());
            }
        }
        search.link = search.tstate + u64::from(search.layout.tstate_next);
    }
    search.tstate = read::user_u64(search.link)?;
    Ok(())
}

/// How probable it is that the thread runs in the thread state that is looked at.
#[inline(always)]
fn rank(search: &Search) -> Outcome<u32> {
    let layout = &search.layout;
    if search.current != 0 && search.current == search.tstate {
        return Ok(RUNS);
    }
    if layout.tstate_status != ABSENT {
        let mut status = 0_u32;
        let address = search.tstate + u64::from(layout.tstate_status);
        read::user_bytes((&raw mut status).cast(), 4, address)?;
        if status & layout.status_active != 0 {
            return Ok(RUNS);
        }
    }
    let mut frame = read::user_u64(search.tstate + u64::from(layout.tstate_frame))?;
    if layout.cframe_current_frame != ABSENT && frame != 0 {
        frame = read::user_u64(frame + u64::from(layout.cframe_current_frame))?;
    }
    Ok(if frame != 0 { HAS_FRAMES } else { IDLE })
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
