//! Which processes there are and what they run: the agent's part that acts on the kernel's process events, and asks
//! `/proc` where no event can tell. It must not know samples.

use firetower_ebpf::abi::{ExecutableKey, ProcessEvent, StackHash, process_event};
use rustc_hash::FxHashSet;

use super::processes::State;
use super::{Agent, KnownStack};
use crate::capture::CaptureError;
use crate::model::{Pid, Reason};
use crate::process::identity;

impl Agent {
    /// Adds a process to those that are sampled, and examines it at once.
    pub fn watch(&mut self, pid: Pid, follow: bool) -> Result<(), CaptureError> {
        self.capture.add_target(pid, follow)?;
        if follow {
            // Whoever is forked from here on is added by the kernel side; this is for those that were before.
            for child in identity::descendants(pid).map_err(CaptureError::Io)? {
                self.capture.add_target(child, true)?;
                self.examine(child)?;
            }
        }
        self.examine(pid)
    }

    /// Adds the program that a process is about to execute to those that are sampled.
    pub fn watch_from_exec(&mut self, pid: Pid, follow: bool) -> Result<(), CaptureError> {
        self.capture.add_target_from_exec(pid, follow)
    }

    /// Finds the Python processes that are there and have not been met, also those that use no CPU; and forgets the
    /// ones that are gone though no event said so.
    pub fn discover(&mut self) -> Result<(), CaptureError> {
        for pid in self.processes.gone() {
            self.forget_process(pid);
        }
        let known: FxHashSet<Pid> = self.processes.iter().map(|(pid, _)| pid).collect();
        for pid in identity::all().map_err(CaptureError::Io)? {
            if !known.contains(&pid) {
                self.examine(pid)?;
            }
        }
        Ok(())
    }

    pub(super) fn process_event(&mut self, event: &ProcessEvent) -> Result<(), CaptureError> {
        let pid = Pid(event.tgid);
        match event.what {
            // A process is reported again until the answer is there. A second answer would be a new attachment, and
            // void the stacks of the first one that are on their way.
            process_event::REPORT => match self.processes.get(pid) {
                Some(process) if process.examined > event.time => {}
                _ => {
                    self.examine(pid)?;
                    self.learn_executable(pid, event.executable)?;
                }
            },
            process_event::FORK => {
                let parent = Pid(event.parent);
                if self.processes.fork(pid, parent).is_none() {
                    self.examine(pid)?;
                } else {
                    self.symbolizer.inherit(pid, parent);
                }
            }
            process_event::EXEC => {
                self.forget_process(pid);
                self.examine(pid)?;
                self.learn_executable(pid, event.executable)?;
                if self.processes.get(pid).is_some_and(|process| process.starting) {
                    self.starting.add(pid, event.time);
                }
            }
            process_event::EXIT => self.forget_process(pid),
            other => tracing::error!("process event {other} from the kernel side is not known"),
        }
        Ok(())
    }

    /// What a process turned out to be says what its executable is, for every process that runs it later.
    fn learn_executable(&mut self, pid: Pid, executable: ExecutableKey) -> Result<(), CaptureError> {
        if executable == ExecutableKey::NONE {
            return Ok(());
        }
        match self.processes.get(pid).map(|process| &process.state) {
            Some(State::Not { reason: Reason::NotPython, .. }) => self.capture.add_no_python(executable),
            Some(State::Python(_)) => {
                self.capture.forget_no_python(executable);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Looks again at processes that have just been executed and have not loaded their interpreter yet.
    pub(super) fn look_at_starting(&mut self) -> Result<(), CaptureError> {
        let now = self.clock.monotonic_now();
        for pid in self.starting.due(now) {
            if self.processes.get(pid).is_some_and(|process| process.starting) {
                self.look(pid, true)?;
            }
            if !self.processes.get(pid).is_some_and(|process| process.starting) {
                self.starting.remove(pid);
            }
        }
        Ok(())
    }

    /// Looks at a process and tells the kernel side what it is.
    fn examine(&mut self, pid: Pid) -> Result<(), CaptureError> {
        self.look(pid, false)
    }

    fn look(&mut self, pid: Pid, unasked: bool) -> Result<(), CaptureError> {
        let now = self.clock.monotonic_now();
        let Some(process) = self.processes.examine(pid, now, unasked) else {
            self.forget_process(pid);
            return Ok(());
        };
        let facts = process.facts(now);
        let started = process.started;
        match &process.state {
            State::Python(interpreter) => {
                tracing::info!(%pid, "CPython {} in {}", interpreter.version, interpreter.file.display());
            }
            State::Not { reason, detail, .. } => tracing::debug!(%pid, "{} {detail}", reason.text()),
        }
        self.capture.set_process(pid, &facts)?;
        // It may have ended before the kernel side had anything to delete.
        if identity::started(pid) != Some(started) {
            self.forget_process(pid);
        }
        Ok(())
    }

    fn forget_process(&mut self, pid: Pid) {
        self.capture.forget_process(pid);
        self.processes.forget(pid);
        self.symbolizer.forget(pid);
        self.series.forget(pid);
        self.starting.remove(pid);
        let of_process = |(&hash, known): (&StackHash, &KnownStack)| (known.pid == pid).then_some(hash);
        for hash in self.stacks.iter().filter_map(of_process).collect::<Vec<_>>() {
            self.forget_stack(hash);
        }
    }
}
