//! The processes that `record` was asked for: are they there, what are they, have they ended.

use std::time::Duration;

use crate::agent::Agent;
use crate::agent::processes::State;
use crate::cli::exit::Failure;
use crate::cli::process;
use crate::model::{Pid, Reason};
use crate::process::identity;

/// One of them.
#[derive(Debug)]
struct Target {
    pid: Pid,
    command: String,
    started: Option<u64>,
    exited: bool,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Targets {
    all: Vec<Target>,
}

impl Targets {
    /// The processes of these ids, each of which must be there, and be a process.
    pub(super) fn check(pids: &[u32]) -> Result<Targets, Failure> {
        let mut targets = Targets { all: Vec::new() };
        for &pid in pids {
            let pid = Pid(pid);
            process::check(pid, |process| {
                format!(
                    "profile the process, with its threads apart: firetower record -p {process} --threads"
                )
            })?;
            if targets.pids().all(|known| known != pid) {
                targets.add(pid);
            }
        }
        Ok(targets)
    }

    /// One more.
    pub(super) fn add(&mut self, pid: Pid) {
        let (started, command) = (identity::started(pid), identity::command(pid).to_string());
        self.all.push(Target { pid, command, started, exited: false });
    }

    pub(super) fn pids(&self) -> impl Iterator<Item = Pid> {
        self.all.iter().map(|target| target.pid)
    }

    /// Whether an event said of one of them that it has exited.
    pub(super) fn seem_exited(&self, agent: &Agent) -> bool {
        self.all.iter().any(|target| !target.exited && agent.processes().get(target.pid).is_none())
    }

    /// Looks which ones are still there.
    pub(super) fn all_exited(&mut self) -> bool {
        for target in &mut self.all {
            target.exited = target.exited || identity::started(target.pid) != target.started;
        }
        self.all.iter().all(|target| target.exited)
    }

    /// Says which ones ended before the recording did.
    pub(super) fn note_exited(&mut self, elapsed: Duration) {
        if self.all_exited() {
            return; // That is why it ended.
        }
        for target in self.all.iter().filter(|target| target.exited) {
            eprintln!(
                "firetower: process {} exited before the end, within {:.1} s",
                target.pid,
                elapsed.as_secs_f64()
            );
        }
    }

    /// Says of which ones there will be no Python stacks.
    pub(super) fn warn_of_what_is_no_python(&self, agent: &Agent) {
        for target in &self.all {
            let Some(process) = agent.processes().get(target.pid) else { continue };
            if let State::Not { reason, detail, .. } = &process.state
                && *reason != Reason::InterpreterNotRunning
            {
                let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
                eprintln!(
                    "firetower: process {} ({}): {}{detail}; its samples are shown as unknown",
                    target.pid,
                    target.command,
                    reason.text()
                );
            }
        }
    }

    /// For a title: `python app.py (pid 4242)`.
    pub(super) fn describe(&self) -> String {
        // A command that was started had firetower's name until it was executed.
        let describe = |target: &Target| format!("{} (pid {})", target.command, target.pid);
        self.all.iter().map(describe).collect::<Vec<_>>().join(", ")
    }

    /// Gives a started command its own name.
    pub(super) fn rename(&mut self, pid: Pid, command: &str) {
        if let Some(target) = self.all.iter_mut().find(|target| target.pid == pid) {
            target.command = command.to_owned();
        }
    }
}
