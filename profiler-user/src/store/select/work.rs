//! Shares jobs among the CPUs.
//!
//! It must not know what a job is.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Most threads: a question shall not take a large machine from those who work there.
const MAX_THREADS: usize = 4;

/// Does all jobs, each worker one after the other; gives what the workers became, in no order.
///
/// # Errors
/// The first that a job had; what was not begun by then is not done.
pub(super) fn share<J: Sync, W: Send, E: Send>(
    jobs: &[J],
    worker: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &J) -> Result<(), E> + Sync,
) -> Result<Vec<W>, E> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let run = || {
        let mut worker = worker();
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if failed.load(Ordering::Relaxed) {
                break;
            }
            if let Err(error) = work(&mut worker, job) {
                failed.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(worker)
    };
    let cpus = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cpus.min(MAX_THREADS).min(jobs.len());
    if threads <= 1 {
        return Ok(vec![run()?]);
    }
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut workers = vec![run()];
        for other in others {
            workers.push(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        workers.into_iter().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once() {
        let jobs: Vec<u64> = (0..1000).collect();
        let add = |sum: &mut u64, job: &u64| {
            *sum += 1 << (job % 10);
            Ok::<(), ()>(())
        };
        let sums = share(&jobs, || 0, add).expect("no error");
        assert_eq!(sums.iter().sum::<u64>(), 100 * 1023);
        assert_eq!(share(&[0; 0], || 7, add), Ok(vec![7]));
    }

    #[test]
    fn an_error_ends_the_work() {
        let jobs: Vec<u32> = (0..1000).collect();
        let result = share(&jobs, || (), |(), job| if *job == 5 { Err(*job) } else { Ok(()) });
        assert_eq!(result, Err(5));
    }
}
