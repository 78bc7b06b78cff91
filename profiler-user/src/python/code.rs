//! One code object, read out of a process: its names and its line table.
//!
//! It must not know which frame ran it, nor keep it: caching is the caller's. A code object may be freed and its
//! memory reused at any time, also while it is read; the fingerprint that came with the sample tells.

use std::sync::Arc;

use firetower_ebpf::abi::{self, CONTENT_BYTES, FINGERPRINT_BYTES, PyLayout};
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
        let unreadable = |error: MemoryError| CodeError::field("code object", error.into());
        let object = read_object(memory, objects, address).map_err(unreadable)?;
        expect_sampled(memory, objects, &object, fingerprint)?;
        let code = read_fields(memory, objects, address, Header(object));
        match read_object(memory, objects, address) {
            Ok(object) => expect_sampled(memory, objects, &object, fingerprint).and(code),
            Err(MemoryError::Fault { .. }) => Err(CodeError::Replaced),
            Err(error) => Err(unreadable(error)),
        }
    }

    /// The fingerprint of the code object at `address` as it is now, which [`Code::read`] asks for; the kernel side
    /// takes the same.
    ///
    /// # Errors
    /// If the object, its name or its line table can't be read.
    pub fn fingerprint(memory: &dyn Memory, objects: &Objects, address: u64) -> Result<u32, MemoryError> {
        fingerprint_of(memory, objects, &read_object(memory, objects, address)?)
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

/// The bytes of a code object from its start to where the fingerprint's end.
fn read_object(memory: &dyn Memory, objects: &Objects, address: u64) -> Result<Vec<u8>, MemoryError> {
    let size = u64::from(objects.code.fingerprint) + FINGERPRINT_BYTES as u64;
    memory.read_bytes(address, size, size)
}

/// The fingerprint of the code object at `address`, as the kernel side takes it.
pub fn fingerprint(memory: &dyn Memory, objects: &Objects, address: u64) -> Result<u32, MemoryError> {
    fingerprint_of(memory, objects, &read_object(memory, objects, address)?)
}

/// Holds that this is the code object that was sampled. One whose name or line table is not there any more is not.
fn expect_sampled(
    memory: &dyn Memory,
    objects: &Objects,
    object: &[u8],
    fingerprint: u32,
) -> Result<(), CodeError> {
    match fingerprint_of(memory, objects, object) {
        Ok(found) if found == fingerprint && objects.references.alive(object) => Ok(()),
        Ok(_) | Err(MemoryError::Fault { .. } | MemoryError::TooLong { .. }) => Err(CodeError::Replaced),
        Err(error) => Err(CodeError::field("name or line table", error.into())),
    }
}

/// The fingerprint of a code object, given its bytes.
fn fingerprint_of(memory: &dyn Memory, objects: &Objects, object: &[u8]) -> Result<u32, MemoryError> {
    let mut words = [0; FINGERPRINT_BYTES / 8];
    let constant = object.get(objects.code.fingerprint as usize..).unwrap_or_default();
    for (word, bytes) in words.iter_mut().zip(constant.as_chunks().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    let mut fingerprint = abi::fingerprint(&words);
    let content = objects.with_content(PyLayout::NONE);
    let strings = [
        (content.code_name, content.name_content, content.name_data),
        (content.code_line_table, content.table_content, content.table_data),
    ];
    for (pointer, length, data) in strings.into_iter().filter(|_| objects.code.content_counts) {
        let address = pointer.checked_sub(objects.code.fingerprint).and_then(|at| words.get(at as usize / 8));
        let address = address.copied().unwrap_or_default().wrapping_add(length.into());
        fingerprint = abi::content(fingerprint, &read_content(memory, address, data)?, data);
    }
    Ok(fingerprint)
}

/// A string from its length on, or as much as it has where no more can be read: see the kernel side's `fingerprint`.
/// Its characters start `data` bytes from there.
fn read_content(
    memory: &dyn Memory,
    address: u64,
    data: u32,
) -> Result<[u64; CONTENT_BYTES / 8], MemoryError> {
    let mut bytes = [0; CONTENT_BYTES];
    if memory.read(address, &mut bytes).is_err() {
        bytes = [0; CONTENT_BYTES];
        let (head, _) = bytes.split_at_mut(16);
        memory.read(address, head)?;
        let length = head.first_chunk().map_or(0, |length| u64::from_ne_bytes(*length));
        let characters = bytes.get_mut(data as usize..).unwrap_or_default();
        let length = characters.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        memory.read(address.wrapping_add(data.into()), &mut characters[..length])?;
    }
    let mut words = [0; CONTENT_BYTES / 8];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    Ok(words)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::memory::RecordedMemory;

    #[test]
    fn a_string_in_front_of_memory_that_is_not_there_folds_as_one_that_is_followed_by_others() {
        for (text, data) in [(&b"made"[..], 16), (b"", 16), (b"made_0001", 20), (b"method", 32)] {
            let mut string = (text.len() as u64).to_ne_bytes().to_vec();
            string.extend_from_slice(&u64::MAX.to_ne_bytes());
            string.resize(data as usize, 0);
            string.extend_from_slice(text);
            let folded = |behind: usize| {
                let mut memory = RecordedMemory::default();
                memory.record(0x1000, [string.clone(), vec![0xa5; behind]].concat());
                let words = read_content(&memory, 0x1000, data).expect("it is there");
                abi::content(7, &words, data)
            };
            assert_eq!(folded(0), folded(CONTENT_BYTES), "{text:?} at {data}");
        }
    }

    #[test]
    fn a_string_that_ends_where_no_memory_is_has_no_content() {
        let mut memory = RecordedMemory::default();
        memory.record(0x1000, [1000_u64.to_ne_bytes(), u64::MAX.to_ne_bytes()].concat());
        assert_eq!(read_content(&memory, 0x1000, 16), Err(MemoryError::Fault { address: 0x1010 }));
    }
}
