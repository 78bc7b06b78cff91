//! The process that detection is tested on: a running `target.py`, and what it says of itself.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use firetower::model::Pid;
use firetower::process::live::LiveProcess;
use firetower::process::memory::{LiveMemory, Memory};
use firetower::python::Interpreter;
use firetower::python::code::Code;
use firetower::python::detect::{Outcome, Recogniser};
use firetower::python::objects::Objects;

use crate::line_tables::unhex;
use crate::pythons::{Process, fixture};

/// A code object, as `target.py` describes it.
pub struct SaidCode {
    pub address: u64,
    pub name: String,
    pub file: String,
    pub first_line: u32,
    pub line_table: Vec<u8>,
}

/// A running `target.py` and what it said.
pub struct Target {
    pub process: Process,
    pub codes: Vec<SaidCode>,
    /// Names and lines of the main thread's frames, leaf first.
    pub frames: Vec<(String, u32)>,
    /// `3.11.7`.
    pub version: String,
    /// `pthread_self()` of the main thread.
    pub ident: u64,
}

pub fn text(hex: &str) -> String {
    String::from_utf8(unhex(hex)).expect("UTF-8")
}

impl Target {
    /// Starts it, and waits until it waits.
    pub fn start(command: &mut Command) -> Target {
        let mut process = Process::start(command.arg(fixture("target.py")));
        let (mut codes, mut frames) = (Vec::new(), Vec::new());
        loop {
            let line = process.line().expect("the target says READY");
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["CODE", address, name, file, first_line, table] => codes.push(SaidCode {
                    address: address.parse().expect("an address"),
                    name: text(name),
                    file: text(file),
                    first_line: first_line.parse().expect("a line"),
                    line_table: unhex(table),
                }),
                ["FRAME", name, line] => frames.push((text(name), line.parse().expect("a line"))),
                ["READY", version, ident] => {
                    let (version, ident) = (version.to_owned(), ident.parse().expect("an ident"));
                    wait_until_reading_input(process.pid());
                    return Target { process, codes, frames, version, ident };
                }
                _ => panic!("{line}"),
            }
        }
    }

    pub fn memory(&self) -> LiveMemory {
        LiveMemory::new(self.process.pid())
    }

    pub fn interpreter(&self) -> Interpreter {
        match examine(self.process.pid()) {
            Outcome::Python(interpreter) => *interpreter,
            other => panic!("Python {}: {other:?}", self.version),
        }
    }
}

/// Waits until the main thread is in read(0, …): proc_pid_syscall(5).
pub fn wait_until_reading_input(pid: Pid) {
    let read = format!("{} 0x0 ", libc::SYS_read);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !fs::read_to_string(format!("/proc/{pid}/syscall")).expect("the target runs").starts_with(&read) {
        assert!(Instant::now() < deadline, "the target never reads its input");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Examines a process as the agent does when it has seen no other.
pub fn examine(pid: Pid) -> Outcome {
    Recogniser::default().examine(&LiveProcess::new(pid))
}

/// The fingerprint of a code object that is there.
pub fn fingerprint(memory: &dyn Memory, objects: &Objects, code: u64) -> u32 {
    Code::fingerprint(memory, objects, code).expect("a code object")
}
