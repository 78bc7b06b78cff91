//! Whether a thread of another process ran between two moments, without stopping it.
//!
//! Two equal readings of a running thread's memory prove little: it may have changed twice in between, at the same
//! places. But the kernel counts how often a thread is switched out, and that tells it for sure in two cases:
//!
//! - It was blocked at both moments, and was not switched out in between.
//! - It was runnable on our own CPU at both moments, neither it nor we were switched out in between, and none of us
//!   changed CPUs: while we run there, it does not. To run elsewhere and be back it would have had to be switched out.
//!
//! So a running thread is followed to its CPU, where the scheduler lets the two take turns, as it does with any two
//! threads: [`Follower`]. It must not know what is read in between.

use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd;

use super::tasks::{Ended, Look, Task};

/// Policies whose threads give way to others: `SCHED_OTHER`, `SCHED_BATCH`, `SCHED_IDLE`. sched(7). To follow one that
/// does not, a real-time one, could mean to wait for ever.
const FAIR_POLICIES: [u32; 3] = [0, 3, 5];
/// The state of a thread that runs or waits for a CPU.
pub const RUNNABLE: char = 'R';

/// A span of time that began when it was made.
#[derive(Debug)]
pub struct Span<'a> {
    task: &'a Task,
    before: Look,
    cpu: usize,
    own: Option<Own>,
}

/// Where we ourselves are.
#[derive(Debug, PartialEq, Eq)]
struct Own {
    cpu: usize,
    switches: i64,
}

impl Own {
    /// `None` if the kernel does not tell, which proves nothing then.
    fn now() -> Option<Own> {
        let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
        let switches = usage.voluntary_context_switches() + usage.involuntary_context_switches();
        Some(Own { cpu: sched_getcpu().ok()?, switches })
    }
}

impl<'a> Span<'a> {
    /// Begins now.
    pub fn begin(task: &'a Task) -> Result<Span<'a>, Ended> {
        let own = Own::now();
        let before = task.look()?;
        Ok(Span { task, before, cpu: task.place()?.cpu, own })
    }

    /// What the kernel said of the thread at its beginning.
    pub fn look(&self) -> &Look {
        &self.before
    }

    /// Whether the thread began it on our own CPU: only there can it be runnable and known to hold still.
    pub fn is_beside_us(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.cpu == self.cpu)
    }

    /// Ends now: `true` if the thread certainly did not run in between.
    pub fn held_still(self) -> Result<bool, Ended> {
        let cpu = self.task.place()?.cpu;
        let after = self.task.look()?;
        if after.switches != self.before.switches {
            return Ok(false);
        }
        if self.before.state != RUNNABLE && after.state != RUNNABLE {
            return Ok(true);
        }
        Ok(self.own.is_some_and(|own| own.cpu == self.cpu && self.cpu == cpu && Own::now() == Some(own)))
    }
}

/// Lets this thread of ours run where another one does; when dropped, wherever it could before.
#[derive(Debug)]
pub struct Follower {
    /// `None`: the kernel does not tell, and nothing is followed.
    allowed: Option<CpuSet>,
}

impl Follower {
    /// Follows nothing yet.
    #[expect(clippy::new_without_default, reason = "it changes this thread when dropped")]
    pub fn new() -> Follower {
        Follower { allowed: sched_getaffinity(unistd::Pid::from_raw(0)).ok() }
    }

    /// Moves to the thread's CPU, if that is one of ours and the thread one that gives way. `false`: it did not.
    pub fn follow(&self, task: &Task) -> Result<bool, Ended> {
        let place = task.place()?;
        let ours = self.allowed.is_some_and(|allowed| allowed.is_set(place.cpu) == Ok(true));
        if !ours || !FAIR_POLICIES.contains(&place.policy) {
            return Ok(false);
        }
        let mut only = CpuSet::new();
        let moved =
            only.set(place.cpu).and_then(|()| sched_setaffinity(unistd::Pid::from_raw(0), &only)).is_ok();
        Ok(moved)
    }

    /// Lets this thread run again wherever it could before.
    pub fn release(&self) {
        if let Some(allowed) = &self.allowed {
            // It was allowed before; should a cpuset have shrunk meanwhile, the kernel has moved us by itself.
            let _ = sched_setaffinity(unistd::Pid::from_raw(0), allowed);
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::{Arc, mpsc};

    use super::*;
    use crate::model::Pid;
    use crate::process::tasks;

    /// A thread that counts as fast as it can until it is told to end.
    #[test]
    fn a_running_thread_holds_still_only_while_it_does() {
        let (count, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (tell, told) = mpsc::channel();
        let counter = std::thread::spawn({
            let (count, over) = (count.clone(), over.clone());
            move || {
                tell.send(unistd::gettid().as_raw() as u32).expect("it is waited for");
                while !over.load(Ordering::Relaxed) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let tid = told.recv().expect("it says who it is");
        let task = tasks::of(Pid(std::process::id())).expect("we are here")[&tid].clone();
        let follower = Follower::new();
        let (mut still, mut tries) = (0, 0);
        while still < 50 {
            tries += 1;
            assert!(tries < 100_000, "it was caught {still} times only");
            follower.follow(&task).expect("it runs");
            let span = Span::begin(&task).expect("it runs");
            let before = count.load(Ordering::Relaxed);
            std::hint::black_box((0..2000).fold(0_u64, |sum, value| std::hint::black_box(sum + value)));
            let after = count.load(Ordering::Relaxed);
            if span.held_still().expect("it runs") {
                assert_eq!(before, after, "it ran");
                still += 1;
            }
        }
        over.store(true, Ordering::Relaxed);
        counter.join().expect("no panic");
        assert_eq!(Span::begin(&task).err(), Some(Ended));
    }

    #[test]
    fn a_blocked_thread_holds_still_until_it_wakes() {
        let (wake, waits) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let sleeper = std::thread::spawn(move || {
            tell.send(unistd::gettid().as_raw() as u32).expect("it is waited for");
            while waits.recv().is_ok() {}
        });
        let tid = told.recv().expect("it says who it is");
        let task = tasks::of(Pid(std::process::id())).expect("we are here")[&tid].clone();
        let asleep = || task.look().expect("it is there").state == 'S';
        while !asleep() {
            std::thread::yield_now();
        }
        assert_eq!(Span::begin(&task).expect("it is there").held_still(), Ok(true));
        let span = Span::begin(&task).expect("it is there");
        let switches = span.look().switches;
        wake.send(()).expect("it listens");
        while !asleep() || task.look().expect("it is there").switches == switches {
            std::thread::yield_now();
        }
        assert_eq!(span.held_still(), Ok(false));
        drop(wake);
        sleeper.join().expect("no panic");
    }
}
