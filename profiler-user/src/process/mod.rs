//! Processes as `/proc` and the kernel show them: their memory, their mappings and the files behind those.
//!
//! It must not know Python, ELF, or what the bytes that it reads mean. Nothing here stops, traces or writes to a
//! process.

pub mod cgroup;
pub mod environment;
pub mod identity;
pub mod live;
pub mod maps;
pub mod memory;
pub mod pages;
pub mod prompt;
pub mod pthread;
pub mod reach;
pub mod rights;
pub mod sparse;
pub mod still;
pub mod tasks;
pub mod user;
pub mod view;
