//! Firetower: a continuous profiler for Python on Linux.
//!
//! The stages of the pipeline, in order; each may know the model, its own helpers and the stage before it, never a
//! later one. Only [`agent`] sees them all. See ARCHITECTURE.md.

pub mod agent;
pub mod aggregate;
pub mod allocator;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod dump;
pub mod http;
pub mod import;
pub mod locked_memory;
pub mod merge;
pub mod metrics;
pub mod model;
pub mod native;
pub mod preflight;
pub mod privileges;
pub mod process;
pub mod python;
pub mod query;
pub mod recording;
pub mod render;
pub mod store;
pub mod symbolize;
pub mod wall;
