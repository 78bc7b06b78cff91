//! Keeps the memory that a long-running process holds near what it uses. It must not know what memory is used for.
//!
//! glibc keeps what was freed for the next one who asks. After work that needs much memory once (the kernel's types and
//! symbols at the start, merging files every hour), that is several times of what the agent needs from then on. Another
//! allocator was rejected: it would be one more library for what one call does.

/// Few pools for all threads: each of them keeps what it freed to itself. Call it before threads are started.
pub fn share_pools() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt changes settings of the allocator only, and is called before there are other threads.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Gives memory that was freed back to the kernel. Takes up to some milliseconds: call it after large work, not in it.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim touches memory that nobody has allocated, under the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
