//! The embedded store: what a node's processes did, for days, in files that any engine can read.
//!
//! It must not know how samples are taken, nor what is asked for besides a [`Select`](crate::model::select::Select).

pub mod block;
pub mod build;
pub mod decode;
pub mod encode;
pub mod folder;
pub mod log;
pub mod merge;
pub mod names;
pub mod objects;
pub mod options;
pub mod plan;
pub mod rows;
pub mod schema;
pub mod segment;
pub mod steps;
#[cfg(test)]
mod testing;
