//! Asks the scheduler to let this thread of ours run soon after it wakes, for short turns. It must not know what for.

use std::mem::size_of;

/// The turn that is asked for, in nanoseconds: about what a sample takes.
const TURN: u64 = 100_000;
/// The nice value that is tried.
const NICE: i32 = -10;

/// Asks for short turns, and to be served first, for the rest of this thread's life; `urgent`: before whatever is not
/// real-time. Only who does little at a time may be urgent.
///
/// A thread that follows others to their CPUs waits there until one of them has had its turn, some milliseconds, unless the
/// scheduler prefers it. With CAP_SYS_NICE that is a real-time policy, or else a nice value below 0. From Linux 6.12 on
/// everybody may ask for a shorter turn, which comes sooner in return (sched_setattr(2), `sched_runtime`); older kernels ignore
/// that. None of it is needed: without, samples are late on a busy machine, which is counted.
pub fn ask(urgent: bool) {
    // SAFETY: all of its fields are numbers, for which zeros are valid.
    let mut own: libc::sched_attr = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::sched_attr>() as libc::c_uint;
    // SAFETY: the kernel writes at most `size` bytes, which is what `own` has; 0 is the calling thread.
    let got = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut own, size, 0) };
    if got != 0 || own.sched_policy != libc::SCHED_OTHER as u32 {
        return; // Whoever chose another policy for us wanted it so.
    }
    let mut first = own;
    first.sched_policy = libc::SCHED_RR as u32;
    first.sched_priority = 1;
    let (mut nice, mut short) = (own, own);
    nice.sched_nice = NICE.min(own.sched_nice);
    nice.sched_runtime = TURN;
    short.sched_runtime = TURN;
    for wish in urgent.then_some(first).into_iter().chain([nice, short]) {
        // SAFETY: it reads `wish.size` bytes, which the kernel set to what it knows of the struct.
        if unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wish, 0) } == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    /// Policy and nice value of the calling thread.
    fn own() -> (i32, i32) {
        // SAFETY: no pointers; 0 is the calling thread.
        unsafe { (libc::sched_getscheduler(0), libc::getpriority(libc::PRIO_PROCESS, 0)) }
    }

    #[test]
    fn only_the_thread_that_asks_is_served_first() {
        let before = own();
        let asked = |urgent| {
            std::thread::spawn(move || {
                super::ask(urgent);
                own()
            })
        };
        let (policy, nice) = asked(false).join().expect("no panic");
        assert!(policy == libc::SCHED_OTHER && nice <= before.1);
        let (policy, _) = asked(true).join().expect("no panic");
        assert!([libc::SCHED_OTHER, libc::SCHED_RR].contains(&policy));
        assert_eq!(own(), before);
    }
}
