//! A bound on what is allocated for one input. libFuzzer's own (`-malloc_limit_mb`) sees allocations only through a
//! sanitizer, and safe Rust needs none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};

/// Bytes that are allocated, and how many may be.
static LIVE: AtomicIsize = AtomicIsize::new(0);
static LIMIT: AtomicIsize = AtomicIsize::new(isize::MAX);

struct Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

impl Bounded {
    fn add(size: usize) {
        let live = LIVE.fetch_add(size as isize, Relaxed) + size as isize;
        if live > LIMIT.load(Relaxed) {
            // What follows allocates; an allocator must not unwind.
            LIMIT.store(isize::MAX, Relaxed);
            eprintln!("an allocation of {size} bytes exceeds the bound for this input");
            std::process::abort();
        }
    }
}

// SAFETY: the system's allocator, with a count beside it.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Bounded::add(layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Bounded::add(layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Bounded::add(size);
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Runs `f`; aborts if it ever has more than `bytes` allocated at once.
pub fn within<T>(bytes: usize, f: impl FnOnce() -> T) -> T {
    LIMIT.store(LIVE.load(Relaxed) + bytes as isize, Relaxed);
    let result = f();
    LIMIT.store(isize::MAX, Relaxed);
    result
}
