//! Labels of a sample, with a cache: a thread's labels are made once, not per sample. It must not know stacks.

use std::sync::Arc;

use firetower_ebpf::abi::SampleEvent;
use rustc_hash::{FxHashMap, FxHashSet};

use super::processes::{Process, State};
use crate::aggregate::{Aggregate, SeriesId};
use crate::model::{Labels, Pid, Series, Tid};
use crate::process::memory::{LiveMemory, Memory};

/// A thread under one name in one attachment of its process, in the interpreter at one address.
type Key = (u32, [u8; 16], u32, u64);

/// A number of an interpreter above this is no number of an interpreter.
const MAX_INTERPRETERS: u64 = 1 << 32;
/// Most threads whose labels are remembered of one process.
const MAX_THREADS: usize = 16_384;

/// Series ids of the threads seen.
#[derive(Debug, Default)]
pub struct SeriesCache {
    ids: FxHashMap<Pid, FxHashMap<Key, SeriesId>>,
}

impl SeriesCache {
    /// The series that the sample belongs to.
    pub fn id(
        &mut self,
        aggregate: &mut Aggregate,
        sample: &SampleEvent,
        process: Option<&Process>,
    ) -> SeriesId {
        let pid = Pid(sample.tgid);
        let threads = self.ids.entry(pid).or_default();
        if threads.len() >= MAX_THREADS {
            threads.clear();
        }
        // Without its process a thread has poorer labels, which must not stick.
        let generation = process.map_or(0, |process| process.generation);
        *threads.entry((sample.tid, sample.comm, generation, sample.interp)).or_insert_with(|| {
            let thread = thread_name(&sample.comm);
            let command = match process {
                Some(process) => process.command.clone(),
                None => format!("[{thread}]").into(),
            };
            let python = process.and_then(Process::python).unwrap_or_default().into();
            let interpreter = process.and_then(|process| interpreter(pid, process, sample.interp));
            let labels = process.map_or_else(Labels::none, |process| process.labels.clone());
            aggregate.series(&Series {
                pid,
                command,
                labels,
                tid: Tid(sample.tid),
                thread,
                python,
                interpreter,
            })
        })
    }

    /// Threads of a process that were sampled.
    pub fn threads(&self, pid: Pid) -> usize {
        let tids = self.ids.get(&pid).into_iter().flat_map(|threads| threads.keys().map(|&(tid, ..)| tid));
        tids.collect::<FxHashSet<u32>>().len()
    }

    /// Drops a process's threads.
    pub fn forget(&mut self, pid: Pid) {
        self.ids.remove(&pid);
    }

    /// Drops everything: the aggregate has given out new ids.
    pub fn clear(&mut self) {
        self.ids.clear();
    }
}

/// `PyInterpreterState.id` of the interpreter at this address. `None` if there is none or it can't be read: it may have
/// been finalized since, and its thread with it.
fn interpreter(pid: Pid, process: &Process, interp: u64) -> Option<u64> {
    let State::Python(interpreter) = &process.state else { return None };
    let address = interp.checked_add(interpreter.interp_id?.into()).filter(|_| interp != 0)?;
    let id = LiveMemory::new(pid).read_u64(address).ok()?;
    (id < MAX_INTERPRETERS).then_some(id)
}

/// The kernel's `comm`: up to 15 bytes that any process may choose.
pub(super) fn thread_name(comm: &[u8; 16]) -> Arc<str> {
    let end = comm.iter().position(|&byte| byte == 0).unwrap_or(comm.len());
    String::from_utf8_lossy(&comm[..end])
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .into()
}
