//! `cargo xtask fuzz`: every fuzz target of `fuzz/` for a bounded time, with cargo-fuzz and the pinned nightly.
//!
//! It must not know what the targets feed to what. They are built at once, without a sanitizer: all that they run is
//! safe Rust with overflow checks, and what the sanitizer would bound (memory) they bound themselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use crate::ebpf::Toolchain;
use crate::workspace;

/// How long each target runs where nobody says.
pub const SECONDS: u32 = 10;
const CARGO_FUZZ_VERSION: &str = "0.13.2";
/// Where the targets are, and where all that is built, found and learned goes, from the checkout's top folder.
const SOURCES: &str = "fuzz";
const OUTPUT: &str = "target/fuzz";
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// One input may take this many seconds, on a machine that is busy with other things too.
const TIMEOUT: u32 = 20;
/// Longer lines of what libFuzzer prints are not shown.
const MOST_SHOWN: usize = 300;
/// The whole process may take this much memory, in MiB: the targets' own bounds are far below.
const MEMORY: u32 = 1024;

/// `cargo xtask fuzz …`
#[derive(clap::Args)]
pub struct Args {
    /// Targets to run [default: all]
    targets: Vec<String>,
    /// Seconds that each target runs
    #[arg(long, default_value_t = SECONDS)]
    seconds: u32,
    /// Runs one target with this input only, to reproduce what was found
    #[arg(long)]
    input: Option<PathBuf>,
}

/// Runs what was asked for.
///
/// # Errors
/// If a target finds something: which, the input, and how to reproduce it. If there is no such target, or a tool is
/// missing.
pub fn run(args: &Args) -> Result<()> {
    let root = workspace::root()?;
    let fuzzer = Fuzzer::find(&root, true)?;
    fuzzer.build(&root)?;
    let all = targets(&root)?;
    if let Some(unknown) = args.targets.iter().find(|target| !all.contains(target)) {
        bail!("there is no fuzz target {unknown}; there are {}", all.join(", "));
    }
    match (&args.input, &args.targets[..]) {
        (None, []) => fuzz(&root, all, args.seconds),
        (None, some) => fuzz(&root, some.to_vec(), args.seconds),
        (Some(input), [target]) => workspace::run(Command::new(binary(&root, target)).arg(input)),
        (Some(_), _) => bail!("--input is for one target: say which"),
    }
}

/// Builds and runs every target.
///
/// # Errors
/// If one finds something, or they can't be built.
pub fn run_all(root: &Path, fuzzer: &Fuzzer, seconds: u32) -> Result<()> {
    fuzzer.build(root)?;
    fuzz(root, targets(root)?, seconds)
}

/// The nightly with cargo-fuzz.
pub struct Fuzzer {
    toolchain: Toolchain,
}

impl Fuzzer {
    /// Finds both; what is missing is installed if `install`.
    ///
    /// # Errors
    /// If anything is missing in the end: what, and what to do.
    pub fn find(root: &Path, install: bool) -> Result<Fuzzer> {
        let toolchain = if install { Toolchain::find_or_install(root) } else { Toolchain::find(root) };
        let fuzzer = Fuzzer { toolchain: toolchain.context("fuzzing needs the nightly of the eBPF build")? };
        if !fuzzer.has_cargo_fuzz(root) {
            let install_it =
                ["install", "cargo-fuzz", "--version", CARGO_FUZZ_VERSION, "--locked", "--force"];
            if !install {
                bail!("fuzzing needs cargo-fuzz {CARGO_FUZZ_VERSION}: run `cargo {}`", install_it.join(" "));
            }
            println!("installing cargo-fuzz {CARGO_FUZZ_VERSION}");
            workspace::run(&mut fuzzer.toolchain.cargo(root, &install_it))?;
        }
        Ok(fuzzer)
    }

    fn has_cargo_fuzz(&self, root: &Path) -> bool {
        let said = workspace::output(&mut self.toolchain.cargo(root, &["fuzz", "--version"]));
        said.is_ok_and(|said| said == format!("cargo-fuzz {CARGO_FUZZ_VERSION}"))
    }

    fn build(&self, root: &Path) -> Result<()> {
        let build = ["fuzz", "build", "--fuzz-dir", SOURCES, "--target-dir", OUTPUT, "--sanitizer", "none"];
        workspace::run(&mut self.toolchain.cargo(root, &build))
    }
}

/// The names of the targets: a file each.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join(SOURCES).join("targets");
    let mut names = Vec::new();
    for entry in folder.read_dir().with_context(|| format!("can't list {}", folder.display()))? {
        let path = entry?.path();
        names.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn binary(root: &Path, target: &str) -> PathBuf {
    root.join(OUTPUT).join(TRIPLE).join("release").join(target)
}

/// Runs targets, as many at once as there are CPUs; all of them, also if one finds something.
fn fuzz(root: &Path, targets: Vec<String>, seconds: u32) -> Result<()> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let count = targets.len();
    let left = Mutex::new(targets.into_iter());
    let next = || left.lock().expect("no worker panics while it takes one").next();
    let failures = std::thread::scope(|scope| {
        let worker = || std::iter::from_fn(next).filter_map(|name| fuzz_one(root, &name, seconds).err());
        let workers: Vec<_> =
            (0..workers).map(|_| scope.spawn(move || worker().collect::<Vec<_>>())).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect::<Vec<_>>()
    });
    if failures.is_empty() {
        println!("fuzz: {count} targets, {seconds} s each, nothing found");
        return Ok(());
    }
    for failure in &failures {
        println!("{failure:#}");
    }
    bail!("{} of {count} fuzz targets found something", failures.len());
}

/// Runs one target from the recordings and from what earlier runs learned.
fn fuzz_one(root: &Path, target: &str, seconds: u32) -> Result<()> {
    let folder = |kind: &str| -> Result<PathBuf> {
        let folder = root.join(OUTPUT).join(kind).join(target);
        fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
        Ok(folder)
    };
    let (learned, seeds, found) = (folder("corpus")?, folder("seeds")?, folder("found")?);
    let mut command = Command::new(binary(root, target));
    command
        .current_dir(root)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .arg("-print_final_stats=1")
        .args([&learned, &seeds])
        .env("FIRETOWER_SEEDS", &seeds);
    let output = command.output().with_context(|| format!("can't run the fuzz target {target}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{}", report(target, &told));
    }
    let runs = told.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let runs = runs.with_context(|| format!("the fuzz target {target} does not say what it did:\n{told}"))?;
    println!("{target:<12} {:>10} inputs, nothing found", runs.trim());
    Ok(())
}

/// What was found, by what libFuzzer printed: the end of that, the input, and how to see it again.
fn report(target: &str, told: &str) -> String {
    let input = told.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path);
    // The input itself, as bytes and in base64, is in its file.
    let lines: Vec<&str> = told.lines().filter(|line| line.len() < MOST_SHOWN).collect();
    let end = lines[lines.len().saturating_sub(40)..].join("\n");
    match input {
        Some(input) => format!(
            "{end}\nfuzz target {target} FAILED\n  input: {input}\n  reproduce: cargo xtask fuzz {target} --input \
             {input}"
        ),
        None => format!("{end}\nfuzz target {target} FAILED without an input"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_target_the_input_and_how_to_reproduce() {
        let told =
            "thread panicked at x.rs\nartifact_prefix='f/'; Test unit written to f/crash-1\nBase64: AA==\n";
        let report = report("maps", told);
        for part in ["panicked at x.rs", "input: f/crash-1", "cargo xtask fuzz maps --input f/crash-1"] {
            assert!(report.contains(part), "{report}");
        }
    }
}
