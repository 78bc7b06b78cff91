//! The agent: wires the stages from the kernel's events to the aggregate, and keeps the accounts.
//!
//! One loop on one thread: drain, then symbolize and add, then once a second house-keeping. The kernel's ring buffer is
//! the bounded channel in front of it, and what overflows there is counted there; a second channel behind it would only
//! add a place to lose samples. It is the one module that knows every stage.

mod accounts;
mod discovery;
mod history;
pub mod labels;
pub mod processes;
mod publish;
mod series;
pub mod sources;
mod starting;
mod usage;

use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use firetower_ebpf::abi::{SampleEvent, StackHash};
use rustc_hash::FxHashMap;

use crate::aggregate::Aggregate;
use crate::capture::{Capture, CaptureError, Counters, Drain, Event, Options, RunTime, StackDefinition};
use crate::clock::Clock;
use crate::metrics::ServiceUsage;
use crate::model::{Frame, Labels, Pid, Reason, Sample, Series, StackId, Tid, Weight};
use crate::native::kallsyms::Kallsyms;
use crate::process::memory::LiveMemory;
use crate::store::Store;
use crate::symbolize::Symbolizer;

pub use accounts::{Accounts, ProcessAccount};
use labels::Labeller;
use processes::{State, Table};
pub use publish::Publisher;
use series::SeriesCache;
use starting::Starting;
use usage::Usage;

/// Stacks known to the kernel side and the agent; past this all of them are sent anew. Below the kernel map's size, so
/// that it never fills.
const MAX_STACKS: usize = 48_000;

/// Most events that are handled in one round: whoever runs the rounds looks at the time and at signals in between, also
/// when events come faster than they are handled.
const MAX_EVENTS: usize = 1024;

/// The aggregate, shared with those who ask it.
pub type SharedAggregate = Arc<Mutex<Aggregate>>;

/// Who gets each sample as it is added to the aggregate, in the order in which samples are drained. What the kernel side
/// could not hand over is no sample here: [`Agent::counters`] has its number.
pub type Observer = Box<dyn FnMut(&Sample<'_>) + Send>;

/// A lock that a panic elsewhere can't take away: the aggregate's methods leave it whole.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stack that the kernel side sends by hash from now on.
#[derive(Clone, Copy, Debug)]
struct KnownStack {
    pid: Pid,
    stack: StackId,
    reason: Option<Reason>,
}

/// The running profiler.
pub struct Agent {
    capture: Capture,
    drain: Drain,
    aggregate: SharedAggregate,
    processes: Table,
    symbolizer: Symbolizer,
    stacks: FxHashMap<StackHash, KnownStack>,
    series: SeriesCache,
    starting: Starting,
    accounts: Accounts,
    lost: FxHashMap<Reason, u64>,
    clock: Clock,
    sample_weight: Weight,
    observer: Option<Observer>,
    store: Option<Arc<Store>>,
    usage: Option<Usage>,
}

impl Agent {
    /// Loads the kernel side. Nothing is sampled before [`Agent::enable`].
    pub fn new(options: Options, aggregate: SharedAggregate, clock: Clock) -> Result<Agent, CaptureError> {
        let (capture, drain) = Capture::load(options)?;
        let kernel = Kallsyms::load().map_err(CaptureError::Io)?;
        let period = capture.period();
        Ok(Agent {
            capture,
            drain,
            aggregate,
            processes: Table::default(),
            symbolizer: Symbolizer::new(kernel),
            stacks: FxHashMap::default(),
            series: SeriesCache::default(),
            starting: Starting::default(),
            accounts: Accounts::default(),
            lost: FxHashMap::default(),
            clock,
            sample_weight: Weight { samples: 1, nanoseconds: period.as_nanos() as u64 },
            observer: None,
            store: None,
            usage: None,
        })
    }

    /// The same, with someone who gets every sample.
    #[must_use]
    pub fn observed_by(self, observer: Observer) -> Agent {
        Agent { observer: Some(observer), ..self }
    }

    /// The same, with labels for every process that it meets.
    #[must_use]
    pub fn labelled_by(mut self, labeller: Labeller) -> Agent {
        self.processes.label_with(labeller);
        self
    }

    /// The same, summing what services use and, if asked for, their functions: for who takes it every now and then.
    #[must_use]
    pub fn summing_usage(self, by_function: bool) -> Agent {
        Agent { usage: Some(Usage::new(by_function)), ..self }
    }

    /// The same, handing every window that is over to a store.
    #[must_use]
    pub fn stored_in(self, store: Arc<Store>) -> Agent {
        Agent { store: Some(store), ..self }
    }

    /// Lets samples fire.
    pub fn enable(&mut self) -> Result<(), CaptureError> {
        self.capture.enable()
    }

    /// Waits for events, at most `timeout`, and handles those that are there, up to a bound.
    pub fn run_once(&mut self, timeout: Duration) -> Result<(), CaptureError> {
        self.drain.wait(self.starting.wait().map_or(timeout, |soon| soon.min(timeout)))?;
        self.handle_events(MAX_EVENTS)?;
        self.look_at_starting()
    }

    fn handle_events(&mut self, most: usize) -> Result<(), CaptureError> {
        for _ in 0..most {
            let Some(event) = self.drain.next_event() else { break };
            match event {
                Event::Sample(sample, definition) => self.sample(&sample, definition),
                Event::Process(event) => self.process_event(&event)?,
                Event::Malformed(size) => {
                    tracing::error!("{size} bytes from the kernel side are no event");
                    self.accounts.unattributed(Reason::KernelSideFailed);
                }
            }
        }
        Ok(())
    }

    /// House-keeping, about once a second: lost samples, retention, tables that have filled up.
    pub fn tick(&mut self) -> Result<(), CaptureError> {
        self.book_lost()?;
        let mut aggregate = lock(&self.aggregate);
        if let Some(usage) = &mut self.usage {
            // Its ids lose their meaning here.
            usage.settle(&aggregate);
        }
        if let Some(store) = &self.store {
            history::hand_over(&mut aggregate, store, self.clock.now());
        }
        let moved = aggregate.maintain(self.clock.now());
        drop(aggregate);
        if let Some(moved) = moved {
            self.series.clear();
            // What no live second refers to is gone, and must be defined anew if it is seen again.
            let lost: Vec<StackHash> = self
                .stacks
                .iter_mut()
                .filter_map(|(&hash, known)| match moved.stacks.get(&known.stack) {
                    Some(&stack) => {
                        known.stack = stack;
                        None
                    }
                    None => Some(hash),
                })
                .collect();
            for hash in lost {
                self.forget_stack(hash);
            }
        }
        if self.stacks.len() > MAX_STACKS {
            for hash in self.stacks.keys().copied().collect::<Vec<_>>() {
                self.forget_stack(hash);
            }
        }
        Ok(())
    }

    /// Stops samples and handles every one that fired: after it, the accounts are whole.
    pub fn finish(&mut self) -> Result<(), CaptureError> {
        self.capture.disable()?;
        self.handle_events(usize::MAX)?;
        self.book_lost()?;
        if let Some(store) = &self.store {
            history::hand_over_all(&mut lock(&self.aggregate), store);
        }
        Ok(())
    }

    /// Processes that had samples since the last call, with what was seen of them in that time.
    pub fn take_process_accounts(&mut self) -> FxHashMap<Pid, ProcessAccount> {
        self.accounts.take_processes()
    }

    /// What services used since the last call; nothing if it is not summed.
    pub fn take_usage(&mut self) -> Vec<ServiceUsage> {
        self.usage.as_mut().map(|usage| usage.take(&lock(&self.aggregate))).unwrap_or_default()
    }

    /// The accounts of this run, as far as they have been drained.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The kernel side's counters.
    pub fn counters(&self) -> Result<Counters, CaptureError> {
        self.capture.counters()
    }

    /// Each eBPF program's runs and time in the kernel.
    pub fn run_times(&self) -> Result<Vec<RunTime>, CaptureError> {
        self.capture.run_times()
    }

    /// The processes that were met.
    pub fn processes(&self) -> &Table {
        &self.processes
    }

    /// Frames that could not be named, by reason.
    pub fn symbolization_failures(&self) -> impl Iterator<Item = (Reason, u64)> {
        self.symbolizer.failures()
    }

    /// Stacks that the kernel side sends by hash.
    pub fn known_stacks(&self) -> usize {
        self.stacks.len()
    }

    /// A sample that the kernel side could not hand over has its weight in the flame graph too, though nobody knows
    /// whose it was.
    fn book_lost(&mut self) -> Result<(), CaptureError> {
        let counters = self.capture.counters()?;
        let mut aggregate = lock(&self.aggregate);
        for reason in [Reason::RingBufferFull, Reason::KernelSideFailed] {
            let total = counters.not_submitted(reason);
            let new = total - self.lost.insert(reason, total).unwrap_or_default();
            if new == 0 {
                continue;
            }
            let lost = Series {
                pid: Pid(0),
                command: "[lost]".into(),
                labels: Labels::none(),
                tid: Tid(0),
                thread: "".into(),
                python: "".into(),
                interpreter: None,
            };
            let series = aggregate.series(&lost);
            let stack = aggregate.intern(vec![Frame::unknown(reason)]);
            let one = self.sample_weight;
            let weight = Weight { samples: new, nanoseconds: new * one.nanoseconds };
            // What finds no room in the aggregate either is counted there.
            let _ = aggregate.add(self.clock.now(), series, stack, weight);
            if let Some(usage) = &mut self.usage {
                usage.add(series, stack, weight);
            }
        }
        Ok(())
    }

    fn sample(&mut self, sample: &SampleEvent, definition: Option<StackDefinition>) {
        let pid = Pid(sample.tgid);
        let known = match Reason::from_code(sample.reason) {
            Some(reason) => Err(reason),
            None => self.stack(pid, sample, definition),
        };
        let mut aggregate = lock(&self.aggregate);
        let (stack, reason) = match known {
            Ok(known) => (known.stack, known.reason),
            Err(reason) => (aggregate.intern(vec![Frame::unknown(reason)]), Some(reason)),
        };
        // Events come in order: a sample from before an exec is handled before the process is forgotten for it.
        let series = self.series.id(&mut aggregate, sample, self.processes.get(pid));
        let (unix, weight) = (self.clock.unix(sample.time), self.sample_weight);
        let reason = reason.or(aggregate.add(unix, series, stack, weight));
        if let Some(usage) = &mut self.usage {
            usage.add(series, stack, weight);
        }
        self.accounts.sample(pid, reason, weight);
        if let Some(observer) = &mut self.observer {
            let (time, tid, cpu) = (sample.time, Tid(sample.tid), sample.cpu);
            let (thread, stacks) = (&*series::thread_name(&sample.comm), aggregate.stacks());
            observer(&Sample { time, unix, pid, tid, thread, cpu, weight, stacks, stack, reason });
        }
    }

    /// The sample's stack, by its hash or by the definition that came along.
    fn stack(
        &mut self,
        pid: Pid,
        sample: &SampleEvent,
        definition: Option<StackDefinition>,
    ) -> Result<KnownStack, Reason> {
        let Some(definition) = definition else {
            return self.stacks.get(&sample.stack).copied().ok_or(Reason::StackUnknown);
        };
        // Also what can't be named is remembered: the samples that name it by its hash have the same reason.
        let known = self.name(pid, sample.generation, &definition).unwrap_or_else(|reason| KnownStack {
            pid,
            stack: lock(&self.aggregate).intern(vec![Frame::unknown(reason)]),
            reason: Some(reason),
        });
        if known.reason.is_some() {
            // Sent whole again when it is seen next: it may be readable then.
            self.capture.forget_stack(sample.stack);
        }
        match self.stacks.entry(sample.stack) {
            // A stack that could be named once keeps its names.
            Entry::Occupied(old) if old.get().reason.is_none() => Ok(*old.get()),
            Entry::Occupied(mut old) => Ok(*{
                old.insert(known);
                old.into_mut()
            }),
            Entry::Vacant(new) => Ok(*new.insert(known)),
        }
    }

    fn name(
        &mut self,
        pid: Pid,
        generation: u32,
        definition: &StackDefinition,
    ) -> Result<KnownStack, Reason> {
        let process = match self.processes.get(pid) {
            Some(process) if process.generation == generation => Some(process),
            _ => self.processes.adopt_by_generation(pid, generation),
        };
        let interpreter = match process.map(|process| &process.state) {
            Some(State::Python(interpreter)) => interpreter.clone(),
            _ => return Err(Reason::ProcessExited),
        };
        let named = self.symbolizer.symbolize(pid, &LiveMemory::new(pid), &interpreter, definition);
        let stack = lock(&self.aggregate).intern(named.frames);
        Ok(KnownStack { pid, stack, reason: named.reason })
    }

    fn forget_stack(&mut self, hash: StackHash) {
        self.capture.forget_stack(hash);
        self.stacks.remove(&hash);
    }
}
