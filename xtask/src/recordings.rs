//! `cargo xtask recordings`: what was recorded of each interpreter, so that tests of every version run without it.
//!
//! It must not know what a recording holds: the integration tests make and replay them, as they have the interpreters
//! and the program that is recorded at hand.

use anyhow::Result;

use crate::workspace;

/// Where the recordings are kept, from the checkout's top folder.
pub const FOLDER: &str = "profiler-user/tests/recordings";

/// Makes a recording of every supported interpreter; only holds that those in the tree replay if `check`.
///
/// # Errors
/// If an interpreter is missing, can't be recorded, or a recording does not give what was recorded.
pub fn run(check: bool) -> Result<()> {
    let root = workspace::root()?;
    let test = ["test", "--package", "firetower", "--test", "integration", "--"];
    if !check {
        let make = ["recordings::make::make", "--exact", "--ignored", "--nocapture"];
        workspace::run(&mut workspace::command(&root, "cargo", &[&test[..], &make[..]].concat()))?;
        println!("{FOLDER}: made anew");
    }
    workspace::run(&mut workspace::command(&root, "cargo", &[&test[..], &["recordings::"]].concat()))
}
