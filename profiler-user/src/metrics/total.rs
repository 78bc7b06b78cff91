//! Counters that follow a total that somebody else counts, and the lock that guards what is counted. It must not know
//! what that is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus::core::{GenericCounter, Number};

/// A lock that a panic elsewhere can't take away: counters are whole between any two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Raises a counter to a total that somebody else counts; a lower one is ignored.
pub(super) fn mirror<N>(counter: &GenericCounter<N>, total: N::T)
where
    N: prometheus::core::Atomic,
    N::T: Number + PartialOrd + std::ops::Sub<Output = N::T>,
{
    let now = counter.get();
    if total > now {
        counter.inc_by(total - now);
    }
}
