//! The signals that end a recording. It must not know what is recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::exit::{Exit, Failure};

/// SIGINT and SIGTERM, counted: the first ends the recording, and what was taken is kept.
pub(super) struct Signals {
    received: Arc<AtomicUsize>,
}

impl Signals {
    pub(super) fn install() -> Result<Signals, Failure> {
        let received = Arc::new(AtomicUsize::new(0));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let number = received.clone();
            // SAFETY: an atomic add is all that the handler does.
            unsafe {
                signal_hook::low_level::register(signal, move || {
                    number.fetch_add(1, Ordering::SeqCst);
                })
            }
            .map_err(|error| Failure::new(Exit::Internal, format!("can't catch signal {signal}: {error}")))?;
        }
        Ok(Signals { received })
    }

    /// How many came.
    pub(super) fn received(&self) -> usize {
        self.received.load(Ordering::SeqCst)
    }
}
