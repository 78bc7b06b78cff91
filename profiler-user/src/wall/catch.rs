//! Catches one thread: reads its stack until the thread is known to have held still meanwhile, or the tick's time is over.
//!
//! A running thread can be caught only on the CPU that we run on ourselves, so it is followed there, and we stay: at the
//! next tick the timer interrupts the very thread that is wanted, and it stands still until the sample is taken. It must
//! not know how stillness is proven, nor how frames lie.

use std::thread;
use std::time::{Duration, Instant};

use super::Sampler;
use crate::dump::{Frames, Why};
use crate::model::Reason;
use crate::process::memory::MemoryError;
use crate::process::pages::Pages;
use crate::process::still::{RUNNABLE, Span};
use crate::process::tasks::Task;
use crate::python::frames::{self, RawStack};
use crate::python::threads::ThreadState;

/// How often a thread is looked at, at most.
const TRIES: u32 = 40;
/// How often at least, however late it is.
const LEAST_TRIES: u32 = 10;
/// How often a thread that holds still may have a stack that makes no sense, or none, before that is the answer: both are
/// so for a few instructions of a running one.
const DOUBTS: u32 = 3;
/// How long a thread is left alone after a try in vain.
const BREATH: Duration = Duration::from_micros(100);

/// What a thread was caught at.
pub(super) enum Caught {
    /// A stack.
    Stack(Frames),
    /// It runs no Python function.
    NoFunction,
    /// It could not be caught, or its stack not be read.
    Failed(Why),
    /// It may not run Python code now, which was asked for.
    Elsewhere,
    /// It has ended.
    Ended,
}

/// One reading of what a thread runs.
#[derive(PartialEq, Eq)]
struct Reading {
    /// Whose it is, as its thread state has it at that time.
    thread_id: u64,
    /// Whether it may run Python code, where that is told.
    may_run: Option<bool>,
    stack: Result<RawStack, Reason>,
}

impl Sampler<'_> {
    /// Catches the thread of this state; `running`: only while it may run Python code.
    pub(super) fn catch(
        &mut self,
        state: &ThreadState,
        task: Option<&Task>,
        running: bool,
        until: Instant,
    ) -> Caught {
        let (mut why, mut doubts) = (Why::Moving, 0);
        for attempt in 0..TRIES {
            if attempt >= LEAST_TRIES && Instant::now() >= until {
                break;
            }
            let Some(task) = task else {
                // Nobody knows which thread this is.
                if let Some(caught) = self.agreeing(state, running) {
                    return caught;
                }
                thread::sleep(BREATH);
                continue;
            };
            let Ok(span) = Span::begin(task) else { return Caught::Ended };
            let runs = span.look().state == RUNNABLE;
            if runs && !span.is_beside_us() {
                match self.follower.follow(task) {
                    Ok(true) => continue,
                    Ok(false) => {
                        if let Some(caught) = self.agreeing(state, running) {
                            return caught;
                        }
                        thread::sleep(BREATH);
                        continue;
                    }
                    Err(_) => return Caught::Ended,
                }
            }
            let reading = self.read(state);
            match span.held_still() {
                Ok(true) => {}
                Ok(false) => continue,
                Err(_) => return Caught::Ended,
            }
            if reading.thread_id != state.thread_id || (running && reading.may_run == Some(false)) {
                return Caught::Elsewhere;
            }
            let doubtful = match self.named(reading.stack) {
                Ok(frames) => return Caught::Stack(frames),
                Err(Why::Reason(Reason::NoPythonFrame)) if !runs => return Caught::NoFunction,
                Err(doubtful) => doubtful,
            };
            why = doubtful;
            doubts += 1;
            if doubts == DOUBTS {
                break;
            }
            thread::sleep(BREATH);
        }
        match why {
            Why::Reason(Reason::NoPythonFrame) => Caught::NoFunction,
            why => Caught::Failed(why),
        }
    }

    /// Two readings that agree, where nothing can be proven: the thread is not known, or may not be followed.
    fn agreeing(&mut self, state: &ThreadState, running: bool) -> Option<Caught> {
        let (first, second) = (self.read(state), self.read(state));
        if first != second || first.thread_id != state.thread_id {
            return None;
        }
        if running && first.may_run == Some(false) {
            return Some(Caught::Elsewhere);
        }
        let frames = self.named(first.stack).ok()?;
        self.agreed += 1;
        Some(Caught::Stack(frames))
    }

    fn named(&mut self, stack: Result<RawStack, Reason>) -> Result<Frames, Why> {
        match stack.map(|stack| self.names.of(&stack)) {
            Ok((frames, _)) if frames.frames.is_empty() => Err(Why::Reason(Reason::NoPythonFrame)),
            // Frames whose code can't be read have the reason in their place.
            Ok((frames, _)) => Ok(frames),
            Err(reason) => Err(Why::Reason(reason)),
        }
    }

    fn read(&self, state: &ThreadState) -> Reading {
        let process = self.process;
        let layout = &process.interpreter.layout;
        let memory = Pages::new(self.memory);
        let at = state.address.wrapping_add(layout.tstate_thread_id.into());
        let read = || -> Result<Reading, MemoryError> {
            use crate::process::memory::Memory as _;
            let thread_id = memory.read_u64(at)?;
            let may_run = process.offsets.may_run(&memory, layout, state)?;
            let stack = frames::walk(&memory, layout, &process.interpreter.objects, state.address);
            Ok(Reading { thread_id, may_run, stack })
        };
        read().unwrap_or_else(|error| Reading {
            thread_id: state.thread_id,
            may_run: None,
            stack: Err(error.reason()),
        })
    }
}
