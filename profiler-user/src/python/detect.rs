//! Finding the interpreter of a process: which of its files is one, and where it lies.
//!
//! It must not know how the result is handed to the kernel side, nor when to look again. A file is recognised once
//! and remembered; a process is attached to each time it is examined.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use firetower_ebpf::reason::Reason;

use super::file::{self, FileKind, InterpreterFile};
use super::versions::Facts;
use super::{Interpreter, Obstacle};
use crate::model::Pid;
use crate::process::maps::{Mapping, Maps, MapsError};
use crate::process::memory::Memory;

/// Most files that are remembered. When there are more, all are forgotten: they cost one look each to learn anew,
/// and a node that runs more distinct executables than this at once does not exist.
const MAX_FILES: usize = 4096;

/// What a process turned out to be.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It runs no Python interpreter.
    NotPython,
    /// It runs none yet, but its executable is linked to libpython or called after Python: look again soon.
    NotYet,
    /// It runs this one.
    Python(Box<Interpreter>),
    /// It can't be told, or it runs one that can't be read.
    Broken {
        /// What is said of its samples.
        reason: Reason,
        /// What exactly, in words for an operator.
        detail: String,
    },
}

impl From<Obstacle> for Outcome {
    fn from(Obstacle { reason, detail }: Obstacle) -> Outcome {
        Outcome::Broken { reason, detail }
    }
}

/// Identity of a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct FileKey {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

/// Recognises interpreters, and remembers which files hold one.
#[derive(Debug, Default)]
pub struct Recogniser {
    files: HashMap<FileKey, FileKind>,
}

impl Recogniser {
    /// Finds out what the process runs. `memory` is the memory of that process.
    pub fn examine(&mut self, pid: Pid, memory: &dyn Memory) -> Outcome {
        self.look(pid, memory).unwrap_or_else(Outcome::from)
    }

    fn look(&mut self, pid: Pid, memory: &dyn Memory) -> Result<Outcome, Obstacle> {
        let maps = Maps::read(pid).map_err(|error| match error {
            MapsError::Gone => Obstacle::exited(),
            error => Obstacle::unreadable(error),
        })?;
        if maps.mappings().is_empty() {
            // A kernel thread, or what is left of a process that is exiting.
            return Ok(Outcome::NotPython);
        }
        let executable = maps.executable().map_err(|error| link_obstacle(pid, &error))?;
        let (mut obstacle, mut unstarted) = (None, None);
        let mut becomes_python = executable.is_some_and(|mapping| mapping.file_name().contains("python"));
        for mapping in candidates(&maps, executable) {
            match self.kind_of(&maps, mapping) {
                // More than one may be mapped, as extension modules bring the libpython that they are linked to into a
                // program that holds an interpreter itself: the one that runs is meant.
                Ok(FileKind::Interpreter(file)) => match attach(&maps, mapping, memory, &file) {
                    Ok(Attached { interpreter, runs: true }) => {
                        return Ok(Outcome::Python(Box::new(interpreter)));
                    }
                    Ok(Attached { interpreter, runs: false }) => {
                        unstarted = unstarted.or(Some(interpreter));
                    }
                    Err(found) => obstacle = obstacle.or(Some(found)),
                },
                Ok(FileKind::Other { needs_libpython }) => becomes_python |= needs_libpython,
                Ok(FileKind::Broken(found)) => obstacle = obstacle.or(Some(found)),
                Err(error) => obstacle = obstacle.or_else(|| Some(file_obstacle(mapping, &error))),
            }
        }
        match (obstacle, unstarted) {
            (Some(obstacle), _) => Err(obstacle),
            (None, Some(interpreter)) => Ok(Outcome::Python(Box::new(interpreter))),
            (None, None) if becomes_python => Ok(Outcome::NotYet),
            (None, None) => Ok(Outcome::NotPython),
        }
    }

    /// What the file behind a mapping is, from memory or by reading it.
    fn kind_of(&mut self, maps: &Maps, mapping: &Mapping) -> io::Result<FileKind> {
        let file = maps.open(mapping)?;
        let key = key_of(&file)?;
        if let Some(kind) = self.files.get(&key) {
            return Ok(kind.clone());
        }
        let kind = file::recognise(file, &mapping.file_name());
        if self.files.len() >= MAX_FILES {
            self.files.clear();
        }
        self.files.insert(key, kind.clone());
        Ok(kind)
    }
}

fn key_of(file: &File) -> io::Result<FileKey> {
    let metadata = file.metadata()?;
    Ok(FileKey {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    })
}

/// The files that may hold an interpreter, each by one of its mappings: the executable, then what is mapped
/// executable and called after Python. Extension modules (`x.cpython-311-….so`, PEP 3149) are linked to it at most.
fn candidates<'maps>(maps: &'maps Maps, executable: Option<&'maps Mapping>) -> Vec<&'maps Mapping> {
    let mut found: Vec<&Mapping> = executable.into_iter().collect();
    for mapping in maps.mappings() {
        let name = mapping.file_name();
        if mapping.executable
            && mapping.inode != 0
            && name.contains("python")
            && !name.contains(".cpython-")
            && !found.iter().any(|known| known.same_file(mapping))
        {
            found.push(mapping);
        }
    }
    found
}

/// An interpreter in a process.
struct Attached {
    interpreter: Interpreter,
    /// Whether it has started. That changes with time, and is the kernel side's to see.
    runs: bool,
}

/// Puts together what the file and the process say.
fn attach(
    maps: &Maps,
    mapping: &Mapping,
    memory: &dyn Memory,
    file: &InterpreterFile,
) -> Result<Attached, Obstacle> {
    let version = file.version;
    let bias = load_bias(maps, mapping, file).ok_or_else(|| {
        let name = mapping.path.display();
        Obstacle::unreadable(format_args!("CPython {version}: {name} is not mapped as its segments say"))
    })?;
    let runtime = bias.wrapping_add(file.runtime);
    let (layout, objects) = match &file.release.facts {
        Facts::Fixed { layout, objects } => (*layout, *objects),
        Facts::SelfDescribed(facts) => facts.read(memory, runtime, version)?,
    };
    layout.validate().and_then(|()| objects.validate()).map_err(|field| {
        Obstacle::unreadable(format_args!("CPython {version}: the process gives a senseless offset: {field}"))
    })?;
    let head = runtime.wrapping_add(layout.runtime_interpreters_head.into());
    let first = memory.read_u64(head).map_err(|error| Obstacle::memory("the list of interpreters", error))?;
    let file = mapping.path.clone();
    let interpreter = Interpreter { version, file, runtime, layout, objects };
    Ok(Attached { interpreter, runs: first != 0 })
}

/// What to add to an address in the file to get the address in the process.
///
/// By an executable mapping and the executable segment that it belongs to: a file's other pages may be mapped twice
/// (segments that share a page) or by someone who just reads the file.
fn load_bias(maps: &Maps, file_mapping: &Mapping, file: &InterpreterFile) -> Option<u64> {
    let executable =
        maps.mappings().iter().filter(|mapping| mapping.executable && mapping.same_file(file_mapping));
    executable.flat_map(|mapping| file.segments.iter().map(move |segment| (mapping, segment))).find_map(
        |(mapping, segment)| {
            // A mapping starts at the page that the segment starts in.
            let page = segment.offset & !0xfff;
            let inside =
                mapping.offset >= page && mapping.offset < segment.offset.checked_add(segment.file_size)?;
            let base = mapping.start.wrapping_sub(mapping.offset);
            (segment.executable && inside)
                .then(|| base.wrapping_sub(segment.address.wrapping_sub(segment.offset)))
        },
    )
}

fn link_obstacle(pid: Pid, error: &io::Error) -> Obstacle {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ESRCH) => Obstacle::exited(),
        _ => Obstacle::unreadable(format_args!("/proc/{pid}/exe: {error}")),
    }
}

fn file_obstacle(mapping: &Mapping, error: &io::Error) -> Obstacle {
    Obstacle::unreadable(format_args!("{} can't be opened: {error}", mapping.path.display()))
}
