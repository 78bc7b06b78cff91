//! Recognising an interpreter in an executable file: once per file, without a process.
//!
//! It must not know processes. What it says about a file holds wherever the file is mapped.

use object::read::ReadCacheOps;

use super::Obstacle;
use super::versions::{PY_RUNTIME, PythonVersion, RELEASES, Release};
use crate::native::elf::{Elf, ElfError, ElfFile, Segment, SymbolTable};

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

fn examine(elf: &Elf<'_, impl ReadCacheOps>, name: &str) -> Result<FileKind, ElfError> {
    let [runtime, hex] = elf.objects(SymbolTable::Dynamic, [PY_RUNTIME, "Py_Version"])?;
    // `_Py_PrintReferences` is there only in builds with Py_TRACE_REFS, whose object headers are longer.
    let [initialize, trace_refs] =
        elf.functions(SymbolTable::Dynamic, ["Py_Initialize", "_Py_PrintReferences"])?;
    let names = elf.dynamic_names()?;
    if initialize.is_none() && runtime.is_none() {
        let needs_libpython = names.needed.iter().any(|needed| needed.starts_with("libpython"));
        return Ok(FileKind::Other { needs_libpython });
    }
    let unsupported = |why: String| Ok(FileKind::Broken(Obstacle::unsupported(why)));

    let (version, is_final) = match hex.and_then(|address| elf.u64_at(address)) {
        Some(hex) => PythonVersion::from_hex(hex),
        None => {
            let soname = names.soname.as_deref().and_then(PythonVersion::from_file_name);
            match soname.or_else(|| PythonVersion::from_file_name(name)) {
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
    if trace_refs.is_some() {
        return unsupported(format!("CPython {version}, built with Py_TRACE_REFS"));
    }
    let symbol = release.runtime_symbol;
    let [exported] = elf.objects(SymbolTable::Dynamic, [symbol])?;
    let runtime = match exported {
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

/// `2.7, 3.8, 3.11`
fn supported() -> String {
    let names: Vec<String> = RELEASES.iter().map(|r| format!("{}.{}", r.major, r.minor)).collect();
    names.join(", ")
}
