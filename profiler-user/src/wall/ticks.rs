//! When samples are due: at fixed distances from the first, by absolute deadlines, so that nothing drifts. It must not know
//! what is done then.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};

/// The ticks of one recording; the first is at once.
#[derive(Debug)]
pub struct Ticks {
    /// `CLOCK_MONOTONIC` of the first one.
    start: Duration,
    interval: Duration,
    /// How many there are; `None`: no end.
    count: Option<u64>,
    next: u64,
    missed: u64,
}

/// What a wait came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A sample is due.
    Now {
        /// When the next one is.
        until: Instant,
        /// By how much this one is late.
        late: Duration,
    },
    /// A signal came before that; wait again, or end.
    Interrupted,
    /// That was the last one.
    Over,
}

impl Ticks {
    /// Ticks from now on; `interval` is more than 0.
    ///
    /// # Errors
    /// If the kernel does not tell the time.
    pub fn start(interval: Duration, count: Option<u64>) -> Result<Ticks, Errno> {
        Ok(Ticks { start: now()?, interval, count, next: 0, missed: 0 })
    }

    /// Waits for the next tick. Those that are over by a whole interval or more are missed, and are not made up for.
    ///
    /// # Errors
    /// If the kernel can't wait.
    pub fn wait(&mut self) -> Result<Due, Errno> {
        let missed = self.behind(now()?);
        self.next += missed;
        self.missed += missed;
        if self.count.is_some_and(|count| self.next >= count) {
            return Ok(Due::Over);
        }
        let deadline = self.deadline(self.next);
        match clock_nanosleep(
            ClockId::CLOCK_MONOTONIC,
            ClockNanosleepFlags::TIMER_ABSTIME,
            &TimeSpec::from_duration(deadline),
        ) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Due::Interrupted),
            Err(error) => return Err(error),
        }
        self.next += 1;
        let now = now()?;
        let left = self.deadline(self.next).saturating_sub(now);
        Ok(Due::Now { until: Instant::now() + left, late: now.saturating_sub(deadline) })
    }

    /// How many were missed so far.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// How many there were so far, with those that were missed.
    pub fn passed(&self) -> u64 {
        self.next
    }

    /// How many of the next ticks are over by a whole interval or more.
    fn behind(&self, now: Duration) -> u64 {
        let late = now.saturating_sub(self.deadline(self.next));
        let behind = u64::try_from(late.as_nanos() / self.interval.as_nanos().max(1)).unwrap_or(u64::MAX);
        self.count.map_or(behind, |count| behind.min(count.saturating_sub(self.next)))
    }

    fn deadline(&self, tick: u64) -> Duration {
        let nanoseconds = self.interval.as_nanos().saturating_mul(tick.into());
        self.start.saturating_add(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)))
    }
}

fn now() -> Result<Duration, Errno> {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(count: Option<u64>) -> Ticks {
        let (start, interval) = (Duration::from_secs(100), Duration::from_millis(10));
        Ticks { start, interval, count, next: 3, missed: 0 }
    }

    #[test]
    fn only_what_is_late_by_a_whole_interval_is_missed() {
        let at = |milliseconds| Duration::from_secs(100) + Duration::from_millis(milliseconds);
        for (time, missed) in [(0, 0), (30, 0), (39, 0), (40, 1), (59, 2), (1030, 100)] {
            assert_eq!(ticks(None).behind(at(time)), missed, "{time}");
        }
        assert_eq!(ticks(Some(5)).behind(at(1030)), 2, "no more than there are");
    }

    #[test]
    fn every_tick_is_taken_or_missed_and_none_comes_early() {
        let mut ticks = Ticks::start(Duration::from_millis(2), Some(20)).expect("a clock");
        let (begin, mut taken) = (Instant::now(), 0);
        loop {
            match ticks.wait().expect("a clock") {
                Due::Now { until, .. } => {
                    taken += 1;
                    assert!(until > begin);
                    // Longer than three ticks, once.
                    if taken == 5 {
                        std::thread::sleep(Duration::from_millis(7));
                    }
                }
                Due::Interrupted => {}
                Due::Over => break,
            }
        }
        assert_eq!(taken + ticks.missed(), 20);
        assert_eq!(ticks.passed(), 20);
        assert!(ticks.missed() >= 2, "{ticks:?}");
        assert!(begin.elapsed() >= Duration::from_millis(37), "the twentieth is 38 ms after the first");
    }
}
