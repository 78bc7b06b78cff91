//! `co_lnotab`: pairs of bytes, how far the instruction and the line advance. CPython 3.9 Objects/lnotab_notes.txt.
//!
//! Line deltas were unsigned up to 3.5 and are signed since 3.6; nothing else differs.

use std::slice::ChunksExact;

use super::{Range, line};

/// Decodes `co_lnotab`. A byte that has no partner at the table's end is ignored, as CPython does.
#[derive(Clone, Debug)]
pub struct Lnotab<'table> {
    pairs: ChunksExact<'table, u8>,
    line_delta: fn(u8) -> i64,
    /// Where the next range starts; `None` behind the last.
    start: Option<u32>,
    line: i64,
}

impl<'table> Lnotab<'table> {
    /// A table whose line deltas are 0 to 255.
    pub fn unsigned(table: &'table [u8], first_line: i32) -> Self {
        Lnotab::new(table, first_line, |byte| byte.into())
    }

    /// A table whose line deltas are -128 to 127.
    pub fn signed(table: &'table [u8], first_line: i32) -> Self {
        Lnotab::new(table, first_line, |byte| (byte as i8).into())
    }

    fn new(table: &'table [u8], first_line: i32, line_delta: fn(u8) -> i64) -> Self {
        Lnotab { pairs: table.chunks_exact(2), line_delta, start: Some(0), line: first_line.into() }
    }
}

impl Iterator for Lnotab<'_> {
    type Item = Range;

    fn next(&mut self) -> Option<Range> {
        let start = self.start?;
        let line = line(self.line);
        let Some(pair) = self.pairs.next() else {
            self.start = None;
            return Some(Range { start, end: u32::MAX, line });
        };
        let end = start.saturating_add(pair[0].into());
        self.start = Some(end);
        self.line += (self.line_delta)(pair[1]);
        Some(Range { start, end, line })
    }
}
