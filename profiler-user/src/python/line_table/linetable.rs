//! `co_linetable` of PEP 626: pairs of bytes, how far a range of instructions reaches and by how much its line differs
//! from the one before. CPython 3.10 Objects/lnotab_notes.txt.
//!
//! A line delta of -128 says that the range has no line; the next one counts on from the last line that there was.

use std::slice::ChunksExact;

use super::{Range, line};

/// The line delta that is none.
const NO_LINE: i8 = -128;

/// Decodes `co_linetable`. A byte that has no partner at the table's end is ignored.
#[derive(Clone, Debug)]
pub struct Linetable<'table> {
    pairs: ChunksExact<'table, u8>,
    start: u32,
    line: i64,
}

impl<'table> Linetable<'table> {
    /// A table of a code object whose `co_firstlineno` is `first_line`.
    pub fn new(table: &'table [u8], first_line: i32) -> Self {
        Linetable { pairs: table.chunks_exact(2), start: 0, line: first_line.into() }
    }
}

impl Iterator for Linetable<'_> {
    type Item = Range;

    fn next(&mut self) -> Option<Range> {
        let &[length, delta] = self.pairs.next()? else { return None };
        let start = self.start;
        self.start = start.saturating_add(length.into());
        let line = match delta as i8 {
            NO_LINE => None,
            delta => {
                self.line += i64::from(delta);
                line(self.line)
            }
        };
        Some(Range { start, end: self.start, line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_without_a_line_does_not_move_the_lines_after_it() {
        let table = [4, 1, 2, 0x80, 0, 127, 6, 1, 2, 0xff, 9];
        let ranges: Vec<_> =
            Linetable::new(&table, 10).map(|range| (range.start, range.end, range.line)).collect();
        let expected =
            [(0, 4, Some(11)), (4, 6, None), (6, 6, Some(138)), (6, 12, Some(139)), (12, 14, Some(138))];
        assert_eq!(ranges, expected);
    }
}
