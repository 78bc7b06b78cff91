//! What the kernel side and the agent agree on: the bytes that cross the kernel boundary ([`abi`]) and the
//! reasons why a sample could not be attributed ([`reason`]).
//!
//! This library compiles for the host and for BPF. It must not know: how a Python version lays out its
//! structures (the agent sends offsets), what a process is called, or what becomes of a sample.
#![no_std]

pub mod abi;
pub mod reason;
