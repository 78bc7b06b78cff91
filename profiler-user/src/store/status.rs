//! How a store does, in numbers: what metrics and health checks show. It must not know how they are shown.

use std::collections::BTreeMap;
use std::time::Duration;

use super::names::{Level, Table};

/// Files of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Files {
    pub(super) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// How often something was done, and how long it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// How often.
    pub count: u64,
    /// How long, together.
    pub time: Duration,
}

/// How a store does. Counters begin at 0 when it is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Parquet files that there are.
    pub segments: BTreeMap<(Table, Level), Files>,
    /// Logs that there are: windows that are not sealed yet.
    pub logs: Files,
    /// Files that could not be read and were set aside.
    pub corrupt: Files,
    /// Bytes that windows in memory take, of what is in logs; roughly.
    pub unsealed_bytes: u64,
    /// Windows that wait to be written.
    pub windows_queued: u64,
    /// Windows that were written.
    pub windows_written: u64,
    /// Rows of `samples` in these.
    pub rows_written: u64,
    /// Samples that these stand for.
    pub samples_written: u64,
    /// Rows of `stacks`: those that were new.
    pub stacks_written: u64,
    /// Windows for which there was no room in the queue.
    pub windows_dropped: u64,
    /// Samples in these.
    pub samples_dropped: u64,
    /// Operations on the disk that failed. Each is tried again.
    pub failures: u64,
    /// What fails now (`commit`, `seal`, `maintain`; `thread`: nothing will be done any more), and why.
    pub failing: BTreeMap<&'static str, String>,
    /// Files that were set aside since the store was opened, then counted too.
    pub set_aside: u64,
    /// Which was the last, and why.
    pub last_set_aside: Option<String>,
    /// When a window was last written, Unix nanoseconds.
    pub last_commit: Option<u64>,
    /// Commits: one or several windows, and one wait for the disk.
    pub commits: Work,
    /// Logs that were sealed.
    pub seals: Work,
    /// Files that were put together of sealed ones.
    pub compactions: Work,
    /// Files that were put together of a day gone by.
    pub roll_ups: Work,
    /// Files that had to go by [`Limits`](super::options::Limits).
    pub expired: Files,
}
