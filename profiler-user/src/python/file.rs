//! Recognising an interpreter in an executable file: once per file, without a process.
//!
//! It must not know processes. What it says about a file holds wherever the file is mapped.

use std::fs::File;

use object::read::ReadCache;

use super::Obstacle;
use super::versions::{PY_RUNTIME, PythonVersion, RELEASES, Release};
use crate::native::elf::{Elf, ElfError, Segment, SymbolTable};
use crate::native::search;

/// What every CPython says when it gives up, `Fatal Python error: `, from its last letter to its first: this program,
/// which looks for it, shall not carry it.
const LAST_WORDS_REVERSED: [u8; 20] = *b" :rorre nohtyP lataF";
/// In front of its version in the path of its library, which `getpath.c` has in every CPython.
const LIBRARY_PATH: &[u8] = b"lib/python";

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

/// A file that holds an interpreter.
#[derive(Clone, Debug)]
pub(super) struct InterpreterFile {
    pub(super) version: PythonVersion,
    pub(super) release: &'static Release,
    /// Address of the runtime symbol in the file.
    pub(super) runtime: u64,
    pub(super) segments: Vec<Segment>,
}

/// Says what a file is. `name` is its file name: with the soname and the path of its library it tells the version of
/// Pythons that have no `Py_Version` symbol (before 3.11).
pub(super) fn recognise(file: File, name: &str) -> FileKind {
    let recognised = file.try_clone().map_err(|error| ElfError::Malformed(error.to_string()));
    let recognised = recognised.and_then(|strings| {
        let cache = ReadCache::new(file);
        match Elf::parse(&cache) {
            Ok(elf) => examine(&elf, &strings, name),
            Err(ElfError::NotElf64) if !name.contains("python") => {
                Ok(FileKind::Other { needs_libpython: false })
            }
            Err(error) => Err(error),
        }
    });
    recognised.unwrap_or_else(|error| match error {
        ElfError::NotElf64 => FileKind::Broken(Obstacle::unsupported(format_args!("{name} is {error}"))),
        error => FileKind::Broken(Obstacle::unreadable(format_args!("{name}: {error}"))),
    })
}

/// What the symbols say.
struct Symbols {
    /// Where they were found.
    table: SymbolTable,
    /// Address of `Py_Version`.
    version: Option<u64>,
    trace_refs: bool,
}

impl Symbols {
    /// `None`: the table has none of a Python.
    fn read(elf: &Elf<'_>, table: SymbolTable) -> Result<Option<Symbols>, ElfError> {
        let [runtime, version] = elf.objects(table, [PY_RUNTIME, "Py_Version"])?;
        // `_Py_PrintReferences` is there only in builds with Py_TRACE_REFS, whose object headers are longer.
        let [initialize, trace_refs] = elf.functions(table, ["Py_Initialize", "_Py_PrintReferences"])?;
        let is_python = initialize.is_some() || runtime.is_some();
        Ok(is_python.then_some(Symbols { table, version, trace_refs: trace_refs.is_some() }))
    }
}

/// What an ELF file is. `strings` is the same file.
fn examine(elf: &Elf<'_>, strings: &File, name: &str) -> Result<FileKind, ElfError> {
    let names = elf.dynamic_names()?;
    let symbols = match Symbols::read(elf, SymbolTable::Dynamic)? {
        Some(symbols) => symbols,
        None if names.needed.iter().any(|needed| needed.starts_with("libpython")) => {
            return Ok(FileKind::Other { needs_libpython: true });
        }
        // An executable that was linked without -rdynamic exports nothing. A table that can't be read is as good as
        // one that was stripped: what has it is in all likelihood no Python.
        None => match Symbols::read(elf, SymbolTable::Full) {
            Ok(Some(symbols)) => symbols,
            Ok(None) | Err(_) => return nameless(elf, strings, name),
        },
    };
    let unsupported = |why: String| Ok(FileKind::Broken(Obstacle::unsupported(why)));

    let (version, is_final) = match symbols.version.and_then(|address| elf.u64_at(address)) {
        Some(hex) => PythonVersion::from_hex(hex),
        None => {
            let named = names.soname.as_deref().and_then(PythonVersion::from_file_name);
            let named = named.or_else(|| PythonVersion::from_file_name(name));
            match named.map_or_else(|| version_of_library(elf, strings), |version| Ok(Some(version)))? {
                Some(version) => (version, true),
                None => return unsupported(format!("{name} is a CPython of unknown version")),
            }
        }
    };
    let Some(release) = Release::find(version) else {
        return unsupported(format!("CPython {version}; supported are {}", supported()));
    };
    if !is_final {
        return unsupported(format!("CPython {version}, a pre-release"));
    }
    if symbols.trace_refs {
        return unsupported(format!("CPython {version}, built with Py_TRACE_REFS"));
    }
    let symbol = release.runtime_symbol;
    let runtime = match elf.objects(symbols.table, [symbol])?[0] {
        Some(address) => Some(address),
        None => elf.objects(SymbolTable::Full, [symbol])?[0],
    };
    Ok(match runtime {
        Some(runtime) => FileKind::Interpreter(InterpreterFile {
            version,
            release,
            runtime,
            segments: elf.segments().to_vec(),
        }),
        None => FileKind::Broken(Obstacle::unreadable(format_args!(
            "CPython {version}: {name} has no symbol {symbol}; is it stripped?"
        ))),
    })
}

/// What a file is that has no symbols of a Python: it may hold one all the same, without any name.
fn nameless(elf: &Elf<'_>, strings: &File, name: &str) -> Result<FileKind, ElfError> {
    let mut last_words = LAST_WORDS_REVERSED;
    last_words.reverse();
    let found = search::find(strings, elf.segments(), &last_words, 0, |_| Some(()));
    if found.map_err(unread)?.is_none() {
        return Ok(FileKind::Other { needs_libpython: false });
    }
    let version = version_of_library(elf, strings)?.map_or_else(String::new, |version| format!(" {version}"));
    Ok(FileKind::Broken(Obstacle::unreadable(format_args!(
        "CPython{version}: {name} has no symbols: it was stripped, and linked without -rdynamic"
    ))))
}

/// The version in the path of a Python's library, `lib/python3.8`.
fn version_of_library(elf: &Elf<'_>, strings: &File) -> Result<Option<PythonVersion>, ElfError> {
    let version = |behind: &[u8]| {
        let end = behind.iter().position(|&byte| byte == 0)?;
        PythonVersion::from_file_name(&format!("python{}", std::str::from_utf8(&behind[..end]).ok()?))
    };
    // `3.8` and its end, with room for `3.13t`.
    search::find(strings, elf.segments(), LIBRARY_PATH, 8, version).map_err(unread)
}

fn unread(error: std::io::Error) -> ElfError {
    ElfError::Malformed(format!("it can't be read: {error}"))
}

/// `2.7, 3.8, 3.11`
fn supported() -> String {
    let names: Vec<String> = RELEASES.iter().map(|r| format!("{}.{}", r.major, r.minor)).collect();
    names.join(", ")
}
