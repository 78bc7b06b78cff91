//! The embedded store: what a node's processes did, for days, in files that any engine can read.
//!
//! A window is submitted, written to the log, and is on the disk then; after ten minutes the log is sealed into Parquet,
//! after an hour such files are put together, and those of some hours again, after a day they are rolled up to minutes, and
//! at last they go. One thread does all of it. `docs/store.md` says what others may rely on. It must not know how samples
//! are taken, nor what is asked for besides a [`Select`](crate::model::select::Select).

mod block;
pub mod build;
mod commit;
mod decode;
pub mod encode;
mod files;
mod folder;
mod known;
mod log;
mod maintain;
mod merge;
pub mod names;
pub mod objects;
pub mod options;
mod plan;
mod read;
mod recover;
pub mod rows;
pub mod schema;
mod seal;
mod segment;
pub mod select;
mod snapshot;
mod state;
pub mod status;
pub mod steps;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod ticks;
mod worker;

use std::sync::Arc;
use std::thread::JoinHandle;

pub use folder::FolderError;
pub use options::{Intervals, Limits, Memory, Options};
pub use read::{Read, ReadError, read};
pub use recover::Opened;
pub use snapshot::Snapshot;
pub use status::Status;

use crate::aggregate::Window;
use files::FileError;
use objects::{ObjectError, Objects};
use state::{Queued, Shared};

/// Longest name of a node: written as a path's part, where some characters take three.
const MAX_NODE: usize = 200;

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its directory.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The name of the node.
    #[error("{0:?} can't be the name of a node: it must have 1 to {MAX_NODE} bytes")]
    Node(String),
    /// What is there can't be looked at.
    #[error("the store can't be read: {0}")]
    Object(#[from] ObjectError),
    /// The same, by the system.
    #[error("the store can't be used: {0}")]
    Io(#[from] std::io::Error),
}

/// A store that is open. Dropped, it is [closed](Store::close).
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    objects: Objects,
    options: Arc<Options>,
    thread: Option<JoinHandle<()>>,
}

impl Store {
    /// Opens a store, or makes one. What a crash has left is put in order, and what can't be read is set aside.
    ///
    /// # Errors
    /// If the directory can't be used, or another process uses it.
    pub fn open(options: Options) -> Result<(Store, Opened), StoreError> {
        if options.node.is_empty() || options.node.len() > MAX_NODE {
            return Err(StoreError::Node(options.node));
        }
        let held = folder::take(&options.directory)?;
        let objects = Objects::local(&options.directory)?.watched(options.steps.clone());
        let options = Arc::new(options);
        let recovered = recover::recover(&objects, &options)?;
        let shared = Arc::new(Shared::new(recovered.state));
        let worker =
            worker::Worker::new(shared.clone(), objects.clone(), options.clone(), recovered.next_log);
        let thread = std::thread::Builder::new().name("firetower-store".to_owned()).spawn(move || {
            // The directory is another's only when nothing is written any more.
            let _held = held;
            worker.run();
        })?;
        Ok((Store { shared, objects, options, thread: Some(thread) }, recovered.opened))
    }

    /// Hands over a window to be written. Never waits for the disk; a window for which there is no room is counted in
    /// [`Status::windows_dropped`].
    ///
    /// Take the window from the aggregate and submit it without letting go of the aggregate's lock in between, or whoever
    /// takes a [`Snapshot`] finds it twice or not at all.
    pub fn submit(&self, window: Window) {
        if window.rows.is_empty() {
            return;
        }
        let bytes = size(&window);
        let memory = &self.options.memory;
        let mut state = self.shared.lock();
        let room =
            state.queue.len() < memory.queued_windows && state.queued_bytes + bytes <= memory.queued_bytes;
        if state.ended || !room {
            state.status.windows_dropped += 1;
            state.status.samples_dropped += window.rows.iter().map(|row| row.weight.samples).sum::<u64>();
            state.missing_until(encode::milliseconds(window.start.saturating_add(window.length)));
            return;
        }
        state.queued_bytes += bytes;
        state.queue.push_back(Queued { window: Arc::new(window), bytes });
        drop(state);
        self.shared.changed.notify_all();
    }

    /// All that was submitted or is stored, and the windows that the aggregate has not handed over yet, as it is now. Cheap.
    ///
    /// Take the pending windows and the snapshot without letting go of the aggregate's lock in between.
    pub fn snapshot(&self, pending: Vec<Window>) -> Snapshot {
        Snapshot::new(self.objects.clone(), self.options.node.as_str().into(), &self.shared.lock(), pending)
    }

    /// Most bytes that it keeps.
    pub fn max_bytes(&self) -> u64 {
        self.options.limits.max_bytes
    }

    /// How the store does.
    pub fn status(&self) -> Status {
        self.shared.lock().status()
    }

    /// Writes what was submitted, and ends. How it went is in the status that is returned: what could not be written is
    /// [`Status::windows_queued`].
    pub fn close(mut self) -> Status {
        self.end();
        self.status()
    }

    fn end(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic was printed when it happened; the status tells what is not written.
            let _ = thread.join();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.end();
    }
}

/// Bytes that a window takes in memory, roughly.
fn size(window: &Window) -> usize {
    let texts: usize = window.stacks.frames().map(|frame| frame.function.len() + frame.file.len()).sum();
    let ticks: usize = window.ticks.iter().map(|ticks| 32 + ticks.offsets.len() * 4).sum();
    1000 + window.rows.len() * 40
        + window.series.len() * 300
        + window.stacks.node_count() * 60
        + window.stacks.frame_count() * 120
        + texts
        + ticks
}
