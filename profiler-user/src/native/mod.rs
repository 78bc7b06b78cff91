//! Native code: executable files and kernel symbols.
//!
//! It must not know Python, nor which process a file came from.

pub mod elf;
pub mod kallsyms;
pub mod search;
