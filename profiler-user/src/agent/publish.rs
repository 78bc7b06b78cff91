//! What the agent tells the service about once a second: processes, metrics, readiness. It must not know HTTP.

use std::sync::Arc;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use rustc_hash::FxHashMap;

use super::history;
use super::processes::{Process, State};
use super::{Agent, ProcessAccount};
use crate::capture::CaptureError;
use crate::http::{Live, ProcessInfo};
use crate::metrics::{KernelCounters, ProcessLabels, ProgramRuns};
use crate::model::{Pid, Reason};
use crate::process::identity;

/// What has been told already, and the sums since a process was met.
pub struct Publisher {
    live: Arc<Live>,
    processes: FxHashMap<Pid, Sums>,
    attributed: u64,
    unattributed: FxHashMap<Reason, u64>,
    failures: FxHashMap<Reason, u64>,
}

/// Of one process.
#[derive(Debug)]
struct Sums {
    account: ProcessAccount,
    since: u64,
    execution: Execution,
}

/// Of one program that a process executes.
#[derive(Clone, Copy, Debug)]
struct Execution {
    generation: u32,
    id: Option<[u64; 2]>,
    since: u64,
}

impl Execution {
    /// Looked at when it is published first: what was seen of the process until then may be of another.
    fn of(pid: Pid, process: &Process, now: u64) -> Execution {
        Execution { generation: process.generation, id: identity::execution(pid), since: now }
    }
}

impl Publisher {
    /// Tells this service.
    pub fn new(live: Arc<Live>) -> Publisher {
        Publisher {
            live,
            processes: FxHashMap::default(),
            attributed: 0,
            unattributed: FxHashMap::default(),
            failures: FxHashMap::default(),
        }
    }

    /// Brings everything up to date.
    pub fn publish(&mut self, agent: &mut Agent) -> Result<(), CaptureError> {
        self.accounts(agent);
        self.kernel(agent)?;
        self.processes(agent);
        let metrics = self.live.metrics();
        if let Some(labeller) = agent.processes().labeller() {
            metrics.set_label_overflow(labeller.overflow());
            metrics.set_labels_refused(labeller.refused().map(|(refusal, count)| (refusal.label(), count)));
        }
        metrics.add_usage(&agent.take_usage(), Instant::now());
        if let Some(store) = &agent.store {
            metrics.set_store(&history::status(store));
        }
        metrics.set_stacks_known(agent.known_stacks());
        let (cpu_seconds, resident_bytes) = own_usage();
        metrics.set_agent(cpu_seconds, resident_bytes);
        Ok(())
    }

    fn accounts(&mut self, agent: &Agent) {
        let metrics = self.live.metrics();
        let attributed = agent.accounts().attributed();
        metrics.attributed(attributed - std::mem::replace(&mut self.attributed, attributed));
        for (reason, count) in agent.accounts().by_reason() {
            metrics.unattributed(reason, count - self.unattributed.insert(reason, count).unwrap_or_default());
        }
        for (reason, count) in agent.symbolization_failures() {
            metrics.symbolization_failed(
                reason,
                count - self.failures.insert(reason, count).unwrap_or_default(),
            );
        }
    }

    fn kernel(&self, agent: &Agent) -> Result<(), CaptureError> {
        let metrics = self.live.metrics();
        metrics.set_kernel_counters(&KernelCounters { totals: *agent.counters()?.totals() });
        for run in agent.run_times()? {
            let runs = ProgramRuns { program: &run.program, seconds: run.time.as_secs_f64(), runs: run.runs };
            metrics.set_program(&runs);
        }
        Ok(())
    }

    fn processes(&mut self, agent: &mut Agent) {
        let now = self.live.settings().clock.now();
        let news = agent.take_process_accounts();
        let shown: Vec<(Pid, &Process)> =
            agent.processes().iter().filter(|(_, process)| is_shown(process)).collect();
        for &(pid, process) in &shown {
            let sums = self.processes.entry(pid).or_insert_with(|| Sums {
                account: ProcessAccount::default(),
                since: now,
                execution: Execution::of(pid, process, now),
            });
            if sums.execution.generation != process.generation {
                sums.execution = Execution::of(pid, process, now);
            }
            if let Some(new) = news.get(&pid) {
                sums.account.total += new.total;
                sums.account.attributed += new.attributed;
                let labels = ProcessLabels {
                    pid: pid.0,
                    command: &process.command,
                    python_version: &process.python().unwrap_or_default(),
                };
                self.live.metrics().process_cpu(labels, new.total.nanoseconds as f64 / 1e9);
            }
        }
        self.processes.retain(|pid, _| {
            let is_there = agent.processes().get(*pid).is_some_and(is_shown);
            if !is_there {
                self.live.metrics().process_ended(pid.0);
            }
            is_there
        });
        let info = |(pid, process): &(Pid, &Process)| {
            let sums = &self.processes[pid];
            let (state, reason) = state(process);
            ProcessInfo {
                pid: *pid,
                parent: identity::parent(*pid),
                execution: sums.execution.id,
                executing_since: sums.execution.since,
                command: process.command.clone(),
                labels: process.labels.clone(),
                python: process.python().map(Into::into),
                state,
                reason,
                threads: agent.series.threads(*pid),
                samples: sums.account.total.samples,
                cpu_seconds: sums.account.total.nanoseconds as f64 / 1e9,
                since: sums.since,
            }
        };
        let mut list: Vec<ProcessInfo> = shown.iter().map(info).collect();
        list.sort_by_key(|process| process.pid);
        self.live.set_processes(list);
    }
}

/// What is no Python is not listed: there are hundreds on any machine. Its samples are in the flame graph.
fn is_shown(process: &Process) -> bool {
    !matches!(process.state, State::Not { reason: Reason::NotPython, .. })
}

fn state(process: &Process) -> (&'static str, Option<Reason>) {
    match &process.state {
        State::Python(_) => ("profiled", None),
        State::Not { reason, .. } => {
            let word = match reason {
                Reason::UnsupportedPython => "unsupported",
                Reason::InterpreterNotRunning => "pending",
                _ => "failed",
            };
            (word, Some(*reason))
        }
    }
}

/// The agent's own CPU seconds since its start, and its resident memory in bytes.
fn own_usage() -> (f64, u64) {
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu = getrusage(UsageWho::RUSAGE_SELF)
        .map_or(0.0, |usage| seconds(usage.user_time()) + seconds(usage.system_time()));
    let pages = procfs::process::Process::myself()
        .and_then(|myself| myself.statm())
        .map_or(0, |statm| statm.resident);
    (cpu, pages * procfs::page_size())
}
