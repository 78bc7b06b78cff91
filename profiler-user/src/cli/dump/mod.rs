//! `firetower dump`: every Python thread's stack now, idle ones too. It must not know how it is taken.

mod json;
mod text;

use super::exit::{Exit, Failure};
use super::process;
use crate::dump::{self, DumpError};
use crate::model::Pid;

/// Print the stack of every Python thread of a process, now
///
/// Idle threads are shown, too. The process is not stopped: its memory is read while it runs on, and a thread's stack is
/// one that it really had if it did not run meanwhile, which is checked. A running thread is looked at until it is
/// caught between two turns on its CPU; if that fails, it says so. Each stack is of its own instant. A thread's name is the
/// one that Python's threading module has for it, else the kernel's.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firetower dump -p 4242             where each thread is; innermost function first
  firetower dump -p 4242 --json | jq '.threads[] | select(.gil == \"held\")'
                                     the thread that holds the GIL

Needs the right to read the process's memory: its user's, or CAP_SYS_PTRACE. No eBPF.")]
pub struct Args {
    /// Process to look at
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pid: u32,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Takes and prints the dump.
///
/// # Errors
/// If there is no such process, it may not be read, or runs no Python that can be.
pub fn run(args: &Args) -> Result<u8, Failure> {
    let pid = Pid(args.pid);
    process::check(pid, |process| {
        format!("dump the process, which shows all of its threads: firetower dump -p {process}")
    })?;
    let dump = dump::take(pid).map_err(|error| failure(pid, &error))?;
    super::print(&if args.json { json::render(&dump)? } else { text::render(&dump) })?;
    Ok(Exit::Ok.code())
}

/// An error of a dump as a failure for the user.
pub(super) fn failure(pid: Pid, error: &DumpError) -> Failure {
    let of = |exit, hint: &str| Failure::new(exit, format!("process {pid}: {error}")).hint(hint);
    match error {
        DumpError::Gone => of(Exit::NoSuchProcess, "list what runs with: pgrep -a python"),
        DumpError::Denied => of(
            Exit::Privilege,
            "run it as root, as the user of the process, or with CAP_SYS_PTRACE; where Yama restricts ptrace \
             (/proc/sys/kernel/yama/ptrace_scope), the same user is not enough",
        ),
        DumpError::NotPython => of(Exit::NotPython, "list the Python processes with: firetower doctor"),
        DumpError::Broken { .. } => Failure::new(Exit::NotPython, format!("process {pid}: {error}")),
    }
}
