//! Keeps the memory that a long-running process holds near what it uses. It must not know what memory is used for.
//!
//! glibc keeps what was freed for the next one who asks. After work that needs much memory once (the kernel's types and
//! symbols at the start, merging files every hour), that is several times of what the agent needs from then on. Another
//! allocator was rejected: it would be one more library for what one call does.

/// What is as large as this, or larger, is a mapping of its own, which is gone when it is freed. glibc takes what was freed
/// last for a measure: after the first large file nothing of its size is a mapping any more, and what lies below a small
/// thing that stays is kept. What a question is answered with is smaller: each of its pieces would be mapped and cleared anew.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 1 << 20;

/// One pool for all threads, and in it nothing that is large. Call it before threads are started.
///
/// More than one was rejected: of the others [`give_back`] leaves what is free at the end, which is all that the store had
/// in memory until it was sealed. No thread asks for memory so often that it waits for another.
pub fn share_pool() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt changes settings of the allocator only, and is called before there are other threads.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
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
