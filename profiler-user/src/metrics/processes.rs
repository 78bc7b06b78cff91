//! CPU seconds by process: a bounded number of series that come and go without any counter going back.
//!
//! What a process used stays in the series that it was counted in. To move the value of an ended process into the
//! overflow series was rejected: that one would jump by hours of CPU time in one scrape, and `rate()` would show them.
//! It must not know where the numbers come from.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use prometheus::CounterVec;

/// Most processes that have a series of their own.
pub const MAX_PROCESSES: usize = 200;
/// How long the series of an ended process stays: several scrapes at the usual intervals of up to a minute.
const KEEP_ENDED: Duration = Duration::from_secs(300);
/// Characters of a command that its label shows: labels are kept by every Prometheus server for ever.
const COMMAND_CHARACTERS: usize = 80;
/// Samples of an ended process may still be on their way for this long; a later one is of a new process that looks
/// the same.
const LATE: Duration = Duration::from_secs(10);
/// The labels of all processes that have no series of their own.
const OTHER: [&str; 3] = ["other", "", ""];

/// A process as its labels tell it.
#[derive(Clone, Copy, Debug)]
pub struct ProcessLabels<'a> {
    /// Its id.
    pub pid: u32,
    /// Its command line; the label has its first 80 characters.
    pub command: &'a str,
    /// Its Python's version; empty if there is none or it is not known.
    pub python_version: &'a str,
}

/// The counters, and which of them belong to processes that have ended.
#[derive(Debug)]
pub(super) struct ProcessCpu {
    counters: CounterVec,
    /// The label values of each series but the overflow's, and since when its process has ended.
    own: HashMap<[String; 3], Option<Instant>>,
}

impl ProcessCpu {
    pub(super) fn new(counters: CounterVec) -> ProcessCpu {
        counters.with_label_values(&OTHER);
        ProcessCpu { counters, own: HashMap::new() }
    }

    pub(super) fn add(&mut self, process: ProcessLabels<'_>, seconds: f64, now: Instant) {
        let labels = label_values(process);
        if let Some(ended) = self.own.get_mut(&labels) {
            if ended.is_some_and(|ended| now.saturating_duration_since(ended) > LATE) {
                *ended = None;
            }
        } else {
            if self.own.len() >= MAX_PROCESSES {
                self.sweep(now);
            }
            if self.own.len() >= MAX_PROCESSES {
                return self.counters.with_label_values(&OTHER).inc_by(seconds);
            }
            self.own.insert(labels.clone(), None);
        }
        self.counters.with_label_values(&labels).inc_by(seconds);
    }

    pub(super) fn ended(&mut self, pid: u32, now: Instant) {
        let pid = pid.to_string();
        for (labels, ended) in &mut self.own {
            if labels[0] == pid && ended.is_none() {
                *ended = Some(now);
            }
        }
    }

    /// Removes the series of processes that ended long enough ago.
    pub(super) fn sweep(&mut self, now: Instant) {
        let counters = &self.counters;
        self.own.retain(|labels, ended| {
            let keep = ended.is_none_or(|ended| now.saturating_duration_since(ended) < KEEP_ENDED);
            if !keep {
                counters.remove_label_values(labels).expect("a series is created with its entry here");
            }
            keep
        });
    }
}

fn label_values(process: ProcessLabels<'_>) -> [String; 3] {
    let command = match process.command.char_indices().nth(COMMAND_CHARACTERS) {
        Some((cut, _)) => format!("{}…", &process.command[..cut]),
        None => process.command.to_owned(),
    };
    [process.pid.to_string(), command, process.python_version.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::Opts;
    use prometheus::core::Collector;

    fn new() -> ProcessCpu {
        let labels = ["pid", "command", "python_version"];
        ProcessCpu::new(CounterVec::new(Opts::new("cpu", "CPU."), &labels).unwrap())
    }

    fn process(pid: u32) -> ProcessLabels<'static> {
        ProcessLabels { pid, command: "python app.py", python_version: "3.12.1" }
    }

    fn value(cpu: &ProcessCpu, pid: &str) -> Option<f64> {
        let families = cpu.counters.collect();
        let metrics = families[0].get_metric().iter();
        metrics
            .filter(|metric| {
                metric.get_label().iter().any(|label| label.name() == "pid" && label.value() == pid)
            })
            .map(|metric| metric.get_counter().get_value())
            .next()
    }

    #[test]
    fn processes_past_the_limit_share_a_series() {
        let (mut cpu, now) = (new(), Instant::now());
        for pid in 0..MAX_PROCESSES as u32 + 3 {
            cpu.add(process(pid), 1.0, now);
        }
        assert_eq!(value(&cpu, "other"), Some(3.0));
        assert_eq!(value(&cpu, "7"), Some(1.0));
        assert_eq!(cpu.counters.collect()[0].get_metric().len(), MAX_PROCESSES + 1);
    }

    #[test]
    fn an_ended_process_goes_after_a_while_and_makes_room() {
        let (mut cpu, start) = (new(), Instant::now());
        for pid in 0..MAX_PROCESSES as u32 {
            cpu.add(process(pid), 1.0, start);
        }
        cpu.ended(5, start);
        cpu.sweep(start + KEEP_ENDED / 2);
        assert_eq!(value(&cpu, "5"), Some(1.0));
        cpu.add(process(1000), 2.0, start + KEEP_ENDED);
        assert_eq!(value(&cpu, "5"), None);
        assert_eq!(value(&cpu, "1000"), Some(2.0));
        assert_eq!(value(&cpu, "other"), Some(0.0), "the overflow series does not inherit");
    }

    #[test]
    fn a_process_that_looks_like_an_ended_one_goes_on_with_its_series() {
        let (mut cpu, start) = (new(), Instant::now());
        cpu.add(process(1), 1.0, start);
        cpu.ended(1, start);
        cpu.add(process(1), 1.0, start + LATE / 2);
        cpu.sweep(start + KEEP_ENDED);
        assert_eq!(value(&cpu, "1"), None, "a late sample does not keep it");
        cpu.add(process(2), 1.0, start);
        cpu.ended(2, start);
        cpu.add(process(2), 1.0, start + LATE * 2);
        cpu.sweep(start + KEEP_ENDED);
        assert_eq!(value(&cpu, "2"), Some(2.0));
    }

    #[test]
    fn a_command_is_cut() {
        let long = "é".repeat(200);
        let labels = label_values(ProcessLabels { command: &long, ..process(1) });
        assert_eq!(labels[1].chars().count(), COMMAND_CHARACTERS + 1);
    }
}
