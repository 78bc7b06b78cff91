//! The profilers that firetower is compared with: where they come from and how they are told what to do.
//!
//! They come from PyPI, in a venv of `target/`, in the versions named here: a result is of a version. It must not know
//! what is measured with them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::stacks::Format;
use super::{Bench, progress};
use crate::workspace;

/// A profiler and the way in which it is used.
pub struct Peer {
    /// As the table names it.
    pub name: &'static str,
    /// How it writes stacks.
    pub format: Format,
    package: &'static str,
    version: &'static str,
    program: &'static str,
    arguments: fn(&Request) -> Vec<String>,
}

/// What a peer is asked to do.
pub struct Request<'a> {
    /// The process.
    pub pid: u32,
    /// Samples a second.
    pub frequency: u32,
    /// How long; peers take whole seconds only.
    pub seconds: u32,
    /// The file for its stacks.
    pub output: &'a Path,
}

/// Those that are compared.
pub const PEERS: [Peer; 3] = [
    Peer {
        name: "py-spy",
        format: Format::PySpy,
        package: "py-spy",
        version: "0.4.3",
        program: "py-spy",
        arguments: |request| py_spy(request, &[]),
    },
    Peer {
        name: "py-spy --nonblocking",
        format: Format::PySpy,
        package: "py-spy",
        version: "0.4.3",
        program: "py-spy",
        arguments: |request| py_spy(request, &["--nonblocking"]),
    },
    Peer {
        name: "austin",
        format: Format::Austin,
        package: "austin-dist",
        // The last one that writes text. 4.0 writes a binary format only, and its binary needs glibc 2.38.
        version: "3.7.0",
        program: "austin",
        arguments: |request| {
            let interval = 1_000_000 / request.frequency;
            let words = ["-p", &request.pid.to_string(), "-i", &interval.to_string()].map(str::to_owned);
            let more = ["-x", &request.seconds.to_string(), "-o", &request.output.to_string_lossy()]
                .map(str::to_owned);
            [words, more].concat()
        },
    },
];

fn py_spy(request: &Request, more: &[&str]) -> Vec<String> {
    let (pid, rate, seconds) =
        (request.pid.to_string(), request.frequency.to_string(), request.seconds.to_string());
    let output = request.output.to_string_lossy();
    let words = [
        "record",
        "--format",
        "raw",
        "--pid",
        &pid,
        "--rate",
        &rate,
        "--duration",
        &seconds,
        "--output",
        &output,
    ];
    words.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

impl Peer {
    /// Its name and version.
    pub fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// The command that does as requested.
    pub fn command(&self, bench: &Bench, request: &Request) -> Command {
        let mut command = Command::new(folder(bench).join("bin").join(self.program));
        command.args((self.arguments)(request));
        command
    }

    /// Samples that it failed to take and does not write: py-spy says `Samples: 990 Errors: 3` at its end.
    pub fn failed_samples(&self, errors: &str) -> u64 {
        let number = |text: &str| text.split_whitespace().next().and_then(|number| number.parse().ok());
        match self.format {
            Format::PySpy => errors.rsplit_once("Errors: ").and_then(|(_, rest)| number(rest)).unwrap_or(0),
            Format::Austin | Format::Firetower => 0,
        }
    }

    /// Makes sure that it is there and runs.
    ///
    /// # Errors
    /// If it can't be had on this machine.
    pub fn provide(&self, bench: &Bench, python: &Path) -> Result<()> {
        let folder = folder(bench);
        let pip = folder.join("bin/pip");
        if !pip.is_file() {
            let venv = ["-m", "venv", &folder.to_string_lossy()].map(str::to_owned);
            workspace::output(Command::new(python).args(venv)).context("can't make a venv")?;
        }
        let wanted = format!("{}=={}", self.package, self.version);
        let frozen = workspace::output(Command::new(&pip).args(["freeze", "--disable-pip-version-check"]))?;
        if !frozen.lines().any(|line| line == wanted) {
            progress(&format!("installing {wanted}"));
            let install = ["install", "--quiet", "--disable-pip-version-check", &wanted];
            workspace::output(Command::new(&pip).args(install)).context("can't be installed")?;
        }
        let program = folder.join("bin").join(self.program);
        workspace::output(Command::new(program).arg("--version")).context("does not run here")?;
        Ok(())
    }
}

fn folder(bench: &Bench) -> PathBuf {
    bench.folder.join("peers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn py_spys_failed_samples_are_read() {
        let said = "py-spy> Wrote raw flamegraph data to 'x'. Samples: 197 Errors: 12\npy-spy> You can use …";
        assert_eq!(PEERS[0].failed_samples(said), 12);
        assert_eq!(PEERS[0].failed_samples("nothing"), 0);
    }
}
