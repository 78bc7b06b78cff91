//! The closing line of a recording: samples, lost, unattributed by reason, file.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::agent::Agent;
use crate::capture::{Counters, RunTime};
use crate::cli::exit::Failure;
use crate::cli::failures;
use crate::model::Reason;

/// The accounts of a recording that is over.
pub(super) struct Summary {
    elapsed: Duration,
    counters: Counters,
    received: u64,
    attributed: u64,
    reasons: Vec<(Reason, u64)>,
    run_times: Vec<RunTime>,
}

impl Summary {
    pub(super) fn new(agent: &Agent, elapsed: Duration) -> Result<Summary, Failure> {
        let accounts = agent.accounts();
        Ok(Summary {
            elapsed,
            counters: agent.counters().map_err(failures::capture)?,
            received: accounts.received(),
            attributed: accounts.attributed(),
            reasons: accounts.by_reason(),
            run_times: agent.run_times().map_err(failures::capture)?,
        })
    }

    /// Samples of what was asked for, the lost ones included.
    pub(super) fn samples(&self) -> u64 {
        self.received + self.lost()
    }

    fn lost(&self) -> u64 {
        self.counters.not_submitted(Reason::RingBufferFull)
            + self.counters.not_submitted(Reason::KernelSideFailed)
    }

    /// On standard error, so that folded stacks on standard output stay clean.
    pub(super) fn print(&self, as_json: bool, path: Option<&Path>) {
        if as_json {
            eprintln!("{}", self.json(path));
        } else {
            eprintln!("{}", self.line(path));
        }
    }

    fn line(&self, path: Option<&Path>) -> String {
        let unattributed = self.received - self.attributed;
        let mut line =
            format!("firetower: {} samples in {:.1} s", self.samples(), self.elapsed.as_secs_f64());
        line += &format!(", {} lost, {unattributed} unattributed", self.lost());
        if !self.reasons.is_empty() {
            let reasons = self.reasons.iter().map(|(reason, count)| format!("{count} {}", reason.text()));
            line += &format!(" ({})", reasons.collect::<Vec<_>>().join(", "));
        }
        if self.counters.truncated() > 0 {
            line += &format!(", {} truncated", self.counters.truncated());
        }
        match path {
            Some(path) if path == Path::new("-") => {}
            Some(path) => line += &format!(": {}", path.display()),
            None => line += ": nothing written",
        }
        line
    }

    fn json(&self, path: Option<&Path>) -> serde_json::Value {
        let by_label = |counts: &[(Reason, u64)]| -> serde_json::Map<String, serde_json::Value> {
            counts.iter().map(|(reason, count)| (reason.label().to_owned(), json!(count))).collect()
        };
        let nanoseconds = |run: &RunTime| run.time.as_nanos() as u64;
        let programs: serde_json::Map<String, serde_json::Value> = self
            .run_times
            .iter()
            .map(|run| (run.program.clone(), json!({ "runs": run.runs, "nanoseconds": nanoseconds(run) })))
            .collect();
        json!({
            "seconds": self.elapsed.as_secs_f64(),
            "samples": self.samples(),
            "lost": self.lost(),
            "attributed": self.attributed,
            "unattributed": by_label(&self.reasons),
            "truncated": self.counters.truncated(),
            "file": path.map(|path| path.to_string_lossy()),
            "kernel": {
                "fired": self.counters.fired(),
                "submitted": self.counters.submitted(),
                "not_submitted": by_label(&self.counters.by_reason()),
                "new_stacks": self.counters.new_stacks(),
                "process_events_lost": self.counters.process_events_lost(),
                "run_nanoseconds": self.run_times.iter().map(nanoseconds).sum::<u64>(),
                "programs": programs,
            },
            "received": self.received,
        })
    }
}
