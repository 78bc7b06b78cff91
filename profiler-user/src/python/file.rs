//! Recognising an interpreter in an executable file: once per file, without a process.
//!
//! It must not know processes. What it says about a file holds wherever the file is mapped.

use object::read::ReadCacheOps;

use super::interp_head::{self, FUNCTION_BYTES};
use super::versions::{
    CurrentTstate, Facts, PY_RUNTIME, PY_RUNTIME_SECTION, PY_THREAD_STATE_CURRENT, PythonVersion, RELEASES,
    Release, Root,
};
use super::{Obstacle, debug_offsets, embedded};
use crate::native::elf::{Elf, ElfError, ElfFile, Place, Segment, SymbolTable};

/// What a file is.
#[derive(Clone, Debug)]
pub(super) enum FileKind {
    /// It holds no interpreter.
    Other {
        /// Whether it is linked to a libpython, which then is mapped when the process has started.
        needs_libpython: bool,
    },
    /// It holds an interpreter that can be read.
    Interpreter(InterpreterFile),
    /// It holds an interpreter, or should, that can't be read.
    Broken(Obstacle),
}

/// A file that holds an interpreter. Addresses are as in the file.
#[derive(Clone, Debug)]
pub(super) struct InterpreterFile {
    pub(super) version: PythonVersion,
    pub(super) release: &'static Release,
    /// Of what the release's [`Root`] says.
    pub(super) runtime: u64,
    /// Of the pointer to the thread state that holds the GIL, where there is one that is known.
    pub(super) current_tstate: Option<u64>,
    pub(super) segments: Vec<Segment>,
}

/// Says what a file is. `name` is its file name: with the soname it tells the version of Pythons that have no
/// `Py_Version` symbol (before 3.11).
pub(super) fn recognise(file: impl ReadCacheOps, name: &str) -> FileKind {
    let file = ElfFile::new(file);
    let recognised = match Elf::parse(&file) {
        Ok(elf) => examine(&elf, name),
        Err(ElfError::NotElf64) if !name.contains("python") => {
            return FileKind::Other { needs_libpython: false };
        }
        Err(error) => Err(error),
    };
    recognised.unwrap_or_else(|error| match error {
        ElfError::NotElf64 => FileKind::Broken(Obstacle::unsupported(format_args!("{name} is {error}"))),
        error => FileKind::Broken(Obstacle::unreadable(format_args!("{name}: {error}"))),
    })
}

/// What a file has of an interpreter.
struct Found {
    runtime: Option<Place>,
    version: Option<Place>,
    initialize: Option<Place>,
    interpreter_head: Option<Place>,
    current_tstate: Option<Place>,
    /// There only in builds with Py_TRACE_REFS, whose object headers are longer.
    print_references: Option<Place>,
    /// The section of `_PyRuntime`: there also where nothing is exported and all is stripped.
    section: Option<Place>,
}

impl Found {
    /// By what the file exports. An executable need not export what it was linked with: then by all its symbols, if
    /// they are still there.
    fn look(elf: &Elf<'_, impl ReadCacheOps>, all_symbols: bool) -> Result<Found, ElfError> {
        let exported = Found::in_table(elf, SymbolTable::Dynamic)?;
        if exported.is_interpreter() || !all_symbols || !elf.can_read(SymbolTable::Full) {
            return Ok(exported);
        }
        Found::in_table(elf, SymbolTable::Full)
    }

    fn in_table(elf: &Elf<'_, impl ReadCacheOps>, table: SymbolTable) -> Result<Found, ElfError> {
        let names = [
            PY_RUNTIME,
            "Py_Version",
            "Py_Initialize",
            "PyInterpreterState_Head",
            PY_THREAD_STATE_CURRENT,
            "_Py_PrintReferences",
        ];
        let [runtime, version, initialize, interpreter_head, current_tstate, print_references] =
            elf.symbols(table, names)?;
        let section = elf.section(PY_RUNTIME_SECTION);
        Ok(Found {
            runtime,
            version,
            initialize,
            interpreter_head,
            current_tstate,
            print_references,
            section,
        })
    }

    fn is_interpreter(&self) -> bool {
        self.runtime.is_some() || self.initialize.is_some()
    }

    /// `_PyRuntime`.
    fn structure(&self) -> Option<Place> {
        self.runtime.or(self.section)
    }

    /// The version, and whether it is a final release: from 3.11 on by a symbol, from 3.13 on by `_Py_DebugOffsets`,
    /// before by names, or else by what a program that was linked with it holds of it.
    fn version(
        &self,
        elf: &Elf<'_, impl ReadCacheOps>,
        names: [Option<&str>; 2],
    ) -> Option<(PythonVersion, bool)> {
        let hex = self.version.and_then(|place| elf.u64_at(place.address));
        let start = || self.structure().and_then(|place| elf.bytes_at(place.address, 16));
        let named = || names.into_iter().flatten().find_map(PythonVersion::from_file_name);
        let held = || constants(elf).find_map(embedded::version);
        hex.map(PythonVersion::from_hex)
            .or_else(|| debug_offsets::version(start()?))
            .or_else(|| named().or_else(held).map(|version| (version, true)))
    }

    /// The address of what everything starts from.
    fn root(&self, elf: &Elf<'_, impl ReadCacheOps>, root: Root) -> Result<Option<u64>, ElfError> {
        match root {
            Root::Runtime => Ok(self.structure().map(|place| place.address)),
            Root::InterpHead => {
                let [symbol] = elf.symbols(SymbolTable::Full, [root.symbol()])?;
                Ok(symbol.map(|place| place.address).or_else(|| self.loaded_head(elf)))
            }
        }
    }

    /// `interp_head`, by the function that returns it.
    fn loaded_head(&self, elf: &Elf<'_, impl ReadCacheOps>) -> Option<u64> {
        let function = self.interpreter_head.filter(|_| elf.is_x86_64())?.address;
        let variable = interp_head::loaded(elf.bytes_at(function, FUNCTION_BYTES as u64)?, function)?;
        let holds_it = |segment: &&Segment| {
            let offset = variable.checked_sub(segment.address);
            segment.writable && offset.is_some_and(|offset| offset < segment.memory_size)
        };
        elf.segments().iter().find(holds_it).map(|_| variable)
    }

    fn current_tstate(&self, place: CurrentTstate) -> Option<u64> {
        match place {
            CurrentTstate::Symbol => self.current_tstate.map(|place| place.address),
            CurrentTstate::InRuntime { offset, runtime_size } => {
                let runtime = self.structure()?;
                let holds = runtime_size.is_none_or(|size| size == runtime.size);
                holds.then(|| runtime.address.wrapping_add(offset.into()))
            }
            CurrentTstate::Absent => None,
        }
    }
}

fn examine(elf: &Elf<'_, impl ReadCacheOps>, name: &str) -> Result<FileKind, ElfError> {
    let names = elf.dynamic_names()?;
    let needs_libpython = names.needed.iter().any(|needed| needed.starts_with("libpython"));
    let found = Found::look(elf, !needs_libpython)?;
    if !found.is_interpreter() && found.section.is_none() {
        return Ok(if needs_libpython { FileKind::Other { needs_libpython } } else { nameless(elf, name) });
    }
    let unsupported = |why: String| Ok(FileKind::Broken(Obstacle::unsupported(why)));
    let Some((version, is_final)) = found.version(elf, [names.soname.as_deref(), Some(name)]) else {
        return unsupported(format!("{name} is a CPython of unknown version"));
    };
    let Some(release) = Release::find(version) else {
        return unsupported(format!("CPython {version}; supported are {}", supported()));
    };
    if !is_final {
        let why = "a pre-release: its structures may still change";
        return unsupported(format!("CPython {version}, {why}"));
    }
    if found.print_references.is_some() {
        return unsupported(format!("CPython {version}, built with Py_TRACE_REFS"));
    }
    let current_tstate = match &release.facts {
        Facts::Fixed { current_tstate, .. } => found.current_tstate(*current_tstate),
        Facts::SelfDescribed(_) => None,
    };
    Ok(match found.root(elf, release.root)? {
        Some(runtime) => FileKind::Interpreter(InterpreterFile {
            version,
            release,
            runtime,
            current_tstate,
            segments: elf.segments().to_vec(),
        }),
        None => FileKind::Broken(Obstacle::unreadable(format_args!(
            "CPython {version}: {name} has no symbol {}; is it stripped?",
            release.root.symbol()
        ))),
    })
}

/// What a file is that has no symbols of a Python: it may hold one all the same, without any name.
fn nameless(elf: &Elf<'_, impl ReadCacheOps>, name: &str) -> FileKind {
    if !constants(elf).any(embedded::is_interpreter) {
        return FileKind::Other { needs_libpython: false };
    }
    let version = constants(elf).find_map(embedded::version);
    let version = version.map_or_else(String::new, |version| format!(" {version}"));
    FileKind::Broken(Obstacle::unreadable(format_args!(
        "CPython{version}: {name} has no symbols: it was stripped, and linked without -rdynamic"
    )))
}

/// The parts of a file that hold its strings. One that is larger than any interpreter's is not looked through.
fn constants<'data>(elf: &Elf<'data, impl ReadCacheOps>) -> impl Iterator<Item = &'data [u8]> {
    // Also what can be written: 2.7 has the folder of its library there.
    let holds_strings =
        |segment: &&Segment| !segment.executable && segment.file_size <= embedded::MAX_CONSTANTS;
    elf.segments().iter().filter(holds_strings).filter_map(|part| elf.bytes_at(part.address, part.file_size))
}

/// `2.7, 3.8, 3.11`
fn supported() -> String {
    let names: Vec<String> = RELEASES.iter().map(|r| format!("{}.{}", r.major, r.minor)).collect();
    names.join(", ")
}
