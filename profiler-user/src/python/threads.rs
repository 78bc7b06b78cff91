//! The thread states of a process, over all of its interpreters, and what is said of each besides its frames.
//!
//! It must not know versions: offsets come from the version table, some by way of what the process says of itself.
//! Everything here is a reading of memory that may change or lie: lists are bounded and checked, and whoever wants to
//! be sure that a list is whole reads it until two readings agree.

use std::collections::HashSet;

use firetower_ebpf::abi::{ABSENT, PyLayout};

use super::Interpreter;
use crate::process::memory::{Memory, MemoryError};

/// Most thread states of a process.
const MOST_THREADS: usize = 1 << 16;
/// Most interpreters of a process.
const MOST_INTERPRETERS: usize = 1 << 12;
/// Offsets are below this.
const MOST_OFFSET: u64 = 1 << 20;

/// Where a field lies, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// There, by the version table.
    Here(u32),
    /// Where the process says: the offset is a `uint64_t` at this place of its `_Py_DebugOffsets`.
    Said(u32),
    /// At the difference of two such offsets: from the second, where a structure lies in another, to the first, where
    /// its field does.
    SaidFrom(u32, u32),
}

/// Facts about thread states that the kernel side has no use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadFacts {
    /// `PyThreadState.interp`.
    pub interp: At,
    /// `PyThreadState.native_thread_id`, an `unsigned long`, where there is one.
    pub native_thread_id: Option<At>,
    /// How to tell which thread state holds a GIL.
    pub gil: GilFacts,
}

/// Where it is told who holds a GIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GilFacts {
    /// All interpreters share one, and `Interpreter::current_tstate` points to its holder.
    Shared,
    /// Each interpreter points to its `_gil_runtime_state`.
    OfInterpreter {
        /// `PyInterpreterState.ceval.gil`.
        interp_gil: At,
        /// `_gil_runtime_state.locked`, an `int`.
        locked: At,
        /// `_gil_runtime_state.last_holder`.
        last_holder: At,
        /// Where `_Py_DebugOffsets` says whether the build is free-threaded, if there can be such builds. One has
        /// no GIL in use unless the `int` that its `_gil_runtime_state` starts with, `enabled`, is not 0.
        free_threaded: Option<u32>,
    },
}

/// [`ThreadFacts`] of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    interp: u64,
    native_thread_id: Option<u64>,
    interp_id: Option<u64>,
    gil: Gil,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gil {
    /// Address of the pointer to the holder.
    Shared(u64),
    OfInterpreter {
        interp_gil: u64,
        locked: u64,
        last_holder: u64,
        free_threaded: bool,
    },
    /// Nothing tells.
    Untold,
}

/// What a thread state has to do with its interpreter's GIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It holds it.
    Yes,
    /// It does not.
    No,
    /// There is none in use: a free-threaded interpreter.
    NoGil,
    /// Nothing tells.
    Unknown,
}

/// The thread states that may run Python code at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holders {
    /// Addresses of those that hold a GIL: one at most, unless interpreters have GILs of their own. Empty: nobody does.
    OfGil(Vec<u64>),
    /// No GIL is in use: addresses of those that are attached to their interpreter.
    Attached(Vec<u64>),
    /// Nothing tells.
    Untold,
}

/// One thread state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadState {
    /// Its address.
    pub address: u64,
    /// Its `thread_id`: `pthread_self()` of its thread.
    pub thread_id: u64,
    /// Address of its `PyInterpreterState`.
    pub interpreter: u64,
    /// The interpreter's id, 0 for the main one; where the version has none, the place in the order of their creation.
    pub interpreter_id: i64,
}

/// Why there is no list of thread states.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// Memory that could not be read.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// There is no interpreter: not yet, or not any more.
    #[error("the interpreter is starting or has been finalized")]
    NotRunning,
    /// It contradicts itself: caught while it was being changed, or corrupt.
    #[error("the list of thread states is inconsistent: {0}")]
    Inconsistent(&'static str),
}

impl At {
    /// The offset in this process, whose runtime is at `runtime`.
    pub(super) fn offset(self, memory: &dyn Memory, runtime: u64) -> Result<u64, ListError> {
        let said = |place: u32| memory.read_u64(runtime.wrapping_add(place.into()));
        let offset = match self {
            At::Here(offset) => offset.into(),
            At::Said(place) => said(place)?,
            At::SaidFrom(field, structure) => said(field)?.wrapping_sub(said(structure)?),
        };
        if offset < MOST_OFFSET { Ok(offset) } else { Err(ListError::Inconsistent("an offset is senseless")) }
    }
}

impl ThreadFacts {
    /// Completes the facts by what the process says.
    pub fn resolve(&self, memory: &dyn Memory, interpreter: &Interpreter) -> Result<Offsets, ListError> {
        let offset = |at: At| at.offset(memory, interpreter.runtime);
        let gil = match self.gil {
            GilFacts::Shared if interpreter.current_tstate == 0 => Gil::Untold,
            GilFacts::Shared => Gil::Shared(interpreter.current_tstate),
            GilFacts::OfInterpreter { interp_gil, locked, last_holder, free_threaded } => {
                Gil::OfInterpreter {
                    interp_gil: offset(interp_gil)?,
                    locked: offset(locked)?,
                    last_holder: offset(last_holder)?,
                    free_threaded: match free_threaded {
                        Some(place) => memory.read_u64(interpreter.runtime.wrapping_add(place.into()))? != 0,
                        None => false,
                    },
                }
            }
        };
        Ok(Offsets {
            interp: offset(self.interp)?,
            native_thread_id: self.native_thread_id.map(offset).transpose()?,
            interp_id: interpreter.interp_id.map(u64::from),
            gil,
        })
    }
}

impl Offsets {
    /// All thread states: those of the main interpreter first, each interpreter's oldest first.
    pub fn list(
        &self,
        memory: &dyn Memory,
        layout: &PyLayout,
        runtime: u64,
    ) -> Result<Vec<ThreadState>, ListError> {
        let head = runtime.wrapping_add(layout.runtime_interpreters_head.into());
        let mut interpreters = chain(memory, memory.read_u64(head)?, layout.interp_next, MOST_INTERPRETERS)?;
        if interpreters.is_empty() {
            return Err(ListError::NotRunning);
        }
        interpreters.reverse();
        let mut states = Vec::new();
        for (place, &interpreter) in (0..).zip(&interpreters) {
            let interpreter_id = match self.interp_id {
                Some(offset) => memory.read_u64(interpreter.wrapping_add(offset))? as i64,
                None => place,
            };
            let first = memory.read_u64(interpreter.wrapping_add(layout.interp_threads_head.into()))?;
            let mut addresses = chain(memory, first, layout.tstate_next, MOST_THREADS - states.len())?;
            addresses.reverse();
            for address in addresses {
                if memory.read_u64(address.wrapping_add(self.interp))? != interpreter {
                    return Err(ListError::Inconsistent("a thread state belongs to another interpreter"));
                }
                let thread_id = memory.read_u64(address.wrapping_add(layout.tstate_thread_id.into()))?;
                states.push(ThreadState { address, thread_id, interpreter, interpreter_id });
            }
        }
        states.sort_by_key(|state| state.interpreter_id);
        Ok(states)
    }

    /// Whether this thread state holds its interpreter's GIL.
    pub fn holds_gil(
        &self,
        memory: &dyn Memory,
        layout: &PyLayout,
        state: &ThreadState,
    ) -> Result<Holds, MemoryError> {
        let holds = |holder: bool| if holder { Holds::Yes } else { Holds::No };
        match self.gil {
            Gil::Untold => Ok(Holds::Unknown),
            Gil::Shared(holder) => Ok(holds(memory.read_u64(holder)? == state.address)),
            Gil::OfInterpreter { interp_gil, locked, last_holder, free_threaded } => {
                let gil = memory.read_u64(state.interpreter.wrapping_add(interp_gil))?;
                if gil == 0 {
                    return Ok(Holds::No); // The interpreter is being created or destroyed.
                }
                if free_threaded && memory.read_u32(gil)? == 0 {
                    return Ok(Holds::NoGil);
                }
                let locked = memory.read_u32(gil.wrapping_add(locked))? == 1;
                let is_last = memory.read_u64(gil.wrapping_add(last_holder))? == state.address;
                // Who takes it locks it first, and only then is its last holder: until then the one before is that.
                Ok(holds(locked && is_last && is_active(memory, layout, state.address)?))
            }
        }
    }

    /// Who holds a GIL. Where there is none in use: who is attached. A process without an interpreter has nobody.
    ///
    /// # Errors
    /// [`ListError::Inconsistent`] also while a GIL is changing hands.
    pub fn holders(
        &self,
        memory: &dyn Memory,
        layout: &PyLayout,
        runtime: u64,
    ) -> Result<Holders, ListError> {
        let (interp_gil, locked, last_holder, free_threaded) = match self.gil {
            Gil::Untold => return Ok(Holders::Untold),
            Gil::Shared(holder) => {
                let holder = memory.read_u64(holder)?;
                return Ok(Holders::OfGil(Vec::from_iter((holder != 0).then_some(holder))));
            }
            Gil::OfInterpreter { interp_gil, locked, last_holder, free_threaded } => {
                (interp_gil, locked, last_holder, free_threaded)
            }
        };
        let head = memory.read_u64(runtime.wrapping_add(layout.runtime_interpreters_head.into()))?;
        let (mut gils, mut holders, mut attached) = (HashSet::new(), Vec::new(), None);
        for interpreter in chain(memory, head, layout.interp_next, MOST_INTERPRETERS)? {
            let gil = memory.read_u64(interpreter.wrapping_add(interp_gil))?;
            if gil == 0 {
                continue; // It is being created or destroyed.
            }
            if free_threaded && memory.read_u32(gil)? == 0 {
                let first = memory.read_u64(interpreter.wrapping_add(layout.interp_threads_head.into()))?;
                let attached = attached.get_or_insert_with(Vec::new);
                for state in chain(memory, first, layout.tstate_next, MOST_THREADS)? {
                    if is_active(memory, layout, state)? {
                        attached.push(state);
                    }
                }
                continue;
            }
            // Interpreters may share one.
            if !gils.insert(gil) || memory.read_u32(gil.wrapping_add(locked))? != 1 {
                continue;
            }
            let holder = memory.read_u64(gil.wrapping_add(last_holder))?;
            // Who takes it locks it first, and only then is its last holder.
            if holder == 0 || !is_active(memory, layout, holder)? {
                return Err(ListError::Inconsistent("a GIL is changing hands"));
            }
            holders.push(holder);
        }
        Ok(attached.map_or(Holders::OfGil(holders), Holders::Attached))
    }

    /// The thread state at an address that [`Offsets::holders`] told.
    pub fn state(
        &self,
        memory: &dyn Memory,
        layout: &PyLayout,
        address: u64,
    ) -> Result<ThreadState, MemoryError> {
        let interpreter = memory.read_u64(address.wrapping_add(self.interp))?;
        let interpreter_id = match self.interp_id {
            Some(offset) => memory.read_u64(interpreter.wrapping_add(offset))? as i64,
            None => 0,
        };
        let thread_id = memory.read_u64(address.wrapping_add(layout.tstate_thread_id.into()))?;
        Ok(ThreadState { address, thread_id, interpreter, interpreter_id })
    }

    /// Whether this thread state may run Python code: it holds the GIL, or is attached where none is in use. `None`:
    /// nothing tells.
    pub fn may_run(
        &self,
        memory: &dyn Memory,
        layout: &PyLayout,
        state: &ThreadState,
    ) -> Result<Option<bool>, MemoryError> {
        Ok(match self.holds_gil(memory, layout, state)? {
            Holds::Yes => Some(true),
            Holds::No => Some(false),
            Holds::NoGil => Some(is_active(memory, layout, state.address)?),
            Holds::Unknown => None,
        })
    }

    /// `native_thread_id`, where there is one and it was set.
    pub fn native_thread_id(&self, memory: &dyn Memory, state: &ThreadState) -> Option<u32> {
        let id = memory.read_u64(state.address.wrapping_add(self.native_thread_id?)).ok()?;
        u32::try_from(id).ok().filter(|&id| id != 0)
    }
}

/// `_status.active`, where there is one.
fn is_active(memory: &dyn Memory, layout: &PyLayout, state: u64) -> Result<bool, MemoryError> {
    if layout.tstate_status == ABSENT {
        return Ok(true);
    }
    let status = memory.read_u32(state.wrapping_add(layout.tstate_status.into()))?;
    Ok(status & layout.status_active != 0)
}

/// The addresses of a linked list, at most `most`.
fn chain(memory: &dyn Memory, first: u64, next: u32, most: usize) -> Result<Vec<u64>, ListError> {
    let (mut addresses, mut seen, mut at) = (Vec::new(), HashSet::new(), first);
    while at != 0 {
        if at % 8 != 0 {
            return Err(ListError::Inconsistent("a pointer is not aligned"));
        }
        if !seen.insert(at) {
            return Err(ListError::Inconsistent("it is a circle"));
        }
        if addresses.len() == most {
            return Err(ListError::Inconsistent("it has no end"));
        }
        addresses.push(at);
        at = memory.read_u64(at.wrapping_add(next.into()))?;
    }
    Ok(addresses)
}
