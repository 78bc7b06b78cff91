//! Processes that have just been executed and are about to load their interpreter: when to look at them again.
//!
//! A program that is linked to libpython has it mapped about a millisecond after its exec and runs Python code some ten
//! milliseconds later, so whoever waits for a sample before looking again loses that sample. It must not know what a
//! look is.

use std::time::Duration;

use crate::model::Pid;

/// From one look to the next.
const PERIOD: Duration = Duration::from_micros(500);
/// How long after its exec a process is looked at like this. What has not loaded by then is looked at when it is sampled.
const PATIENCE: Duration = Duration::from_millis(100);
/// Most processes at once; the oldest gives way, and is looked at when it is sampled.
const MOST: usize = 256;

/// Processes with the time of their exec, oldest first.
#[derive(Debug, Default)]
pub struct Starting {
    processes: Vec<(Pid, u64)>,
}

impl Starting {
    /// A process that was executed at `time` (monotonic nanoseconds).
    pub fn add(&mut self, pid: Pid, time: u64) {
        self.remove(pid);
        if self.processes.len() >= MOST {
            self.processes.remove(0);
        }
        self.processes.push((pid, time));
    }

    /// A process that has loaded its interpreter, or will not, or has ended.
    pub fn remove(&mut self, pid: Pid) {
        self.processes.retain(|(known, _)| *known != pid);
    }

    /// How long to wait for the next look, if there is one to come.
    pub fn wait(&self) -> Option<Duration> {
        (!self.processes.is_empty()).then_some(PERIOD)
    }

    /// The processes to look at. Those whose time is over at `now` (monotonic nanoseconds) are dropped after this look.
    pub fn due(&mut self, now: u64) -> Vec<Pid> {
        let due = self.processes.iter().map(|(pid, _)| *pid).collect();
        self.processes.retain(|(_, time)| now < time.saturating_add(PATIENCE.as_nanos() as u64));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_looked_at_until_it_is_removed_or_its_time_is_over() {
        let mut starting = Starting::default();
        assert_eq!(starting.wait(), None);
        starting.add(Pid(1), 0);
        starting.add(Pid(2), 60_000_000);
        assert_eq!(starting.wait(), Some(PERIOD));
        assert_eq!(starting.due(99_000_000), [Pid(1), Pid(2)]);
        assert_eq!(starting.due(100_000_000), [Pid(1), Pid(2)]);
        assert_eq!(starting.due(110_000_000), [Pid(2)]);
        starting.remove(Pid(2));
        assert_eq!(starting.wait(), None);
    }

    #[test]
    fn the_oldest_gives_way_when_there_are_too_many() {
        let mut starting = Starting::default();
        for pid in 0..=MOST as u32 {
            starting.add(Pid(pid), 0);
        }
        let due = starting.due(0);
        assert_eq!((due.len(), due[0]), (MOST, Pid(1)));
    }
}
