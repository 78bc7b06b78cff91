//! Every map: key, value, size, who writes and who deletes. It must not know what is done with them.
//!
//! All hash maps are preallocated: the programs run in interrupts, some of them in NMIs, where nothing can be
//! allocated. None is LRU: eviction takes locks that an NMI may already hold (a known deadlock before Linux 6.15),
//! and whoever knows that an entry is dead deletes it.

use aya_ebpf::{
    macros::map,
    maps::{HashMap, PerCpuArray, RingBuf},
};
use firetower_ebpf::abi::{ExecutableKey, ProcessFacts, StackHash, ThreadEntry, ThreadKey, counter};

use crate::scratch::Scratch;

/// tgid → what is known of the process. Filled by the agent; copied at fork, deleted at exec and exit by the kernel
/// side. 16,384 processes that use CPU; more are counted as `process_table_full`.
#[map]
pub static PROCESSES: HashMap<u32, ProcessFacts> = HashMap::with_max_entries(16_384, 0);

/// tgid → [`firetower_ebpf::abi::target`]: what a run with targets watches. Filled by the agent, and at fork;
/// deleted at exit.
#[map]
pub static TARGETS: HashMap<u32, u32> = HashMap::with_max_entries(16_384, 0);

/// Executed files that hold no Python interpreter and are not linked to one. Filled and cleared by the agent; the
/// value says nothing. Whoever runs one of them needs no look, however short it lives.
#[map]
pub static EXECUTABLES: HashMap<ExecutableKey, u32> = HashMap::with_max_entries(8_192, 0);

/// (tgid, tid) → the thread's state in its interpreter. Kernel side only; deleted at the thread's exit. A thread
/// that finds no room is searched for at each sample.
#[map]
pub static THREADS: HashMap<ThreadKey, ThreadEntry> = HashMap::with_max_entries(65_536, 0);

/// Hash of a stack that was sent whole → generation of its process. Filled by the kernel side, deleted by the agent,
/// when a process ends and when the map fills. A stack that finds no room is sent whole each time.
#[map]
pub static STACKS: HashMap<StackHash, u32> = HashMap::with_max_entries(65_536, 0);

/// Events to the agent. 8 MiB: a second of new stacks of 20 frames at 10,000 samples a second.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(8 << 20, 0);

/// Counters by [`counter`].
#[map]
pub static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(counter::COUNT, 0);

/// Scratch memory of one sample: the eBPF stack has 512 bytes only.
#[map]
pub static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// Adds one to a counter of this CPU.
#[inline(always)]
pub fn count(index: u32) {
    if let Some(value) = COUNTERS.get_ptr_mut(index) {
        // SAFETY: a valid pointer into this CPU's copy; only this program writes it, and never at the same time.
        unsafe { *value += 1 };
    }
}
