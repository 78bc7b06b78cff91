//! The embedded store: what a node's processes did, for days, in files that any engine can read.
//!
//! It must not know how samples are taken, nor what is asked for besides a [`Select`](crate::model::select::Select).

pub mod build;
pub mod decode;
pub mod encode;
pub mod merge;
pub mod names;
pub mod objects;
pub mod rows;
pub mod schema;
pub mod segment;
pub mod select;
