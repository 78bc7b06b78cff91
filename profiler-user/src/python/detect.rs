//! Finding the interpreter of a process: which of its files is one, and where it lies.
//!
//! It must not know how the result is handed to the kernel side, nor when to look again. A file is recognised once
//! and remembered; a process is attached to each time it is examined.

use std::collections::HashMap;
use std::io;

use firetower_ebpf::reason::Reason;

use super::file::{self, FileKind, InterpreterFile};
use super::versions::{Build, Facts};
use super::{Interpreter, Obstacle};
use crate::model::Pid;
use crate::process::maps::{Mapping, Maps, MapsError};
use crate::process::memory::Memory;
use crate::process::view::{FileIdentity, ProcessView};

/// Most files that are remembered. When there are more, all are forgotten: they cost one look each to learn anew,
/// and a node that runs more distinct executables than this at once does not exist.
const MAX_FILES: usize = 4096;

/// Most files of one process that are looked at: it may map as many that are called after Python as it likes.
const MAX_CANDIDATES: usize = 16;

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

/// Recognises interpreters, and remembers which files hold one.
#[derive(Debug, Default)]
pub struct Recogniser {
    files: HashMap<FileIdentity, FileKind>,
}

impl Recogniser {
    /// Finds out what the process runs.
    pub fn examine(&mut self, process: &dyn ProcessView) -> Outcome {
        self.look(process).unwrap_or_else(Outcome::from)
    }

    fn look(&mut self, process: &dyn ProcessView) -> Result<Outcome, Obstacle> {
        let maps = process.maps().map_err(|error| match error {
            MapsError::Gone => Obstacle::exited(),
            error => Obstacle::unreadable(error),
        })?;
        if maps.mappings().is_empty() {
            // A kernel thread, or what is left of a process that is exiting.
            return Ok(Outcome::NotPython);
        }
        let link = process.executable_link().map_err(|error| link_obstacle(process.pid(), &error))?;
        let executable = maps.executable(&link);
        let mut obstacle = None;
        let mut becomes_python = executable.is_some_and(|mapping| mapping.file_name().contains("python"));
        let candidates = candidates(&maps, executable);
        for mapping in &candidates {
            match self.kind_of(process, mapping) {
                Ok(FileKind::Interpreter(file)) => return attach(&maps, mapping, process.memory(), &file),
                Ok(FileKind::Other { needs_libpython }) => becomes_python |= needs_libpython,
                Ok(FileKind::Broken(found)) => obstacle = obstacle.or(Some(found)),
                Err(error) => obstacle = obstacle.or_else(|| Some(file_obstacle(mapping, &error))),
            }
        }
        if candidates.len() == MAX_CANDIDATES {
            obstacle = obstacle.or_else(|| Some(too_many_files()));
        }
        match obstacle {
            Some(obstacle) => Err(obstacle),
            None if becomes_python => Ok(Outcome::NotYet),
            None => Ok(Outcome::NotPython),
        }
    }

    /// What the file behind a mapping is, from memory or by reading it.
    fn kind_of(&mut self, process: &dyn ProcessView, mapping: &Mapping) -> io::Result<FileKind> {
        let file = process.open(mapping)?;
        if let Some(kind) = self.files.get(&file.identity) {
            return Ok(kind.clone());
        }
        let kind = file::recognise(file.content, &mapping.file_name());
        if self.files.len() >= MAX_FILES {
            self.files.clear();
        }
        self.files.insert(file.identity, kind.clone());
        Ok(kind)
    }
}

/// The files that may hold an interpreter, each by one of its mappings: the executable, then what is mapped
/// executable and called after Python. Extension modules (`x.cpython-311-….so`, PEP 3149) are linked to it at most.
///
/// An interpreter inside of a library with a name of its own is not found: its process is no Python. Every library of
/// every process would have to be read for it.
fn candidates<'maps>(maps: &'maps Maps, executable: Option<&'maps Mapping>) -> Vec<&'maps Mapping> {
    let mut found: Vec<&Mapping> = executable.into_iter().collect();
    for mapping in maps.mappings() {
        let name = mapping.file_name();
        if mapping.executable
            && mapping.inode != 0
            && name.contains("python")
            && !name.contains(".cpython-")
            && !found.iter().any(|known| known.same_file(mapping))
            && found.len() < MAX_CANDIDATES
        {
            found.push(mapping);
        }
    }
    found
}

/// Puts together what the file and the process say.
fn attach(
    maps: &Maps,
    mapping: &Mapping,
    memory: &dyn Memory,
    file: &InterpreterFile,
) -> Result<Outcome, Obstacle> {
    let version = file.version;
    let bias = load_bias(maps, mapping, file).ok_or_else(|| {
        let name = mapping.path.display();
        Obstacle::unreadable(format_args!("CPython {version}: {name} is not mapped as its segments say"))
    })?;
    let runtime = bias.wrapping_add(file.runtime);
    let Build { layout, objects, interp_id } = match &file.release.facts {
        Facts::Fixed { build, .. } => *build,
        Facts::SelfDescribed(facts) => facts.read(memory, runtime, version)?,
    };
    let layout = objects.with_content(layout);
    layout.validate().and_then(|()| objects.validate()).map_err(|field| {
        Obstacle::unreadable(format_args!("CPython {version}: the process gives a senseless offset: {field}"))
    })?;
    // Whether there is an interpreter changes with time and is the kernel side's to see; that it can be read is not.
    let head = runtime.wrapping_add(layout.runtime_interpreters_head.into());
    memory.read_u64(head).map_err(|error| Obstacle::memory("the list of interpreters", error))?;
    let current_tstate = file.current_tstate.map_or(0, |address| bias.wrapping_add(address));
    let file = mapping.path.clone();
    Ok(Outcome::Python(Box::new(Interpreter {
        version,
        file,
        runtime,
        current_tstate,
        interp_id,
        layout,
        objects,
    })))
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

fn too_many_files() -> Obstacle {
    Obstacle::unreadable(format_args!(
        "{MAX_CANDIDATES} or more files are mapped that may be a Python, and none of the first is"
    ))
}

fn file_obstacle(mapping: &Mapping, error: &io::Error) -> Obstacle {
    Obstacle::unreadable(format_args!("{} can't be opened: {error}", mapping.path.display()))
}
