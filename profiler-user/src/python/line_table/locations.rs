//! `co_linetable` of PEP 657: entries of an instruction count, a line delta and columns. CPython 3.11
//! Objects/locations.md.
//!
//! An entry starts with a byte whose top bit is set: bits 3 to 6 are its kind, bits 0 to 2 its length in code units
//! less one. No other byte of an entry has the top bit, so the next entry is found without decoding the columns.

use super::{Range, line};

/// Bytes of a code unit. CPython Include/cpython/code.h, `_Py_CODEUNIT`.
const CODE_UNIT: u32 = 2;

/// Decodes `co_linetable`. It ends where the table does, or at an entry that is malformed.
#[derive(Clone, Debug)]
pub struct Locations<'table> {
    rest: &'table [u8],
    start: u32,
    line: i64,
}

impl<'table> Locations<'table> {
    /// A table of a code object whose `co_firstlineno` is `first_line`.
    pub fn new(table: &'table [u8], first_line: i32) -> Self {
        Locations { rest: table, start: 0, line: first_line.into() }
    }
}

impl Iterator for Locations<'_> {
    type Item = Range;

    fn next(&mut self) -> Option<Range> {
        let (&head, tail) = self.rest.split_first()?;
        let length = tail.iter().position(|byte| byte & 0x80 != 0).unwrap_or(tail.len());
        let (payload, rest) = tail.split_at(length);
        let delta = if head & 0x80 != 0 { line_delta(head >> 3 & 0xf, payload) } else { None };
        let Some(delta) = delta else {
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        let start = self.start;
        self.start = start.saturating_add((u32::from(head & 7) + 1) * CODE_UNIT);
        self.line += delta.unwrap_or(0);
        Some(Range { start, end: self.start, line: delta.and_then(|_| line(self.line)) })
    }
}

/// By how much an entry of this kind moves the line: `Some(None)` if it has no line, `None` if it is malformed.
fn line_delta(kind: u8, payload: &[u8]) -> Option<Option<i64>> {
    match kind {
        0..=9 => Some(Some(0)),
        10..=12 => Some(Some(i64::from(kind) - 10)),
        13 | 14 => signed_varint(payload).map(Some),
        _ => Some(None),
    }
}

/// Six bits a byte, lowest first, bit 6 set on all but the last; the lowest bit of the whole is the sign.
fn signed_varint(bytes: &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().enumerate() {
        // Six bytes hold the 32 bits of any delta that CPython writes.
        if index == 6 {
            return None;
        }
        value |= u64::from(byte & 0x3f) << (6 * index);
        if byte & 0x40 == 0 {
            let magnitude = (value >> 1) as i64;
            return Some(if value & 1 == 0 { magnitude } else { -magnitude });
        }
    }
    None
}
