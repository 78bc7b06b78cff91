//! Where the fields of Python objects lie, and how strings and bytes are read by that.
//!
//! It must not know versions: an [`Objects`] is data from [`super::versions`]. Everything that it reads is hostile.

use firetower_ebpf::abi::{FINGERPRINT_BYTES, PyLayout};

use super::line_table::Format;
use crate::process::memory::{Memory, MemoryError};

/// Most characters that are kept of a name or a file name; a longer one is cut and ends in `…`.
pub const MAX_TEXT: u64 = 4096;
/// A string that claims more characters than this is no string.
const MAX_TEXT_LENGTH: u64 = 1 << 24;
/// Most bytes of a line table.
pub const MAX_LINE_TABLE: u64 = 1 << 20;
/// Offsets into objects are below this.
const MAX_OFFSET: u32 = 1 << 12;

/// `Py_TPFLAGS_STRING_SUBCLASS` of 2.7, `Py_TPFLAGS_BYTES_SUBCLASS` since. CPython Include/object.h.
const TPFLAGS_BYTES: u64 = 1 << 27;
/// `Py_TPFLAGS_UNICODE_SUBCLASS`. CPython Include/object.h.
const TPFLAGS_UNICODE: u64 = 1 << 28;

/// Facts about the objects that the agent reads: offsets in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objects {
    /// How references to an object are counted.
    pub references: References,
    /// `PyObject.ob_type`.
    pub ob_type: u32,
    /// `PyTypeObject.tp_name`, a C string.
    pub tp_name: u32,
    /// `PyTypeObject.tp_flags`, a C `unsigned long`.
    pub tp_flags: u32,
    /// `PyCodeObject`.
    pub code: CodeFields,
    /// What a `str` is.
    pub text: Text,
    /// `PyBytesObject` (`PyStringObject` in 2.7).
    pub bytes: BytesFields,
    /// How the line table is encoded.
    pub line_table: Format,
}

/// How references to an object are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum References {
    /// In one word.
    Counted {
        /// `PyObject.ob_refcnt`, 64 bits.
        ob_refcnt: u32,
        /// How many of its highest bits are flags and no part of the count.
        flag_bits: u32,
    },
    /// By the thread that owns the object, and by all others (`Py_GIL_DISABLED`, PEP 703).
    Biased {
        /// `PyObject.ob_ref_local`, an `uint32_t`.
        ob_ref_local: u32,
        /// `PyObject.ob_ref_shared`, a `Py_ssize_t` whose lowest two bits are flags.
        ob_ref_shared: u32,
    },
}

impl References {
    /// Whether an object has not been freed. `object` are its first bytes.
    ///
    /// Freed memory keeps most of what it held, while the objects that it points to may be others by now. Where there
    /// is one count, both pymalloc and malloc put the address of the next free block in its place (or 0), and no count
    /// is as high as an address: an immortal object's is 2^32 - 1 (PEP 683). Where there are two, mimalloc puts that
    /// address before them and leaves them as they were at the end: no more references than none. The debug hooks
    /// fill freed memory with bytes that are too high for the one and negative for the other.
    pub fn alive(&self, object: &[u8]) -> bool {
        match *self {
            References::Counted { ob_refcnt, flag_bits } => {
                let count = field(object, ob_refcnt).map(u64::from_ne_bytes);
                let count = count.map(|count| count & u64::MAX.checked_shr(flag_bits).unwrap_or(0));
                count.is_some_and(|count| (1..=u64::from(u32::MAX)).contains(&count))
            }
            References::Biased { ob_ref_local, ob_ref_shared } => {
                let local = field(object, ob_ref_local).map(u32::from_ne_bytes);
                let shared = field(object, ob_ref_shared).map(i64::from_ne_bytes);
                // A thread that does not own the object may let go of more references than it took.
                local.zip(shared).is_some_and(|(local, shared)| i64::from(local) + (shared >> 2) > 0)
            }
        }
    }

    fn offsets(&self) -> [u32; 2] {
        match *self {
            References::Counted { ob_refcnt, .. } => [ob_refcnt; 2],
            References::Biased { ob_ref_local, ob_ref_shared } => [ob_ref_local, ob_ref_shared],
        }
    }
}

/// The bytes at `offset`, if they are there.
fn field<const N: usize>(object: &[u8], offset: u32) -> Option<[u8; N]> {
    object.get(offset as usize..).and_then(<[u8]>::first_chunk).copied()
}

/// `PyCodeObject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeFields {
    /// The first of [`FINGERPRINT_BYTES`] constant bytes: `PyLayout::code_fingerprint`.
    pub fingerprint: u32,
    /// `co_filename`.
    pub filename: u32,
    /// `co_name`.
    pub name: u32,
    /// `co_qualname`, where there is one.
    pub qualname: Option<u32>,
    /// `co_firstlineno`, an `int`.
    pub firstlineno: u32,
    /// `co_lnotab` or `co_linetable`, a bytes object.
    pub line_table: u32,
    /// `_co_firsttraceable`, an `int`: the index of the first code unit that belongs to the function as people know
    /// it. From 3.11.
    pub first_traceable: Option<u32>,
    /// `ob_size`, where it is the number of code units: wherever there is `first_traceable`.
    pub ob_size: u32,
    /// Whether the fingerprint's bytes have no number that is this code object's alone (`co_version`, from 3.12), so
    /// that the content of its name and line table must tell it from another one at the same address.
    ///
    /// An interpreter gives each `co_version` once, also to copies and in threads without the GIL; it has 32 bits, and
    /// when they are used up all further ones are 0. CPython 3.12 Objects/codeobject.c, `init_code`.
    pub content_counts: bool,
}

/// What a `str` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// A bytes object (2.7).
    Bytes,
    /// `PyASCIIObject` and what extends it (PEP 393).
    Unicode(UnicodeFields),
}

/// `PyASCIIObject`, `PyCompactUnicodeObject`, `PyUnicodeObject`. CPython Include/cpython/unicodeobject.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnicodeFields {
    /// `length`, in code points.
    pub length: u32,
    /// `state`, 32 bits.
    pub state: u32,
    /// Lowest of the three bits of `state.kind`; `compact` and `ascii` are the two above them.
    pub kind_shift: u32,
    /// `sizeof(PyASCIIObject)`: the characters of a compact ASCII string.
    pub ascii_data: u32,
    /// `sizeof(PyCompactUnicodeObject)`: the characters of any other compact string; `PyUnicodeObject.data`, a
    /// pointer to them, of one that is not compact.
    pub compact_data: u32,
}

/// `PyBytesObject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BytesFields {
    /// `ob_size`.
    pub ob_size: u32,
    /// `ob_sval`.
    pub ob_sval: u32,
}

/// Why an object could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// Its memory could not be read.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// It is not what should be there.
    #[error("{0}")]
    Senseless(String),
}

pub(super) fn senseless<T>(what: impl Into<String>) -> Result<T, ObjectError> {
    Err(ObjectError::Senseless(what.into()))
}

impl Objects {
    /// Whether all offsets are sane and the fingerprint covers what it has to; the first that is not, by name.
    pub fn validate(&self) -> Result<(), &'static str> {
        let sane = |offset: u32| offset < MAX_OFFSET;
        let code = &self.code;
        let end = code.fingerprint.saturating_add(FINGERPRINT_BYTES as u32);
        let covered =
            |offset: u32, size: u32| offset >= code.fingerprint && offset.saturating_add(size) <= end;
        let (text, kind_shift) = match self.text {
            Text::Bytes => ([0; 4], 0),
            Text::Unicode(text) => {
                ([text.length, text.state, text.ascii_data, text.compact_data], text.kind_shift)
            }
        };
        let checks = [
            (self.references.offsets().into_iter().all(sane), "object.ob_refcnt"),
            (sane(self.ob_type), "object.ob_type"),
            (sane(self.tp_name) && sane(self.tp_flags), "type.tp_name or tp_flags"),
            (sane(self.bytes.ob_size) && sane(self.bytes.ob_sval), "bytes"),
            (text.into_iter().all(sane) && kind_shift <= 27, "unicode"),
            (sane(code.fingerprint), "code fingerprint"),
            (covered(code.filename, 8), "code.co_filename"),
            (covered(code.name, 8), "code.co_name"),
            (code.qualname.is_none_or(|offset| covered(offset, 8)), "code.co_qualname"),
            (covered(code.firstlineno, 4), "code.co_firstlineno"),
            (covered(code.line_table, 8), "code line table"),
            (code.first_traceable.is_none_or(sane) && sane(code.ob_size), "code._co_firsttraceable"),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, name)) => Err(name),
            None => Ok(()),
        }
    }

    /// The same layout with the facts about the content that tells code objects apart, if it has to.
    pub fn with_content(&self, layout: PyLayout) -> PyLayout {
        if !self.code.content_counts {
            return layout;
        }
        let bytes = (self.bytes.ob_size, self.bytes.ob_sval);
        let (name_length, name_data) = match &self.text {
            Text::Bytes => bytes,
            Text::Unicode(unicode) => (unicode.length, unicode.ascii_data),
        };
        PyLayout {
            code_name: self.code.qualname.unwrap_or(self.code.name),
            name_content: name_length,
            name_data: name_data.saturating_sub(name_length),
            code_line_table: self.code.line_table,
            table_content: bytes.0,
            table_data: bytes.1.saturating_sub(bytes.0),
            ..layout
        }
    }

    /// Whether the object of type `ob_type` is a code object, by the type's name.
    pub fn expect_code(&self, memory: &dyn Memory, ob_type: u64) -> Result<(), ObjectError> {
        let tp_name = memory.read_u64(ob_type.wrapping_add(self.tp_name.into()))?;
        let mut name = [0; 5];
        memory.read(tp_name, &mut name)?;
        if &name == b"code\0" { Ok(()) } else { senseless("it is not a code object") }
    }

    /// The `str` at `address`: at most [`MAX_TEXT`] characters of it. What can't be written as UTF-8 (a lone
    /// surrogate, a byte of a 2.7 string) is escaped as Python's `backslashreplace` does it.
    pub fn read_text(&self, memory: &dyn Memory, address: u64) -> Result<String, ObjectError> {
        match &self.text {
            Text::Bytes => {
                let header = self.read_header(memory, address, self.bytes.ob_sval, TPFLAGS_BYTES)?;
                let length = text_length(header.u64(self.bytes.ob_size)?)?;
                let data = address.wrapping_add(self.bytes.ob_sval.into());
                let mut text = escape_bytes(&memory.read_bytes(data, length.min(MAX_TEXT), MAX_TEXT)?);
                mark_if_cut(&mut text, length);
                Ok(text)
            }
            Text::Unicode(unicode) => self.read_unicode(memory, address, unicode),
        }
    }

    /// The bytes object at `address`, at most `limit` bytes long.
    pub fn read_bytes(&self, memory: &dyn Memory, address: u64, limit: u64) -> Result<Vec<u8>, ObjectError> {
        let header = self.read_header(memory, address, self.bytes.ob_sval, TPFLAGS_BYTES)?;
        let length = header.u64(self.bytes.ob_size)?;
        Ok(memory.read_bytes(address.wrapping_add(self.bytes.ob_sval.into()), length, limit)?)
    }

    fn read_unicode(
        &self,
        memory: &dyn Memory,
        address: u64,
        unicode: &UnicodeFields,
    ) -> Result<String, ObjectError> {
        let header = self.read_header(memory, address, unicode.ascii_data, TPFLAGS_UNICODE)?;
        let length = text_length(header.u64(unicode.length)?)?;
        let state = header.u32(unicode.state)? >> unicode.kind_shift;
        let (kind, compact, ascii) = (u64::from(state & 7), state & 8 != 0, state & 16 != 0);
        // Up to 3.11 a string that is not ready has kind 0.
        if !matches!(kind, 1 | 2 | 4) || (ascii && kind != 1) {
            return senseless(format!("the str at {address:#x} has the state {state:#x}"));
        }
        let compact_data = address.wrapping_add(unicode.compact_data.into());
        let data = match (compact, ascii) {
            (true, true) => address.wrapping_add(unicode.ascii_data.into()),
            (true, false) => compact_data,
            (false, _) => memory.read_u64(compact_data)?,
        };
        let bytes = memory.read_bytes(data, length.min(MAX_TEXT) * kind, MAX_TEXT * 4)?;
        let mut text = String::with_capacity(bytes.len());
        for point in bytes.chunks_exact(kind as usize) {
            let mut whole = [0; 4];
            whole[..point.len()].copy_from_slice(point);
            push_code_point(&mut text, u32::from_ne_bytes(whole))?;
        }
        mark_if_cut(&mut text, length);
        Ok(text)
    }

    /// Whether the object at `address` is a `str` with just this text, which must be ASCII. Others are read no further
    /// than their length.
    pub(super) fn text_is(&self, memory: &dyn Memory, address: u64, text: &str) -> Result<bool, ObjectError> {
        let (size, flag, length) = match &self.text {
            Text::Bytes => (self.bytes.ob_sval, TPFLAGS_BYTES, self.bytes.ob_size),
            Text::Unicode(unicode) => (unicode.ascii_data, TPFLAGS_UNICODE, unicode.length),
        };
        let header = self.read_header(memory, address, size, flag)?;
        Ok(header.u64(length)? == text.len() as u64 && self.read_text(memory, address)? == text)
    }

    /// `sizeof(PyObject)`: its type is the last of the fields that all objects have.
    pub(super) fn header_size(&self) -> u32 {
        self.ob_type.saturating_add(8)
    }

    /// The fields that all objects have, and `more` bytes, of an object that has not been freed.
    pub(super) fn read_alive(
        &self,
        memory: &dyn Memory,
        address: u64,
        more: u32,
    ) -> Result<Header, ObjectError> {
        let size = u64::from(self.header_size()) + u64::from(more);
        let header = Header(memory.read_bytes(address, size, size)?);
        if !self.references.alive(&header.0) {
            return senseless(format!("the object at {address:#x} has been freed"));
        }
        Ok(header)
    }

    /// The first `size` bytes of an object whose type must have `flag`.
    pub(super) fn read_header(
        &self,
        memory: &dyn Memory,
        address: u64,
        size: u32,
        flag: u64,
    ) -> Result<Header, ObjectError> {
        let header = Header(memory.read_bytes(address, size.into(), MAX_OFFSET.into())?);
        let tp_flags = memory.read_u64(header.u64(self.ob_type)?.wrapping_add(self.tp_flags.into()))?;
        if tp_flags & flag == 0 {
            return senseless(format!("the object at {address:#x} is of another type"));
        }
        Ok(header)
    }
}

/// The first bytes of an object, read at once so that its fields belong together.
pub(super) struct Header(pub(super) Vec<u8>);

impl Header {
    pub(super) fn u64(&self, offset: u32) -> Result<u64, ObjectError> {
        self.field(offset).map(u64::from_ne_bytes)
    }

    pub(super) fn u32(&self, offset: u32) -> Result<u32, ObjectError> {
        self.field(offset).map(u32::from_ne_bytes)
    }

    fn field<const N: usize>(&self, offset: u32) -> Result<[u8; N], ObjectError> {
        field(&self.0, offset)
            .ok_or_else(|| ObjectError::Senseless(format!("a field at {offset} is outside its object")))
    }
}

/// A string's length, if it can be one.
fn text_length(length: u64) -> Result<u64, ObjectError> {
    if length > MAX_TEXT_LENGTH { senseless(format!("a str of {length} characters")) } else { Ok(length) }
}

fn mark_if_cut(text: &mut String, length: u64) {
    if length > MAX_TEXT {
        text.push('…');
    }
}

fn push_code_point(text: &mut String, point: u32) -> Result<(), ObjectError> {
    match char::from_u32(point) {
        Some(character) => text.push(character),
        None if point <= 0xffff => text.push_str(&format!("\\u{point:04x}")),
        None => return senseless(format!("a str with the code point {point:#x}")),
    }
    Ok(())
}

/// Bytes as text: UTF-8, and `\xNN` for what is none.
fn escape_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}
