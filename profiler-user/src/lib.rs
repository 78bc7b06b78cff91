//! Firetower: a continuous profiler for Python on Linux.
//!
//! The stages of the pipeline, in order; each may know the model, its own helpers and the stage before it, never a
//! later one. Only [`agent`] sees them all. See ARCHITECTURE.md.

pub mod cli;
pub mod model;
pub mod preflight;
