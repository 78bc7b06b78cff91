//! One clock for samples and for questions about them.
//!
//! The kernel stamps samples with `CLOCK_MONOTONIC`, people ask in wall-clock time. Both are tied together once, at
//! the start: were the wall clock read again for each question, setting it would make "the last minute" mean another
//! one than the samples'. Over days the two drift apart by what NTP corrects, which is a matter of milliseconds
//! in what is asked for by the second. It must not know what is timed.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Turns monotonic into Unix time, always by the same difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Unix nanoseconds at monotonic 0.
    boot: u64,
}

impl Clock {
    /// Ties the two clocks together as they are now. An error: the kernel refuses to tell the time.
    pub fn new() -> std::io::Result<Clock> {
        // Monotonic first: what passes in between makes samples look younger than they are, never from the future.
        let monotonic = read(ClockId::CLOCK_MONOTONIC)?;
        Ok(Clock { boot: read(ClockId::CLOCK_REALTIME)?.saturating_sub(monotonic) })
    }

    /// Unix nanoseconds of a moment in `CLOCK_MONOTONIC` nanoseconds.
    pub fn unix(&self, monotonic: u64) -> u64 {
        self.boot.saturating_add(monotonic)
    }

    /// Unix nanoseconds now.
    pub fn now(&self) -> u64 {
        self.unix(self.monotonic_now())
    }

    /// `CLOCK_MONOTONIC` nanoseconds now.
    pub fn monotonic_now(&self) -> u64 {
        read(ClockId::CLOCK_MONOTONIC).expect("the kernel told this time before, in Clock::new")
    }
}

/// Nanoseconds of a clock.
fn read(clock: ClockId) -> std::io::Result<u64> {
    let time = Duration::from(clock_gettime(clock)?);
    Ok(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn it_agrees_with_the_wall_clock_and_never_goes_back() {
        let clock = Clock::new().unwrap();
        let first = clock.now();
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
        let second = clock.now();
        assert!(first <= second);
        assert!(wall.abs_diff(second) < 1_000_000_000, "{wall} {second}");
        assert_eq!(clock.unix(7) - clock.unix(0), 7);
    }
}
