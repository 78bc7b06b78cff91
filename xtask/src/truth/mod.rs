//! `cargo xtask truth`: how often firetower's stacks are exactly right.
//!
//! A program knows its own stack: `sys._getframe()` has the same names, files and lines that firetower shows. So programs
//! note it from inside (`workloads/witness.py`) and hold still meanwhile: for some milliseconds one C call burns CPU, with
//! the clock read before and after on the same line. Each sample of that thread between the two moments must be exactly
//! that stack, from the root to the line of the leaf. Programs are run under `firetower record`, each on each Python:
//! own ones with a hold in every form of code, and other people's, which a timer interrupts wherever they are.
//!
//! Columns: the samples in holds; those exactly right; those right but for the leaf's line; those cut at the root, marked
//! as such, and right in what was kept; those of which firetower says itself that it does not know, by reason; those that
//! are WRONG; different stacks that were held while sampled; and, of all samples of the run, how many were attributed, and
//! the others by reason. One WRONG stack, a run that failed, or one with too few samples in holds or too many of them
//! unknown makes the whole fail.
//!
//! This module must not know how a sample is judged, only in which order things are done.

mod compare;
mod programs;
mod run;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use tempfile::TempDir;

use crate::{pythons, workspace};
use programs::{CORE, WORKLOADS, Workload};
use table::{Results, Row};

/// Where runs are kept, from the checkout's top folder.
const FOLDER: &str = "target/truth";
/// The page that `--write` writes.
const PAGE: &str = "xtask/TRUTH.md";
/// Time for the step of CI, unless this variable has other seconds.
const BUDGET: Duration = Duration::from_secs(180);
const BUDGET_VARIABLE: &str = "FIRETOWER_TRUTH_SECONDS";
/// Seconds of each run there: at most, and the least with which the numbers still say something.
const CHECK_SECONDS: (f64, f64) = (2.0, 1.0);
/// Seconds that a run takes besides: interpreters and firetower start and end.
const OVERHEAD: f64 = 2.0;

/// `cargo xtask truth …`
#[derive(clap::Args)]
pub struct Args {
    /// Only these Pythons, by name (as `cargo xtask pythons` has them); may be given several times
    #[arg(long, value_name = "NAME")]
    python: Vec<String>,
    /// Only these programs, by name; may be given several times
    #[arg(long, value_name = "NAME")]
    workload: Vec<String>,
    /// Seconds of each run
    #[arg(long, default_value_t = programs::FULL_SECONDS as u32, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Keep the results as the page xtask/TRUTH.md
    #[arg(long)]
    write: bool,
}

/// An interpreter to run programs on.
#[derive(Clone, Debug)]
pub struct Interpreter {
    /// What it is called: `3.11`, `3.13t`.
    name: String,
    /// What it says it is: `3.11.7`.
    release: String,
    /// What makes its build differ from others, in a word.
    build: String,
    /// The X of Python 3.X; -1 of 2.7.
    minor: i32,
    /// The executable.
    path: PathBuf,
}

/// What every run needs to know.
struct Truth {
    /// The witness and its programs.
    sources: PathBuf,
    /// For everything that a run writes: nobody else's, and gone with this.
    folder: TempDir,
    /// Packages.
    cache: PathBuf,
    /// The release build.
    firetower: PathBuf,
    /// Seconds of each run.
    seconds: f64,
}

/// Builds, runs everything that is asked for, prints.
///
/// # Errors
/// If this is not root, a name is not known, a run failed, or a stack was wrong.
pub fn run(args: &Args) -> Result<()> {
    let root = workspace::root()?;
    let pythons = interpreters(&root, &args.python)?;
    let workloads = match args.workload.as_slice() {
        [] => WORKLOADS.iter().collect(),
        names => names.iter().map(|name| Workload::named(name)).collect::<Result<Vec<_>>>()?,
    };
    let truth = Truth::prepare(&root, args.seconds.into())?;
    let results = measure(&truth, &pythons, &workloads);
    if args.json {
        println!("{:#}", json!({ "seconds": args.seconds, "truth": results.table(truth.seconds).json() }));
    } else {
        println!("{}\n{}", results.table(truth.seconds), results.summary());
    }
    if args.write {
        let page = root.join(PAGE);
        fs::write(&page, results.markdown(truth.seconds, &machine(&root)?))
            .with_context(|| format!("can't write {}", page.display()))?;
    }
    verdict(&results)
}

/// The step of CI: the core programs on every Python, as long as its budget allows.
///
/// # Errors
/// As [`run()`]; and if the budget is too small for every Python to be run.
pub fn check(root: &Path) -> Result<()> {
    let budget = match std::env::var(BUDGET_VARIABLE) {
        Ok(seconds) => {
            let number = seconds.parse().ok().and_then(|number| Duration::try_from_secs_f64(number).ok());
            number.with_context(|| format!("{BUDGET_VARIABLE}={seconds} is no number of seconds"))?
        }
        Err(_) => BUDGET,
    };
    let pythons = interpreters(root, &[])?;
    let workloads: Vec<&Workload> = WORKLOADS.iter().take(CORE).collect();
    let runs = (pythons.len() * workloads.len()) as f64;
    let seconds = (budget.as_secs_f64() / runs - OVERHEAD).min(CHECK_SECONDS.0);
    ensure!(
        seconds >= CHECK_SECONDS.1,
        "{runs} runs take more than {} s: give {BUDGET_VARIABLE} more",
        budget.as_secs()
    );
    let begin = Instant::now();
    let results = measure(&Truth::prepare(root, seconds)?, &pythons, &workloads);
    println!("{}\n{}", results.table(seconds), results.summary());
    println!("{} runs in {:.0} s", results.rows.len(), begin.elapsed().as_secs_f64());
    verdict(&results)
}

/// These Pythons of the machine, or all that `cargo xtask pythons` knows. The one place that knows how it is asked.
fn interpreters(root: &Path, names: &[String]) -> Result<Vec<Interpreter>> {
    let mut present = pythons::present()?;
    if let Some(name) = names.iter().find(|name| present.iter().all(|(known, _)| known.name != name.as_str()))
    {
        let known: Vec<&str> = present.iter().map(|(known, _)| known.name).collect();
        bail!("no Python `{name}` among {}", known.join(", "));
    }
    present.retain(|(known, _)| names.is_empty() || names.iter().any(|name| name == known.name));
    present
        .into_iter()
        .map(|(known, path)| Interpreter::ask(root, known.name, known.kind.label(), path))
        .collect()
}

impl Interpreter {
    /// Asks an interpreter for its release.
    fn ask(root: &Path, name: &str, build: &str, path: PathBuf) -> Result<Interpreter> {
        let ask = "import sys; print('%d %d %d' % sys.version_info[:3])";
        let said = workspace::output(&mut workspace::command(root, &path, &["-c", ask]))?;
        let numbers: Vec<i32> = said.split(' ').map(str::parse).collect::<Result<_, _>>().context(said)?;
        let [major, minor, micro] = numbers[..] else { bail!("{} says no version", path.display()) };
        Ok(Interpreter {
            name: name.to_owned(),
            release: format!("{major}.{minor}.{micro}"),
            build: build.to_owned(),
            minor: if major < 3 { -1 } else { minor },
            path,
        })
    }
}

impl Truth {
    /// Builds what is run.
    fn prepare(root: &Path, seconds: f64) -> Result<Truth> {
        if !workspace::is_root(root)? {
            bail!(
                "this loads eBPF programs: run it as root, for example `sudo -E env PATH=$PATH cargo xtask truth`"
            );
        }
        let build = ["build", "--quiet", "--release", "--package", "firetower", "--bins"];
        workspace::run(&mut workspace::command(root, "cargo", &build))?;
        let folder = root.join(FOLDER);
        let cache = folder.join("packages");
        fs::create_dir_all(&cache).with_context(|| format!("can't make {}", cache.display()))?;
        let (sources, firetower) =
            (root.join("xtask/src/truth/workloads"), root.join("target/release/firetower"));
        let folder = tempfile::Builder::new().prefix("run-").tempdir_in(&folder)?;
        Ok(Truth { sources, folder, cache, firetower, seconds })
    }
}

/// Runs every program on every Python.
fn measure(truth: &Truth, pythons: &[Interpreter], workloads: &[&Workload]) -> Results {
    let mut results = Results::default();
    for python in pythons {
        for workload in workloads {
            let outcome = run::run(truth, python, workload);
            let (python, build) = (format!("{} ({})", python.name, python.release), python.build.clone());
            let row = Row { python, build, workload: workload.name.to_owned(), outcome };
            eprintln!("truth: {}", row.line());
            results.rows.push(row);
        }
    }
    results
}

fn verdict(results: &Results) -> Result<()> {
    let failures = results.failures();
    ensure!(failures.is_empty(), "not all of it is the truth:\n{}", failures.join("\n"));
    ensure!(results.total().held() > 0, "nothing was run");
    Ok(())
}

/// Where it was measured, in words.
fn machine(root: &Path) -> Result<String> {
    let kernel = workspace::output(&mut workspace::command(root, "uname", &["-sr"]))?;
    let cpus = std::thread::available_parallelism().context("the number of CPUs is not known")?;
    Ok(format!("{kernel}, {cpus} CPUs"))
}
