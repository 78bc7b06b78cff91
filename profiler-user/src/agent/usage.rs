//! What services and their functions used, summed from samples for the metrics.
//!
//! A sample costs one entry by ids; names come in about once a second, for what was seen since then. To read the last
//! second out of the aggregate was rejected: a sample that is late would be missing.
//!
//! Frames of the kernel belong to the Python function that they run for: whoever reads what a function costs means what
//! it has the kernel do as well. It must not know who exports the sums, nor how many of them.

use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::aggregate::{Aggregate, SeriesId};
use crate::metrics::{FunctionUsage, ServiceUsage};
use crate::model::{FrameId, FrameKind, Reason, Series, StackId, Stacks, Weight};

/// The service of samples of which nobody knows whose they are.
const UNKNOWN: &str = "[unknown]";
/// Reasons that are given for processes that are recognised as Python, or as about to be.
const OF_PYTHON: [Reason; 3] =
    [Reason::UnsupportedPython, Reason::InterpreterUnreadable, Reason::InterpreterNotRunning];

/// The sums.
#[derive(Debug)]
pub struct Usage {
    by_function: bool,
    /// Nanoseconds by ids that lose their meaning when the aggregate is maintained.
    fresh: FxHashMap<(SeriesId, StackId), u64>,
    /// Function and file.
    functions: IndexSet<(Arc<str>, Arc<str>), FxBuildHasher>,
    /// By service and container.
    services: FxHashMap<(Arc<str>, Arc<str>), Sums>,
}

/// Nanoseconds of one service in one container.
#[derive(Debug, Default)]
struct Sums {
    all: u64,
    unattributed: u64,
    no_python_frame: u64,
    /// Own and total, by index in [`Usage::functions`].
    functions: FxHashMap<usize, (u64, u64)>,
}

/// Where the own time of a stack goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Function(usize),
    Unknown(Reason),
}

/// What a walk over stacks remembers.
#[derive(Debug, Default)]
struct Walk {
    /// Index in [`Usage::functions`]: a function is a frame for each of its lines.
    functions: FxHashMap<FrameId, usize>,
    /// The functions of the stack at hand, each once.
    met: Vec<usize>,
    /// By function, the number of the stack in which it was met last.
    last: Vec<u64>,
    stack: u64,
}

impl Usage {
    /// Nothing so far. Not `by_function`: stacks are not looked at.
    pub fn new(by_function: bool) -> Usage {
        Usage {
            by_function,
            fresh: FxHashMap::default(),
            functions: IndexSet::default(),
            services: FxHashMap::default(),
        }
    }

    /// Adds a sample.
    pub fn add(&mut self, series: SeriesId, stack: StackId, weight: Weight) {
        *self.fresh.entry((series, stack)).or_default() += weight.nanoseconds;
    }

    /// Gives names to what was added. Call it before ids lose their meaning.
    pub fn settle(&mut self, aggregate: &Aggregate) {
        let stacks = aggregate.stacks();
        let mut walk = Walk::default();
        for ((series, stack), nanoseconds) in std::mem::take(&mut self.fresh) {
            let owner = self.walk(stacks, stack, &mut walk);
            if owner == Owner::Unknown(Reason::NotPython) {
                continue;
            }
            let series = aggregate.series_of(series);
            let sums =
                self.services.entry((service(series, owner), series.labels.container.clone())).or_default();
            sums.all += nanoseconds;
            if !self.by_function {
                continue;
            }
            match owner {
                Owner::Function(function) => sums.functions.entry(function).or_default().0 += nanoseconds,
                Owner::Unknown(Reason::NoPythonFrame | Reason::NotPythonThread) => {
                    sums.no_python_frame += nanoseconds
                }
                Owner::Unknown(_) => sums.unattributed += nanoseconds,
            }
            for &function in &walk.met {
                sums.functions.entry(function).or_default().1 += nanoseconds;
            }
        }
    }

    /// Takes the sums of what was added since the last call.
    pub fn take(&mut self, aggregate: &Aggregate) -> Vec<ServiceUsage> {
        self.settle(aggregate);
        let functions = std::mem::take(&mut self.functions);
        let of_function = |(function, (own, total)): (usize, (u64, u64))| {
            let (function, file) = functions[function].clone();
            FunctionUsage { function, file, own, total }
        };
        std::mem::take(&mut self.services)
            .into_iter()
            .map(|((service, container), sums)| ServiceUsage {
                service,
                container,
                nanoseconds: sums.all,
                unattributed: sums.unattributed,
                no_python_frame: sums.no_python_frame,
                functions: sums.functions.into_iter().map(of_function).collect(),
            })
            .collect()
    }

    /// Whose own time a stack is; its functions are left in `walk.met`.
    fn walk(&mut self, stacks: &Stacks, stack: StackId, walk: &mut Walk) -> Owner {
        walk.met.clear();
        walk.stack += 1;
        let mut owner = None;
        let mut next = Some(stack);
        while let Some(id) = next {
            let (parent, frame_id) = stacks.node(id);
            next = parent;
            let frame = stacks.frame(frame_id);
            match frame.kind {
                FrameKind::Python => {
                    let functions = &mut self.functions;
                    let index = *walk.functions.entry(frame_id).or_insert_with(|| {
                        functions.insert_full((frame.function.clone(), frame.file.clone())).0
                    });
                    owner = owner.or(Some(Owner::Function(index)));
                    walk.meet(index);
                }
                FrameKind::Unknown(reason) => owner = owner.or(Some(Owner::Unknown(reason))),
                FrameKind::Kernel
                | FrameKind::Other
                | FrameKind::Process
                | FrameKind::Thread
                | FrameKind::Interpreter
                | FrameKind::Truncated => {}
            }
        }
        owner.unwrap_or(Owner::Unknown(Reason::NoPythonFrame))
    }
}

impl Walk {
    fn meet(&mut self, function: usize) {
        if self.last.len() <= function {
            self.last.resize(function + 1, 0);
        }
        if std::mem::replace(&mut self.last[function], self.stack) != self.stack {
            self.met.push(function);
        }
    }
}

/// The name under which a series' CPU is counted; never empty.
fn service(series: &Series, owner: Owner) -> Arc<str> {
    let is_python =
        !series.python.is_empty() || matches!(owner, Owner::Unknown(reason) if OF_PYTHON.contains(&reason));
    let name = &series.labels.service;
    if is_python && !name.is_empty() { name.clone() } else { UNKNOWN.into() }
}

#[cfg(test)]
mod tests;
