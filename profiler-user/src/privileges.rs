//! Drops the privileges that a running service does not need. It must not know what the service does with the rest.
//!
//! The service reads what other processes wrote and answers whoever reaches its port, for months: what it can't do, no
//! mistake in it can do either.

use std::io;

use caps::{CapSet, Capability, CapsHashSet};

/// What a running service still needs.
const KEPT: &[Capability] = &[
    // Map operations, on kernels that ask for it at each call.
    Capability::CAP_BPF,
    Capability::CAP_PERFMON,
    // Memory and mappings of processes that are other users'.
    Capability::CAP_SYS_PTRACE,
    // Executables through /proc/PID/map_files, and those that only their owner may read.
    Capability::CAP_CHECKPOINT_RESTORE,
    Capability::CAP_DAC_READ_SEARCH,
];

/// Gives up, for the calling thread and those that it starts from here on, every capability that is not needed once
/// capture is loaded, and the right to gain any by executing a file. Call it before other threads are started: the
/// kernel keeps capabilities per thread.
///
/// # Errors
/// If the kernel refuses, which it does not for less privilege.
pub fn drop_unneeded() -> io::Result<()> {
    let held = caps::read(None, CapSet::Permitted).map_err(io::Error::other)?;
    let kept: CapsHashSet = KEPT.iter().copied().filter(|capability| held.contains(capability)).collect();
    nix::sys::prctl::set_no_new_privs()?;
    caps::clear(None, CapSet::Inheritable).map_err(io::Error::other)?;
    caps::clear(None, CapSet::Ambient).map_err(io::Error::other)?;
    // The effective ones first: they must be among the permitted ones at any time.
    caps::set(None, CapSet::Effective, &kept).map_err(io::Error::other)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_needed_is_gone_for_the_thread_and_its_children() {
        let needed: CapsHashSet = KEPT.iter().copied().collect();
        // A thread of its own: capabilities are per thread, and other tests need theirs.
        let left = std::thread::spawn(|| {
            drop_unneeded().unwrap();
            std::thread::spawn(|| caps::read(None, CapSet::Permitted).unwrap()).join().unwrap()
        });
        let left = left.join().unwrap();
        assert!(left.is_subset(&needed), "{left:?}");
        assert!(!left.contains(&Capability::CAP_SYS_ADMIN));
    }
}
