//! On which machine, when, and beside what else a benchmark ran. It must not know what is measured.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::workspace;

/// Above this load (processes that run or wait for a CPU, mean of a minute) others disturb the measurement.
const QUIET: f64 = 0.5;

/// What a result must be read with.
pub struct Machine {
    date: String,
    kernel: String,
    cpu: String,
    cpus: usize,
    /// Mean of the last minute, when the measurements began.
    load: f64,
    commit: String,
}

impl Machine {
    /// Looks at this machine, now.
    pub fn look(root: &Path) -> Result<Machine> {
        let ask =
            |program: &str, words: &[&str]| workspace::output(&mut workspace::command(root, program, words));
        let cpuinfo = read("/proc/cpuinfo")?;
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let load = read("/proc/loadavg")?;
        let load = load.split(' ').next().and_then(|load| load.parse().ok());
        let changes = ask("git", &["status", "--porcelain", "--untracked-files=no"])?;
        let commit = ask("git", &["rev-parse", "--short", "HEAD"])?;
        Ok(Machine {
            date: ask("date", &["--utc", "+%Y-%m-%d %H:%M UTC"])?,
            kernel: ask("uname", &["--kernel-release", "--machine"])?,
            cpu: model.map_or_else(|| "model unknown".to_owned(), |(_, model)| model.to_owned()),
            cpus: std::thread::available_parallelism().context("how many CPUs there are")?.get(),
            load: load.context("/proc/loadavg has no number")?,
            commit: if changes.is_empty() { commit } else { format!("{commit} with changes") },
        })
    }

    /// What makes these results doubtful.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.load > QUIET {
            warnings.push(format!(
                "the load average is {:.2}, above {QUIET}: something else runs here (or ran a minute ago, as the build \
                 may have), and the numbers will be noisy",
                self.load
            ));
        }
        warnings
    }

    /// As `date`, `kernel`, `cpu`, `cpus`, `load_average`, `commit`, `warnings`.
    pub fn json(&self) -> Value {
        json!({
            "date": self.date,
            "kernel": self.kernel,
            "cpu": self.cpu,
            "cpus": self.cpus,
            "load_average": self.load,
            "commit": self.commit,
            "warnings": self.warnings(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, commit {}, Linux {}, ", self.date, self.commit, self.kernel)?;
        write!(f, "{} CPUs ({}), load average at start {:.2}", self.cpus, self.cpu, self.load)?;
        self.warnings().iter().try_for_each(|warning| write!(f, "\nWARNING: {warning}"))
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("can't read {path}"))
}
