//! Prometheus metrics: of the profiled processes, and of the profiler's own health.
//!
//! One registry of its own (not the crate's global one, so that a process may hold several and tests don't share
//! state). Every counter is created with the value 0 at the start: a counter that appears with its first event hides
//! that event from `rate()`. It must not know how samples are taken or who scrapes.
//!
//! Two kinds of counters: those that the agent adds to, and those that mirror a total that somebody else counts (the
//! kernel side, `/proc`). Mirrors never go back: a total that is lower than the last one changes nothing.

mod functions;
mod http;
mod labels;
mod new;
mod processes;
mod recent;
mod services;
mod store;
mod total;

use std::sync::Mutex;
use std::time::Instant;

use firetower_ebpf::abi::counter;
use prometheus::{
    Counter, CounterVec, Encoder, Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    TextEncoder,
};

use crate::aggregate::{Overflow, Sizes};
use crate::model::Reason;
pub use http::{Connected, Cut, HttpMetrics, Rejection};
use new::New;
use processes::ProcessCpu;
pub use processes::{MAX_PROCESSES, ProcessLabels};
use services::{Families, Services};
pub use services::{
    FunctionUsage, MAX_CONTAINERS, MAX_SERVICES, NO_PYTHON_FRAME, OTHER, ServiceUsage, UNATTRIBUTED,
};
use store::Store;
pub use store::StoreStatus;
use total::{lock, mirror};

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Most distinct label sets of `firetower_processes`; the rest is summed as version `other`.
const MAX_VERSIONS: usize = 50;
/// Reasons that symbolization can give.
const SYMBOLIZATION: [Reason; 4] =
    [Reason::ProcessExited, Reason::CodeReplaced, Reason::CodeUnreadable, Reason::StackUnknown];

/// What there is to be counted, and how finely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsOptions {
    /// Samples a second on each CPU.
    pub frequency: u32,
    /// Functions of a service that have series, each by own time and by total time; 0: no metrics by function.
    pub functions: usize,
    /// Whether there are series by process, with its pid.
    pub processes: bool,
}

impl MetricsOptions {
    /// The usual ones.
    pub fn new(frequency: u32) -> MetricsOptions {
        MetricsOptions { frequency, functions: 20, processes: false }
    }
}

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
    services: Mutex<Services>,
    process_cpu: Option<Mutex<ProcessCpu>>,
    store: Store,
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
    /// All metrics at 0.
    pub fn new(options: MetricsOptions) -> Metrics {
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
            services: Mutex::new(Services::new(Families::new(&new, options.functions > 0), options.functions, Instant::now())),
            process_cpu: options.processes.then(|| {
                Mutex::new(ProcessCpu::new(new.float_counters(
                    "firetower_process_cpu_seconds_total",
                    "CPU time of a process as sampled: each sample stands for one sampling period.",
                    &["pid", "command", "python_version"],
                )))
            }),
            store: Store::new(&new),
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
        metrics.create_children(options.frequency);
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
        let mut last = lock(&self.not_submitted);
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

    /// Adds sampled CPU time of services and their functions. At most [`MAX_SERVICES`] services have series of their own
    /// and at most [`MAX_CONTAINERS`] of their containers, the rest shares some with [`OTHER`] in the labels. Call it about
    /// once a second, also if there is nothing to add; `now` never goes back.
    pub fn add_usage(&self, usage: &[ServiceUsage], now: Instant) {
        lock(&self.services).add(usage, now);
    }

    /// Takes over what the store says of itself.
    pub fn set_store(&self, status: &StoreStatus) {
        self.store.set(status);
    }

    /// Adds sampled CPU time of a process, if there are series by process. At most [`MAX_PROCESSES`] have series of their own, the rest shares one
    /// with `pid="other"`.
    pub fn process_cpu(&self, process: ProcessLabels<'_>, seconds: f64) {
        if let Some(process_cpu) = &self.process_cpu {
            lock(process_cpu).add(process, seconds, Instant::now());
        }
    }

    /// Says that a process ended. Its series stays for some minutes, so that its last value is scraped.
    pub fn process_ended(&self, pid: u32) {
        if let Some(process_cpu) = &self.process_cpu {
            lock(process_cpu).ended(pid, Instant::now());
        }
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

    /// All metrics in Prometheus' text format 0.0.4 ([`CONTENT_TYPE`]).
    pub fn render(&self) -> String {
        if let Some(process_cpu) = &self.process_cpu {
            lock(process_cpu).sweep(Instant::now());
        }
        // Held until all is read: a service's CPU and that of its functions are from the same moment.
        let mut services = lock(&self.services);
        services.sweep(Instant::now());
        let families = self.registry.gather();
        drop(services);
        let mut text = Vec::new();
        TextEncoder::new().encode(&families, &mut text).expect(
            "writing to a Vec can't fail, and the encoder refuses only families without a name or metrics",
        );
        String::from_utf8(text).expect("the encoder writes strings")
    }
}

#[cfg(test)]
mod tests;
