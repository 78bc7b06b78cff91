//! Samples of wall-clock time: at each tick, the stack of the thread that holds the GIL, or of every thread, read from
//! outside while the process runs.
//!
//! It must not know the command line, nor how samples are shown. A stack is one that the thread had at one instant, which
//! is proven as in a dump; what can't be proven within the tick's time is a sample with a reason. Needs the right to read
//! the process's memory and nothing else.

mod catch;
mod ticks;

use std::collections::HashMap;
use std::time::Instant;

use crate::dump::names::Names;
use crate::dump::{Attached, Frames, Why, task_of};
use crate::model::{Frame, FrameKind, Reason, StackId, Stacks};
use crate::process::memory::{Memory, MemoryError};
use crate::process::still::{Follower, RUNNABLE};
use crate::process::tasks::{self, Task};
use crate::process::{identity, prompt};
use crate::python::threads::{Holders, ListError, ThreadState};

use catch::Caught;
pub use ticks::{Due, Ticks};

/// How often it is asked who holds the GIL until the holder is caught at it.
const ASKS: u32 = 20;
/// How often the list of threads is read until two readings in a row agree.
const LIST_TRIES: u32 = 10;
/// Most nodes of stacks that are kept; samples with further ones have a reason instead.
const MOST_NODES: usize = 1 << 22;

/// Whose stack is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Threads that may run Python code: the one that holds the GIL (of interpreters with GILs of their own, one of each),
    /// or where no GIL is in use, each one that is attached to its interpreter.
    Running,
    /// Every thread that has a Python function.
    All,
}

/// What was seen at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// Nobody held the GIL, or no thread had a Python function.
    Idle,
    /// A stack.
    Stack(StackId),
    /// Something was there, and could not be read.
    Failed(Why),
}

/// Why there are no more samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The process has exited.
    Exited,
    /// It executed another program: attach again.
    Replaced,
    /// Its memory may not be read any more.
    Denied,
    /// Nothing tells who holds the GIL in this build of Python: only all threads can be had.
    Untold,
}

/// Takes samples of one process.
pub struct Sampler<'a> {
    process: &'a Attached,
    which: Which,
    memory: &'a dyn Memory,
    names: Names<'a>,
    follower: Follower,
    /// The process's threads by their own ids, as they were when one was last looked for in vain.
    tasks: HashMap<u32, Task>,
    /// Of threads that were blocked: how often they had been switched out, and what was seen.
    blocked: HashMap<ThreadState, (u64, Option<Seen>)>,
    /// Which execution of a program this is.
    execution: Option<[u64; 2]>,
    agreed: u64,
}

impl<'a> Sampler<'a> {
    /// A sampler of this process, for the thread that calls it: that is made prompt.
    pub fn new(process: &'a Attached, which: Which) -> Sampler<'a> {
        // Every thread's stack can take long.
        prompt::ask(which == Which::Running);
        let memory = process.memory();
        Sampler {
            process,
            which,
            memory,
            names: Names::new(memory, &process.interpreter.objects),
            follower: Follower::new(),
            tasks: HashMap::new(),
            blocked: HashMap::new(),
            execution: identity::execution(process.pid),
            agreed: 0,
        }
    }

    /// How many stacks are by two readings that agree, as the kernel did not let us prove them.
    pub fn agreed(&self) -> u64 {
        self.agreed
    }

    /// Lets go of the CPU that was followed to: somebody else may have it all.
    pub fn release(&self) {
        self.follower.release();
    }

    /// Takes what is to be had now; by `until` it is over, or nearly. At least one is seen.
    ///
    /// # Errors
    /// If there will be no more.
    pub fn take(&mut self, stacks: &mut Stacks, until: Instant) -> Result<Vec<Seen>, Over> {
        let seen = match self.which {
            Which::Running => self.running(stacks, until)?,
            Which::All => self.all(stacks, until)?,
        };
        // An exit or an exec can show as anything.
        if seen.iter().any(|seen| matches!(seen, Seen::Failed(_) | Seen::Idle)) {
            match identity::execution(self.process.pid) {
                None => return Err(Over::Exited),
                now if now != self.execution => return Err(Over::Replaced),
                _ => {}
            }
        }
        Ok(seen)
    }

    fn running(&mut self, stacks: &mut Stacks, until: Instant) -> Result<Vec<Seen>, Over> {
        let process = self.process;
        let (layout, runtime) = (&process.interpreter.layout, process.interpreter.runtime);
        let mut why = Why::Moving;
        for ask in 0..ASKS {
            if ask > 1 && Instant::now() >= until {
                break;
            }
            let holders = match process.offsets.holders(self.memory, layout, runtime) {
                Ok(Holders::Untold) => return Err(Over::Untold),
                Ok(Holders::OfGil(holders) | Holders::Attached(holders)) => holders,
                Err(error) => {
                    why = failed(&error)?;
                    continue;
                }
            };
            if holders.is_empty() {
                return Ok(vec![Seen::Idle]);
            }
            let mut seen = Vec::new();
            for address in holders {
                let state = match process.offsets.state(self.memory, layout, address) {
                    Ok(state) => state,
                    Err(error) => {
                        why = failed(&error.into())?;
                        continue;
                    }
                };
                let task = self.task(&state);
                match self.catch(&state, task.as_ref(), true, until) {
                    Caught::Stack(frames) => seen.push(self.intern(stacks, &frames)),
                    Caught::NoFunction => seen.push(Seen::Failed(Why::Reason(Reason::NoPythonFrame))),
                    Caught::Failed(why) => seen.push(Seen::Failed(why)),
                    // It let go of the GIL: ask again who has it now.
                    Caught::Elsewhere | Caught::Ended => {}
                }
            }
            if !seen.is_empty() {
                return Ok(seen);
            }
        }
        Ok(vec![Seen::Failed(why)])
    }

    fn all(&mut self, stacks: &mut Stacks, until: Instant) -> Result<Vec<Seen>, Over> {
        let states = match self.list()? {
            Ok(states) => states,
            Err(why) => return Ok(vec![Seen::Failed(why)]),
        };
        let mut before = std::mem::take(&mut self.blocked);
        let mut all = Vec::new();
        for state in states {
            let task = self.task(&state);
            // Who was blocked and has not been switched out since is where it was.
            let look = task.as_ref().and_then(|task| task.look().ok());
            let switches = look.filter(|look| look.state != RUNNABLE).map(|look| look.switches);
            let seen = match (before.remove(&state), switches) {
                (Some((known, seen)), Some(switches)) if known == switches => seen,
                _ => match self.catch(&state, task.as_ref(), false, until) {
                    Caught::Stack(frames) => Some(self.intern(stacks, &frames)),
                    Caught::Failed(why) => Some(Seen::Failed(why)),
                    Caught::NoFunction | Caught::Elsewhere | Caught::Ended => None,
                },
            };
            if let Some(switches) = switches
                && !matches!(seen, Some(Seen::Failed(_)))
            {
                self.blocked.insert(state, (switches, seen));
            }
            all.extend(seen);
        }
        Ok(if all.is_empty() { vec![Seen::Idle] } else { all })
    }

    /// The thread states; none where there is no interpreter.
    fn list(&self) -> Result<Result<Vec<ThreadState>, Why>, Over> {
        let interpreter = &self.process.interpreter;
        let read = || self.process.offsets.list(self.memory, &interpreter.layout, interpreter.runtime);
        let mut last = read();
        for _ in 0..LIST_TRIES {
            let next = read();
            match (&next, &last) {
                (Ok(next), Ok(last)) if next == last => return Ok(Ok(next.clone())),
                (Err(ListError::NotRunning), Err(ListError::NotRunning)) => return Ok(Ok(Vec::new())),
                (Err(error), _) => {
                    failed(error)?;
                }
                _ => {}
            }
            last = next;
        }
        // Threads come and go faster than they are listed; each is looked at by itself all the same.
        match last {
            Ok(states) => Ok(Ok(states)),
            Err(error) => Ok(Err(failed(&error)?)),
        }
    }

    /// The thread of this state, if it is known which that is.
    fn task(&mut self, state: &ThreadState) -> Option<Task> {
        let offsets = &self.process.offsets;
        if let Some(task) = task_of(self.memory, offsets, &self.tasks, state) {
            return Some(task.clone());
        }
        self.tasks = tasks::of(self.process.pid).unwrap_or_default();
        task_of(self.memory, offsets, &self.tasks, state).cloned()
    }

    fn intern(&self, stacks: &mut Stacks, frames: &Frames) -> Seen {
        let cut = frames.truncated.then(|| Frame::bare(FrameKind::Truncated, ""));
        let root_first: Vec<Frame> = cut.into_iter().chain(frames.frames.iter().rev().cloned()).collect();
        let full = stacks.node_count() > MOST_NODES;
        let stack = if full { stacks.find(&root_first) } else { stacks.intern(root_first) };
        let none = if full { Reason::AgentTableFull } else { Reason::NoPythonFrame };
        stack.map_or(Seen::Failed(Why::Reason(none)), Seen::Stack)
    }
}

/// What a failed reading says of the sample, or of all that would follow.
fn failed(error: &ListError) -> Result<Why, Over> {
    match error {
        ListError::Memory(MemoryError::Gone) => Err(Over::Exited),
        ListError::Memory(MemoryError::Denied) => Err(Over::Denied),
        ListError::Memory(error) => Ok(Why::Reason(error.reason())),
        ListError::NotRunning => Ok(Why::Reason(Reason::InterpreterNotRunning)),
        ListError::Inconsistent(_) => Ok(Why::Moving),
    }
}
