//! A process whose interpreter has been recognised, and where its threads are told. It must not know what is read then.

use std::path::PathBuf;

use super::DumpError;
use crate::model::{Pid, Reason};
use crate::process::identity;
use crate::process::live::LiveProcess;
use crate::process::maps::MapsError;
use crate::process::memory::{Memory, MemoryError};
use crate::process::view::ProcessView;
use crate::python::Interpreter;
use crate::python::detect::{Outcome, Recogniser};
use crate::python::threads::Offsets;
use crate::python::versions;

/// A process that can be read.
#[derive(Debug)]
pub struct Attached {
    /// The process.
    pub pid: Pid,
    /// Its executable, where the kernel tells.
    pub executable: Option<PathBuf>,
    /// Its interpreter.
    pub interpreter: Interpreter,
    /// Where its threads are told.
    pub offsets: Offsets,
    process: LiveProcess,
}

impl Attached {
    /// Attaches to a process.
    ///
    /// # Errors
    /// If it runs no Python that can be read, or exits meanwhile.
    pub fn to(pid: Pid) -> Result<Attached, DumpError> {
        unless_gone(pid, || Attached::to_running(pid))
    }

    /// The same, whose errors may be due to the process's exit.
    pub(super) fn to_running(pid: Pid) -> Result<Attached, DumpError> {
        let process = LiveProcess::new(pid);
        let executable = readable(&process)?;
        let interpreter = match Recogniser::default().examine(&process) {
            Outcome::Python(interpreter) => interpreter,
            Outcome::NotPython => return Err(DumpError::NotPython),
            Outcome::NotYet => {
                let detail = "it is linked to Python, or called like it, but has not loaded it".to_owned();
                return Err(DumpError::Broken { reason: Reason::InterpreterNotRunning, detail });
            }
            Outcome::Broken { reason: Reason::ProcessExited, .. } => return Err(DumpError::Gone),
            Outcome::Broken { reason, detail } => return Err(DumpError::Broken { reason, detail }),
        };
        let facts = versions::thread_facts(interpreter.version).ok_or_else(|| {
            DumpError::unreadable(format!("threads of CPython {} are not known", interpreter.version))
        })?;
        let offsets = facts.resolve(process.memory(), &interpreter)?;
        Ok(Attached { pid, executable, interpreter: *interpreter, offsets, process })
    }

    /// The same process, its functions named by `co_name` in every version: `get`, not `Handler.get`.
    #[must_use]
    pub fn by_plain_names(mut self) -> Attached {
        self.interpreter.objects.code.qualname = None;
        self
    }

    /// Its memory.
    pub fn memory(&self) -> &dyn Memory {
        self.process.memory()
    }
}

/// What a process is about to lose at its exit can fail in many ways, all of which mean the same: [`DumpError::Gone`].
pub(super) fn unless_gone<T>(pid: Pid, read: impl FnOnce() -> Result<T, DumpError>) -> Result<T, DumpError> {
    let started = identity::started(pid).ok_or(DumpError::Gone)?;
    read().map_err(|error| match identity::started(pid) {
        Some(still) if still == started => error,
        _ => DumpError::Gone,
    })
}

/// Whether we may read the process's memory; if so its executable.
fn readable(process: &dyn ProcessView) -> Result<Option<PathBuf>, DumpError> {
    let maps = process.maps().map_err(|error| match error {
        MapsError::Gone => DumpError::Gone,
        MapsError::Denied(_) => DumpError::Denied,
        error => DumpError::unreadable(error.to_string()),
    })?;
    let Ok(link) = process.executable_link() else { return Ok(None) };
    let Some(executable) = maps.executable(&link) else { return Ok(None) };
    match process.memory().read(executable.start, &mut [0]) {
        Err(MemoryError::Denied) => Err(DumpError::Denied),
        Err(MemoryError::Gone) => Err(DumpError::Gone),
        _ => Ok(Some(executable.path.clone())),
    }
}
