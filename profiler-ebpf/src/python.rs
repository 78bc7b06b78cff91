//! Walks the frames of a Python thread by a [`PyLayout`] of facts. It must not know a version number.
//!
//! The thread is the one that was interrupted, so its frames stand still: they are all of one instant. Frames that
//! lie side by side in the data stack's chunk (from 3.11) are read a window at once, which costs about as much as
//! reading one; frames elsewhere (generators, shims on the C stack, heap objects up to 3.10) one by one.

use firetower_ebpf::{
    abi::{self, ABSENT, MAX_FRAME_BYTES, MAX_PYTHON_FRAMES, PyLayout, RawFrame, StackHash, flags},
    reason::Reason,
};

use crate::{
    fingerprint::fingerprint,
    maps::SCRATCH,
    read::{self, Outcome},
    scratch::{Scratch, WINDOW_BYTES, Walk},
    thread::pointer,
};

/// Most frames looked at, shims included: this many times [`STEPS`], room for a shim between any two functions.
const ROUNDS: u32 = 64;
/// Frames looked at in one round.
const STEPS: u32 = 32;
/// The first address that no process has, on x86-64 with four-level paging.
const USER_END: u64 = 1 << 47;
/// Mask of a field's offset in a frame.
const FIELD: u32 = MAX_FRAME_BYTES as u32 - 1;

/// Writes the frames of the thread whose state is in `scratch.tstate` to `scratch.event`, leaf first, and folds them
/// into `hash`.
#[inline(always)]
pub fn walk(layout: &PyLayout, scratch: *mut Scratch, hash: &mut StackHash) -> Outcome<()> {
    let at = pointer(scratch, layout.tstate_frame);
    let has_cframe = layout.cframe_current_frame != ABSENT && at != 0;
    let frame = if has_cframe { current_frame(layout, at)? } else { at };
    // SAFETY: the scratch value is this CPU's alone.
    let walk = unsafe { &mut (*scratch).walk };
    walk.layout = *layout;
    walk.hash = *hash;
    walk.frame = frame;
    walk.window_start = 0;
    walk.window_end = 0;
    (walk.chunk, walk.top, walk.limit) = data_stack(layout, scratch);
    walk.last_code = 0;
    walk.last_fingerprint = 0;
    walk.depth = 0;
    walk.last_is_entry = 0;
    walk.cut = 0;
    let mut outer_cframe_is_left = has_cframe;
    for round in 0..ROUNDS {
        if walk.cut != 0 || (walk.frame == 0 && walk.depth != 0) {
            break;
        }
        if let Some(reason) = Reason::from_code(walk_frames(round)) {
            if walk.depth != 0 || !outer_cframe_is_left {
                return Err(reason);
            }
            outer_cframe_is_left = false;
            walk.frame = calling_frame(layout, at, reason)?;
        }
    }
    if walk.depth == 0 {
        return Err(Reason::NoPythonFrame);
    }
    let truncated = u32::from(walk.frame != 0);
    // A generator's frame has no caller while it is being switched to or from: then the chain ends too early.
    if truncated == 0 && walk.last_is_entry == 0 {
        return Err(Reason::InconsistentFrames);
    }
    *hash = walk.hash;
    abi::mix(hash, u64::from(truncated));
    // SAFETY: the scratch value is this CPU's alone.
    unsafe {
        (*scratch).event.python_frames = walk.depth;
        (*scratch).event.truncated = truncated;
    }
    Ok(())
}

/// `_PyCFrame.current_frame`.
#[inline(always)]
fn current_frame(layout: &PyLayout, cframe: u64) -> Outcome<u64> {
    read::user_u64(cframe + u64::from(layout.cframe_current_frame))
}

/// The frame that called into the interpreter, where the one that it is about to run can't be read for this `reason`.
///
/// The interpreter links its new `_PyCFrame` to the thread before it has written `current_frame`, which is what lay on
/// the C stack until then. In these few instructions the thread's stack is still that of the calling `_PyCFrame`, which
/// `previous`, behind `current_frame`, points to. CPython 3.11 and 3.12 Python/ceval.c, `_PyEval_EvalFrameDefault`.
#[inline(always)]
fn calling_frame(layout: &PyLayout, cframe: u64, reason: Reason) -> Outcome<u64> {
    let previous = read::user_u64(cframe + u64::from(layout.cframe_current_frame) + 8)?;
    if previous == 0 { Err(reason) } else { current_frame(layout, previous) }
}

/// One round of the walk; 0, or the code of the reason why it can't go on.
///
/// Global as [`walk_one_frame`] is, so that the verifier meets neither loop inside of the other.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn walk_frames(round: u32) -> u32 {
    read::used(round);
    for step in 0..STEPS {
        let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return Reason::KernelSideFailed as u32 };
        // SAFETY: the scratch value is this CPU's alone.
        let (frame, depth, cut) =
            unsafe { ((*scratch).walk.frame, (*scratch).walk.depth, (*scratch).walk.cut) };
        if cut != 0 || (frame == 0 && depth != 0) {
            return 0;
        }
        let failure = if frame == 0 { Reason::NoPythonFrame as u32 } else { walk_one_frame(step) };
        if failure != 0 {
            return failure;
        }
    }
    0
}

/// One step of the walk; 0, or the code of the reason why there is no next one.
///
/// A global function in the verifier's sense (`no_mangle`): verified once by itself, not once per iteration and path.
/// So it takes no pointers, and looks its scratch memory up anew. `step` keeps the signature one that every kernel
/// from 5.6 takes.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn walk_one_frame(step: u32) -> u32 {
    read::used(step);
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return Reason::KernelSideFailed as u32 };
    match one_frame(scratch) {
        Ok(()) => 0,
        Err(reason) => reason as u32,
    }
}

#[inline(always)]
fn one_frame(scratch: *mut Scratch) -> Outcome<()> {
    // SAFETY: the scratch value is this CPU's alone.
    let walk = unsafe { &mut (*scratch).walk };
    let frame = walk.frame;
    if frame & 7 != 0 || (frame >= walk.top && frame < walk.limit) {
        return Err(Reason::InconsistentFrames);
    }
    let bytes = frame_bytes(walk, scratch, frame)?;
    let layout = &walk.layout;
    let has_owner = layout.frame_owner != ABSENT;
    let owner = if has_owner { u32::from(read::field::<u8, FIELD>(bytes, layout.frame_owner)) } else { 0 };
    let previous = read::field::<u64, FIELD>(bytes, layout.frame_previous);
    if has_owner && owner >= layout.owner_shim {
        walk.frame = previous;
        mark_entry(scratch, walk.depth);
        walk.last_is_entry = 1;
        return Ok(());
    }
    // Only a function's frame is cut off: the shim that ends a stack that just fits is none.
    if walk.depth as usize >= MAX_PYTHON_FRAMES {
        walk.cut = 1;
        return Ok(());
    }
    walk.frame = previous;
    let mut code = read::field::<u64, FIELD>(bytes, layout.frame_code);
    if layout.flags & flags::CODE_IS_TAGGED != 0 {
        code &= !7;
    }
    if code == 0 || code >= USER_END {
        return Err(Reason::InconsistentFrames);
    }
    if code != walk.last_code {
        walk.last_fingerprint = fingerprint(layout, scratch, code)?;
        walk.last_code = code;
    }
    let instr = instruction(layout, bytes, code)?;
    let entry = layout.flags & flags::EVERY_FRAME_IS_ENTRY != 0
        || (layout.flags & flags::OWNER_IS_ENTRY != 0 && owner == 1);
    walk.last_is_entry = entry.into();
    push(scratch, walk.depth, RawFrame::new(code, instr, walk.last_fingerprint, entry));
    abi::mix(&mut walk.hash, code ^ (u64::from(entry) << 63));
    abi::mix(&mut walk.hash, (u64::from(walk.last_fingerprint) << 32) | u64::from(instr as u32));
    walk.depth += 1;
    Ok(())
}

/// Chunk, top and limit of the thread's data stack; where there is none, addresses that no frame has.
#[inline(always)]
fn data_stack(layout: &PyLayout, scratch: *mut Scratch) -> (u64, u64, u64) {
    if layout.tstate_datastack_chunk == ABSENT || layout.tstate_datastack_top == ABSENT {
        return (u64::MAX, u64::MAX, u64::MAX);
    }
    let top = layout.tstate_datastack_top;
    (pointer(scratch, layout.tstate_datastack_chunk), pointer(scratch, top), pointer(scratch, top + 8))
}

/// The bytes of the frame's fixed part in scratch memory: out of the window, a new window, or a read of its own.
#[inline(always)]
fn frame_bytes(walk: &mut Walk, scratch: *mut Scratch, frame: u64) -> Outcome<*const u8> {
    // SAFETY: in bounds of the scratch value.
    let buffer: *mut u8 = unsafe { &raw mut (*scratch).frames }.cast();
    let size = walk.layout.frame_size;
    if size as usize > MAX_FRAME_BYTES {
        return Err(Reason::KernelSideFailed);
    }
    let end = frame + u64::from(size);
    if (frame < walk.window_start || end > walk.window_end) && frame >= walk.chunk && frame < walk.top {
        // Callers lie below their callees, so the window ends with this frame and never starts below the chunk.
        let length =
            if end - walk.chunk > WINDOW_BYTES as u64 { WINDOW_BYTES as u64 } else { end - walk.chunk };
        if read::user_bytes(buffer, read::masked::<WINDOW_MASK>(length as u32) as u32, end - length).is_ok() {
            walk.window_start = end - length;
            walk.window_end = end;
        }
    }
    let mut offset = WINDOW_BYTES as u32;
    if frame >= walk.window_start && end <= walk.window_end {
        offset = (frame - walk.window_start) as u32;
    } else {
        // SAFETY: in bounds: the buffer goes on behind the window.
        read::user_bytes(unsafe { buffer.add(WINDOW_BYTES) }, size, frame)?;
    }
    // SAFETY: masked to at most WINDOW_BYTES + 4095, and the buffer has room for a frame behind that.
    Ok(unsafe { buffer.add((read::masked::<WINDOW_MASK>(offset) & !7) as usize) })
}

/// Lets 0 to [`WINDOW_BYTES`] through unchanged.
const WINDOW_MASK: u32 = 2 * WINDOW_BYTES as u32 - 1;

/// Bytes from the code object's first instruction to the one being run.
#[inline(always)]
fn instruction(layout: &PyLayout, frame: *const u8, code: u64) -> Outcome<i32> {
    if layout.flags & flags::INSTR_IS_POINTER == 0 {
        let instr = read::field::<i32, FIELD>(frame, layout.frame_instr);
        let in_units = layout.flags & flags::INSTR_IN_CODE_UNITS != 0;
        return Ok(if in_units { instr.wrapping_mul(CODE_UNIT) } else { instr });
    }
    let pointer = read::field::<u64, FIELD>(frame, layout.frame_instr);
    let mut first = code + u64::from(layout.code_instructions);
    if layout.code_tlbc != ABSENT {
        let copy = read::field::<u32, FIELD>(frame, layout.frame_tlbc_index);
        if copy != 0 {
            first = thread_local_code(layout, code, copy)?;
        }
    }
    // Before its first instruction a frame points one or a few code units in front of it.
    let offset = pointer.wrapping_sub(first).wrapping_add(BEFORE_FIRST);
    if offset > i32::MAX as u64 {
        return Err(Reason::InconsistentFrames);
    }
    Ok(offset as i32 - BEFORE_FIRST as i32)
}

const BEFORE_FIRST: u64 = 16;
/// Bytes of a `_Py_CODEUNIT`. CPython Include/cpython/code.h.
const CODE_UNIT: i32 = 2;

/// Address of the first instruction of the copy that one thread has. CPython 3.14 Include/internal/pycore_code.h,
/// `_PyCodeArray`: a count, then as many pointers.
#[inline(always)]
fn thread_local_code(layout: &PyLayout, code: u64, copy: u32) -> Outcome<u64> {
    let array = read::user_u64(code + u64::from(layout.code_tlbc))?;
    if u64::from(copy) >= read::user_u64(array)? {
        return Err(Reason::InconsistentFrames);
    }
    read::user_u64(array + 8 + 8 * u64::from(copy))
}

#[inline(always)]
fn push(scratch: *mut Scratch, depth: u32, frame: RawFrame) {
    // SAFETY: masked to the array, which has a power of two of entries.
    unsafe {
        let first: *mut RawFrame = (&raw mut (*scratch).event.python).cast();
        *first.add(depth as usize & MAX_PYTHON_FRAMES) = frame;
    }
}

/// The frame that was pushed last was called by C code: a shim frame lies between it and its caller.
#[inline(always)]
fn mark_entry(scratch: *mut Scratch, depth: u32) {
    if depth != 0 {
        // SAFETY: as in `push`.
        unsafe {
            let first: *mut RawFrame = (&raw mut (*scratch).event.python).cast();
            (*first.add((depth as usize - 1) & MAX_PYTHON_FRAMES)).set_entry();
        }
    }
}
