//! Every Python thread's stack at this moment, read without stopping the process.
//!
//! It must not know the command line, nor how a dump is shown. Threads are read one after the other: each stack is of
//! one instant, and two stacks are of two. Needs the right to read the process's memory and nothing else.

mod attach;
pub(crate) mod names;
mod take;

pub use attach::Attached;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{Frame, Pid, Reason, Tid};
use crate::process::memory::{Memory, MemoryError};
use crate::process::pages::Pages;
use crate::process::still::Follower;
use crate::process::tasks::{self, Task};
use crate::process::{identity, pthread};
use crate::python::Interpreter;
use crate::python::thread_names::ThreadNames;
use crate::python::threads::{Holds, ListError, Offsets, ThreadState};

use names::Names;
use take::Taker;

/// How often the list of thread states is read until two readings in a row agree.
const LIST_TRIES: u32 = 50;

/// All threads of a process.
#[derive(Clone, Debug)]
pub struct Dump {
    /// The process.
    pub pid: Pid,
    /// Its command line, shortened.
    pub command: Arc<str>,
    /// Its executable, where the kernel tells.
    pub executable: Option<PathBuf>,
    /// The interpreter's version: `3.11.7`.
    pub python: String,
    /// The file that holds the interpreter.
    pub interpreter: PathBuf,
    /// Main interpreter first, in it the oldest thread first.
    pub threads: Vec<Thread>,
    /// Threads that ended while the dump was taken, and are left out.
    pub ended: usize,
    /// Whether threads came and went so fast that no two readings of their list agreed; some may be missing then.
    pub list_moves: bool,
}

/// One thread state of the process. A thread that is in several interpreters has one in each.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its id and what the kernel says of it; `None`: the thread that has this `thread_id` is not known.
    pub task: Option<Known>,
    /// `threading.get_ident()` in it.
    pub thread_id: u64,
    /// `threading.Thread.name`, where Python's `threading` knows the thread. Read twice, before and after its stack.
    pub name: Option<Arc<str>>,
    /// The id of its interpreter; 0 is the main one.
    pub interpreter: i64,
    /// Whether it holds the GIL.
    pub gil: Holds,
    /// What it runs.
    pub stack: Stack,
}

/// What the kernel says of a thread, at the instant of its stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub tid: Tid,
    /// Its name, which Python does not set before 3.14.
    pub name: Arc<str>,
    /// Its state, a letter of proc_pid_status(5).
    pub state: char,
}

/// The stack of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stack {
    /// That of one instant: the thread did not run while it was read.
    Exact(Frames),
    /// The thread ran, or may have, while it was read. Two readings agree, which is no proof.
    Agreed(Frames),
    /// There is none, or it is not known.
    Missing(Why),
}

/// Frames, leaf first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frames {
    /// Functions, and what could not be named and why.
    pub frames: Vec<Frame>,
    /// Whether the root end is missing, as there is more than what is kept.
    pub truncated: bool,
}

/// Why a stack is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// It was another one each time it was looked at.
    Moving,
    /// As for samples; [`Reason::NoPythonFrame`] is no failure.
    Reason(Reason),
}

/// Why there is no dump at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// It runs no Python.
    #[error("it runs no Python")]
    NotPython,
    /// The Python that it runs can't be read.
    #[error("{reason}: {detail}", reason = .reason.text())]
    Broken {
        /// In which respect.
        reason: Reason,
        /// What exactly.
        detail: String,
    },
    /// The kernel does not let us read its memory.
    #[error("reading its memory is not permitted")]
    Denied,
    /// It has exited.
    #[error("it has exited")]
    Gone,
}

impl From<MemoryError> for DumpError {
    fn from(error: MemoryError) -> DumpError {
        match error {
            MemoryError::Gone => DumpError::Gone,
            MemoryError::Denied => DumpError::Denied,
            error => DumpError::unreadable(error.to_string()),
        }
    }
}

impl From<ListError> for DumpError {
    fn from(error: ListError) -> DumpError {
        match error {
            ListError::Memory(error) => error.into(),
            ListError::NotRunning => DumpError::Broken {
                reason: Reason::InterpreterNotRunning,
                detail: "it has no interpreter".into(),
            },
            error @ ListError::Inconsistent(_) => DumpError::unreadable(error.to_string()),
        }
    }
}

impl DumpError {
    pub(crate) fn unreadable(detail: String) -> DumpError {
        DumpError::Broken { reason: Reason::InterpreterUnreadable, detail }
    }
}

/// Takes a dump of a process.
///
/// # Errors
/// If it runs no Python that can be read, or exits meanwhile.
pub fn take(pid: Pid) -> Result<Dump, DumpError> {
    attach::unless_gone(pid, || of(&Attached::to_running(pid)?))
}

/// Takes a dump of a process that is attached to.
///
/// # Errors
/// If it can't be read any more.
pub fn of(process: &Attached) -> Result<Dump, DumpError> {
    let Attached { pid, interpreter, offsets, .. } = process;
    let (pid, memory) = (*pid, process.memory());
    let (states, list_moves) = list(memory, interpreter, offsets)?;
    let named = ThreadNames::read(memory, interpreter, &states);
    let tasks = tasks::of(pid).map_err(|_| DumpError::Gone)?;
    let mut taker = Taker {
        memory,
        interpreter,
        offsets,
        names: Names::new(memory, &interpreter.objects),
        follower: Follower::new(),
    };
    let mut threads = Vec::new();
    for state in &states {
        let task = task_of(memory, offsets, &tasks, state);
        threads.push((*state, taker.thread(state, task)));
    }
    let named = named.agreed(&ThreadNames::read(memory, interpreter, &states));
    let (left, moves) = list(memory, interpreter, offsets)?;
    let left: HashSet<ThreadState> = left.into_iter().collect();
    let ended = states.iter().filter(|state| !left.contains(state)).count();
    threads.retain(|(state, _)| left.contains(state));
    Ok(Dump {
        pid,
        command: identity::command(pid),
        executable: process.executable.clone(),
        python: interpreter.version.to_string(),
        interpreter: interpreter.file.clone(),
        threads: threads
            .into_iter()
            .map(|(state, thread)| Thread { name: named.of(&state).cloned(), ..thread })
            .collect(),
        ended,
        list_moves: list_moves || moves,
    })
}

/// The thread states, and whether no two readings in a row agreed. Of lists that contradict themselves none is taken.
fn list(
    memory: &dyn Memory,
    interpreter: &Interpreter,
    offsets: &Offsets,
) -> Result<(Vec<ThreadState>, bool), DumpError> {
    let read = || offsets.list(&Pages::new(memory), &interpreter.layout, interpreter.runtime);
    let mut last = read();
    for _ in 0..LIST_TRIES {
        let next = read();
        if next.is_ok() && next == last {
            return Ok((next?, false));
        }
        if matches!(next, Err(ListError::Memory(MemoryError::Gone | MemoryError::Denied))) {
            return Err(next.err().map_or(DumpError::Gone, DumpError::from));
        }
        // The last one that is whole is the best there is.
        if next.is_ok() || last.is_err() {
            last = next;
        }
    }
    Ok((last?, true))
}

/// The thread of a thread state: by what libc knows, which a fork keeps true, else by what the interpreter remembers.
pub(crate) fn task_of<'a>(
    memory: &dyn Memory,
    offsets: &Offsets,
    tasks: &'a HashMap<u32, Task>,
    state: &ThreadState,
) -> Option<&'a Task> {
    let ids = pthread::thread_ids(memory, state.thread_id).into_iter();
    ids.chain(offsets.native_thread_id(memory, state)).find_map(|id| tasks.get(&id))
}
