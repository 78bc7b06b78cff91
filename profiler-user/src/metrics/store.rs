//! Metrics of the store. It must not know the store: whoever knows it fills a [`StoreStatus`].

use prometheus::{Gauge, IntCounter, IntGauge};

use super::mirror;
use super::new::New;

/// What the store says of itself. Totals are since the start of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// Bytes that its files take.
    pub bytes: u64,
    /// Bytes that they may take; 0 if there is no limit, or no store.
    pub max_bytes: u64,
    /// Rows written.
    pub rows: u64,
    /// Windows written.
    pub windows: u64,
    /// Windows that were not written and never will be.
    pub windows_dropped: u64,
    /// Writes that failed; what they were to write may have been written later.
    pub write_failures: u64,
    /// Files that could not be read as what they should be.
    pub corrupt_files: u64,
    /// When something was written last, Unix nanoseconds; 0 if never.
    pub last_commit: u64,
}

/// The metrics, all 0 until a store says otherwise.
#[derive(Debug)]
pub(super) struct Store {
    bytes: IntGauge,
    max_bytes: IntGauge,
    rows: IntCounter,
    windows: IntCounter,
    windows_dropped: IntCounter,
    write_failures: IntCounter,
    corrupt_files: IntCounter,
    last_commit: Gauge,
}

impl Store {
    pub fn new(new: &New) -> Store {
        Store {
            bytes: new.gauge("firetower_store_bytes", "Bytes that the files of the store take."),
            max_bytes: new.gauge(
                "firetower_store_max_bytes",
                "Bytes that the files of the store may take; 0 where there is no limit or no store.",
            ),
            rows: new.counter("firetower_store_rows_total", "Rows that were written to the store."),
            windows: new.counter("firetower_store_windows_total", "Time windows that were written to the store."),
            windows_dropped: new.counter(
                "firetower_store_windows_dropped_total",
                "Time windows that could not be written to the store and are lost.",
            ),
            write_failures: new.counter(
                "firetower_store_write_failures_total",
                "Writes to the store that failed; what they were to write is tried again or counted as dropped.",
            ),
            corrupt_files: new.counter(
                "firetower_store_corrupt_files_total",
                "Files of the store that could not be read as what they should be.",
            ),
            last_commit: new.float_gauge(
                "firetower_store_last_commit_timestamp_seconds",
                "When something was written to the store last, Unix time; 0 if never.",
            ),
        }
    }

    pub fn set(&self, status: &StoreStatus) {
        self.bytes.set(gauge(status.bytes));
        self.max_bytes.set(gauge(status.max_bytes));
        mirror(&self.rows, status.rows);
        mirror(&self.windows, status.windows);
        mirror(&self.windows_dropped, status.windows_dropped);
        mirror(&self.write_failures, status.write_failures);
        mirror(&self.corrupt_files, status.corrupt_files);
        self.last_commit.set(status.last_commit as f64 / 1e9);
    }
}

/// No disk has more.
fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
