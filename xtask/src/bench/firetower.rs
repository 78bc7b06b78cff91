//! Runs `firetower record` and reads its closing summary. It must not know what is measured with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Bench;

/// What `record` is to profile.
pub enum Targets<'a> {
    /// These processes.
    Pids(&'a [u32]),
    /// All processes.
    All,
}

/// `firetower record` for `seconds` that writes folded stacks with lines to `stacks`.
pub fn record(bench: &Bench, targets: &Targets, frequency: u32, seconds: f64, stacks: &Path) -> Command {
    let mut command = Command::new(bench.binary("firetower"));
    command.args(["record", "--json", "--lines", "--frequency", &frequency.to_string()]);
    command.args(["--duration", &seconds.to_string(), "--output"]).arg(stacks);
    match targets {
        Targets::Pids(pids) => {
            command.args(pids.iter().flat_map(|pid| ["--pid".to_owned(), pid.to_string()]))
        }
        Targets::All => command.arg("--all"),
    };
    command
}

/// The closing summary of `record --json`.
pub struct Summary(Value);

impl Summary {
    /// Reads it from what `record` wrote to standard error: the last line that is a JSON object.
    pub fn read(errors: &str) -> Result<Summary> {
        let objects = errors.lines().rev().filter(|line| line.starts_with('{'));
        let summary = objects.filter_map(|line| serde_json::from_str(line).ok()).next();
        Ok(Summary(summary.with_context(|| format!("firetower printed no summary:\n{}", errors.trim()))?))
    }

    /// A number, by its JSON pointer (RFC 6901).
    pub fn number(&self, pointer: &str) -> Result<f64> {
        let number = self.0.pointer(pointer).and_then(Value::as_f64);
        number.with_context(|| format!("firetower's summary has no number {pointer}: {}", self.0))
    }

    /// The numbers of an object, by name; its JSON pointer is given.
    pub fn counts(&self, pointer: &str) -> Result<BTreeMap<String, f64>> {
        let object = self.0.pointer(pointer).and_then(Value::as_object);
        let object = object.with_context(|| format!("firetower's summary has no {pointer}: {}", self.0))?;
        Ok(object.iter().filter_map(|(name, count)| Some((name.clone(), count.as_f64()?))).collect())
    }
}

/// Where `record` writes stacks in this run.
pub fn stacks_file(bench: &Bench, name: &str) -> PathBuf {
    bench.folder.join(format!("{name}.folded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_found_among_messages() {
        let summary = Summary::read("a message\n{\"kernel\":{\"fired\":7}}\n").expect("there is one");
        assert_eq!(summary.number("/kernel/fired").expect("a number"), 7.0);
        assert!(summary.number("/kernel/no").is_err());
        assert!(Summary::read("firetower: no samples").is_err());
    }
}
