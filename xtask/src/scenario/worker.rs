//! Ceilometer's worker and the servers that it talks to: started, looked after until it is warm, ended, with what it counted.
//!
//! The agent's tests have this file too. It must not know how the worker is profiled.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// Longest wait for a line of a program: the worker takes some 12 s of CPU to start, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_secs(300);

/// Which Ceilometer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As released: the endpoint is looked up for every request.
    Before,
    /// Fixed: it is looked up once.
    After,
}

impl Way {
    /// Both.
    pub const BOTH: [Way; 2] = [Way::Before, Way::After];

    /// Its name, as in files and for the worker.
    pub fn name(self) -> &'static str {
        match self {
            Way::Before => "before",
            Way::After => "after",
        }
    }
}

/// How the worker is run.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// The interpreter, with all that it needs.
    pub python: &'a Path,
    /// The folder with `worker.py` and `servers.py`.
    pub scenario: &'a Path,
    /// Where logs are written; it must be there.
    pub logs: &'a Path,
    /// Regions in Keystone's catalog.
    pub regions: u8,
    /// The service's name, as profilers see it.
    pub service: &'a str,
}

/// What the worker counted, up to a moment or between two. CPU times are of the worker, all of its threads.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Counts {
    /// Seconds of wall time.
    pub seconds: f64,
    /// CPU time.
    pub cpu_seconds: f64,
    /// Messages that were done.
    pub messages: u64,
    /// Lookups of an endpoint.
    pub get_endpoint_calls: u64,
    /// CPU time that went by in them.
    pub get_endpoint_cpu_seconds: f64,
    /// CPU time that counting them took.
    pub counting_cpu_seconds: f64,
    /// CPU time that it took to make messages and send them, which is no work of Ceilometer's.
    pub sending_cpu_seconds: f64,
}

impl Counts {
    /// What was counted since an earlier moment.
    pub fn since(&self, earlier: &Counts) -> Counts {
        Counts {
            seconds: self.seconds - earlier.seconds,
            cpu_seconds: self.cpu_seconds - earlier.cpu_seconds,
            messages: self.messages - earlier.messages,
            get_endpoint_calls: self.get_endpoint_calls - earlier.get_endpoint_calls,
            get_endpoint_cpu_seconds: self.get_endpoint_cpu_seconds - earlier.get_endpoint_cpu_seconds,
            counting_cpu_seconds: self.counting_cpu_seconds - earlier.counting_cpu_seconds,
            sending_cpu_seconds: self.sending_cpu_seconds - earlier.sending_cpu_seconds,
        }
    }

    /// The share of the CPU time that went by in lookups: the truth that a profile is held against.
    pub fn share(&self) -> f64 {
        self.get_endpoint_cpu_seconds / self.cpu_seconds
    }

    /// CPU milliseconds for each message.
    pub fn milliseconds_per_message(&self) -> f64 {
        1e3 * self.cpu_seconds / self.messages as f64
    }
}

/// A worker that is warm, and its servers. Both end when this is dropped.
#[derive(Debug)]
pub struct Worker {
    worker: Program,
    servers: Program,
}

#[derive(Deserialize)]
struct Ports {
    keystone: u16,
}

impl Worker {
    /// Starts the servers, then the worker, and waits until it is warm.
    ///
    /// # Errors
    /// If one does not start or is not ready in time: its log is in the message.
    pub fn start(way: Way, settings: &Settings<'_>) -> Result<Worker> {
        let log = |name: &str| settings.logs.join(format!("{}-{name}.log", way.name()));
        let command = |script: &str, arguments: &[String]| {
            let mut command = Command::new(settings.python);
            command.arg(settings.scenario.join(script)).args(arguments);
            // Nothing is to be written beside the sources, and what old packages warn of is not news.
            command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONWARNINGS", "ignore");
            command.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
            command
        };
        let mut servers = command("servers.py", &[settings.regions.to_string()]);
        servers.env("OTEL_SERVICE_NAME", format!("{}-servers", settings.service));
        let servers = Program::start(servers, log("servers"))?;
        let ports = servers.line()?;
        let ports: Ports = serde_json::from_str(&ports).with_context(|| format!("no ports: {ports}"))?;
        let mut worker = command("worker.py", &[way.name().to_owned(), ports.keystone.to_string()]);
        worker.env("OTEL_SERVICE_NAME", settings.service);
        let worker = Program::start(worker, log("worker"))?;
        let ready = worker.line()?;
        ensure!(ready == "READY", "the worker says {ready:?}");
        Ok(Worker { worker, servers })
    }

    /// The worker's process id.
    pub fn pid(&self) -> u32 {
        self.worker.child.id()
    }

    /// What it has counted so far.
    ///
    /// # Errors
    /// If it does not answer: its log is in the message.
    pub fn counts(&mut self) -> Result<Counts> {
        let input = self.worker.child.stdin.as_mut().context("it is open until the end")?;
        input.write_all(b"\n").context("the worker does not read")?;
        let counts = self.worker.line()?;
        serde_json::from_str(&counts).with_context(|| format!("no counts: {counts}"))
    }

    /// Ends it.
    ///
    /// # Errors
    /// If it does not end well, as when Ceilometer logged an error: its log is in the message.
    pub fn finish(mut self) -> Result<()> {
        self.worker.end()?;
        self.servers.end()
    }
}

/// A program that ends when its standard input does.
#[derive(Debug)]
struct Program {
    child: Child,
    lines: Receiver<std::io::Result<String>>,
    log: PathBuf,
}

impl Program {
    fn start(mut command: Command, log: PathBuf) -> Result<Program> {
        let file = File::create(&log).with_context(|| format!("can't write {}", log.display()))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().with_context(|| format!("can't run {command:?}"))?;
        let output = BufReader::new(child.stdout.take().context("it was asked for")?);
        let (sender, lines) = channel();
        // Ends with the program's output; nobody listens any more if this fails.
        std::thread::spawn(move || output.lines().try_for_each(|line| sender.send(line)));
        Ok(Program { child, lines, log })
    }

    /// Its next line.
    fn line(&self) -> Result<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line.with_context(|| format!("what it writes beside {}", self.log.display())),
            Err(RecvTimeoutError::Timeout) => {
                bail!("nothing for {} s\n{}", PATIENCE.as_secs(), self.said()?)
            }
            Err(RecvTimeoutError::Disconnected) => bail!("it ended too early\n{}", self.said()?),
        }
    }

    fn end(&mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait().context("it is our child")?;
        ensure!(status.success(), "{status}\n{}", self.said()?);
        Ok(())
    }

    /// The end of its log.
    fn said(&self) -> Result<String> {
        let bytes = fs::read(&self.log).with_context(|| format!("can't read {}", self.log.display()))?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(30)..].join("\n");
        Ok(format!("{}:\n{last}", self.log.display()))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only where it was waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
