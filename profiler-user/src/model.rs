//! The profile model: ids, frames, stacks, weights, reasons, and the [`Profile`] that everything downstream reads.
//!
//! It must not know any wire format (no serde, no folded text, no protobuf), nor the kernel's events, nor where a
//! frame came from: it is what the stages after symbolization have in common.
//!
//! Raw facts are interned once and named by small ids: a [`Frame`] by a [`FrameId`], a stack by a [`StackId`].
//! A stack is a node `(parent, frame)`, so that stacks share their common root ends and a flame graph is the tree
//! that the nodes already are.

pub mod copier;
pub mod labels;
pub mod modules;
pub mod select;
pub mod selector;
mod stacks;

use std::sync::Arc;

pub use firetower_ebpf::reason::Reason;
pub use labels::Labels;
pub use stacks::{FrameId, StackId, Stacks};

/// A process id as `/proc` shows it to the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub u32);

/// A thread id as `/proc/PID/task` shows it to the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tid(pub u32);

impl std::fmt::Display for Pid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for Tid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a frame stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameKind {
    /// A Python function.
    Python,
    /// A kernel function.
    Kernel,
    /// A function of which nothing but its name, and perhaps its file, is known: of a profile that another program wrote.
    Other,
    /// Not a function: the process that everything above belongs to.
    Process,
    /// Not a function: the thread that everything above belongs to.
    Thread,
    /// Not a function: the sub-interpreter that everything above runs in.
    Interpreter,
    /// What is not known, and why.
    Unknown(Reason),
    /// What was left out: the root end of a stack that was deeper than what is kept, which has no name; or functions that
    /// a query left out for room, and then the name says how many.
    Truncated,
}

impl FrameKind {
    /// In one word, as files, tables and the API have it.
    pub const fn name(self) -> &'static str {
        match self {
            FrameKind::Python => "python",
            FrameKind::Kernel => "kernel",
            FrameKind::Other => "other",
            FrameKind::Process => "process",
            FrameKind::Thread => "thread",
            FrameKind::Interpreter => "interpreter",
            FrameKind::Unknown(_) => "unknown",
            FrameKind::Truncated => "truncated",
        }
    }

    /// The kind of this name. `None`: there is none, or it is `unknown`, which goes with a reason.
    pub fn named(name: &str) -> Option<FrameKind> {
        let known = [
            FrameKind::Python,
            FrameKind::Kernel,
            FrameKind::Other,
            FrameKind::Process,
            FrameKind::Thread,
            FrameKind::Interpreter,
            FrameKind::Truncated,
        ];
        known.into_iter().find(|kind| kind.name() == name)
    }
}

/// One frame, symbolized. Two frames are the same frame if all of this is the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// What it stands for.
    pub kind: FrameKind,
    /// The function's qualified name where the Python version has one, else its name; the kernel symbol; the
    /// process's or thread's name. Empty for [`FrameKind::Unknown`] and most [`FrameKind::Truncated`].
    pub function: Arc<str>,
    /// `co_filename` as the interpreter has it, not resolved. Empty where there is none.
    pub file: Arc<str>,
    /// The line being run, from 1; 0: not known or none. A profile by function has 0 here.
    pub line: u32,
    /// The function's first line (`co_firstlineno`), from 1; 0 if none.
    pub first_line: u32,
}

impl Frame {
    /// A frame that says why something is not known.
    pub fn unknown(reason: Reason) -> Frame {
        Frame::bare(FrameKind::Unknown(reason), "")
    }

    /// A frame that has a kind and a name and nothing else.
    pub fn bare(kind: FrameKind, function: impl Into<Arc<str>>) -> Frame {
        Frame { kind, function: function.into(), file: "".into(), line: 0, first_line: 0 }
    }

    /// The same frame with no line: all lines of a function are one frame then.
    pub fn by_function(&self) -> Frame {
        Frame { line: 0, ..self.clone() }
    }
}

/// How much was seen: samples, and the CPU time that they stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Number of samples.
    pub samples: u64,
    /// CPU nanoseconds: each sample stands for one sampling period.
    pub nanoseconds: u64,
}

impl std::ops::AddAssign for Weight {
    fn add_assign(&mut self, other: Weight) {
        self.samples += other.samples;
        self.nanoseconds += other.nanoseconds;
    }
}

/// What a sample is about, apart from its stack: the labels of its series.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Series {
    /// The process.
    pub pid: Pid,
    /// The process's command line, or its name in brackets where it has none (`[kworker/0:1]`); shortened.
    pub command: Arc<str>,
    /// What else is known of the process.
    pub labels: Arc<Labels>,
    /// The thread.
    pub tid: Tid,
    /// The thread's name as the kernel has it (`comm`).
    pub thread: Arc<str>,
    /// The interpreter's version, `3.11.7`; empty where it is not Python or not known.
    pub python: Arc<str>,
    /// Number of the interpreter within the process (`interpreters.get_current()`): 0 is the main one. `None` where it
    /// is not known, or the version has no numbers.
    pub interpreter: Option<u64>,
}

/// One sample with its named stack, as the agent hands it to whoever wants them one by one.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// `CLOCK_MONOTONIC` nanoseconds at which it was taken.
    pub time: u64,
    /// The same moment in Unix nanoseconds.
    pub unix: u64,
    /// The process.
    pub pid: Pid,
    /// The thread.
    pub tid: Tid,
    /// The thread's name as the kernel has it (`comm`).
    pub thread: &'a str,
    /// The CPU that it ran on, from 0.
    pub cpu: u32,
    /// One sample, and the CPU time that it stands for.
    pub weight: Weight,
    /// The frames and stacks that `stack` is of.
    pub stacks: &'a Stacks,
    /// What was running. Lines are always those being run.
    pub stack: StackId,
    /// Why it has no whole, named Python stack; `None` if it has.
    pub reason: Option<Reason>,
}

/// Stacks with weights, ready to be rendered: what a query answers.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// The frames and stacks that `samples` speaks of.
    pub stacks: Stacks,
    /// Each stack once, with its own (not its children's) weight. Order: of first occurrence. With `labels`: each stack
    /// once for each set of labels.
    pub samples: Vec<(StackId, Weight)>,
    /// Whose samples they are, where that is kept.
    pub labels: SampleLabels,
    /// What the profile is of.
    pub about: About,
}

/// Labels of a profile's samples, where the profile keeps them apart. Both empty: it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleLabels {
    /// Sets of (name, value), names as in [`labels::NAMES`] or of [`Labels::extra`]; each set once, no value is empty.
    pub sets: Vec<labels::LabelSet>,
    /// `sets[of[i]]` are the labels of `samples[i]`.
    pub of: Vec<u32>,
}

impl SampleLabels {
    /// The labels of the sample with this index; none where they are not kept.
    pub fn of_sample(&self, index: usize) -> &[(Arc<str>, Arc<str>)] {
        self.of.get(index).and_then(|&set| self.sets.get(set as usize)).map_or(&[], Vec::as_slice)
    }
}

/// What a profile is of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// Unix time in nanoseconds at which it starts.
    pub start: u64,
    /// Nanoseconds that it covers.
    pub duration: u64,
    /// Samples a second and CPU; 0 if not known.
    pub frequency: u32,
    /// In words: `python app.py (pid 4242)`.
    pub subject: String,
}

impl Profile {
    /// Total weight.
    pub fn total(&self) -> Weight {
        let mut total = Weight::default();
        for (_, weight) in &self.samples {
            total += *weight;
        }
        total
    }
}
