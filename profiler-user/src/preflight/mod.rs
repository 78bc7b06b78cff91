//! Would capture work here? Each check tries or reads one thing of the machine and says what it found, whether that is
//! enough, and if not what to do.
//!
//! `doctor` shows all of them; before capture, [`obstacle`] gives the first that stands in the way. It must not know
//! the command line, nor how anything is shown.

mod kernel;
mod rights;
mod tries;

use serde::Serialize;

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What was checked: a capability, a kernel feature, a setting.
    pub name: &'static str,
    /// Whether it is enough.
    #[serde(flatten)]
    pub state: State,
    /// What was found, in one line: lower case, no full stop.
    pub found: String,
    /// What to do about it; always there if the check failed.
    pub advice: Option<String>,
}

/// Whether what a check found is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "lack", rename_all = "snake_case")]
pub enum State {
    /// It is.
    Ok,
    /// Capture works, and something is missing from its results.
    Warning,
    /// Capture can't work, for lack of this.
    Failed(Lack),
}

/// What kind of thing is lacking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// A capability, or a right that a security module took away.
    Privilege,
    /// A feature of the kernel.
    Kernel,
    /// Perf events.
    PerfEvents,
    /// The initial pid namespace.
    PidNamespace,
}

impl Item {
    fn ok(name: &'static str, found: impl Into<String>) -> Item {
        Item { name, state: State::Ok, found: found.into(), advice: None }
    }

    fn warning(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Item {
        Item { name, state: State::Warning, found: found.into(), advice: Some(advice.into()) }
    }

    fn failed(name: &'static str, lack: Lack, found: impl Into<String>, advice: impl Into<String>) -> Item {
        Item { name, state: State::Failed(lack), found: found.into(), advice: Some(advice.into()) }
    }

    /// Whether capture can't work because of this.
    pub fn is_failed(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }
}

/// Every check. First what the later ones rest on, so that the first failure is the cause of the others.
const CHECKS: &[fn() -> Item] = &[
    kernel::version,
    kernel::architecture,
    rights::cap_bpf,
    rights::cap_perfmon,
    rights::cap_sys_ptrace,
    kernel::pid_namespace,
    kernel::lockdown,
    kernel::btf,
    tries::ring_buffer,
    kernel::locked_memory,
    tries::perf_events,
    tries::cycles,
    kernel::sampling_limits,
    rights::perf_event_paranoid,
    rights::ptrace_scope,
    tries::process_memory,
    rights::map_files,
    tries::kernel_symbols,
    kernel::bpf_stats,
];

/// Runs every check.
pub fn all() -> Vec<Item> {
    CHECKS.iter().map(|check| check()).collect()
}

/// Runs the checks until one fails: why capture can't work here, or `None` if it can.
pub fn obstacle() -> Option<Item> {
    CHECKS.iter().map(|check| check()).find(Item::is_failed)
}

/// A small file's text without white space around it, or the error in words.
fn read(path: &str) -> Result<String, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(format!("can't read {path}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_has_its_own_name_and_each_failure_its_advice() {
        let items = all();
        for (index, item) in items.iter().enumerate() {
            assert!(items[..index].iter().all(|other| other.name != item.name), "{item:?}");
            assert!(!item.found.is_empty() && !item.found.contains('\n'), "{item:?}");
            assert!(item.state == State::Ok || item.advice.is_some(), "{item:?}");
        }
    }
}
