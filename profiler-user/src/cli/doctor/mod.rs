//! `firetower doctor`: would capture work here, and which Python processes are there.
//!
//! The checks are [`preflight`]'s; this only shows them. It must not know how a process is recognised: the processes
//! come from a function that it is given.

pub mod pythons;
mod text;

use std::io::IsTerminal;

use serde::Serialize;

use super::exit::{Exit, Failure};
use crate::preflight::{self, Item};

/// Options of `firetower doctor`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Ends with 0 if capture would work here, else with 12.")]
pub struct Args {
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// A process that runs a Python, or looks like it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PythonSeen {
    /// Its process id.
    pub pid: u32,
    /// Its command line, shortened.
    pub command: String,
    /// The interpreter's version, `3.11.7`; none if not known.
    pub version: Option<String>,
    /// Whether it can be profiled, and if not why: lower case, no full stop.
    pub state: String,
}

/// All that doctor tells.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether capture would work here.
    works: bool,
    checks: Vec<Item>,
    pythons: Vec<PythonSeen>,
    /// Why the Python processes are not known.
    pythons_error: Option<String>,
}

/// Runs every check and prints what was found. `pythons` lists the Python processes of this machine, or says why it
/// can't.
///
/// Answers 0, or [`Exit::NotReady`] if capture would not work here.
///
/// # Errors
/// If stdout can't be written.
pub fn run(args: &Args, pythons: impl FnOnce() -> Result<Vec<PythonSeen>, String>) -> Result<u8, Failure> {
    let checks = preflight::all();
    let works = !checks.iter().any(Item::is_failed);
    let (pythons, pythons_error) = match pythons() {
        Ok(pythons) => (pythons, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let report = Report { works, checks, pythons, pythons_error };
    super::print(&if args.json {
        let json = serde_json::to_string_pretty(&report);
        json.map_err(|error| Failure::new(Exit::Internal, format!("can't write JSON: {error}")))? + "\n"
    } else {
        text::render(&report, std::io::stdout().is_terminal() && super::colour_wanted())
    })?;
    Ok(if works { Exit::Ok } else { Exit::NotReady }.code())
}
