//! One sample from start to end: identify the process and thread, walk, dedupe, submit or count why not.
//!
//! It must not know how frames are laid out, nor what the agent does with an event.

use aya_ebpf::{
    EbpfContext,
    helpers::{
        bpf_get_current_comm, bpf_get_current_pid_tgid,
        generated::{bpf_get_current_task, bpf_get_smp_processor_id, bpf_get_stack, bpf_ringbuf_output},
    },
    programs::PerfEventContext,
};
use firetower_ebpf::{
    abi::{
        self, MAX_KERNEL_FRAMES, MAX_PYTHON_FRAMES, RawFrame, SampleEvent, StackEvent, StackHash, ThreadKey,
        counter, event, target,
    },
    reason::Reason,
};

use crate::{
    maps::{EVENTS, PROCESSES, SCRATCH, STACKS, TARGETS, count},
    process, python,
    read::{self, Outcome},
    scratch::Scratch,
    settings, thread,
};

/// The sampler: counts the sample and sees to it that it is submitted or counted under a reason.
#[inline(always)]
pub fn sample(ctx: &PerfEventContext) {
    count(counter::FIRED);
    let id = bpf_get_current_pid_tgid();
    let (tgid, tid) = ((id >> 32) as u32, id as u32);
    if tgid == 0 {
        return not_submitted(Reason::Idle);
    }
    if settings().only_targets != 0 && !is_target(tgid) {
        return not_submitted(Reason::NotTarget);
    }
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return not_submitted(Reason::KernelSideFailed) };
    // In scratch memory from the start: a chain of calls has 512 bytes of stack in all.
    // SAFETY: the scratch value is this CPU's alone.
    let sample = unsafe { &mut (*scratch).event.sample };
    sample.kind = event::SAMPLE;
    sample.reason = 0;
    sample.time = process::now();
    sample.stack = [0; 2];
    sample.tgid = tgid;
    sample.tid = tid;
    // SAFETY: takes nothing, changes nothing.
    sample.cpu = unsafe { bpf_get_smp_processor_id() };
    sample.generation = 0;
    sample.interp = 0;
    sample.comm = bpf_get_current_comm().unwrap_or([0; 16]);
    let mut length = size_of::<SampleEvent>() as u64;
    match stack(ctx, sample, scratch) {
        Ok(()) => {
            if STACKS.get_ptr(&sample.stack).is_none() {
                sample.kind = event::STACK;
                // SAFETY: the scratch value is this CPU's alone.
                let frames = unsafe { (*scratch).event.python_frames };
                length = core::mem::offset_of!(StackEvent, python) as u64
                    + read::masked::<{ MAX_PYTHON_FRAMES as u32 }>(frames) * size_of::<RawFrame>() as u64;
            }
        }
        Err(reason) => sample.reason = reason as u32,
    }
    submit(scratch, length, sample);
}

/// Whether this process is to be watched by now.
#[inline(always)]
fn is_target(tgid: u32) -> bool {
    // SAFETY: preallocated map: the value stays valid memory.
    unsafe { TARGETS.get(&tgid) }.is_some_and(|kind| *kind < target::FROM_EXEC)
}

/// Leaves the hash of the running thread's stack in `sample`, and its frames in scratch memory.
#[inline(always)]
fn stack(ctx: &PerfEventContext, sample: &mut SampleEvent, scratch: *mut Scratch) -> Outcome<()> {
    let Some(facts) = PROCESSES.get_ptr_mut(&sample.tgid) else {
        return Err(process::report_new(sample.tgid, sample.time));
    };
    // SAFETY: preallocated map: the value stays valid memory. The agent replaces values whole.
    let known = unsafe { &*facts };
    sample.generation = known.generation;
    if known.state != 0 {
        process::report_again(facts, sample.tgid, sample.time);
        return Err(Reason::from_code(known.state).unwrap_or(Reason::KernelSideFailed));
    }
    let settings = settings();
    // SAFETY: takes nothing, changes nothing.
    let task = unsafe { bpf_get_current_task() };
    let thread_pointer = read::kernel::<u64>(task + u64::from(settings.task_fsbase))?;
    let thread = ThreadKey { tgid: sample.tgid, tid: sample.tid };
    let interp = thread::find(known, thread, thread_pointer, scratch)?;
    let mut hash = settings.hash_seed;
    abi::mix(&mut hash, (u64::from(sample.tgid) << 32) | u64::from(known.generation));
    python::walk(&known.layout, scratch, &mut hash)?;
    kernel_stack(ctx, settings.kernel_stacks, scratch, &mut hash);
    sample.interp = interp;
    sample.stack = hash;
    Ok(())
}

/// Adds the kernel's own stack if the sample fired in kernel mode.
#[inline(always)]
fn kernel_stack(ctx: &PerfEventContext, wanted: u32, scratch: *mut Scratch, hash: &mut StackHash) {
    // SAFETY: the verifier checks the context's fields; the scratch value is this CPU's alone.
    unsafe {
        (*scratch).event.kernel_frames = 0;
        let user_mode = (*ctx.as_ptr().cast::<aya_ebpf::bindings::bpf_perf_event_data>()).regs.cs & 3 != 0;
        if user_mode || wanted == 0 {
            return;
        }
        let addresses: *mut u64 = (&raw mut (*scratch).event.kernel).cast();
        let bytes = bpf_get_stack(ctx.as_ptr(), addresses.cast(), (8 * MAX_KERNEL_FRAMES) as u32, 0);
        if bytes <= 0 {
            return;
        }
        let frames = bytes as usize / 8;
        for index in 0..MAX_KERNEL_FRAMES {
            if index >= frames {
                break;
            }
            abi::mix(hash, *addresses.add(index));
        }
        (*scratch).event.kernel_frames = frames as u32;
    }
}

/// Sends the event at the head of `scratch`, and remembers a new stack only once it is sent.
#[inline(always)]
fn submit(scratch: *mut Scratch, length: u64, sample: &SampleEvent) {
    let new_stack = sample.kind == event::STACK;
    // A new stack wakes the agent at once, so that its code objects are read while they live; any other sample
    // waits for the agent's next round, unless the buffer fills.
    let urgent = new_stack || EVENTS.query(aya_ebpf::bindings::BPF_RB_AVAIL_DATA as u64) > HALF_FULL;
    let wake_up =
        if urgent { aya_ebpf::bindings::BPF_RB_FORCE_WAKEUP } else { aya_ebpf::bindings::BPF_RB_NO_WAKEUP };
    // SAFETY: `length` bytes of the scratch value, as the verifier checks; the map is a ring buffer.
    let failed = unsafe {
        bpf_ringbuf_output(
            (&raw const EVENTS).cast_mut().cast(),
            (&raw mut (*scratch).event).cast(),
            length,
            wake_up as u64,
        )
    };
    if failed != 0 {
        return not_submitted(Reason::RingBufferFull);
    }
    count(counter::SUBMITTED);
    if sample.reason == 0 {
        // SAFETY: the scratch value is this CPU's alone.
        if unsafe { (*scratch).event.truncated } != 0 {
            count(counter::TRUNCATED);
        }
    }
    if new_stack {
        count(counter::NEW_STACKS);
        // No room: the stack is sent whole the next time too.
        let _ = STACKS.insert(&sample.stack, &sample.generation, 0);
    }
}

const HALF_FULL: u64 = 4 << 20;

#[inline(always)]
fn not_submitted(reason: Reason) {
    count(counter::NOT_SUBMITTED + reason as u32);
}
