//! The floor that `cargo xtask bench kernel` measures the sampler against: the eBPF program that does nothing, at the
//! same perf events, for some seconds. Prints `{"runs": …, "nanoseconds": …}`, as the kernel counts them.
//!
//! An example and no subcommand: no user of firetower has a use for it.
//!
//! Usage: `empty_program HZ SECONDS`, as root.

use std::time::Duration;

use anyhow::{Context, Result};
use firetower::capture::{Capture, Options};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().context("usage: empty_program HZ SECONDS");
    let frequency = argument()?.parse().context("HZ is a whole number")?;
    let seconds = argument()?.parse().context("SECONDS is a number")?;
    let time = Duration::try_from_secs_f64(seconds)?;
    let options = Options { frequency, only_targets: true, kernel_stacks: true };
    let (mut capture, _drain) = Capture::load_empty(options)?;
    capture.enable()?;
    std::thread::sleep(time);
    capture.disable()?;
    let run_times = capture.run_times()?;
    let nothing = run_times
        .iter()
        .find(|run| run.program == "nothing")
        .context("the kernel does not count eBPF run times: that takes Linux 5.8")?;
    println!(
        "{}",
        serde_json::json!({ "runs": nothing.runs, "nanoseconds": nothing.time.as_nanos() as u64 })
    );
    Ok(())
}
