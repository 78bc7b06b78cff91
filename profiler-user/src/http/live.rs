//! What the agent shares with the routes: it fills, they read. It must not know HTTP.

use std::sync::{Arc, Mutex, MutexGuard};

use super::locked;
use crate::aggregate::{Aggregate, Retention};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::model::{Pid, Reason};

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
    /// Its command line, shortened.
    pub command: Arc<str>,
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

/// The state that the agent and the routes share.
#[derive(Debug)]
pub struct Live {
    settings: LiveSettings,
    metrics: Metrics,
    aggregate: Arc<Mutex<Aggregate>>,
    processes: Mutex<Arc<[ProcessInfo]>>,
    readiness: Mutex<Readiness>,
}

impl Live {
    /// An empty one, not ready yet.
    pub fn new(settings: LiveSettings) -> Live {
        Live {
            settings,
            metrics: Metrics::new(settings.frequency),
            aggregate: Arc::new(Mutex::new(Aggregate::new(
                Retention::live(settings.retention),
                settings.started,
            ))),
            processes: Mutex::new(Arc::new([])),
            readiness: Mutex::new(Readiness::Starting),
        }
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
