//! Where a CPython build keeps what the kernel side reads: offsets in bytes and flags, and no version number.
//!
//! It must not know which version has which layout, nor how the offsets are used.

use super::{CONTENT_BYTES, FINGERPRINT_BYTES};

/// Bytes of `PyThreadState` that are read at once; every offset into it must leave room for 8 bytes below this.
pub const THREAD_STATE_BYTES: usize = 512;
/// Most bytes of a frame's fixed part.
pub const MAX_FRAME_BYTES: usize = 128;
/// An offset in [`PyLayout`] that the version does not have.
pub const ABSENT: u32 = u32::MAX;

/// Facts about one CPython build: offsets in bytes and flags. Written by the agent, read by the kernel side.
///
/// The kernel side masks every offset to its buffer's size, so a wrong one gives a wrong read, never a bad one;
/// [`PyLayout::validate`] keeps wrong ones out.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PyLayout {
    /// From [`ProcessFacts::runtime`](super::ProcessFacts::runtime) to the pointer to the first `PyInterpreterState`.
    pub runtime_interpreters_head: u32,
    /// `PyInterpreterState.next`.
    pub interp_next: u32,
    /// `PyInterpreterState.threads.head` (`tstate_head` up to 3.10): the newest thread state.
    pub interp_threads_head: u32,
    /// `PyThreadState.next`.
    pub tstate_next: u32,
    /// `PyThreadState.thread_id`: `pthread_self()` of the thread that owns it.
    pub tstate_thread_id: u32,
    /// `PyThreadState.frame` (to 3.10), `.cframe` (3.11, 3.12) or `.current_frame` (from 3.13).
    pub tstate_frame: u32,
    /// `PyThreadState.datastack_chunk`, or [`ABSENT`] where frames are heap objects.
    pub tstate_datastack_chunk: u32,
    /// `PyThreadState.datastack_top`, which `datastack_limit` follows: frames of the data stack's current chunk that
    /// lie between the two are dead. [`ABSENT`] without chunks.
    pub tstate_datastack_top: u32,
    /// `_PyCFrame.current_frame`, or [`ABSENT`] where `tstate_frame` points to the frame itself.
    pub cframe_current_frame: u32,
    /// Bytes of a frame's fixed part that cover the fields below, at most [`MAX_FRAME_BYTES`].
    pub frame_size: u32,
    /// Frame → code object: `f_code` or `f_executable`.
    pub frame_code: u32,
    /// Frame → calling frame: `f_back` or `previous`.
    pub frame_previous: u32,
    /// Frame → the instruction being run: `f_lasti`, `prev_instr` or `instr_ptr`; see [`flags`].
    pub frame_instr: u32,
    /// Frame → one byte that tells what kind of frame it is: `owner`, or `is_entry` (3.11). [`ABSENT`] to 3.10.
    pub frame_owner: u32,
    /// Lowest value of the owner byte that marks a shim frame (no Python code; entry from C). [`ABSENT`] if there is
    /// none.
    pub owner_shim: u32,
    /// Code object → its first instruction (`co_code_adaptive`); used if [`flags::INSTR_IS_POINTER`].
    pub code_instructions: u32,
    /// Code object → the first of [`FINGERPRINT_BYTES`] bytes that never change while it lives, and that
    /// include its name, file, line table and first line.
    pub code_fingerprint: u32,
    /// A union of [`flags`].
    pub flags: u32,
    /// Bytes of `PyThreadState` that cover its fields above and below: never more, so that no read runs past its
    /// memory. [`PyLayout::with_tstate_size`] sets it.
    pub tstate_size: u32,
    /// `PyThreadState._status`, a bit field of 32 bits (from 3.12), or [`ABSENT`].
    pub tstate_status: u32,
    /// The bit of `_status` that is `active`: the thread runs in this thread state's interpreter.
    pub status_active: u32,
    /// Code object → its name (`co_qualname`, `co_name`), inside of the fingerprint's bytes; [`ABSENT`] where the
    /// fingerprint tells code objects apart by itself (`co_version`, from 3.12).
    ///
    /// Elsewhere a code object may be followed by another one at the same address, with the same pointers to other
    /// content: `exec` in a loop does that. So the content counts too.
    pub code_name: u32,
    /// `str` → its length, which its hash follows. Used if `code_name` is there, like the next three.
    pub name_content: u32,
    /// From there to the first character of a compact ASCII string.
    pub name_data: u32,
    /// Code object → its line table, inside of the fingerprint's bytes.
    pub code_line_table: u32,
    /// `bytes` → `ob_size`, which `ob_shash` follows.
    pub table_content: u32,
    /// From there to the first byte, `ob_sval`.
    pub table_data: u32,
    /// Code object → `co_tlbc`, the copies of its instructions that threads have for themselves (free-threaded builds
    /// from 3.14), or [`ABSENT`].
    pub code_tlbc: u32,
    /// Frame → `tlbc_index`, an `int`; used if `code_tlbc` is there.
    pub frame_tlbc_index: u32,
    /// Zero: keeps the size a multiple of 8.
    pub reserved: u32,
}

/// Flags of [`PyLayout::flags`].
pub mod flags {
    /// `frame_instr` is a pointer into the code object (else an `int` in bytes, -1 before the first instruction).
    pub const INSTR_IS_POINTER: u32 = 1;
    /// The byte at `frame_owner` is `is_entry`: 1 on the first frame of a C call into the interpreter (3.11).
    pub const OWNER_IS_ENTRY: u32 = 2;
    /// Every frame is a C call of its own (up to 3.10): each is an entry frame.
    pub const EVERY_FRAME_IS_ENTRY: u32 = 4;
    /// `frame_instr` is an `int` in code units of two bytes, not in bytes (3.10).
    pub const INSTR_IN_CODE_UNITS: u32 = 8;
    /// `frame_code` is a `_PyStackRef`: a pointer whose lowest three bits are a tag (from 3.14).
    pub const CODE_IS_TAGGED: u32 = 16;
}

impl PyLayout {
    /// No layout: all zero.
    pub const NONE: PyLayout = PyLayout {
        runtime_interpreters_head: 0,
        interp_next: 0,
        interp_threads_head: 0,
        tstate_next: 0,
        tstate_thread_id: 0,
        tstate_frame: 0,
        tstate_datastack_chunk: 0,
        tstate_datastack_top: 0,
        cframe_current_frame: 0,
        frame_size: 0,
        frame_code: 0,
        frame_previous: 0,
        frame_instr: 0,
        frame_owner: 0,
        owner_shim: 0,
        code_instructions: 0,
        code_fingerprint: 0,
        flags: 0,
        tstate_size: 0,
        tstate_status: 0,
        status_active: 0,
        code_name: 0,
        name_content: 0,
        name_data: 0,
        code_line_table: 0,
        table_content: 0,
        table_data: 0,
        code_tlbc: 0,
        frame_tlbc_index: 0,
        reserved: 0,
    };

    /// The same layout with `tstate_size` computed from the offsets into `PyThreadState`.
    pub fn with_tstate_size(mut self) -> PyLayout {
        let pointer_ends =
            [self.tstate_next, self.tstate_thread_id, self.tstate_frame, self.tstate_datastack_chunk]
                .map(|offset| if offset == ABSENT { 0 } else { offset.saturating_add(8) });
        let limit_end = if self.tstate_datastack_top == ABSENT {
            0
        } else {
            self.tstate_datastack_top.saturating_add(16)
        };
        let status_end = if self.tstate_status == ABSENT { 0 } else { self.tstate_status.saturating_add(4) };
        self.tstate_size = pointer_ends.into_iter().fold(limit_end.max(status_end), u32::max);
        self
    }

    /// Whether every offset lies in the buffer that the kernel side reads it from; the first that does not, by name.
    pub fn validate(&self) -> Result<(), &'static str> {
        let in_thread_state = |offset: u32| offset as usize <= THREAD_STATE_BYTES - 8;
        let in_frame = |offset: u32, size: u32| offset.saturating_add(size) <= self.frame_size;
        let absent = |offset: u32| offset == ABSENT;
        let in_fingerprint = |offset: u32| {
            offset >= self.code_fingerprint
                && offset.saturating_add(8) <= self.code_fingerprint.saturating_add(FINGERPRINT_BYTES as u32)
        };
        let content = !absent(self.code_name);
        let checks = [
            (self.runtime_interpreters_head < 1 << 20, "runtime.interpreters.head"),
            (self.interp_next < 1 << 20, "interp.next"),
            (self.interp_threads_head < 1 << 20, "interp.threads.head"),
            (in_thread_state(self.tstate_next), "tstate.next"),
            (in_thread_state(self.tstate_thread_id), "tstate.thread_id"),
            (in_thread_state(self.tstate_frame), "tstate.frame"),
            (
                absent(self.tstate_datastack_chunk) || in_thread_state(self.tstate_datastack_chunk),
                "tstate.datastack_chunk",
            ),
            (
                absent(self.tstate_datastack_top)
                    || in_thread_state(self.tstate_datastack_top.saturating_add(8)),
                "tstate.datastack_top",
            ),
            (self.tstate_size as usize <= THREAD_STATE_BYTES, "tstate size"),
            (
                absent(self.cframe_current_frame) || self.cframe_current_frame < 1 << 10,
                "cframe.current_frame",
            ),
            (self.frame_size as usize <= MAX_FRAME_BYTES, "frame size"),
            (in_frame(self.frame_code, 8), "frame.code"),
            (in_frame(self.frame_previous, 8), "frame.previous"),
            (
                in_frame(self.frame_instr, if self.flags & flags::INSTR_IS_POINTER != 0 { 8 } else { 4 }),
                "frame.instr",
            ),
            (absent(self.frame_owner) || in_frame(self.frame_owner, 1), "frame.owner"),
            (self.code_instructions < 1 << 16, "code.co_code_adaptive"),
            (self.code_fingerprint < 1 << 16, "code fingerprint"),
            (absent(self.tstate_status) || in_thread_state(self.tstate_status), "tstate._status"),
            (!content || in_fingerprint(self.code_name), "code name"),
            (!content || in_fingerprint(self.code_line_table), "code line table"),
            (!content || self.name_content.max(self.table_content) < 1 << 10, "name or line table content"),
            (
                !content || self.name_data.max(self.table_data) < CONTENT_BYTES as u32,
                "name or line table data",
            ),
            (absent(self.code_tlbc) || self.code_tlbc < 1 << 16, "code.co_tlbc"),
            (absent(self.code_tlbc) || in_frame(self.frame_tlbc_index, 4), "frame.tlbc_index"),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, name)) => Err(name),
            None => Ok(()),
        }
    }
}

// The sum of the fields' sizes: no hidden padding.
const _: () = assert!(size_of::<PyLayout>() == 30 * 4);
