//! Starts the command of `record -- COMMAND` and of `pyflame -t COMMAND`, held before its first instruction until the profiler is ready.
//!
//! The child waits between fork and exec, on a pipe: it is firetower's own code that waits there, so the command is
//! never stopped, and none of its samples is missed.

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::cli::exit::{self, Exit, Failure};
use crate::model::Pid;

use super::signals::Signals;

/// How often it is looked whether the command is over, where nothing else is to do.
const ROUND: Duration = Duration::from_millis(100);

/// A command that is about to run, runs, or has run.
pub(super) struct Launched {
    name: String,
    pid: Pid,
    /// Closed or written to: the child goes on.
    go: Option<std::io::PipeWriter>,
    /// `spawn` returns only once the child has executed the command, so it has a thread of its own.
    spawn: Option<JoinHandle<std::io::Result<Child>>>,
    child: Option<Child>,
    status: Option<ExitStatus>,
}

impl Launched {
    /// Forks; the command does not run before [`Launched::release`].
    pub(super) fn prepare(words: &[OsString]) -> Result<Launched, Failure> {
        let pipe_failed = |error| Failure::new(Exit::Internal, format!("can't make a pipe: {error}"));
        let (mut pid_reader, pid_writer) = std::io::pipe().map_err(pipe_failed)?;
        let (go_reader, go_writer) = std::io::pipe().map_err(pipe_failed)?;
        let parents_end = go_writer.as_raw_fd();
        let name = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        // SAFETY: between fork and exec it only calls close, getpid, write and read, which are async-signal-safe, and
        // allocates nothing.
        unsafe {
            command.pre_exec(move || {
                // The child's copy of the parent's end would keep the pipe open if the parent died.
                libc::close(parents_end);
                (&pid_writer).write_all(&std::process::id().to_ne_bytes())?;
                (&go_reader).read_exact(&mut [0])
            });
        }
        let spawn = std::thread::spawn(move || command.spawn());
        let mut pid = [0; 4];
        if let Err(error) = pid_reader.read_exact(&mut pid) {
            return Err(Failure::new(Exit::Internal, format!("can't start {name}: {error}")));
        }
        let pid = Pid(u32::from_ne_bytes(pid));
        Ok(Launched { name, pid, go: Some(go_writer), spawn: Some(spawn), child: None, status: None })
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Lets the command run.
    pub(super) fn release(&mut self) -> Result<(), Failure> {
        if let Some(mut go) = self.go.take() {
            go.write_all(&[1]).map_err(|error| {
                Failure::new(Exit::Internal, format!("can't start {}: {error}", self.name))
            })?;
        }
        let Some(spawn) = self.spawn.take() else { return Ok(()) };
        let spawned =
            spawn.join().unwrap_or_else(|_| Err(std::io::Error::other("the thread that starts it panicked")));
        self.child = Some(spawned.map_err(|error| {
            let exit = match error.kind() {
                ErrorKind::NotFound => Exit::CommandNotFound,
                _ => Exit::CommandNotExecutable,
            };
            Failure::new(exit, format!("can't run {}: {error}", self.name))
        })?);
        Ok(())
    }

    /// Whether the command is over.
    pub(super) fn has_exited(&mut self) -> Result<bool, Failure> {
        if self.status.is_none()
            && let Some(child) = &mut self.child
        {
            self.status = child.try_wait().map_err(|error| {
                Failure::new(Exit::Internal, format!("waiting for {}: {error}", self.name))
            })?;
        }
        Ok(self.status.is_some())
    }

    /// Waits for the command's end, without sampling, and answers its exit code. It is not killed: it was there to be
    /// watched. A further Ctrl-C leaves it alone and ends firetower.
    pub(super) fn wait(&mut self, signals: &Signals) -> Result<u8, Failure> {
        let interrupts = signals.received();
        while !self.has_exited()? {
            if signals.received() > interrupts {
                return Ok(exit::killed_by(signal_hook::consts::SIGINT));
            }
            // SIGCHLD would need a handler of its own; twenty looks a second at nothing else to do are cheap.
            std::thread::sleep(ROUND);
        }
        let status = self.status.unwrap_or_default();
        Ok(match status.code() {
            Some(code) => code as u8,
            None => exit::killed_by(status.signal().unwrap_or(0)),
        })
    }
}
