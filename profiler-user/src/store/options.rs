//! How a store is set up. It must not know what a store does.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::steps::Steps;

/// Tells the time, Unix nanoseconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How a store is set up.
#[derive(Clone)]
pub struct Options {
    /// Where it is; made if it is not there.
    pub directory: PathBuf,
    /// The name of this machine, 1 to 200 bytes.
    pub node: String,
    /// How much is kept.
    pub limits: Limits,
    /// When what is done.
    pub intervals: Intervals,
    /// How much memory it may take.
    pub memory: Memory,
    /// The time of day: what is older than [`Limits::max_age`] is measured by it.
    pub clock: Clock,
    /// For tests: who may step in.
    pub steps: Steps,
}

/// How much is kept. Whole files go, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What is older goes.
    pub max_age: Duration,
    /// What all files may take together, bytes.
    pub max_bytes: u64,
}

/// When what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    /// A log is sealed after this time.
    pub seal: Duration,
    /// Sealed files are put together after this time.
    pub compact: Duration,
    /// A day is rolled up when it has been over for this time.
    pub roll_up: Duration,
    /// What failed is tried again after this time, and then after twice that, up to 64 times.
    pub retry: Duration,
}

/// How much memory a store may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Most windows that wait to be written.
    pub queued_windows: usize,
    /// Most bytes that these take, roughly.
    pub queued_bytes: usize,
    /// Most bytes that windows take that are written but not sealed. A log is sealed early at half of it; if that fails
    /// for so long that all of it is taken, windows wait in the queue.
    pub unsealed_bytes: usize,
}

impl Memory {
    /// Whether the windows that are written but not sealed take so many bytes that their log is sealed before its time.
    pub(super) fn is_early(&self, unsealed_bytes: usize) -> bool {
        unsealed_bytes >= self.unsealed_bytes / 2
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("directory", &self.directory)
            .field("node", &self.node)
            .field("limits", &self.limits)
            .field("intervals", &self.intervals)
            .field("memory", &self.memory)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// Two weeks or 5 GB; logs are sealed after ten minutes.
    pub fn new(directory: PathBuf, node: String) -> Options {
        Options {
            directory,
            node,
            limits: Limits { max_age: Duration::from_secs(14 * 24 * 3600), max_bytes: 5_000_000_000 },
            intervals: Intervals {
                seal: Duration::from_secs(600),
                compact: Duration::from_secs(3600),
                roll_up: Duration::from_secs(24 * 3600),
                retry: Duration::from_secs(1),
            },
            memory: Memory { queued_windows: 360, queued_bytes: 16 << 20, unsealed_bytes: 8 << 20 },
            clock: Arc::new(|| {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
            }),
            steps: Steps::default(),
        }
    }
}
