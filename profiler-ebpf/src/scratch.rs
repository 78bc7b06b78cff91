//! Scratch memory of one sample: the eBPF stack has 512 bytes only, for a whole chain of calls. It must not know what is
//! done with it.

use firetower_ebpf::abi::{
    CONTENT_BYTES, FINGERPRINT_BYTES, MAX_FRAME_BYTES, PyLayout, StackEvent, StackHash, THREAD_STATE_BYTES,
};

/// Room for the constant part of a code object, rounded up for the mask of an index.
pub const CODE_WORDS: usize = (FINGERPRINT_BYTES / 8).next_power_of_two();
/// Bytes of a data-stack chunk that are read at once: about 25 frames.
pub const WINDOW_BYTES: usize = 4096;

/// The value of the map `SCRATCH`.
#[repr(C)]
pub struct Scratch {
    /// The event being made.
    pub event: StackEvent,
    /// The thread's `PyThreadState`; masked offsets may reach 16 bytes past its end.
    pub tstate: [u8; THREAD_STATE_BYTES + 16],
    /// A piece of the data-stack chunk, and behind it one frame that lies elsewhere; masked offsets may reach to twice
    /// the window.
    pub frames: [u8; 2 * WINDOW_BYTES + 2 * MAX_FRAME_BYTES],
    /// Where the walk of the frames stands.
    pub walk: Walk,
    /// Where the search of a thread's state stands.
    pub search: Search,
    /// The constant part of one code object; masked offsets may reach 8 bytes past its end.
    pub code: [u64; CODE_WORDS + 1],
    /// The first bytes of one string; masked offsets and sizes together may reach to twice that.
    pub content: [u64; 2 * CONTENT_BYTES / 8],
}

/// Where a walk of frames stands. Not in variables: the verifier follows what is in a variable through every path of
/// every iteration, and runs out of its million instructions after 60 frames.
#[repr(C)]
pub struct Walk {
    /// A copy of the process's facts.
    pub layout: PyLayout,
    /// The stack's hash so far.
    pub hash: StackHash,
    /// Address of the next frame to look at; 0 at the root.
    pub frame: u64,
    /// The piece of the data-stack chunk that is in scratch memory; empty if `window_end` is not above its start.
    pub window_start: u64,
    pub window_end: u64,
    /// Live frames of the thread's current data-stack chunk lie in `chunk..top`; `top..limit` are dead.
    pub chunk: u64,
    pub top: u64,
    pub limit: u64,
    /// Code object of the last frame, whose fingerprint need not be taken again in a recursion.
    pub last_code: u64,
    pub last_fingerprint: u32,
    /// Frames written so far.
    pub depth: u32,
    /// 1 if the last frame looked at was called by C code, as the outermost one always is.
    pub last_is_entry: u32,
    /// 1 if a function's frame was met that finds no room.
    pub cut: u32,
}

/// Where a search stands. Here for the reason that [`Walk`] is.
#[repr(C)]
pub struct Search {
    pub layout: PyLayout,
    /// The thread's own.
    pub thread_pointer: u64,
    /// The thread state that holds the GIL that all interpreters share; 0 if there is no such GIL.
    pub current: u64,
    /// The next to look at, and the address of the pointer that leads to it.
    pub interp: u64,
    pub link: u64,
    pub tstate: u64,
    /// The best so far; `found` is 0 if there is none.
    pub found_interp: u64,
    pub found_link: u64,
    pub found: u64,
    /// How good it is: see `crate::thread`.
    pub rank: u32,
    /// 1: there are several interpreters, so the first thread state that is found need not be the right one.
    pub several: u32,
    /// 1: nothing is left to look at.
    pub over: u32,
    /// Zero.
    pub reserved: u32,
}
