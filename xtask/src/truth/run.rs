//! Runs one program on one Python under `firetower record`, and has it judged. It must not know what is done with results.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::compare::{self, Compared};
use super::programs::{FULL_SECONDS, NotRun, Ready, Workload};
use super::{Interpreter, Truth};
use crate::bench::process::Process;

/// Samples a second: several in each hold.
const FREQUENCY: &str = "999";
/// How long a run may take beyond what it is asked for, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// Least samples in holds whose stack is known, for each second: one in fifty of what an idle CPU has.
const LEAST_KNOWN: f64 = 20.0;
/// Greatest share of the samples in holds whose stack is not known.
const MOST_UNKNOWN: f64 = 0.5;

/// What came of a run.
pub enum Outcome {
    /// It was judged.
    Compared(Compared),
    /// It could not be run on this Python, for this reason.
    NotRun(String),
}

/// Runs a program for some seconds.
///
/// # Errors
/// If firetower or the program fails, or too few samples were taken for the answer to mean anything.
pub fn run(truth: &Truth, python: &Interpreter, workload: &Workload) -> Result<Outcome> {
    let ready = match workload.ready(python, &truth.sources, &truth.cache)? {
        Ok(ready) => ready,
        Err(NotRun(reason)) => return Ok(Outcome::NotRun(reason)),
    };
    let files = Files::new(truth.folder.path())?;
    let mut command = Command::new(&truth.firetower);
    command.args(["record", "--json", "--subprocesses", "--frequency", FREQUENCY, "--output"]);
    command.arg(&files.samples).arg("--").arg(&python.path);
    if let Err(error) = finish(add_program(command, truth, workload, (&ready, &files)), &files, truth.seconds)
    {
        // Whether it fails with nobody watching, too.
        let alone = || add_program(Command::new(&python.path), truth, workload, (&ready, &files));
        return match workload.may_fail().then(|| finish(alone(), &files, truth.seconds)) {
            Some(Err(error)) => Ok(Outcome::NotRun(format!("fails by itself: {:.160}", last_line(&error)))),
            Some(Ok(())) | None => Err(error),
        };
    }
    let compared = compare(&files)?;
    files.delete()?;
    hold_enough(&compared, workload, truth.seconds)?;
    Ok(Outcome::Compared(compared))
}

/// What a run writes.
struct Files {
    folder: PathBuf,
    samples: PathBuf,
    notes: PathBuf,
}

impl Files {
    /// None of them is there yet.
    fn new(folder: &Path) -> Result<Files> {
        let files = Files {
            folder: folder.to_owned(),
            samples: folder.join("samples.jsonl"),
            notes: folder.join("notes.jsonl"),
        };
        files.delete()?;
        Ok(files)
    }

    fn delete(&self) -> Result<()> {
        for file in [&self.samples, &self.notes] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("can't delete {}", file.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Adds the witness's runner and the program to a command.
fn add_program(mut command: Command, truth: &Truth, workload: &Workload, of: (&Ready, &Files)) -> Command {
    let (ready, files) = of;
    command.arg(truth.sources.join("run.py")).arg(&files.notes).arg(truth.seconds.to_string());
    command.arg(workload.mode.word()).arg(&ready.file).args(&ready.arguments);
    // Nothing is to be written beside the sources.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    // A program's own warnings are not asked for.
    command.env("PYTHONWARNINGS", "ignore");
    match &ready.packages {
        Some(packages) => command.env("PYTHONPATH", packages),
        None => command.env_remove("PYTHONPATH"),
    };
    command
}

/// Runs it to its end, which must be a good one.
fn finish(command: Command, files: &Files, seconds: f64) -> Result<()> {
    let process = Process::start(command, &files.folder, "run")?;
    process.finish(Duration::from_secs_f64(seconds) + PATIENCE).map(drop)
}

/// The last that a program said: Python's name for what went wrong. firetower's summary comes after it.
fn last_line(error: &anyhow::Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines().rev().filter(|line| !line.starts_with('{') && !line.trim().is_empty());
    lines.next().unwrap_or_default().to_owned()
}

fn compare(files: &Files) -> Result<Compared> {
    let open = |file: &Path| {
        let opened = File::open(file).with_context(|| format!("can't read {}", file.display()))?;
        Ok::<_, anyhow::Error>(BufReader::with_capacity(1 << 20, opened))
    };
    let notes = compare::notes(open(&files.notes)?)?;
    ensure!(!notes.is_empty(), "the program noted nothing");
    compare::compare(&notes, open(&files.samples)?)
}

/// A truth rate of nothing is no truth rate.
fn hold_enough(compared: &Compared, workload: &Workload, seconds: f64) -> Result<()> {
    let (held, unknown) = (compared.counts.held(), compared.counts.unknown.values().sum::<u64>());
    let (known, least) = (held - unknown, (LEAST_KNOWN * seconds) as u64);
    if known < least {
        bail!("of {known} samples in holds the stack is known, fewer than {least}: this says nothing");
    }
    if unknown as f64 > MOST_UNKNOWN * held as f64 {
        bail!(
            "of {unknown} of {held} samples in holds the stack is not known: {:?}",
            compared.counts.unknown
        );
    }
    let part = (seconds / FULL_SECONDS).min(1.0);
    let (stacks, least) = (compared.stacks, (workload.stacks as f64 * part) as usize);
    if stacks < least {
        bail!(
            "{stacks} different stacks were seen while they were held, fewer than {least}: this says little"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::compare::Counts;

    #[test]
    fn too_few_samples_or_stacks_and_too_many_unknown_ones_are_failures() {
        let forms = Workload::named("forms").expect("there is one");
        let enough = |exact: u64, unknown: u64, stacks: usize| {
            let unknown = [("code_unreadable".to_owned(), unknown)].into();
            let counts = Counts { exact, unknown, ..Counts::default() };
            hold_enough(&Compared { counts, stacks, examples: Vec::new() }, forms, FULL_SECONDS).is_ok()
        };
        assert!(enough(500, 10, 40));
        assert!(!enough(79, 0, 40), "too few");
        assert!(!enough(79, 21, 40), "too few that are known");
        assert!(!enough(500, 600, 40), "too many that are not known");
        assert!(!enough(500, 10, forms.stacks - 1), "too few stacks");
    }
}
