//! The viewer: built from `profiler-user/web`, kept in the tree, held to be what its sources make, and tested in a real
//! browser.
//!
//! What is built is kept so that the agent builds without Node. This module must not know how a bundle is made, nor what
//! the tests look at: that is `build.mjs`'s and `test.mjs`'s business.

pub mod browser;
mod e2e;
mod packages;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::workspace;
pub use e2e::Runner;
pub use packages::provide;

/// Where the viewer is, from the checkout's top folder.
pub const FOLDER: &str = "profiler-user/web";

/// `cargo xtask web …`
#[derive(clap::Subcommand)]
pub enum Task {
    /// Builds the viewer and the API's types, and puts them into the tree
    Build,
    /// Holds that types fit, that what is in the tree is what the sources make, and that the first load is small
    Verify,
    /// Checks types alone
    Check,
    /// Runs the tests of what needs no browser
    Test {
        /// Parts of the names of test files [default: all]
        names: Vec<String>,
    },
    /// Runs the tests that drive a real browser against a real agent; needs root and Chromium
    E2e {
        /// Parts of the names of test files [default: all]
        names: Vec<String>,
    },
}

/// Runs one of the tasks.
///
/// # Errors
/// If it fails, or Node, a package or the browser is missing.
pub fn run(task: &Task) -> Result<()> {
    let root = workspace::root()?;
    match task {
        Task::Build => workspace::run(&mut node(&root, &["build.mjs"])?),
        Task::Verify => verify(&root),
        Task::Check => check(&root),
        Task::Test { names } => test(&root, names),
        Task::E2e { names } => {
            let runner = Runner::find(&root, false)?;
            report(&runner.run(names)?);
            Ok(())
        }
    }
}

/// Holds that types fit, that what is in the tree is what the sources make, and that the first load is small.
///
/// # Errors
/// If any of it is not so, or a tool is missing.
pub fn verify(root: &Path) -> Result<()> {
    check(root)?;
    workspace::run(&mut node(root, &["build.mjs", "--verify"])?)
}

/// Runs the tests of what needs no browser.
///
/// # Errors
/// If one fails.
pub fn test(root: &Path, names: &[String]) -> Result<()> {
    workspace::run(node(root, &["test.mjs", "test"])?.args(names))
}

/// Names what passed at the second try only.
pub fn report(late: &[String]) {
    for file in late {
        println!("WARNING: {file} failed beside others and passed alone");
    }
}

fn check(root: &Path) -> Result<()> {
    provide(&folder(root))?;
    workspace::run(&mut workspace::command(&folder(root), "npx", &["--no-install", "tsc", "--noEmit"]))
}

fn folder(root: &Path) -> PathBuf {
    root.join(FOLDER)
}

/// Node in the viewer's folder, with the packages that it needs.
fn node(root: &Path, arguments: &[&str]) -> Result<Command> {
    provide(&folder(root))?;
    Ok(workspace::command(&folder(root), "node", arguments))
}
