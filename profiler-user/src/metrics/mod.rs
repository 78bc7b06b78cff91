//! Prometheus metrics: of the profiled processes, and of the profiler's own health.
//!
//! One registry of its own (not the crate's global one, so that a process may hold several and tests don't share
//! state). Every counter is created with the value 0 at the start: a counter that appears with its first event hides
//! that event from `rate()`. It must not know how samples are taken or who scrapes.
//!
//! Two kinds of counters: those that the agent adds to, and those that mirror a total that somebody else counts (the
//! kernel side, `/proc`). Mirrors never go back: a total that is lower than the last one changes nothing.

mod http;
mod processes;

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use firetower_ebpf::abi::counter;
use prometheus::core::{Collector, GenericCounter, Number};
use prometheus::{
    Counter, CounterVec, Encoder, Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::aggregate::{Overflow, Sizes};
use crate::model::Reason;
pub use http::{Connected, Cut, HttpMetrics, Rejection};
use processes::ProcessCpu;
pub use processes::{MAX_PROCESSES, ProcessLabels};

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Most distinct label sets of `firetower_processes`; the rest is summed as version `other`.
const MAX_VERSIONS: usize = 50;
/// Reasons that symbolization can give.
const SYMBOLIZATION: [Reason; 4] =
    [Reason::ProcessExited, Reason::CodeReplaced, Reason::CodeUnreadable, Reason::StackUnknown];

/// All metrics. Share it by reference; every method may be called from any thread.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    samples: IntCounterVec,
    fired: IntCounter,
    truncated: IntCounter,
    stack_events: IntCounter,
    stacks_known: IntGauge,
    lost: IntCounterVec,
    symbolization_failures: IntCounterVec,
    /// Kernel totals at the last [`set_kernel_counters`](Self::set_kernel_counters), by reason code.
    not_submitted: Mutex<[u64; counter::COUNT as usize]>,
    process_cpu: Mutex<ProcessCpu>,
    processes: IntGaugeVec,
    program_seconds: CounterVec,
    program_runs: IntCounterVec,
    agent_cpu: Counter,
    agent_memory: Gauge,
    ready: IntGauge,
    tables: IntGaugeVec,
    folded: IntCounter,
    unnamed: IntCounter,
    seconds_dropped: IntCounter,
    samples_dropped: IntCounter,
    http: HttpMetrics,
    label_overflow: IntCounterVec,
    labels_refused: IntCounterVec,
}

/// Totals that the kernel side counts, summed over CPUs, since it was loaded.
#[derive(Clone, Debug)]
pub struct KernelCounters {
    /// The map `COUNTERS`, indexed as [`counter`] says.
    pub totals: [u64; counter::COUNT as usize],
}

/// What the kernel says about one eBPF program: needs `kernel.bpf_stats_enabled=1` or `BPF_ENABLE_STATS`.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramRuns<'a> {
    /// The program's name.
    pub program: &'a str,
    /// Seconds that it ran in total.
    pub seconds: f64,
    /// How often it ran in total.
    pub runs: u64,
}

impl Metrics {
    /// All metrics at 0, for a run that samples at `frequency` Hz on each CPU.
    pub fn new(frequency: u32) -> Metrics {
        let new = New::default();
        let metrics = Metrics {
            samples: new.counters(
                "firetower_samples_total",
                "Samples by outcome: attributed to a whole, named Python stack, or not and why. They sum up to those fired.",
                &["outcome", "reason"],
            ),
            fired: new.counter("firetower_samples_fired_total", "Samples that fired in the kernel, on all CPUs."),
            truncated: new.counter(
                "firetower_truncated_stacks_total",
                "Samples whose stack was deeper than what is kept; the root end is missing.",
            ),
            stack_events: new.counter(
                "firetower_stack_events_total",
                "Stacks that the kernel side sent out whole because they were new to it.",
            ),
            stacks_known: new.gauge("firetower_stacks_known", "Distinct stacks that the agent knows by their hash."),
            lost: new.counters(
                "firetower_ring_buffer_lost_total",
                "Events that found no room in the ring buffer, by kind.",
                &["kind"],
            ),
            symbolization_failures: new.counters(
                "firetower_symbolization_failures_total",
                "Frames that could not be given a name, and why. Each failure is counted once, not per sample.",
                &["reason"],
            ),
            not_submitted: Mutex::new([0; counter::COUNT as usize]),
            process_cpu: Mutex::new(ProcessCpu::new(new.float_counters(
                "firetower_process_cpu_seconds_total",
                "CPU time of a process as sampled: each sample stands for one sampling period.",
                &["pid", "command", "python_version"],
            ))),
            processes: new.gauges(
                "firetower_processes",
                "Processes that the agent knows, by Python version and state.",
                &["python_version", "state"],
            ),
            program_seconds: new.float_counters(
                "firetower_ebpf_run_time_seconds_total",
                "CPU time that an eBPF program of firetower took, as the kernel counts it.",
                &["program"],
            ),
            program_runs: new.counters(
                "firetower_ebpf_runs_total",
                "Runs of an eBPF program of firetower, as the kernel counts them.",
                &["program"],
            ),
            agent_cpu: new.float_counter("firetower_agent_cpu_seconds_total", "CPU time of the agent itself."),
            agent_memory: new.float_gauge("firetower_agent_resident_memory_bytes", "Resident memory of the agent."),
            ready: new.gauge("firetower_ready", "1 while the kernel side is attached and samples are taken, else 0."),
            tables: new.gauges(
                "firetower_aggregate_table_entries",
                "Entries in the agent's tables of what it keeps in memory.",
                &["table"],
            ),
            folded: new.counter(
                "firetower_aggregate_folded_samples_total",
                "Samples whose stack found no room in the agent's tables; their weight is kept.",
            ),
            unnamed: new.counter(
                "firetower_aggregate_unnamed_samples_total",
                "Samples whose process and thread found no room in the agent's tables; their stack is kept.",
            ),
            seconds_dropped: new.counter(
                "firetower_aggregate_dropped_buckets_total",
                "One-second buckets that were dropped before the end of their retention to make room.",
            ),
            samples_dropped: new.counter(
                "firetower_aggregate_dropped_samples_total",
                "Samples in the buckets that were dropped before the end of their retention.",
            ),
            http: HttpMetrics::new(&new),
            label_overflow: new.counters(
                "firetower_label_overflow_total",
                "Processes whose value of a label is `other` because there were too many different ones, by label.",
                &["label"],
            ),
            labels_refused: new.counters(
                "firetower_labels_refused_total",
                "What could not be read of processes, or can't be a label, and why. It shows as an absent label.",
                &["reason"],
            ),
            registry: new.registry,
        };
        metrics.create_children(frequency);
        metrics
    }

    /// Creates the label sets that are known beforehand, and the constants.
    fn create_children(&self, frequency: u32) {
        self.samples.with_label_values(&["attributed", ""]);
        for reason in Reason::ALL {
            self.samples.with_label_values(&["unattributed", reason.label()]);
        }
        for reason in SYMBOLIZATION {
            self.symbolization_failures.with_label_values(&[reason.label()]);
        }
        for kind in ["sample", "process_event"] {
            self.lost.with_label_values(&[kind]);
        }
        for table in ["entries", "nodes", "frames", "series"] {
            self.tables.with_label_values(&[table]);
        }
        self.label_overflow.with_label_values(&["service"]);
        let constants = New { registry: self.registry.clone() };
        constants
            .gauge("firetower_sampling_frequency_hertz", "Samples a second that each CPU is asked for.")
            .set(i64::from(frequency));
        constants
            .gauges(
                "firetower_build_info",
                "Always 1; the labels say what is running.",
                &["version", "architecture"],
            )
            .with_label_values(&[env!("CARGO_PKG_VERSION"), std::env::consts::ARCH])
            .set(1);
    }

    /// Counts samples that have whole, named Python stacks.
    pub fn attributed(&self, samples: u64) {
        self.samples.with_label_values(&["attributed", ""]).inc_by(samples);
    }

    /// Counts samples that have not, of those that the kernel side submitted. Those that it did not submit come with
    /// [`set_kernel_counters`](Self::set_kernel_counters).
    pub fn unattributed(&self, reason: Reason, samples: u64) {
        self.samples.with_label_values(&["unattributed", reason.label()]).inc_by(samples);
    }

    /// Takes over the totals that the kernel side counts. Call it before each scrape or once a second.
    pub fn set_kernel_counters(&self, kernel: &KernelCounters) {
        let total = |index: u32| kernel.totals[index as usize];
        mirror(&self.fired, total(counter::FIRED));
        mirror(&self.truncated, total(counter::TRUNCATED));
        mirror(&self.stack_events, total(counter::NEW_STACKS));
        mirror(&self.lost.with_label_values(&["process_event"]), total(counter::PROCESS_EVENTS_LOST));
        let mut last = self.not_submitted.lock().unwrap_or_else(PoisonError::into_inner);
        for &reason in Reason::ALL {
            // The agent adds to the same series, so the increase is added, not the total set.
            let index = (counter::NOT_SUBMITTED + reason as u32) as usize;
            let increase = kernel.totals[index].saturating_sub(last[index]);
            last[index] += increase;
            self.unattributed(reason, increase);
            if reason == Reason::RingBufferFull {
                self.lost.with_label_values(&["sample"]).inc_by(increase);
            }
        }
    }

    /// Counts frames that could not be named.
    pub fn symbolization_failed(&self, reason: Reason, frames: u64) {
        self.symbolization_failures.with_label_values(&[reason.label()]).inc_by(frames);
    }

    /// Sets how many stacks the agent knows by their hash.
    pub fn set_stacks_known(&self, stacks: usize) {
        self.stacks_known.set(stacks as i64);
    }

    /// Adds sampled CPU time of a process. At most [`MAX_PROCESSES`] have series of their own, the rest shares one
    /// with `pid="other"`.
    pub fn process_cpu(&self, process: ProcessLabels<'_>, seconds: f64) {
        self.process_cpu.lock().unwrap_or_else(PoisonError::into_inner).add(process, seconds, Instant::now());
    }

    /// Says that a process ended. Its series stays for some minutes, so that its last value is scraped.
    pub fn process_ended(&self, pid: u32) {
        self.process_cpu.lock().unwrap_or_else(PoisonError::into_inner).ended(pid, Instant::now());
    }

    /// Sets the number of processes by (Python version, state); what is not in it is gone. A version is empty where
    /// none is known.
    pub fn set_processes<'a>(&self, processes: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let mut counts: std::collections::BTreeMap<(&str, &str), i64> = std::collections::BTreeMap::new();
        for (version, state) in processes {
            let known = counts.contains_key(&(version, state)) || counts.len() < MAX_VERSIONS;
            *counts.entry(if known { (version, state) } else { ("other", state) }).or_default() += 1;
        }
        self.processes.reset();
        for ((version, state), count) in counts {
            self.processes.with_label_values(&[version, state]).set(count);
        }
    }

    /// Takes over what the kernel says about an eBPF program.
    pub fn set_program(&self, runs: &ProgramRuns<'_>) {
        mirror(&self.program_seconds.with_label_values(&[runs.program]), runs.seconds);
        mirror(&self.program_runs.with_label_values(&[runs.program]), runs.runs);
    }

    /// Takes over what the agent itself uses: CPU seconds since its start, resident bytes now.
    pub fn set_agent(&self, cpu_seconds: f64, resident_bytes: u64) {
        mirror(&self.agent_cpu, cpu_seconds);
        self.agent_memory.set(resident_bytes as f64);
    }

    /// Says whether samples are being taken.
    pub fn set_ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    /// Takes over the state of the aggregate.
    pub fn set_aggregate(&self, sizes: Sizes, overflow: Overflow) {
        for (table, size) in [
            ("entries", sizes.entries),
            ("nodes", sizes.nodes),
            ("frames", sizes.frames),
            ("series", sizes.series),
        ] {
            self.tables.with_label_values(&[table]).set(size as i64);
        }
        mirror(&self.folded, overflow.folded_samples);
        mirror(&self.unnamed, overflow.unnamed_samples);
        mirror(&self.seconds_dropped, overflow.seconds_dropped);
        mirror(&self.samples_dropped, overflow.samples_dropped);
    }

    /// Takes over how often there was no room for a label's value, by label. Whoever counts them bounds their number.
    pub fn set_label_overflow<'a>(&self, totals: impl IntoIterator<Item = (&'a str, u64)>) {
        for (label, total) in totals {
            mirror(&self.label_overflow.with_label_values(&[label]), total);
        }
    }

    /// Takes over how often something was no label, by reason.
    pub fn set_labels_refused<'a>(&self, totals: impl IntoIterator<Item = (&'a str, u64)>) {
        for (reason, total) in totals {
            mirror(&self.labels_refused.with_label_values(&[reason]), total);
        }
    }

    /// The metrics of the HTTP service.
    pub fn http(&self) -> &HttpMetrics {
        &self.http
    }

    /// Counts a request for a profile that was turned away because too many were being computed.
    pub fn request_rejected(&self) {
        self.http.rejected(Rejection::Busy);
    }

    /// All metrics in Prometheus' text format 0.0.4 ([`CONTENT_TYPE`]).
    pub fn render(&self) -> String {
        self.process_cpu.lock().unwrap_or_else(PoisonError::into_inner).sweep(Instant::now());
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).expect(
            "writing to a Vec can't fail, and the encoder refuses only families without a name or metrics",
        );
        String::from_utf8(text).expect("the encoder writes strings")
    }
}

/// Raises a counter to a total that somebody else counts; a lower one is ignored.
fn mirror<N>(counter: &GenericCounter<N>, total: N::T)
where
    N: prometheus::core::Atomic,
    N::T: Number + PartialOrd + std::ops::Sub<Output = N::T>,
{
    let now = counter.get();
    if total > now {
        counter.inc_by(total - now);
    }
}

/// Creates and registers metrics. Names and labels are constants of this file, so a refusal is a mistake that the
/// first test run shows.
#[derive(Default)]
struct New {
    registry: Registry,
}

impl New {
    fn register<C: Collector + Clone + 'static>(&self, collector: prometheus::Result<C>) -> C {
        let collector = collector.expect("a valid name, help and labels");
        self.registry.register(Box::new(collector.clone())).expect("a new name");
        collector
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.register(IntCounter::new(name, help))
    }

    fn float_counter(&self, name: &str, help: &str) -> Counter {
        self.register(Counter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.register(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn float_counters(&self, name: &str, help: &str, labels: &[&str]) -> CounterVec {
        self.register(CounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.register(IntGauge::new(name, help))
    }

    fn float_gauge(&self, name: &str, help: &str) -> Gauge {
        self.register(Gauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels))
    }
}

#[cfg(test)]
mod tests;
