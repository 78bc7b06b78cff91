//! Native code: executable files.
//!
//! It must not know Python, nor which process a file came from.

pub mod elf;
