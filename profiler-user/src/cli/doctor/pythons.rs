//! The Python processes of this machine, with version and state: found as the profiler itself finds them.

use super::PythonSeen;
use crate::agent::processes::{Process, State, Table};
use crate::model::Reason;
use crate::process::identity;

/// The processes that run Python, or may and could not be read, in the order of their ids.
///
/// # Errors
/// If /proc can't be listed.
pub fn seen() -> Result<Vec<PythonSeen>, String> {
    let mut pids = identity::all().map_err(|error| format!("can't list /proc: {error}"))?;
    pids.sort();
    let mut table = Table::default();
    let mut seen = Vec::new();
    for pid in pids {
        if let Some(process) = table.examine(pid, 0, false)
            && let Some((version, state)) = state(process)
        {
            seen.push(PythonSeen { pid: pid.0, command: process.command.to_string(), version, state });
        }
    }
    Ok(seen)
}

/// Version and state in words; nothing for what is no Python.
fn state(process: &Process) -> Option<(Option<String>, String)> {
    match &process.state {
        State::Python(interpreter) => {
            Some((Some(interpreter.version.to_string()), "can be profiled".to_owned()))
        }
        State::Not { reason: Reason::NotPython, .. } => None,
        State::Not { reason, detail, .. } if detail.is_empty() => Some((None, reason.text().to_owned())),
        State::Not { reason, detail, .. } => Some((None, format!("{}: {detail}", reason.text()))),
    }
}
