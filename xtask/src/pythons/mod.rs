//! `cargo xtask pythons`: the interpreters that tests and measurements run, where they are, and bringing the missing.
//!
//! Debian's packages take some five seconds an interpreter. A build from source takes 120 to 190 seconds of CPU time, so
//! that all but pyenv's are there in six minutes on two idle CPUs; in the end they take a gigabyte.

mod debian;
mod install;
mod places;
mod pyenv;
mod source;
mod spent;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace;
use places::Places;
pub use places::{cache, find_release};
use table::{INTERPRETERS, Interpreter, Kind, Origin};

/// What to do and how to say it.
#[derive(clap::Args)]
pub struct Args {
    /// Only these, by name [default: all]
    names: Vec<String>,
    /// Bring what is missing: build it, or unpack Debian's packages
    #[arg(long)]
    install: bool,
    /// Print as JSON: an array of objects; what is missing has a null path
    #[arg(long, conflicts_with = "install")]
    json: bool,
}

/// The minor versions of which there is a release build, by version.
pub fn releases() -> impl DoubleEndedIterator<Item = &'static str> {
    INTERPRETERS.iter().filter(|known| known.kind == Kind::Release).map(|known| known.version)
}

/// Prints where each interpreter is; brings what is missing if that is asked for.
///
/// # Errors
/// If one is missing in the end or does not start: which, and how to get it.
pub fn run(args: &Args) -> Result<()> {
    let root = workspace::root()?;
    let wanted = wanted(&args.names)?;
    let places = Places::new()?;
    if args.install {
        install::missing(&root, &places, &wanted)?;
    }
    let found: Vec<Found> = wanted.iter().map(|interpreter| look(&root, &places, interpreter)).collect();
    if args.json {
        let array: Vec<_> = found.iter().map(Found::json).collect();
        println!("{}", serde_json::to_string_pretty(&array)?);
    } else {
        found.iter().for_each(Found::print);
    }
    // One that can't be had everywhere may be missing, unless it is asked for.
    let counts =
        |found: &&Found| found.path.is_some() || found.interpreter.unless.is_none() || !args.names.is_empty();
    let unusable: Vec<String> = found.iter().filter(counts).filter_map(Found::problem).collect();
    if unusable.is_empty() {
        return Ok(());
    }
    let hint = match args.install {
        true => "why is said above",
        false => "`cargo xtask pythons --install` brings what is missing",
    };
    bail!("{}\n{hint}", unusable.join("\n"))
}

/// The step of CI: all interpreters, brought where that is allowed.
pub fn provide(install: bool) -> Result<()> {
    run(&Args { names: Vec::new(), install, json: false })
}

/// Every interpreter of the table, with its path.
///
/// # Errors
/// If one is missing that can be had on every machine.
pub fn present() -> Result<Vec<(&'static Interpreter, PathBuf)>> {
    let places = Places::new()?;
    let mut present = Vec::new();
    for interpreter in INTERPRETERS {
        match places.find(interpreter) {
            Some(path) => present.push((interpreter, path)),
            None if interpreter.unless.is_some() => {}
            None => {
                bail!("there is no Python {}: `cargo xtask pythons --install` brings it", interpreter.name)
            }
        }
    }
    Ok(present)
}

fn wanted(names: &[String]) -> Result<Vec<&'static Interpreter>> {
    if names.is_empty() {
        return Ok(INTERPRETERS.iter().collect());
    }
    let known = || INTERPRETERS.iter().map(|known| known.name).collect::<Vec<_>>().join(", ");
    let find = |name: &String| {
        INTERPRETERS
            .iter()
            .find(|known| known.name == name)
            .with_context(|| format!("no `{name}` among {}", known()))
    };
    names.iter().map(find).collect()
}

/// An interpreter of the table on this machine.
struct Found {
    interpreter: &'static Interpreter,
    path: Option<PathBuf>,
    /// Its version as it says itself (`3.14.8 final`), or why it does not.
    says: Result<String>,
}

/// Imports what tests' programs import, and says what it is. For every version.
const ASK: &str = "
import hashlib, json, socket, sys, threading
print('%d.%d.%d %s' % sys.version_info[:4])
";

fn look(root: &Path, places: &Places, interpreter: &'static Interpreter) -> Found {
    let path = places.find(interpreter);
    let says = match &path {
        Some(path) => ask(root, path, interpreter.version),
        None => Err(anyhow::anyhow!("missing")),
    };
    Found { interpreter, path, says }
}

/// Starts the interpreter and answers what it says it is.
///
/// # Errors
/// If it does not start, lacks a module, or is of another version.
fn ask(root: &Path, python: &Path, version: &str) -> Result<String> {
    let says = workspace::output(&mut workspace::command(root, python, &["-c", ASK]))?;
    if !says.starts_with(&format!("{version}.")) {
        bail!("{} is {says}, not {version}", python.display());
    }
    Ok(says)
}

impl Found {
    fn print(&self) {
        let path = match (&self.path, self.interpreter.unless) {
            (Some(path), _) => path.display().to_string(),
            (None, Some(reason)) => format!("missing: {reason}"),
            (None, None) => "missing".to_owned(),
        };
        let says = self.says.as_ref().map_or("-", String::as_str);
        println!("{:<14} {says:<16} {path}", self.interpreter.name);
    }

    /// Why it can't be used.
    fn problem(&self) -> Option<String> {
        let error = self.says.as_ref().err()?;
        Some(format!("Python {} ({}): {error:#}", self.interpreter.name, describe(self.interpreter)))
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.interpreter.name,
            "version": self.interpreter.version,
            "kind": format!("{:?}", self.interpreter.kind),
            "origin": describe(self.interpreter),
            "path": self.path,
            "release": self.says.as_ref().ok(),
            "unless": self.interpreter.unless,
            "problem": self.says.as_ref().err().map(|error| format!("{error:#}")),
        })
    }
}

/// Where it comes from, in a few words.
fn describe(interpreter: &Interpreter) -> String {
    match interpreter.origin {
        Origin::Pyenv { release } => format!("pyenv's {release} with a shared libpython"),
        Origin::Packages { suite, packages } => format!("{} of Debian {suite}", packages.join(", ")),
        Origin::Source { suite, configure } => {
            let with: String = configure.iter().map(|argument| format!(" {argument}")).collect();
            format!("./configure{with} of Debian {suite}'s source of python{}", interpreter.version)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_begin_with_the_version() {
        let mut names = HashSet::new();
        for known in INTERPRETERS {
            assert!(names.insert(known.name), "{} is there twice", known.name);
            assert!(known.name.starts_with(known.version), "{}", known.name);
            assert!(known.program.starts_with(&format!("python{}", known.version)), "{}", known.name);
        }
    }

    #[test]
    fn another_version_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = ask(folder.path(), Path::new("echo"), "3.14").expect_err("echo is no interpreter");
        assert!(error.to_string().contains("not 3.14"), "{error}");
    }
}
