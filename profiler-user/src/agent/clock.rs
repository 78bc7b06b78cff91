//! From the kernel side's clock (`CLOCK_MONOTONIC`) to Unix time. It must not know samples.

use nix::time::{ClockId, clock_gettime};

/// The difference between the two clocks at one moment, the start: if the wall clock is set while the agent runs,
/// samples keep their order and their distances.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Nanoseconds from a monotonic time to the same moment's Unix time.
    offset: i64,
}

impl Clock {
    /// From the difference now.
    pub fn new() -> Clock {
        Clock { offset: now(ClockId::CLOCK_REALTIME) - now(ClockId::CLOCK_MONOTONIC) }
    }

    /// Unix nanoseconds of a monotonic time in nanoseconds.
    pub fn unix(&self, monotonic: u64) -> u64 {
        monotonic.saturating_add_signed(self.offset)
    }

    /// Unix nanoseconds.
    pub fn unix_now(&self) -> u64 {
        self.unix(self.monotonic_now())
    }

    /// Monotonic nanoseconds.
    pub fn monotonic_now(&self) -> u64 {
        now(ClockId::CLOCK_MONOTONIC) as u64
    }
}

fn now(clock: ClockId) -> i64 {
    let time = clock_gettime(clock).expect("Linux has this clock");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}
