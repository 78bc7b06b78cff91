//! `cargo xtask ci`: everything that is held, one step after the other, until one fails.

mod suite;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::ebpf::{self, Toolchain};
use crate::{fuzz, pythons, tidy, truth, web, workspace};

/// How a step ended that did not fail.
enum Done {
    Passed,
    /// It could not be run here, for this reason.
    Skipped(String),
}

/// A step's name and what it does in the checkout.
type Step = (&'static str, fn(&Path) -> Result<Done>);

const STEPS: &[Step] = &[
    ("format", format),
    ("tidy", |root| tidy::check(root).map(|()| Done::Passed)),
    ("clippy", |root| cargo(root, &["clippy", "--workspace", "--all-targets", "--", "-Dwarnings"])),
    ("ebpf verify", ebpf_verify),
    ("web verify", web_verify),
    ("pythons", |_| pythons::provide(on_ci()).map(|()| Done::Passed)),
    ("test", test),
    ("web e2e", web_e2e),
    ("fuzz", fuzz_all),
    ("truth", truth_rate),
    ("doc", doc),
];

/// Runs every step. Prints each one's name before its output and its time after.
///
/// # Errors
/// At the first step that fails.
pub fn run() -> Result<()> {
    let root = workspace::root()?;
    let start = Instant::now();
    let mut skipped = Vec::new();
    for (name, step) in STEPS {
        println!("\n== {name}");
        let step_start = Instant::now();
        match step(&root).with_context(|| format!("ci FAILED in step `{name}`"))? {
            Done::Passed => println!("== {name}: passed in {}", seconds(step_start.elapsed())),
            Done::Skipped(why) => {
                println!("== {name}: SKIPPED: {why}");
                skipped.push(*name);
            }
        }
    }
    let besides =
        if skipped.is_empty() { String::new() } else { format!(", SKIPPED: {}", skipped.join(", ")) };
    println!(
        "\nci: {} of {} steps passed in {}{besides}",
        STEPS.len() - skipped.len(),
        STEPS.len(),
        seconds(start.elapsed())
    );
    Ok(())
}

/// Whether this is a machine that is there to be set up by us.
fn on_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<Done> {
    workspace::run(&mut workspace::command(root, "cargo", arguments)).map(|()| Done::Passed)
}

fn format(root: &Path) -> Result<Done> {
    cargo(root, &["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])?;
    cargo(root, &["fmt", "--all", "--check"])
}

/// Every fuzz target for a short time. A developer without what it needs can do without; CI gets it or fails.
fn fuzz_all(root: &Path) -> Result<Done> {
    match fuzz::Fuzzer::find(root, on_ci()) {
        Ok(fuzzer) => fuzz::run_all(root, &fuzzer, fuzz::SECONDS).map(|()| Done::Passed),
        Err(error) if !on_ci() => Ok(Done::Skipped(format!("{error:#}"))),
        Err(error) => Err(error),
    }
}

/// Rebuilds the kernel side's object. A developer without its toolchain can do without; CI gets it if it can be had.
fn ebpf_verify(root: &Path) -> Result<Done> {
    let toolchain = if on_ci() { Toolchain::find_or_install(root) } else { Toolchain::find(root) };
    match toolchain {
        Ok(toolchain) => ebpf::verify(root, &toolchain).map(|()| Done::Passed),
        Err(error) => Ok(Done::Skipped(format!("{error:#}"))),
    }
}

/// All tests. Those that load eBPF programs need root: without it, each test binary runs under sudo.
fn test(root: &Path) -> Result<Done> {
    let is_root = workspace::is_root(root)?;
    let late = suite::run(|arguments| {
        let mut cargo: Command = workspace::command(root, "cargo", arguments);
        if !is_root {
            cargo.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", "sudo --preserve-env");
        }
        cargo
    })?;
    for test in late {
        println!("WARNING: {test} failed beside others and passed alone");
    }
    Ok(Done::Passed)
}

/// The viewer without a browser: that it is what its sources make, and its own tests. A developer without Node can do
/// without: what is built is in the tree.
fn web_verify(root: &Path) -> Result<Done> {
    if let Err(error) = workspace::output(&mut workspace::command(root, "node", &["--version"]))
        && !on_ci()
    {
        return Ok(Done::Skipped(format!("{error:#}; `./bootstrap test` installs it")));
    }
    web::verify(root)?;
    web::test(root, &[]).map(|()| Done::Passed)
}

/// The viewer in a browser. A developer without root or Chromium can do without; CI gets both or fails.
fn web_e2e(root: &Path) -> Result<Done> {
    match web::Runner::find(root, on_ci()) {
        Ok(runner) => {
            web::report(&runner.run(&[])?);
            Ok(Done::Passed)
        }
        Err(error) if !on_ci() => Ok(Done::Skipped(format!("{error:#}"))),
        Err(error) => Err(error),
    }
}

/// A short form of `cargo xtask truth`.
fn truth_rate(root: &Path) -> Result<Done> {
    if !workspace::is_root(root)? {
        return Ok(Done::Skipped("it loads eBPF programs, and this is not root".to_owned()));
    }
    truth::check(root).map(|()| Done::Passed)
}

fn doc(root: &Path) -> Result<Done> {
    let mut cargo = workspace::command(root, "cargo", &["doc", "--workspace", "--no-deps"]);
    workspace::run(cargo.env("RUSTDOCFLAGS", "-Dwarnings")).map(|()| Done::Passed)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
