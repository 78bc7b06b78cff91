//! `cargo xtask recordings`: what was recorded of each interpreter, so that tests of every version run without it.
//!
//! It must not know what a recording holds: the integration tests make and replay them, as they have the interpreters
//! and the program that is recorded at hand.

use anyhow::Result;

use crate::workspace;

/// Where the recordings are kept, from the checkout's top folder.
pub const FOLDER: &str = "profiler-user/tests/recordings";

/// `cargo xtask recordings …`
#[derive(clap::Args)]
pub struct Args {
    /// Interpreters to record, as `cargo xtask pythons` names them [default: all]
    names: Vec<String>,
    /// Only hold that the recordings in the tree still replay
    #[arg(long, conflicts_with = "names")]
    check: bool,
}

/// Makes recordings, and holds that all in the tree replay.
///
/// # Errors
/// If an interpreter is missing, can't be recorded, or a recording does not give what was recorded.
pub fn run(args: &Args) -> Result<()> {
    let root = workspace::root()?;
    let test = ["test", "--package", "firetower", "--test", "integration", "--"];
    if !args.check {
        let make = ["recordings::make::make", "--exact", "--ignored", "--nocapture"];
        let mut cargo = workspace::command(&root, "cargo", &[&test[..], &make[..]].concat());
        workspace::run(cargo.env("FIRETOWER_RECORD", args.names.join(" ")))?;
        println!("{FOLDER}: made anew");
    }
    workspace::run(&mut workspace::command(&root, "cargo", &[&test[..], &["recordings::"]].concat()))
}
