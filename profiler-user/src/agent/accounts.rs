//! The accounts: every sample that reached the agent is attributed or has a reason. It must not know stacks.

use rustc_hash::FxHashMap;

use crate::model::{Pid, Reason, Weight};

/// Samples that reached the agent, by outcome.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    attributed: u64,
    unattributed: FxHashMap<Reason, u64>,
    processes: FxHashMap<Pid, ProcessAccount>,
}

/// What was seen of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessAccount {
    /// All of its samples.
    pub total: Weight,
    /// Those with a whole, named Python stack.
    pub attributed: u64,
}

impl Accounts {
    /// Books one sample of a process: attributed, or unattributed for a reason.
    pub fn sample(&mut self, pid: Pid, reason: Option<Reason>, weight: Weight) {
        let account = self.processes.entry(pid).or_default();
        account.total += weight;
        match reason {
            None => {
                account.attributed += 1;
                self.attributed += 1;
            }
            Some(reason) => self.unattributed(reason),
        }
    }

    /// Books a sample of a process that is not known.
    pub fn unattributed(&mut self, reason: Reason) {
        *self.unattributed.entry(reason).or_default() += 1;
    }

    /// Samples that reached the agent.
    pub fn received(&self) -> u64 {
        self.attributed + self.unattributed.values().sum::<u64>()
    }

    /// Samples with a whole, named Python stack.
    pub fn attributed(&self) -> u64 {
        self.attributed
    }

    /// The others by reason, in the order of the reasons.
    pub fn by_reason(&self) -> Vec<(Reason, u64)> {
        let mut reasons: Vec<_> = self.unattributed.iter().map(|(&reason, &count)| (reason, count)).collect();
        reasons.sort();
        reasons
    }

    /// What was seen of one process.
    pub fn process(&self, pid: Pid) -> ProcessAccount {
        self.processes.get(&pid).copied().unwrap_or_default()
    }

    /// Processes that had samples since the last call, with what was seen of them in that time.
    pub fn take_processes(&mut self) -> FxHashMap<Pid, ProcessAccount> {
        std::mem::take(&mut self.processes)
    }
}
