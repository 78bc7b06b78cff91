//! Walks the frames of a Python thread by a [`PyLayout`] of facts. It must not know a version number.
//!
//! The thread is the one that was interrupted, so its frames stand still: they are all of one instant. Frames that
//! lie side by side in the data stack's chunk (from 3.11) are read a window at once, which costs about as much as
//! reading one; frames elsewhere (generators, shims on the C stack, heap objects up to 3.10) one by one.

use firetower_ebpf::{
    abi::{self, ABSENT, FINGERPRINT_BYTES, MAX_FRAME_BYTES, MAX_PYTHON_FRAMES, PyLayout, RawFrame, StackHash, flags},
    reason::Reason,
};

use crate::{
    maps::{Scratch, WINDOW_BYTES},
    read::{self, Outcome},
    thread::pointer,
};

/// Most frames looked at, shims included.
const MAX_STEPS: u32 = 160;
/// The first address that no process has, on x86-64 with four-level paging.
const USER_END: u64 = 1 << 47;

/// The piece of the data-stack chunk that is in scratch memory.
struct Window {
    /// Address of the first byte; the window is empty if `end` is not above it.
    start: u64,
    end: u64,
}

/// Where live frames of the thread's current data-stack chunk lie: `chunk..top`; `top..limit` are dead.
struct DataStack {
    chunk: u64,
    top: u64,
    limit: u64,
}

/// Writes the frames of the thread whose state is in `scratch.tstate` to `scratch.event`, leaf first, and folds them
/// into `hash`.
#[inline(always)]
pub fn walk(layout: &PyLayout, scratch: *mut Scratch, hash: &mut StackHash) -> Outcome<()> {
    let data = data_stack(layout, scratch);
    let mut frame = pointer(scratch, layout.tstate_frame);
    if layout.cframe_current_frame != ABSENT && frame != 0 {
        frame = read::user_u64(frame + u64::from(layout.cframe_current_frame))?;
    }
    let mut window = Window { start: 0, end: 0 };
    let mut depth = 0_u32;
    let mut last_code = 0_u64;
    let mut last_fingerprint = 0_u32;
    for _ in 0..MAX_STEPS {
        if frame == 0 || depth as usize >= MAX_PYTHON_FRAMES {
            break;
        }
        if frame >= data.top && frame < data.limit {
            return Err(Reason::InconsistentFrames);
        }
        let bytes = frame_bytes(layout, scratch, &mut window, &data, frame)?;
        let previous = read::field::<u64, FIELD>(bytes, layout.frame_previous);
        let owner = match layout.frame_owner {
            ABSENT => 0,
            offset => u32::from(read::field::<u8, FIELD>(bytes, offset)),
        };
        if layout.frame_owner != ABSENT && owner == layout.owner_shim {
            mark_entry(scratch, depth);
        } else {
            let code = read::field::<u64, FIELD>(bytes, layout.frame_code);
            if code == 0 || code >= USER_END {
                return Err(Reason::InconsistentFrames);
            }
            if code != last_code {
                last_fingerprint = fingerprint(layout, scratch, code)?;
                last_code = code;
            }
            let instr = instruction(layout, bytes, code)?;
            let entry = layout.flags & flags::EVERY_FRAME_IS_ENTRY != 0
                || (layout.flags & flags::OWNER_IS_ENTRY != 0 && owner == 1);
            push(scratch, depth, RawFrame::new(code, instr, last_fingerprint, entry));
            abi::mix(hash, code ^ (u64::from(entry) << 63));
            abi::mix(hash, (u64::from(last_fingerprint) << 32) | u64::from(instr as u32));
            depth += 1;
        }
        frame = previous;
    }
    if depth == 0 {
        return Err(Reason::NoPythonFrame);
    }
    let truncated = u32::from(frame != 0);
    abi::mix(hash, u64::from(truncated));
    // SAFETY: the scratch value is this CPU's alone.
    unsafe {
        (*scratch).event.python_frames = depth;
        (*scratch).event.truncated = truncated;
    }
    Ok(())
}

/// Mask of a field's offset in a frame.
const FIELD: u32 = MAX_FRAME_BYTES as u32 - 1;

#[inline(always)]
fn data_stack(layout: &PyLayout, scratch: *mut Scratch) -> DataStack {
    if layout.tstate_datastack_chunk == ABSENT || layout.tstate_datastack_top == ABSENT {
        return DataStack { chunk: u64::MAX, top: u64::MAX, limit: u64::MAX };
    }
    DataStack {
        chunk: pointer(scratch, layout.tstate_datastack_chunk),
        top: pointer(scratch, layout.tstate_datastack_top),
        limit: pointer(scratch, layout.tstate_datastack_top + 8),
    }
}

/// The bytes of the frame's fixed part in scratch memory: out of the window, a new window, or a read of its own.
#[inline(always)]
fn frame_bytes(
    layout: &PyLayout,
    scratch: *mut Scratch,
    window: &mut Window,
    data: &DataStack,
    frame: u64,
) -> Outcome<*const u8> {
    // SAFETY: in bounds of the scratch value.
    let buffer: *mut u8 = unsafe { &raw mut (*scratch).frames }.cast();
    let size = layout.frame_size;
    if size as usize > MAX_FRAME_BYTES {
        return Err(Reason::KernelSideFailed);
    }
    let end = frame + u64::from(size);
    if (frame < window.start || end > window.end) && frame >= data.chunk && frame < data.top {
        // Callers lie below their callees, so the window ends with this frame and never starts below the chunk.
        let start = if end - data.chunk > WINDOW_BYTES as u64 { end - WINDOW_BYTES as u64 } else { data.chunk };
        let length = end - start;
        if length <= WINDOW_BYTES as u64 && read::user_bytes(buffer, length as u32, start).is_ok() {
            *window = Window { start, end };
        }
    }
    let mut offset = WINDOW_BYTES as u64;
    if frame >= window.start && end <= window.end {
        offset = frame - window.start;
        if offset > WINDOW_BYTES as u64 {
            return Err(Reason::KernelSideFailed);
        }
    } else {
        // SAFETY: in bounds: the buffer goes on behind the window.
        read::user_bytes(unsafe { buffer.add(WINDOW_BYTES) }, size, frame)?;
    }
    // SAFETY: `offset` is at most WINDOW_BYTES, and the buffer has two frames more.
    Ok(unsafe { buffer.add(offset as usize) })
}

/// Bytes from the code object's first instruction to the one being run.
#[inline(always)]
fn instruction(layout: &PyLayout, frame: *const u8, code: u64) -> Outcome<i32> {
    if layout.flags & flags::INSTR_IS_POINTER == 0 {
        return Ok(read::field::<i32, FIELD>(frame, layout.frame_instr));
    }
    let pointer = read::field::<u64, FIELD>(frame, layout.frame_instr);
    let first = code + u64::from(layout.code_instructions);
    // Before its first instruction a frame points one or a few code units in front of it.
    let offset = pointer.wrapping_sub(first).wrapping_add(BEFORE_FIRST);
    if offset > i32::MAX as u64 {
        return Err(Reason::InconsistentFrames);
    }
    Ok(offset as i32 - BEFORE_FIRST as i32)
}

const BEFORE_FIRST: u64 = 16;

/// Reads and folds what never changes in a code object.
#[inline(always)]
fn fingerprint(layout: &PyLayout, scratch: *mut Scratch, code: u64) -> Outcome<u32> {
    // SAFETY: in bounds of the scratch value, which is this CPU's alone.
    let words = unsafe { &mut (*scratch).code };
    read::user_bytes(words.as_mut_ptr().cast(), FINGERPRINT_BYTES as u32, code + u64::from(layout.code_fingerprint))?;
    Ok(abi::fingerprint(words))
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
