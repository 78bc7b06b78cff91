//! Between the aggregate and the store: windows that are over go to it, and who asks finds each of them once. It must not
//! know samples, nor what is asked.

use crate::aggregate::Aggregate;
use crate::metrics::StoreStatus;
use crate::store::Store;

/// How long a window is kept open after its end, nanoseconds: samples are drained some hundred milliseconds after they
/// were taken, on a busy machine later. One that is later still goes to the store in a window of its own.
const LATE: u64 = 2_000_000_000;

/// Hands over the windows that are over at `now` (Unix nanoseconds). Whoever has locked the aggregate calls it.
pub(super) fn hand_over(aggregate: &mut Aggregate, store: &Store, now: u64) {
    for window in aggregate.take_windows(now.saturating_sub(LATE)) {
        store.submit(window);
    }
}

/// Hands over what there is: nothing will be added any more.
pub(super) fn hand_over_all(aggregate: &mut Aggregate, store: &Store) {
    for window in aggregate.take_windows(u64::MAX) {
        store.submit(window);
    }
}

/// What the metrics tell of a store.
pub(super) fn status(store: &Store) -> StoreStatus {
    let status = store.status();
    let files: u64 = status.segments.values().map(|files| files.bytes).sum();
    StoreStatus {
        bytes: files + status.logs.bytes + status.corrupt.bytes,
        max_bytes: store.max_bytes(),
        rows: status.rows_written,
        windows: status.windows_written,
        windows_dropped: status.windows_dropped,
        write_failures: status.failures,
        corrupt_files: status.set_aside,
        last_commit: status.last_commit.unwrap_or(0),
    }
}
