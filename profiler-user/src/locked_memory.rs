//! The limit on locked memory, which eBPF maps and programs are charged to before Linux 5.11 (commit d5299b67dd59); a
//! shell's usual 64 KiB hold none of ours. It must not know what is loaded.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};

/// `RLIMIT_MEMLOCK` of this process is lifted as far as its rights go: with `CAP_SYS_RESOURCE` there is no limit, else
/// it is the hard one. Dropping this puts the limit back.
///
/// For as long as maps and programs are made, and no longer: a command that is started and profiled inherits the limits
/// of the profiler, and must see those that it would have without.
#[must_use = "the limit is back once this is dropped"]
pub struct Lifted {
    before: Option<(rlim_t, rlim_t)>,
}

/// Lifts the limit. What refuses is no error here: whether the limit matters at all shows when a map is made.
pub fn lift() -> Lifted {
    let before = getrlimit(Resource::RLIMIT_MEMLOCK)
        .ok()
        .filter(|(_, hard)| set((RLIM_INFINITY, RLIM_INFINITY)) || set((*hard, *hard)));
    Lifted { before }
}

impl Drop for Lifted {
    fn drop(&mut self) {
        if let Some(before) = self.before
            && !set(before)
        {
            tracing::warn!("the limit on locked memory stays lifted");
        }
    }
}

/// Sets the soft and the hard limit, in bytes. Says whether that was allowed.
fn set((soft, hard): (rlim_t, rlim_t)) -> bool {
    setrlimit(Resource::RLIMIT_MEMLOCK, soft, hard).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_lifted_for_a_while() {
        let limit = || getrlimit(Resource::RLIMIT_MEMLOCK).expect("limits can be read");
        let (soft, hard) = limit();
        // Lowering the soft limit is everybody's right.
        setrlimit(Resource::RLIMIT_MEMLOCK, 4096, hard).expect("limits can be lowered");
        let lifted = lift();
        assert!(limit().0 >= hard);
        drop(lifted);
        assert_eq!(limit(), (4096, hard));
        assert!(set((soft, hard)));
    }
}
