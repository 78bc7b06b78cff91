//! `cargo xtask scenario ceilometer`: the investigation that firetower was made for, once more, on the real code.
//!
//! Ceilometer's notification worker is recorded as it was released and with the fix, and the share that lookups of an
//! endpoint have in its CPU time is told twice: by the profile, and by counters of the worker's own. It must not know how
//! Ceilometer is run.

mod environment;
mod profile;
mod worker;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::bench::process::Process;
use crate::bench::table::{Cell, Table};
use crate::{pythons, workspace};
use profile::Samples;
use worker::{Counts, Settings, Way, Worker};

const SCENARIO: &str = "profiler-user/scenarios/ceilometer";
const FOLDER: &str = "target/scenarios/ceilometer";
/// Where `--write` keeps pictures.
const PICTURES: &str = "docs/investigation";
/// What costs.
const FUNCTION: &str = "get_endpoint";
const SERVICE: &str = "ceilometer-agent-notification";
/// What a recording may take longer than it is asked for, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which scenario.
#[derive(clap::Subcommand)]
pub enum Task {
    /// Ceilometer's notification worker before and after the fix; prints a table and the paths of the flame graphs
    Ceilometer(Args),
}

/// `cargo xtask scenario ceilometer …`
#[derive(clap::Args)]
pub struct Args {
    /// The Python to run it on
    #[arg(long, value_name = "VERSION", default_value = "3.8", value_parser = ["2.7", "3.6", "3.8"])]
    python: String,
    /// Regions in Keystone's catalog: each has an endpoint more for each service and interface
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    regions: u8,
    /// Seconds of each recording
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// The firetower to record with [default: the release build, built first]
    #[arg(long, value_name = "PATH")]
    firetower: Option<PathBuf>,
    /// Keep the flame graphs in docs/investigation, without the paths of this machine
    #[arg(long)]
    write: bool,
}

/// Runs a scenario.
///
/// # Errors
/// If this is not root, Python is missing, packages can't be had, or a program fails.
pub fn run(task: &Task) -> Result<()> {
    let Task::Ceilometer(args) = task;
    let root = workspace::root()?;
    if !workspace::is_root(&root)? {
        bail!(
            "this loads eBPF programs: run it as root, for example `sudo -E env PATH=$PATH cargo xtask scenario ceilometer`"
        );
    }
    let firetower = match &args.firetower {
        Some(path) => path.canonicalize().with_context(|| format!("no {}", path.display()))?,
        None => {
            let build = ["build", "--release", "--package", "firetower", "--bins"];
            workspace::run(&mut workspace::command(&root, "cargo", &build))?;
            root.join("target/release/firetower")
        }
    };
    let version = &args.python;
    let interpreter = pythons::find_release(version)?.with_context(|| {
        format!("there is no Python {version}: `cargo xtask pythons --install {version}` brings it")
    })?;
    let (scenario, folder) = (root.join(SCENARIO), root.join(FOLDER));
    let requirements = scenario.join(format!("requirements-{version}.txt"));
    let python = environment::python(&requirements, &folder, version, &interpreter)?;
    let settings = Settings {
        python: &python,
        scenario: &scenario,
        logs: &folder,
        regions: args.regions,
        service: SERVICE,
    };
    let mut runs = Vec::new();
    for way in [Way::Before, Way::After] {
        runs.push(record(way, &settings, &firetower, args.seconds)?);
    }
    println!("{}", table(args, &runs));
    let [before, after] = [Way::Before, Way::After].map(|way| folder.join(format!("{}.folded", way.name())));
    let difference = folder.join("diff.svg");
    let compare = |with: &[&OsStr]| {
        let mut command = Command::new(&firetower);
        command.arg("diff").args([&before, &after]).args(with).stdin(Stdio::null());
        command
    };
    println!("{}\n", workspace::output(&mut compare(&["--sort", "total", "--limit", "12"].map(OsStr::new)))?);
    workspace::run(&mut compare(&["--output".as_ref(), difference.as_os_str()]))?;
    let pictures: Vec<&PathBuf> = runs.iter().map(|run| &run.svg).chain([&difference]).collect();
    if args.write {
        keep(&pictures, &root.join(PICTURES), &places(&python, &interpreter, &scenario))?;
    }
    for file in pictures.into_iter().chain([&before, &after]) {
        println!("{}", file.display());
    }
    Ok(())
}

/// Copies pictures to where documents show them.
fn keep(pictures: &[&PathBuf], folder: &Path, places: &[String]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    for picture in pictures {
        let copy = folder.join(picture.file_name().context("it is a file")?);
        let text = without_places(picture, places)?;
        fs::write(&copy, text).with_context(|| format!("can't write {}", copy.display()))?;
    }
    Ok(())
}

/// One recording and what the worker counted meanwhile.
struct Run {
    way: Way,
    counts: Counts,
    samples: Samples,
    svg: PathBuf,
}

/// Starts the worker, records it when it is warm, and ends it.
fn record(way: Way, settings: &Settings<'_>, firetower: &Path, seconds: u32) -> Result<Run> {
    eprintln!("{}: the worker starts, and is recorded for {seconds} s", way.name());
    let mut worker = Worker::start(way, settings)?;
    let earlier = worker.counts()?;
    let file = |ending: &str| settings.logs.join(format!("{}.{ending}", way.name()));
    let (svg, folded) = (file("svg"), file("folded"));
    // A recording writes one format. Both are of the same seconds, each with samples of its own.
    let recordings = [&svg, &folded].map(|output| {
        let mut command = Command::new(firetower);
        command.args(["record", "--pid", &worker.pid().to_string(), "--duration", &seconds.to_string()]);
        command.arg("--output").arg(output);
        let ending = output.extension().unwrap_or_default().to_string_lossy();
        Process::start(command, settings.logs, &format!("record-{}-{ending}", way.name()))
    });
    for recording in recordings {
        recording?.finish(Duration::from_secs(seconds.into()) + PATIENCE)?;
    }
    let counts = worker.counts()?.since(&earlier);
    worker.finish()?;
    let samples = Samples::read(&folded, FUNCTION)?;
    Ok(Run { way, counts, samples, svg })
}

fn table(args: &Args, runs: &[Run]) -> Table {
    let title = format!(
        "Ceilometer 11.0.1 on Python {}, {} region(s) in the catalog, {} s each",
        args.python, args.regions, args.seconds
    );
    let columns = &[
        ("way", "endpoint"),
        ("messages_per_second", "messages/s"),
        ("cpu_per_message_ms", "CPU ms/message"),
        ("profile_percent", "get_endpoint %"),
        ("samples", "of samples"),
        ("truth_percent", "% by counters"),
        ("calls_per_message", "calls/message"),
        ("counting_percent", "counting %"),
        ("sending_percent", "sending %"),
    ];
    let mut table = Table::new("ceilometer", title, columns);
    for run in runs {
        let (counts, messages) = (&run.counts, run.counts.messages as f64);
        table.rows.push(vec![
            Cell::text(run.way.name()),
            Cell::ratio(messages, counts.seconds, 1),
            Cell::Number(counts.milliseconds_per_message(), 2),
            Cell::Number(100.0 * run.samples.share(), 1),
            Cell::Number(run.samples.all as f64, 0),
            Cell::Number(100.0 * counts.share(), 1),
            Cell::ratio(counts.get_endpoint_calls as f64, messages, 2),
            Cell::percent(counts.counting_cpu_seconds, counts.cpu_seconds),
            Cell::percent(counts.sending_cpu_seconds, counts.cpu_seconds),
        ]);
    }
    if let [before, after] = runs {
        let saved = 1.0 - after.counts.milliseconds_per_message() / before.counts.milliseconds_per_message();
        table.notes.push(format!("{:.0} % less CPU for each message after the fix", 100.0 * saved));
        table.notes.push(
            "counting and sending are the scenario's own: a thread that makes messages, and the counters"
                .to_owned(),
        );
    }
    table
}

/// Folders of this machine that are in names of files, the longest first.
fn places(python: &Path, interpreter: &Path, scenario: &Path) -> Vec<String> {
    let libraries = |python: &Path| {
        let lib = python.parent().and_then(Path::parent).unwrap_or(python).join("lib");
        let inner = fs::read_dir(&lib).ok()?.flatten().map(|entry| entry.path());
        inner.into_iter().find(|path| {
            path.is_dir() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python"))
        })
    };
    let site = libraries(python).map(|folder| folder.join("site-packages"));
    let folders =
        site.into_iter().chain(libraries(python)).chain(libraries(interpreter)).chain([scenario.into()]);
    folders.map(|folder| format!("{}/", folder.display())).collect()
}

/// The text of a file with names of files as they are in their packages.
fn without_places(file: &Path, places: &[String]) -> Result<String> {
    let mut text = fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
    for place in places {
        text = text.replace(place, "");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_name_files_without_their_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.svg");
        fs::write(&file, "<title>run (/env/lib/python3.8/site-packages/a/b.py)</title>").expect("a file");
        let places = ["/env/lib/python3.8/site-packages/".to_owned(), "/env/lib/python3.8/".to_owned()];
        assert_eq!(without_places(&file, &places).expect("text"), "<title>run (a/b.py)</title>");
    }
}
