//! Processes as `/proc` and the kernel show them: their memory and their mappings.
//!
//! It must not know Python, ELF, or what the bytes that it reads mean. Nothing here stops, traces or writes to a
//! process.

pub mod identity;
pub mod maps;
pub mod memory;
pub mod pages;
pub mod pthread;
pub mod still;
pub mod tasks;
