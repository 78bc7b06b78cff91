//! From a thread pointer (`pthread_self()`, which is the address of libc's `struct pthread`) to the thread's id.
//!
//! It must not know which libc a process uses: it tries what each of them would mean, and the caller holds the answers
//! against the threads that the process has.

use super::memory::Memory;

/// Where the id lies in `struct pthread`, an `int`, on x86-64:
///
/// - glibc since 2.4, nptl/descr.h: `tid`, behind `header` (704 bytes) and `list`;
/// - musl since 1.1.20, src/internal/pthread_impl.h: `tid`, behind `canary`;
/// - musl before, where two more words are in front of it.
const TID: [u64; 3] = [720, 48, 56];

/// What may be the thread's id, in its own pid namespace, by each libc's layout; nothing if there is no
/// `struct pthread`, which starts with a pointer to itself.
pub fn thread_ids(memory: &dyn Memory, thread_pointer: u64) -> Vec<u32> {
    if thread_pointer == 0 || memory.read_u64(thread_pointer) != Ok(thread_pointer) {
        return Vec::new();
    }
    let ids = TID.iter().filter_map(|offset| memory.read_u32(thread_pointer.checked_add(*offset)?).ok());
    ids.filter(|&id| id != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Pid;
    use crate::process::memory::{LiveMemory, RecordedMemory};

    #[test]
    fn a_thread_of_our_own_has_its_id() {
        let own = std::thread::spawn(|| {
            // SAFETY: no arguments.
            let pointer = unsafe { libc::pthread_self() };
            (thread_ids(&LiveMemory::new(Pid(std::process::id())), pointer), nix::unistd::gettid())
        });
        let (ids, tid) = own.join().expect("no panic");
        assert!(ids.contains(&(tid.as_raw() as u32)), "{tid} in {ids:?}");
    }

    #[test]
    fn what_does_not_point_to_itself_is_no_thread() {
        let mut memory = RecordedMemory::default();
        memory.record(0x1000, [1; 1024]);
        assert_eq!(thread_ids(&memory, 0x1000), [0; 0]);
        assert_eq!(thread_ids(&memory, 0), [0; 0]);
        assert_eq!(thread_ids(&memory, u64::MAX - 8), [0; 0]);
    }
}
