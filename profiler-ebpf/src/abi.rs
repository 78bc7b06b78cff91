//! Every byte that crosses the kernel boundary.
//!
//! All structs are `repr(C)` without hidden padding (the size assertions below hold that) and valid for any bit
//! pattern. For each field the doc says its unit, who writes it and who reads it; "agent" is user space,
//! "kernel" the eBPF programs. This module must not know how to read a process or a map.

mod fold;
mod layout;

pub use fold::{CONTENT_BYTES, FINGERPRINT_BYTES, StackHash, content, fingerprint, mix};
pub use layout::{ABSENT, MAX_FRAME_BYTES, PyLayout, THREAD_STATE_BYTES, flags};

/// Most Python frames of one stack; a deeper stack keeps this many from the leaf end and is marked truncated. More than
/// `sys.getrecursionlimit()` allows by default; one less than a power of two, for the mask of an index.
pub const MAX_PYTHON_FRAMES: usize = 1023;
/// Most kernel frames of one stack; a deeper one keeps the leaf end (what `bpf_get_stack` does by itself).
pub const MAX_KERNEL_FRAMES: usize = 64;
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

// Sizes are the sums of the fields' sizes: no hidden padding.
const _: () = {
    assert!(size_of::<Settings>() == 14 * 4 + 2 * 8);
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
