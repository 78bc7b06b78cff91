//! Every byte that crosses the kernel boundary.
//!
//! All structs are `repr(C)` without hidden padding (the size assertions below hold that) and valid for any bit
//! pattern. For each field the doc says its unit, who writes it and who reads it; "agent" is user space,
//! "kernel" the eBPF programs. This module must not know how to read a process or a map.

/// Most Python frames of one stack; a deeper stack keeps this many from the leaf end and is marked truncated. More than
/// `sys.getrecursionlimit()` allows by default; one less than a power of two, for the mask of an index.
pub const MAX_PYTHON_FRAMES: usize = 1023;
/// Most kernel frames of one stack; a deeper one keeps the leaf end (what `bpf_get_stack` does by itself).
pub const MAX_KERNEL_FRAMES: usize = 64;
/// Bytes of `PyThreadState` that are read at once; every offset into it must leave room for 8 bytes below this.
pub const THREAD_STATE_BYTES: usize = 512;
/// Most bytes of a frame's fixed part.
pub const MAX_FRAME_BYTES: usize = 128;
/// Bytes of a code object that are folded into its fingerprint; see [`PyLayout::code_fingerprint`].
pub const FINGERPRINT_BYTES: usize = 88;
/// Bytes of a string that tell its content; see [`content`].
pub const CONTENT_BYTES: usize = 64;
/// An offset in [`PyLayout`] that the version does not have.
pub const ABSENT: u32 = u32::MAX;

/// Where the kernel side finds what it needs in the kernel's own structures (bytes, from the running kernel's
/// BTF), and what this run is asked to do. Written by the agent before load, as the read-only global `SETTINGS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Offset in `task_struct` of `thread.fsbase`, the thread pointer: `pthread_self()` on x86-64.
    pub task_fsbase: u32,
    /// Offset in `task_struct` of `tgid`.
    pub task_tgid: u32,
    /// Offset in `task_struct` of `signal`, a pointer to `signal_struct`.
    pub task_signal: u32,
    /// Offset in `signal_struct` of `live`, the number of threads that have not exited.
    pub signal_live: u32,
    /// Offset in `task_struct` of `mm`, the process's memory.
    pub task_mm: u32,
    /// Offset in `mm_struct` of `exe_file`.
    pub mm_exe_file: u32,
    /// Offset in `file` of `f_inode`.
    pub file_inode: u32,
    /// Offset in `inode` of `i_ino`.
    pub inode_ino: u32,
    /// Offset in `inode` of `i_size`.
    pub inode_size: u32,
    /// Offset in `inode` of `i_sb`.
    pub inode_sb: u32,
    /// Offset in `super_block` of `s_dev`.
    pub sb_dev: u32,
    /// Zero: keeps the size a multiple of 8.
    pub reserved: u32,
    /// 1: only processes in the map `TARGETS` are sampled, all others are counted. 0: every process.
    pub only_targets: u32,
    /// 1: kernel stacks are taken with the samples that fire in kernel mode.
    pub kernel_stacks: u32,
    /// Random, new for each load: makes stack hashes unpredictable to the processes being watched.
    pub hash_seed: [u64; 2],
}

/// Facts about one CPython build: offsets in bytes and flags. Written by the agent, read by the kernel side.
///
/// The kernel side masks every offset to its buffer's size, so a wrong one gives a wrong read, never a bad one;
/// [`PyLayout::validate`] keeps wrong ones out.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PyLayout {
    /// From [`ProcessFacts::runtime`] to the pointer to the first `PyInterpreterState`.
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

/// What the kernel side knows of a process: value of the map `PROCESSES`, key tgid.
///
/// Written by the agent; the kernel side copies it at fork, deletes it at exec and exit, inserts a pending one at
/// the first sample of an unknown process, and advances `report_after`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessFacts {
    /// 0: Python, walk it by `layout`. Else the code of the [`Reason`](crate::reason::Reason) for its samples.
    pub state: u32,
    /// Number of this attachment, new whenever the agent examines the process anew; part of every stack's hash.
    pub generation: u32,
    /// Address in the process of `_PyRuntime` (or, to 3.6, of `interp_head`).
    pub runtime: u64,
    /// Address in the process of the pointer to the thread state that holds the GIL, where all interpreters share one
    /// (to 3.11); 0: there is no such pointer.
    pub current_tstate: u64,
    /// `CLOCK_MONOTONIC` nanoseconds: the first sample after it reports the process again. `u64::MAX`: never.
    pub report_after: u64,
    /// Facts of its Python; all zero unless `state` is 0.
    pub layout: PyLayout,
}

/// Key of the map `THREADS`. Written and deleted (at the thread's exit) by the kernel side.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadKey {
    /// Process id in the initial pid namespace.
    pub tgid: u32,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
}

/// What is known of a thread: value of the map `THREADS`, kernel side only.
///
/// Checked on every use, never trusted: `*link == tstate`, and the thread state's `thread_id` is the thread's own.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadEntry {
    /// [`ThreadEntry::FOUND`], [`ThreadEntry::FOUND_AMONG`], [`ThreadEntry::SEARCHING`] or
    /// [`ThreadEntry::NOT_PYTHON`].
    pub state: u32,
    /// [`ProcessFacts::generation`] when this was written; another one makes the entry void.
    pub generation: u32,
    /// Found: the thread's `PyThreadState`. Searching: the next one to look at. Not Python: the newest thread
    /// state of the main interpreter at the time (a newer one starts a new search).
    pub tstate: u64,
    /// Address of the pointer that leads to `tstate`: the list's head or the `next` of its neighbour.
    pub link: u64,
    /// Found: its interpreter. Searching: the interpreter whose list is being searched. Not Python: `CLOCK_MONOTONIC` nanoseconds of the
    /// search, since a new thread may be sampled before it has set its `thread_id`.
    pub interp_or_time: u64,
}

impl ThreadEntry {
    /// The thread state is known, and its interpreter was the only one.
    pub const FOUND: u32 = 1;
    /// The thread state is known, among several interpreters: the thread may have a state in another one too, and it
    /// may be that one that it runs in now.
    pub const FOUND_AMONG: u32 = 4;
    /// The search stopped at its bound and goes on with the next sample.
    pub const SEARCHING: u32 = 2;
    /// No interpreter has a thread state for this thread.
    pub const NOT_PYTHON: u32 = 3;
}

/// One Python frame of a stack.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RawFrame {
    /// Address of the code object; the top bit is [`RawFrame::ENTRY`]. User addresses never have it.
    code_and_entry: u64,
    /// Bytes from the first instruction of the code object to the one being run; negative before the first.
    pub instr: i32,
    /// Fold of the code object's constant part, by [`fingerprint`]: tells a reused address from the sampled one.
    pub fingerprint: u32,
}

impl RawFrame {
    /// Set on a frame that C code called: above it (towards the root) there are native frames.
    pub const ENTRY: u64 = 1 << 63;

    /// A frame running the instruction `instr` bytes into the code object at `code`.
    #[inline(always)]
    pub const fn new(code: u64, instr: i32, fingerprint: u32, entry: bool) -> RawFrame {
        RawFrame { code_and_entry: code | if entry { Self::ENTRY } else { 0 }, instr, fingerprint }
    }

    /// Address of the code object in the process.
    #[inline(always)]
    pub const fn code(&self) -> u64 {
        self.code_and_entry & !Self::ENTRY
    }

    /// Whether C code called this frame.
    #[inline(always)]
    pub const fn is_entry(&self) -> bool {
        self.code_and_entry & Self::ENTRY != 0
    }

    /// Marks the frame as called by C code.
    #[inline(always)]
    pub const fn set_entry(&mut self) {
        self.code_and_entry |= Self::ENTRY;
    }
}

/// 128-bit hash of a stack: its process, generation, frames, kernel frames and truncation. All zero: no stack.
pub type StackHash = [u64; 2];

/// Kinds of event in the ring buffer: the first four bytes of each.
pub mod event {
    /// A [`SampleEvent`](super::SampleEvent) alone: its stack was sent before, or it has none.
    pub const SAMPLE: u32 = 1;
    /// A [`StackEvent`](super::StackEvent): a sample whose stack is new.
    pub const STACK: u32 = 2;
    /// A [`ProcessEvent`](super::ProcessEvent).
    pub const PROCESS: u32 = 3;
}

/// One sample. Written by the kernel side, read by the agent.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleEvent {
    /// [`event::SAMPLE`], or [`event::STACK`] at the head of a [`StackEvent`].
    pub kind: u32,
    /// 0: it has a Python stack. Else the code of the [`Reason`](crate::reason::Reason) why not.
    pub reason: u32,
    /// `CLOCK_MONOTONIC` nanoseconds.
    pub time: u64,
    /// The stack, or zero where `reason` is not 0.
    pub stack: StackHash,
    /// Process id in the initial pid namespace.
    pub tgid: u32,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// CPU that was sampled.
    pub cpu: u32,
    /// [`ProcessFacts::generation`] of the process, 0 if it is not known.
    pub generation: u32,
    /// Address of the `PyInterpreterState` that the thread runs in, 0 where `reason` is not 0.
    pub interp: u64,
    /// Name of the thread, NUL-padded.
    pub comm: [u8; 16],
}

/// A sample and the definition of its stack. Written by the kernel side, read by the agent.
///
/// Only the first `python_frames` of `python` are sent, so the event's length varies.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct StackEvent {
    /// The sample itself, `kind` is [`event::STACK`].
    pub sample: SampleEvent,
    /// How many of `python` are valid.
    pub python_frames: u32,
    /// How many of `kernel` are valid.
    pub kernel_frames: u32,
    /// 1 if the stack is deeper than [`MAX_PYTHON_FRAMES`] and its root end is missing.
    pub truncated: u32,
    /// Zero.
    pub reserved: u32,
    /// Kernel addresses, leaf first.
    pub kernel: [u64; MAX_KERNEL_FRAMES],
    /// Python frames, leaf first.
    pub python: [RawFrame; MAX_PYTHON_FRAMES + 1],
}

/// Something happened to a process. Written by the kernel side, read by the agent.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessEvent {
    /// [`event::PROCESS`].
    pub kind: u32,
    /// One of [`process_event`].
    pub what: u32,
    /// `CLOCK_MONOTONIC` nanoseconds.
    pub time: u64,
    /// The process: the child where `what` is [`process_event::FORK`].
    pub tgid: u32,
    /// Its parent at a fork, else 0.
    pub parent: u32,
    /// The file that it executes, where `what` is [`process_event::EXEC`] or [`process_event::REPORT`] and it could be
    /// told; else [`ExecutableKey::NONE`].
    pub executable: ExecutableKey,
}

/// A file by the kernel's own numbers: key of the map `EXECUTABLES`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExecutableKey {
    /// `inode.i_ino`.
    pub inode: u64,
    /// `super_block.s_dev`. Not what stat(2) gives on btrfs and overlayfs, so it is only ever compared with itself.
    pub device: u32,
    /// The low half of `inode.i_size`, so that a new file with an old inode number is most probably another one.
    pub size: u32,
}

impl ExecutableKey {
    /// Not known.
    pub const NONE: ExecutableKey = ExecutableKey { inode: 0, device: 0, size: 0 };
}

/// Values of [`ProcessEvent::what`].
pub mod process_event {
    /// A sample fired in a process that must be examined (again).
    pub const REPORT: u32 = 1;
    /// A known process, or a target, forked: the child has the parent's facts already.
    pub const FORK: u32 = 2;
    /// A process executed another program, whose file is not known to be no Python: its facts are deleted.
    pub const EXEC: u32 = 3;
    /// The last thread of a known process, or target, exited: its facts are deleted.
    pub const EXIT: u32 = 4;
}

/// Indices of the per-CPU map `COUNTERS`: `u64` each, counted by the kernel side, summed by the agent.
///
/// `FIRED` = `SUBMITTED` + the sum of `NOT_SUBMITTED + reason`.
pub mod counter {
    /// Samples that fired.
    pub const FIRED: u32 = 0;
    /// Samples handed to the agent, attributed or with a reason.
    pub const SUBMITTED: u32 = 1;
    /// Of those submitted, the ones whose stack was sent along.
    pub const NEW_STACKS: u32 = 2;
    /// Stacks deeper than [`MAX_PYTHON_FRAMES`](super::MAX_PYTHON_FRAMES), counted per sample.
    pub const TRUNCATED: u32 = 3;
    /// Process events that the ring buffer had no room for; the next sample of the process reports it again.
    pub const PROCESS_EVENTS_LOST: u32 = 4;
    /// `NOT_SUBMITTED + reason as u32`: samples that ended in the kernel for that reason.
    pub const NOT_SUBMITTED: u32 = 8;
    /// Entries of the map.
    pub const COUNT: u32 = 64;
}

/// Value of the map `TARGETS`, key tgid. Written by the agent; the kernel side adds the children of a process to be
/// followed, takes `FROM_EXEC` away at an exec, and deletes at exit.
pub mod target {
    /// This process.
    pub const SELF: u32 = 0;
    /// This process and every process that it starts.
    pub const FOLLOW: u32 = 1;
    /// Added to one of these: only from its next exec on, since until then it is no more than what starts the program
    /// that is meant.
    pub const FROM_EXEC: u32 = 2;
}

/// Folds `word` into `hash`: two multiply-rotate lanes that share no constant, so that a collision needs both.
///
/// Not cryptographic: who controls a process can make two of its own stacks collide, but only its own, since
/// process and seed are part of every hash.
#[inline(always)]
pub const fn mix(hash: &mut StackHash, word: u64) {
    let a = (hash[0] ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash[0] = a ^ (a >> 32);
    let b = hash[1].rotate_left(27).wrapping_add(word).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    hash[1] = b ^ (b >> 29);
}

/// Folds the constant part of a code object. The same function runs on both sides: the kernel's at the sample,
/// the agent's when it reads the code object.
#[inline(always)]
pub fn fingerprint(words: &[u64; FINGERPRINT_BYTES / 8]) -> u32 {
    let mut hash = 0x27D4_EB2F_1656_67C5_u64;
    let mut index = 0;
    while index < FINGERPRINT_BYTES / 8 {
        hash = (hash ^ words[index]).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 32;
        index += 1;
    }
    hash as u32
}

/// Folds what tells a string's content into a code object's fingerprint: its hash if it has been computed, else its
/// first bytes. `words` are [`CONTENT_BYTES`] from the string's length on, with the hash behind it; characters start
/// `data` bytes after the length. What lies behind the string's end does not count.
#[inline(always)]
pub fn content(fingerprint: u32, words: &[u64; CONTENT_BYTES / 8], data: u32) -> u32 {
    let (length, hash) = (words[0], words[1]);
    let mut folded = ((u64::from(fingerprint) << 32) ^ length).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    folded ^= folded >> 32;
    if hash != u64::MAX {
        folded = (folded ^ hash).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        return (folded ^ (folded >> 32)) as u32;
    }
    let room = CONTENT_BYTES as u64 - u64::from(data);
    let end = u64::from(data) + if length < room { length } else { room };
    let mut index = 2;
    while index < CONTENT_BYTES / 8 {
        let start = 8 * index as u64;
        folded = (folded ^ bytes_between(words[index], start, u64::from(data), end))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        folded ^= folded >> 32;
        index += 1;
    }
    folded as u32
}

/// Those bytes of `word`, which lies at `start`, that lie in `from..to`; the others are zero.
#[inline(always)]
const fn bytes_between(word: u64, start: u64, from: u64, to: u64) -> u64 {
    if start >= to || start + 8 <= from {
        return 0;
    }
    let mut word = word;
    if from > start {
        word = word >> (8 * (from - start)) << (8 * (from - start));
    }
    if to < start + 8 {
        word = word << (8 * (start + 8 - to)) >> (8 * (start + 8 - to));
    }
    word
}

// Sizes are the sums of the fields' sizes: no hidden padding.
const _: () = {
    assert!(size_of::<Settings>() == 14 * 4 + 2 * 8);
    assert!(size_of::<PyLayout>() == 30 * 4);
    assert!(size_of::<ProcessFacts>() == 2 * 4 + 3 * 8 + size_of::<PyLayout>());
    assert!(size_of::<ThreadKey>() == 8);
    assert!(size_of::<ThreadEntry>() == 2 * 4 + 3 * 8);
    assert!(size_of::<RawFrame>() == 16);
    assert!(size_of::<SampleEvent>() == 72);
    assert!(size_of::<StackEvent>() == 72 + 16 + 8 * MAX_KERNEL_FRAMES + 16 * (MAX_PYTHON_FRAMES + 1));
    assert!(size_of::<ExecutableKey>() == 16);
    assert!(size_of::<ProcessEvent>() == 24 + size_of::<ExecutableKey>());
};

// What aya needs to use these as map keys, values and globals.
#[cfg(feature = "user")]
mod pod {
    use super::{ExecutableKey, ProcessFacts, PyLayout, Settings, ThreadEntry, ThreadKey};
    // SAFETY: repr(C) integers only, no padding: see the size assertions.
    unsafe impl aya::Pod for Settings {}
    // SAFETY: as above.
    unsafe impl aya::Pod for PyLayout {}
    // SAFETY: as above.
    unsafe impl aya::Pod for ProcessFacts {}
    // SAFETY: as above.
    unsafe impl aya::Pod for ThreadKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for ExecutableKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for ThreadEntry {}
}
