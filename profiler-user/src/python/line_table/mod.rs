//! Line tables: from a place in a code object's instructions to a line of its file.
//!
//! It must not know versions, objects or processes: bytes in, lines out. One codec per format, named as CPython
//! names it; each is an iterator over [`Range`]s that ends on any input, at the latest with the table.

mod linetable;
mod lnotab;
mod locations;

pub use linetable::Linetable;
pub use lnotab::Lnotab;
pub use locations::Locations;

/// Instructions that belong to one line: bytes from the first instruction, `start..end`.
///
/// A table's ranges are in order and leave no gap; a range is empty where the table says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where it starts.
    pub start: u32,
    /// Where it ends; `u32::MAX` for the last range of a format that does not say where the code ends.
    pub end: u32,
    /// The line, from 1; 0 occurs (a module's first instruction). `None`: the compiler says that there is none.
    pub line: Option<u32>,
}

/// The encodings of line tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `co_lnotab` whose line deltas are unsigned (to 3.5).
    LnotabUnsigned,
    /// `co_lnotab` whose line deltas are signed (3.6 to 3.9).
    LnotabSigned,
    /// `co_linetable` as PEP 626 has it (3.10).
    Linetable,
    /// `co_linetable` as PEP 657 has it (from 3.11).
    Locations,
}

/// The line table of one code object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineTable {
    /// How `bytes` are encoded.
    pub format: Format,
    /// `co_firstlineno`: what the deltas start from.
    pub first_line: i32,
    /// The table.
    pub bytes: Box<[u8]>,
}

impl LineTable {
    /// Its ranges, in order.
    pub fn ranges(&self) -> Box<dyn Iterator<Item = Range> + '_> {
        match self.format {
            Format::LnotabUnsigned => Box::new(Lnotab::unsigned(&self.bytes, self.first_line)),
            Format::LnotabSigned => Box::new(Lnotab::signed(&self.bytes, self.first_line)),
            Format::Linetable => Box::new(Linetable::new(&self.bytes, self.first_line)),
            Format::Locations => Box::new(Locations::new(&self.bytes, self.first_line)),
        }
    }

    /// The line of the instruction `instr` bytes after the first; `None` where the table has none for it.
    pub fn line_at(&self, instr: u32) -> Option<u32> {
        self.ranges().find(|range| (range.start..range.end).contains(&instr))?.line
    }
}

/// A line that a file can have.
fn line(line: i64) -> Option<u32> {
    u32::try_from(line).ok()
}
