//! What a step took: time, and CPU time of the programs that it ran. On a busy machine only the second tells what a
//! build costs. It must not know what the steps are.

use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// A step that has begun.
pub struct Step {
    start: Instant,
    cpu: Duration,
}

impl Step {
    /// Begins now.
    pub fn begin() -> Result<Step> {
        Ok(Step { start: Instant::now(), cpu: of_children()? })
    }

    /// What it took until now: `91.1 s (52.3 s of CPU)`.
    pub fn spent(&self) -> Result<String> {
        let cpu = of_children()?.saturating_sub(self.cpu);
        Ok(format!("{:.1} s ({:.1} s of CPU)", self.start.elapsed().as_secs_f64(), cpu.as_secs_f64()))
    }
}

/// CPU time of all child processes that were waited for, and of theirs.
fn of_children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(microseconds.try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn cpu_time_of_a_child_is_counted() {
        let before = of_children().expect("this process may ask");
        let spin = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
        workspace::run(&mut workspace::command(std::path::Path::new("/"), "sh", &["-c", spin]))
            .expect("it ends");
        assert!(of_children().expect("this process may ask") > before);
    }
}
