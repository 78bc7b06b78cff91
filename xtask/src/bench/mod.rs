//! `cargo xtask bench`: what profiling costs, and how true it is.
//!
//! Seven measurements, each beside something else that is measured in the same run, because only their ratio holds on
//! another machine:
//!
//! - `kernel`: nanoseconds that the eBPF sampler takes per sample, beside the eBPF program that does nothing;
//! - `agent`: CPU time that the agent takes per sample, beside the same agent with nothing to sample;
//! - `short`: the share of samples of processes of 50 ms that is attributed, forked beside executed;
//! - `truth`: stacks that can't have been, and the target's slow-down, beside py-spy and Austin;
//! - `store`: what a day of busy processes takes on the disk and a flame graph of it takes, beside gzipped pprof files and
//!   SQLite. This one is of code, not of the running program: a day has to be made up;
//! - `viewer`: how fast the viewer's flame graph is beside others in the same browser, and how soon a function is seen;
//! - `soak`: memory of the service with hundreds of processes, over as many seconds as are asked for.
//!
//! How each is taken is said in its module; `BENCHMARKS.md` beside `xtask/src` keeps results. Everything is measured
//! from outside, on the release build of the program that users run. A number that could not be had is shown as
//! unknown, with the reason below its table. This module must not know how anything is measured, only in which order.

mod agent;
mod firetower;
mod kernel;
mod machine;
mod peers;
pub mod process;
mod service;
mod short;
mod soak;
mod stacks;
mod store;
pub mod table;
mod truth;
mod viewer;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::{pythons, workspace};
use machine::Machine;
use table::Table;

/// Where the benchmark's own files are, from the checkout's top folder.
const FOLDER: &str = "target/bench";

/// `cargo xtask bench …`
#[derive(clap::Args)]
pub struct Args {
    /// What to measure
    #[arg(value_enum, default_value = "all")]
    what: What,
    /// Seconds of each measurement
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(2..=36_000))]
    seconds: u32,
    /// Samples a second that the agent and the profilers compared with it are asked for
    #[arg(long, default_value = "99", value_parser = clap::value_parser!(u32).range(1..=1999))]
    frequency: u32,
    /// Hours that are stored; the alternatives get one
    #[arg(long, default_value = "4", value_parser = clap::value_parser!(u32).range(1..=24))]
    hours: u32,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Nanoseconds of the eBPF program per sample
    Kernel,
    /// CPU time of the agent per sample
    Agent,
    /// Impossible stacks and slow-down, beside other profilers
    Truth,
    /// Which share of the samples of processes of 50 ms is attributed
    Short,
    /// Size and speed of the store
    Store,
    /// Speed of the viewer's flame graph, and how soon it shows what begins; needs Node, Chromium and npm's registry; not
    /// among `all`
    Viewer,
    /// Memory of the service over a long time; not among `all`
    Soak,
    /// All of them but viewer and soak
    All,
}

/// What every measurement needs to know.
struct Bench {
    /// The checkout's top folder.
    root: PathBuf,
    /// For everything that a run writes.
    folder: PathBuf,
    /// Seconds of each measurement.
    seconds: f64,
    /// Samples a second.
    frequency: u32,
}

impl Bench {
    /// The interpreters to measure, by minor version; the order is that of the versions.
    fn pythons(&self) -> Result<Vec<(&'static str, PathBuf)>> {
        let find = |version: &'static str| {
            let python = pythons::find_release(version)?;
            let python = python.with_context(|| {
                format!("there is no Python {version}: `cargo xtask pythons --install` builds it")
            });
            Ok((version, python?))
        };
        pythons::releases().map(find).collect()
    }

    /// A program of the benchmark's own, to be run by Python.
    fn workload(&self, name: &str) -> PathBuf {
        self.root.join("xtask/src/bench").join(name)
    }

    /// A binary of the release build.
    fn binary(&self, name: &str) -> PathBuf {
        self.root.join("target/release").join(name)
    }
}

/// Builds, measures, prints.
///
/// # Errors
/// If this is not root, or a step fails. A peer that can't be had is no error: it is in the table as such.
pub fn run(args: &Args) -> Result<()> {
    let root = workspace::root()?;
    if !workspace::is_root(&root)? {
        bail!(
            "the benchmark loads eBPF programs: run it as root, for example `sudo -E env PATH=$PATH cargo xtask bench`"
        );
    }
    build(&root)?;
    let folder = root.join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    let bench = Bench { root, folder, seconds: f64::from(args.seconds), frequency: args.frequency };
    // After the build, which loads the machine by itself: what is asked for is whether it has come to rest.
    let machine = Machine::look(&bench.root)?;
    for warning in machine.warnings() {
        eprintln!("xtask: WARNING: {warning}");
    }
    let mut tables: Vec<Table> = Vec::new();
    let wanted = |what| args.what == What::All || args.what == what;
    if wanted(What::Kernel) {
        tables.push(kernel::measure(&bench)?);
    }
    if wanted(What::Agent) {
        tables.push(agent::measure(&bench)?);
    }
    if wanted(What::Truth) {
        tables.push(truth::measure(&bench)?);
    }
    if wanted(What::Short) {
        tables.push(short::measure(&bench)?);
    }
    if wanted(What::Store) {
        tables.push(store::measure(&bench, args.hours)?);
    }
    if args.what == What::Viewer {
        tables.extend(viewer::measure(&bench)?);
    }
    if args.what == What::Soak {
        tables.push(soak::measure(&bench)?);
    }
    if args.json {
        let tables: serde_json::Map<_, _> =
            tables.iter().map(|table| (table.key.to_owned(), table.json())).collect();
        println!("{:#}", json!({ "machine": machine.json(), "seconds": args.seconds, "tables": tables }));
    } else {
        println!("{machine}");
        tables.iter().for_each(|table| println!("\n{table}"));
    }
    Ok(())
}

fn build(root: &Path) -> Result<()> {
    let mut words = vec!["build", "--quiet", "--release", "--package", "firetower", "--bins"];
    words.extend(["empty_program", "store_load", "viewer_tree"].iter().flat_map(|name| ["--example", *name]));
    workspace::run(&mut workspace::command(root, "cargo", &words))
}

/// Says on stderr what is being measured: a whole run takes minutes.
fn progress(text: &str) {
    eprintln!("bench: {text}");
}
