//! One thread's stack: read until the thread is known to have held still meanwhile, or the tries are used up.
//!
//! It must not know how a thread's stillness is proven, nor how frames lie.

use std::thread;
use std::time::Duration;

use super::names::Names;
use super::{Frames, Known, Stack, Thread, Why};
use crate::model::Reason;
use crate::process::memory::Memory;
use crate::process::pages::Pages;
use crate::process::still::{Follower, RUNNABLE, Span};
use crate::process::tasks::{Look, Task};
use crate::python::Interpreter;
use crate::python::frames::{self, RawStack};
use crate::python::threads::{Holds, Offsets, ThreadState};

/// How often a thread is looked at.
const TRIES: u32 = 60;
/// How long it is left alone after a try in vain: frames that contradict themselves do so for a few instructions.
const BREATH: Duration = Duration::from_micros(200);

/// What all threads of a dump are taken with.
pub(super) struct Taker<'a> {
    pub(super) memory: &'a dyn Memory,
    pub(super) interpreter: &'a Interpreter,
    pub(super) offsets: &'a Offsets,
    pub(super) names: Names<'a>,
    pub(super) follower: Follower,
}

/// One reading of what a thread runs.
#[derive(PartialEq, Eq)]
struct Reading {
    /// Whose it is, as its thread state has it at that time.
    thread_id: u64,
    gil: Holds,
    stack: Result<RawStack, Reason>,
}

/// The best that was seen of a thread so far, by rank.
struct Best {
    rank: u8,
    stack: Stack,
    gil: Holds,
    look: Option<Look>,
}

impl Taker<'_> {
    /// The thread of this thread state, without its name. `None` as its task: nobody knows which thread that is.
    pub(super) fn thread(&mut self, state: &ThreadState, task: Option<&Task>) -> Thread {
        let best = self.best(state, task);
        let known = |(task, look): (&Task, Look)| Known { tid: task.tid, name: look.name, state: look.state };
        Thread {
            task: task.zip(best.look).map(known),
            thread_id: state.thread_id,
            name: None,
            interpreter: state.interpreter_id,
            gil: best.gil,
            stack: best.stack,
        }
    }

    fn best(&mut self, state: &ThreadState, task: Option<&Task>) -> Best {
        let mut best = Best { rank: 0, stack: Stack::Missing(Why::Moving), gil: Holds::Unknown, look: None };
        for _ in 0..TRIES {
            let Ok(span) = task.map(Span::begin).transpose() else { break };
            let look = span.as_ref().map(|span| span.look().clone());
            let (first, second) = (self.read(state), self.read(state));
            let Ok(still) = span.map_or(Ok(false), Span::held_still) else { break };
            let runnable = look.as_ref().is_none_or(|look| look.state == RUNNABLE);
            let (mut rank, stack) = self.judge(state, &first, first == second, still);
            if runnable && matches!(stack, Stack::Missing(_)) {
                // Between two functions there is none for a few instructions: a blocked thread is never there.
                rank = rank.min(1);
            }
            if rank >= best.rank {
                best = Best { rank, stack, gil: first.gil, look };
            }
            if rank == CERTAIN {
                break;
            }
            let follows = runnable && task.is_some_and(|task| self.follower.follow(task) == Ok(true));
            if !follows || still {
                thread::sleep(BREATH);
            }
        }
        best
    }

    fn read(&self, state: &ThreadState) -> Reading {
        let Interpreter { layout, objects, .. } = self.interpreter;
        let memory = Pages::new(self.memory);
        let at = state.address.wrapping_add(layout.tstate_thread_id.into());
        match (memory.read_u64(at), self.offsets.holds_gil(&memory, layout, state)) {
            (Ok(thread_id), Ok(gil)) => {
                let stack = frames::walk(&memory, layout, objects, state.address);
                Reading { thread_id, gil, stack }
            }
            (Err(error), _) | (_, Err(error)) => {
                Reading { thread_id: 0, gil: Holds::Unknown, stack: Err(error.reason()) }
            }
        }
    }

    /// What a reading is worth.
    fn judge(&mut self, state: &ThreadState, reading: &Reading, agree: bool, still: bool) -> (u8, Stack) {
        if !agree || reading.thread_id != state.thread_id {
            return (0, Stack::Missing(Why::Moving));
        }
        match (&reading.stack, still) {
            (Err(Reason::NoPythonFrame), true) => {
                (CERTAIN, Stack::Missing(Why::Reason(Reason::NoPythonFrame)))
            }
            (Err(reason), true) => (1, Stack::Missing(Why::Reason(*reason))),
            (Err(_), false) => (0, Stack::Missing(Why::Moving)),
            (Ok(stack), still) => {
                let (frames, failure) = self.names.of(stack);
                let stack = |frames: Frames| if still { Stack::Exact(frames) } else { Stack::Agreed(frames) };
                // A code object that is gone by now was run by a thread that has gone on.
                match (still, failure) {
                    (true, None) => (CERTAIN, stack(frames)),
                    (true, Some(_)) => (4, stack(frames)),
                    (false, None) => (3, stack(frames)),
                    (false, Some(_)) => (2, stack(frames)),
                }
            }
        }
    }
}

/// The rank of what can't be known better.
const CERTAIN: u8 = 5;
