//! The processes that were met: what they run, what they are called, when to look again.
//!
//! It must not know the kernel side's maps, stacks or profiles: the agent acts on what it answers.

use std::sync::Arc;
use std::time::Duration;

use firetower_ebpf::abi::{ProcessFacts, PyLayout};
use rustc_hash::FxHashMap;

use super::labels::Labeller;
use crate::model::{Labels, Pid, Reason};
use crate::process::identity;
use crate::process::live::LiveProcess;
use crate::python::Interpreter;
use crate::python::detect::{Outcome, Recogniser};

/// A process that is no Python is looked at again, as long as it burns CPU: an interpreter may be loaded later. First
/// after this long, then after twice as long each time.
const FIRST_RECHECK: Duration = Duration::from_millis(250);
/// The same for one that is about to load its interpreter, by all that its executable says.
const SOON: Duration = Duration::from_millis(2);
/// And at most after this long.
const LAST_RECHECK: Duration = Duration::from_secs(60);

/// What is known of one process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its command line, or its name in brackets.
    pub command: Arc<str>,
    /// Its labels; none if they are not asked for.
    pub labels: Arc<Labels>,
    /// When it started, in clock ticks since boot; tells a reused pid.
    pub started: u64,
    /// Number of this attachment; see [`firetower_ebpf::abi::ProcessFacts::generation`].
    pub generation: u32,
    /// When it was examined, in monotonic nanoseconds; 0 if it was not, but has what its parent had.
    pub examined: u64,
    /// Whether it may be about to load an interpreter: its executable says so, or the interpreter is there in part.
    pub starting: bool,
    /// What it runs.
    pub state: State,
}

/// What a process runs.
#[derive(Clone, Debug)]
pub enum State {
    /// Python that can be read.
    Python(Arc<Interpreter>),
    /// Samples of it are counted under this reason; `detail` says more, or is empty.
    Not {
        /// Why there are no Python stacks.
        reason: Reason,
        /// In words, for people.
        detail: String,
        /// When to look again, if ever.
        recheck: Option<Duration>,
    },
}

impl Process {
    /// What the kernel side is told of it at `now` (monotonic nanoseconds).
    pub fn facts(&self, now: u64) -> ProcessFacts {
        let base = ProcessFacts {
            state: 0,
            generation: self.generation,
            runtime: 0,
            current_tstate: 0,
            report_after: u64::MAX,
            layout: PyLayout::NONE,
        };
        match &self.state {
            State::Python(interpreter) => ProcessFacts {
                runtime: interpreter.runtime,
                current_tstate: interpreter.current_tstate,
                layout: interpreter.layout.with_tstate_size(),
                ..base
            },
            State::Not { reason, recheck, .. } => ProcessFacts {
                state: *reason as u32,
                report_after: recheck.map_or(u64::MAX, |after| now + after.as_nanos() as u64),
                ..base
            },
        }
    }

    /// Its interpreter's version, or nothing.
    pub fn python(&self) -> Option<String> {
        match &self.state {
            State::Python(interpreter) => Some(interpreter.version.to_string()),
            State::Not { .. } => None,
        }
    }
}

/// Whether these are one attachment. A program that is executed anew lies elsewhere: addresses are random.
fn is_same_interpreter(one: &State, other: &State) -> bool {
    match (one, other) {
        (State::Python(one), State::Python(other)) => {
            (one.runtime, &one.layout, &one.file) == (other.runtime, &other.layout, &other.file)
        }
        _ => false,
    }
}

/// Whether both are Python, and not one attachment.
fn is_another_interpreter(one: &State, other: &State) -> bool {
    matches!((one, other), (State::Python(_), State::Python(_))) && !is_same_interpreter(one, other)
}

/// Processes by pid.
#[derive(Default)]
pub struct Table {
    processes: FxHashMap<Pid, Process>,
    recogniser: Recogniser,
    labeller: Option<Labeller>,
    last_generation: u32,
}

impl Table {
    /// Has the processes that are met from here on labelled.
    pub fn label_with(&mut self, labeller: Labeller) {
        self.labeller = Some(labeller);
    }

    /// Whoever labels them, if anyone does.
    pub fn labeller(&self) -> Option<&Labeller> {
        self.labeller.as_ref()
    }

    /// Looks at a process (again) at `now` (monotonic nanoseconds) and remembers what it found. `None`: it is gone.
    ///
    /// One that runs the interpreter that it ran before keeps its generation: samples on their way speak of it. A look
    /// that nothing in the process was the cause of (`unasked`) does not make the next one later.
    pub fn examine(&mut self, pid: Pid, now: u64, unasked: bool) -> Option<&Process> {
        let Some(started) = identity::started(pid) else {
            self.processes.remove(&pid);
            return None;
        };
        let before = self.processes.get(&pid).filter(|process| process.started == started);
        let recheck = |reason: Reason, first: Duration| match before.map(|process| &process.state) {
            Some(State::Not { recheck: Some(last), reason: before, .. }) if *before == reason => {
                if unasked {
                    *last
                } else {
                    (*last * 2).min(LAST_RECHECK)
                }
            }
            _ => first,
        };
        let not = |reason: Reason, detail: String, first: Duration| State::Not {
            reason,
            detail,
            recheck: Some(recheck(reason, first)),
        };
        let outcome = self.recogniser.examine(&LiveProcess::new(pid));
        let starting = matches!(
            outcome,
            Outcome::NotYet | Outcome::Broken { reason: Reason::InterpreterUnreadable, .. }
        );
        let state = match outcome {
            Outcome::Python(interpreter) => State::Python(Arc::new(*interpreter)),
            Outcome::NotYet => not(Reason::InterpreterNotRunning, String::new(), SOON),
            Outcome::NotPython => not(Reason::NotPython, String::new(), FIRST_RECHECK),
            Outcome::Broken { reason: Reason::ProcessExited, .. } => {
                self.processes.remove(&pid);
                return None;
            }
            Outcome::Broken { reason, detail } => not(reason, detail, FIRST_RECHECK),
        };
        let labels = match before {
            // Read at its exec, when nothing of them had been written over; unless it has executed another program since,
            // of which no event has come.
            Some(process) if !is_another_interpreter(&process.state, &state) => Some(process.labels.clone()),
            _ => None,
        };
        let generation = match before {
            Some(process) if is_same_interpreter(&process.state, &state) => process.generation,
            _ => {
                self.last_generation = self.last_generation.wrapping_add(1).max(1);
                self.last_generation
            }
        };
        let command = identity::command(pid);
        let labels = labels.unwrap_or_else(|| self.read_labels(pid));
        let process = Process { command, labels, started, generation, examined: now, starting, state };
        self.processes.insert(pid, process);
        self.processes.get(&pid)
    }

    fn read_labels(&mut self, pid: Pid) -> Arc<Labels> {
        let processes = &self.processes;
        let service_of = |pid: Pid| processes.get(&pid).map(|process| process.labels.service.clone());
        match &mut self.labeller {
            Some(labeller) => labeller.read(pid, service_of),
            None => Labels::none(),
        }
    }

    /// A child has what its parent has. `None`: the parent is not known.
    pub fn fork(&mut self, child: Pid, parent: Pid) -> Option<&Process> {
        let process = self.processes.get(&parent)?.clone();
        self.adopt(child, process)
    }

    /// A process that runs under a generation must have been forked by one that has it, though nobody said so.
    pub fn adopt_by_generation(&mut self, child: Pid, generation: u32) -> Option<&Process> {
        let process = self.processes.values().find(|process| process.generation == generation)?.clone();
        self.adopt(child, process)
    }

    fn adopt(&mut self, child: Pid, process: Process) -> Option<&Process> {
        let started = identity::started(child).unwrap_or(process.started);
        self.processes.insert(child, Process { started, examined: 0, ..process });
        self.processes.get(&child)
    }

    /// What is known of a process.
    pub fn get(&self, pid: Pid) -> Option<&Process> {
        self.processes.get(&pid)
    }

    /// Drops a process that has ended, or runs another program now.
    pub fn forget(&mut self, pid: Pid) {
        self.processes.remove(&pid);
    }

    /// Every process that is known.
    pub fn iter(&self) -> impl Iterator<Item = (Pid, &Process)> {
        self.processes.iter().map(|(&pid, process)| (pid, process))
    }

    /// Known processes that are not there any more, or whose pid is another's by now.
    pub fn gone(&self) -> Vec<Pid> {
        let gone = |(pid, process): (Pid, &Process)| {
            (identity::started(pid) != Some(process.started)).then_some(pid)
        };
        self.iter().filter_map(gone).collect()
    }
}
