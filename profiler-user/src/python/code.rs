//! One code object, read out of a process: its names and its line table.
//!
//! It must not know which frame ran it, nor keep it: caching is the caller's. A code object may be freed and its
//! memory reused at any time, also while it is read; the fingerprint that came with the sample tells.

use std::sync::Arc;

use firetower_ebpf::abi::{self, FINGERPRINT_BYTES};
use firetower_ebpf::reason::Reason;

use super::line_table::LineTable;
use super::objects::{Header, MAX_LINE_TABLE, ObjectError, Objects};
use crate::process::memory::{Memory, MemoryError};

/// A code object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// `co_qualname` where the version has it, else `co_name`.
    pub name: Arc<str>,
    /// `co_filename`, not resolved.
    pub file: Arc<str>,
    /// `co_firstlineno`, from 1; 0 if it has none.
    pub first_line: u32,
    /// From instructions to lines.
    pub line_table: LineTable,
    /// Whether it is no function of anybody's: code that the interpreter puts between two functions for itself, such
    /// as 3.13's `_Py_InitCleanup` below an inlined `__init__`. Tracebacks leave it out, and so do flame graphs.
    pub is_shim: bool,
}

/// Why a code object could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// What lies at the address is not, or not any more, the code object that was sampled.
    #[error("the code object was freed and its memory reused")]
    Replaced,
    /// The process has exited.
    #[error("the process has exited")]
    Gone,
    /// It could not be read, or makes no sense; the detail names the field.
    #[error("{0}")]
    Unreadable(String),
}

impl CodeError {
    /// What is said of the samples that ran it.
    pub fn reason(&self) -> Reason {
        match self {
            CodeError::Replaced => Reason::CodeReplaced,
            CodeError::Gone => Reason::ProcessExited,
            CodeError::Unreadable(_) => Reason::CodeUnreadable,
        }
    }

    fn field(name: &str, error: ObjectError) -> CodeError {
        match error {
            ObjectError::Memory(MemoryError::Gone) => CodeError::Gone,
            error => CodeError::Unreadable(format!("{name}: {error}")),
        }
    }
}

impl Code {
    /// Reads the code object at `address`, if it is the one that has this fingerprint.
    ///
    /// The fingerprint is compared before and after: what it covers includes the pointers to the names and the
    /// table, so a code object that is replaced while it is read is [`CodeError::Replaced`], not misnamed.
    pub fn read(
        memory: &dyn Memory,
        objects: &Objects,
        address: u64,
        fingerprint: u32,
    ) -> Result<Code, CodeError> {
        let size = u64::from(objects.code.fingerprint) + FINGERPRINT_BYTES as u64;
        let read_object = || memory.read_bytes(address, size, size);
        let is_sampled =
            |object: &[u8]| fingerprint_of(object, objects) == fingerprint && is_alive(object, objects);
        let object = read_object().map_err(|error| CodeError::field("code object", error.into()))?;
        if !is_sampled(&object) {
            return Err(CodeError::Replaced);
        }
        let code = read_fields(memory, objects, address, Header(object));
        match read_object() {
            Ok(object) if is_sampled(&object) => code,
            Ok(_) | Err(MemoryError::Fault { .. }) => Err(CodeError::Replaced),
            Err(error) => Err(CodeError::field("code object", error.into())),
        }
    }

    /// The line of the instruction `instr` bytes after the first; before the first, the code object's first line.
    /// 0 where the table has none.
    pub fn line_at(&self, instr: i32) -> u32 {
        match u32::try_from(instr) {
            Ok(instr) => self.line_table.line_at(instr).unwrap_or(0),
            Err(_) => self.first_line,
        }
    }
}

/// Whether an object has not been freed, by its reference count.
///
/// Freed memory keeps most of what it held, with it the fingerprint, while the strings that it points to may be
/// others by now. But both pymalloc and malloc put the address of the next free block where `ob_refcnt` was (or 0),
/// and no count is as high as an address: an immortal object's is 2^32 - 1 (PEP 683).
fn is_alive(object: &[u8], objects: &Objects) -> bool {
    let count = object.get(objects.ob_refcnt as usize..).and_then(|bytes| bytes.first_chunk::<8>());
    count.is_some_and(|count| (1..=u64::from(u32::MAX)).contains(&u64::from_ne_bytes(*count)))
}

/// The fingerprint of the code object at `address`, as the kernel side takes it.
pub fn fingerprint(memory: &dyn Memory, objects: &Objects, address: u64) -> Result<u32, MemoryError> {
    let size = u64::from(objects.code.fingerprint) + FINGERPRINT_BYTES as u64;
    Ok(fingerprint_of(&memory.read_bytes(address, size, size)?, objects))
}

/// The fingerprint of a code object, given its bytes from the start to where the fingerprint's end.
fn fingerprint_of(object: &[u8], objects: &Objects) -> u32 {
    let mut words = [0; FINGERPRINT_BYTES / 8];
    let constant = object.get(objects.code.fingerprint as usize..).unwrap_or_default();
    for (word, bytes) in words.iter_mut().zip(constant.as_chunks().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    abi::fingerprint(&words)
}

/// None of a shim's instructions is traceable. CPython 3.13 Python/specialize.c, `_Py_InitCleanup`;
/// Include/internal/pycore_frame.h, `_PyFrame_IsIncomplete`.
fn is_shim(
    memory: &dyn Memory,
    objects: &Objects,
    address: u64,
    object: &Header,
) -> Result<bool, ObjectError> {
    let Some(offset) = objects.code.first_traceable else { return Ok(false) };
    let first_traceable = memory.read_u32(address.wrapping_add(offset.into()))?;
    Ok(u64::from(first_traceable) >= object.u64(objects.code.ob_size)?)
}

fn read_fields(
    memory: &dyn Memory,
    objects: &Objects,
    address: u64,
    object: Header,
) -> Result<Code, CodeError> {
    let code = &objects.code;
    let pointer = |name, offset| object.u64(offset).map_err(|error| CodeError::field(name, error));
    let text = |name, offset| -> Result<Arc<str>, CodeError> {
        let text = objects.read_text(memory, pointer(name, offset)?);
        text.map(Arc::from).map_err(|error| CodeError::field(name, error))
    };
    objects
        .expect_code(memory, pointer("ob_type", objects.ob_type)?)
        .map_err(|error| CodeError::field("ob_type", error))?;
    let name = match code.qualname {
        Some(qualname) => text("co_qualname", qualname)?,
        None => text("co_name", code.name)?,
    };
    let file = text("co_filename", code.filename)?;
    let first_line =
        object.u32(code.firstlineno).map_err(|error| CodeError::field("co_firstlineno", error))?;
    let first_line = first_line as i32;
    let bytes = objects
        .read_bytes(memory, pointer("line table", code.line_table)?, MAX_LINE_TABLE)
        .map_err(|error| CodeError::field("line table", error))?;
    let line_table = LineTable { format: objects.line_table, first_line, bytes: bytes.into() };
    let is_shim = is_shim(memory, objects, address, &object)
        .map_err(|error| CodeError::field("_co_firsttraceable", error))?;
    Ok(Code { name, file, first_line: first_line.max(0) as u32, line_table, is_shim })
}
