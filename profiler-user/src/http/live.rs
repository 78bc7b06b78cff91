//! What the agent shares with the routes: it fills, they read. It must not know HTTP.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use super::locked;
use super::source::Sources;
use crate::aggregate::{Aggregate, Retention};
use crate::clock::Clock;
use crate::metrics::{Metrics, MetricsOptions};
use crate::model::{Labels, Pid, Reason};
use crate::query::{History, Source};

/// How long an answer may take, if not told.
const PATIENCE: Duration = Duration::from_secs(30);

/// What does not change while the service runs.
#[derive(Clone, Copy, Debug)]
pub struct LiveSettings {
    /// Samples a second and CPU.
    pub frequency: u32,
    /// Seconds that the aggregate keeps: the longest range that can be asked for.
    pub retention: u64,
    /// Unix nanoseconds since which samples are collected.
    pub started: u64,
    /// The clock of the samples.
    pub clock: Clock,
}

/// Whether samples are being taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The kernel side is being loaded.
    Starting,
    /// The kernel side is attached.
    Ready,
    /// Capture ended or never began; the message says why and what to do.
    Failed(String),
}

/// A process as the API shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessInfo {
    /// Its id.
    pub pid: Pid,
    /// The process that it is a child of; `None` if it has none, or that is not known.
    pub parent: Option<Pid>,
    /// Names this execution of a program by this process; `None`: not known.
    pub execution: Option<[u64; 2]>,
    /// Unix nanoseconds since which the agent knows it to execute that program.
    pub executing_since: u64,
    /// Its command line, shortened.
    pub command: Arc<str>,
    /// What it is called, and where it belongs.
    pub labels: Arc<Labels>,
    /// Its Python's version; `None` if it is not Python or not known.
    pub python: Option<Arc<str>>,
    /// One word: `profiled`, `pending`, `unsupported`, `failed`, …
    pub state: &'static str,
    /// Why it is not profiled, if it is not.
    pub reason: Option<Reason>,
    /// Its threads that were sampled.
    pub threads: usize,
    /// Samples of it since the agent knows it.
    pub samples: u64,
    /// CPU seconds that they stand for.
    pub cpu_seconds: f64,
    /// Unix nanoseconds since which the agent knows it.
    pub since: u64,
}

/// Connections to the live stream.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: AtomicUsize,
    cut_off: AtomicU64,
}

impl Streams {
    /// How many are open.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many were ended because they did not take what was sent.
    pub(super) fn cut_off(&self) -> u64 {
        self.cut_off.load(Ordering::Relaxed)
    }

    /// Counts one more, unless there are as many as there may be.
    pub(super) fn enter(&self, most: usize) -> bool {
        let enter = |open| (open < most).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter).is_ok()
    }

    /// Counts one less.
    pub(super) fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts one that is ended.
    pub(super) fn cut(&self) {
        self.cut_off.fetch_add(1, Ordering::Relaxed);
    }
}

/// The state that the agent and the routes share.
pub struct Live {
    settings: LiveSettings,
    metrics: Metrics,
    aggregate: Arc<Mutex<Aggregate>>,
    processes: Mutex<Arc<[ProcessInfo]>>,
    readiness: Mutex<Readiness>,
    history: OnceLock<Arc<dyn History>>,
    sources: OnceLock<Arc<dyn Sources>>,
    patience: Duration,
    streams: Streams,
}

impl Live {
    /// An empty one with the usual metrics, not ready yet.
    pub fn new(settings: LiveSettings) -> Live {
        Live::with_metrics(settings, Metrics::new(MetricsOptions::new(settings.frequency)))
    }

    /// An empty one with these metrics, not ready yet.
    pub fn with_metrics(settings: LiveSettings, metrics: Metrics) -> Live {
        Live {
            settings,
            metrics,
            aggregate: Arc::new(Mutex::new(Aggregate::new(
                Retention::live(settings.retention),
                settings.started,
            ))),
            processes: Mutex::new(Arc::new([])),
            readiness: Mutex::new(Readiness::Starting),
            history: OnceLock::new(),
            sources: OnceLock::new(),
            patience: PATIENCE,
            streams: Streams::default(),
        }
    }

    /// From here on, what memory does not have is asked of this; the first that is set stays.
    pub fn set_history(&self, history: Arc<dyn History>) {
        self.history.get_or_init(|| history);
    }

    /// From here on, source files are read by this; the first that is set stays. Without: none are shown.
    pub fn set_sources(&self, sources: Arc<dyn Sources>) {
        self.sources.get_or_init(|| sources);
    }

    /// What reads source files, if they are to be shown.
    pub(super) fn sources(&self) -> Option<Arc<dyn Sources>> {
        self.sources.get().cloned()
    }

    /// The same, with another time that an answer may take. Default: 30 s. Longer ones are for large stores on slow disks.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Live {
        Live { patience, ..self }
    }

    /// How long an answer may take.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// What remembers more than memory does.
    pub fn history(&self) -> Option<&dyn History> {
        self.history.get().map(|history| &**history)
    }

    /// What questions are asked of.
    pub fn source(&self) -> Source {
        Source::new(self.aggregate.clone(), self.history.get().cloned())
    }

    pub(super) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// What does not change.
    pub fn settings(&self) -> LiveSettings {
        self.settings
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The aggregate, for the agent to fill.
    pub fn shared_aggregate(&self) -> Arc<Mutex<Aggregate>> {
        self.aggregate.clone()
    }

    /// The aggregate, locked. Hold it for a batch of samples, not for each; and not over anything that waits.
    pub fn aggregate(&self) -> MutexGuard<'_, Aggregate> {
        locked(&self.aggregate)
    }

    /// The processes that the agent knows, as of the last [`set_processes`](Self::set_processes).
    pub fn processes(&self) -> Arc<[ProcessInfo]> {
        locked(&self.processes).clone()
    }

    /// Replaces the list of processes, also in the metrics. About once a second.
    pub fn set_processes(&self, processes: Vec<ProcessInfo>) {
        self.metrics.set_processes(
            processes.iter().map(|process| (process.python.as_deref().unwrap_or_default(), process.state)),
        );
        *locked(&self.processes) = processes.into();
    }

    /// Whether samples are being taken.
    pub fn readiness(&self) -> Readiness {
        locked(&self.readiness).clone()
    }

    /// Says whether samples are being taken, also in the metrics.
    pub fn set_readiness(&self, readiness: Readiness) {
        self.metrics.set_ready(readiness == Readiness::Ready);
        *locked(&self.readiness) = readiness;
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The aggregate is large, and what remembers more need not be printable.
        f.debug_struct("Live")
            .field("settings", &self.settings)
            .field("readiness", &self.readiness)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
