//! The process that a `-p` names: it must be there, and be a process.

use super::exit::{Exit, Failure};
use crate::model::Pid;
use crate::process::identity;

/// Makes sure that there is such a process. `instead` is the hint for who gave a thread's id, with the process that the
/// thread belongs to.
///
/// # Errors
/// [`Exit::ThreadNotProcess`], [`Exit::NoSuchProcess`].
pub(super) fn check(pid: Pid, instead: impl Fn(Pid) -> String) -> Result<(), Failure> {
    if let Some(process) = identity::process_of_thread(pid) {
        let what = format!("{pid} is a thread of process {process}");
        return Err(Failure::new(Exit::ThreadNotProcess, what).hint(instead(process)));
    }
    if identity::started(pid).is_none() {
        let what = format!("there is no process {pid}, or it has exited");
        return Err(Failure::new(Exit::NoSuchProcess, what).hint("list what runs with: pgrep -a python"));
    }
    Ok(())
}
