//! `cargo xtask scenario ceilometer`: the investigation that firetower was made for, once more, on the real code.
//!
//! Ceilometer's notification worker is recorded as it was released and with the fix, and the share that lookups of an
//! endpoint have in its CPU time is told twice: by the profile, and by counters of the worker's own. It must not know how
//! Ceilometer is run.

mod environment;
mod profile;
mod worker;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
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
/// Frames that are narrower are not in the pictures: they are to be small enough to be kept.
const LEAST_PIXELS: &str = "1";
/// The same for the picture of the difference, of all samples.
const LEAST_SHARE: f64 = 0.002;
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
    /// Keep the flame graphs in docs/investigation
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
    let python = environment::python(&requirements, &pythons::cache("scenarios")?, version, &interpreter)?;
    let settings = Settings {
        python: &python,
        scenario: &scenario,
        logs: &folder,
        regions: args.regions,
        service: SERVICE,
    };
    eprintln!("both workers start, which takes some 12 s of CPU each");
    let workers = both(Way::BOTH, |way| Ok((way, Worker::start(way, &settings)?)))?;
    eprintln!("they are recorded for {} s", args.seconds);
    let runs = both(workers, |(way, worker)| record(way, worker, &firetower, args.seconds, &folder))?;
    for run in &runs {
        without_places(&run.folded, &places(&python, &interpreter, &scenario))?;
    }
    println!("{}", table(args, &runs));
    let pictures = pictures(&runs, &firetower)?;
    if args.write {
        keep(&pictures, &root.join(PICTURES))?;
    }
    for file in pictures.iter().chain(runs.iter().map(|run| &run.folded)) {
        println!("{}", file.display());
    }
    Ok(())
}

/// Draws both profiles, prints and draws their difference, and answers where the pictures are.
fn pictures(runs: &[Run; 2], firetower: &Path) -> Result<Vec<PathBuf>> {
    let firetower = |arguments: &[&str], files: &[&Path]| {
        let mut command = Command::new(firetower);
        command.args(arguments).args(files).stdin(Stdio::null());
        command
    };
    let draw = |title: &str, folded: &Path, svg: PathBuf| {
        let arguments = ["flamegraph", "--minwidth", LEAST_PIXELS, "--title", title, "--output"];
        workspace::run(&mut firetower(&arguments, &[&svg, folded]))?;
        Ok::<_, anyhow::Error>(svg)
    };
    let mut pictures = Vec::new();
    for run in runs {
        let title = format!("Ceilometer's notification worker, {} the fix", run.way.name());
        pictures.push(draw(&title, &run.folded, run.folded.with_extension("svg"))?);
    }
    let sides = runs.each_ref().map(|run| run.folded.as_path());
    let changes = workspace::output(&mut firetower(&["diff", "--sort", "total", "--limit", "12"], &sides))?;
    println!("{changes}\n");
    let (folder, difference) = (sides[0].with_file_name("cut"), sides[0].with_file_name("diff.svg"));
    let cut = sides.map(|side| folder.join(side.file_name().unwrap_or_default()));
    let texts = read(sides[0]).and_then(|before| Ok([before, read(sides[1])?]))?;
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    for (file, text) in cut.iter().zip(profile::prune(texts.each_ref().map(String::as_str), LEAST_SHARE)?) {
        fs::write(file, text).with_context(|| format!("can't write {}", file.display()))?;
    }
    workspace::run(&mut firetower(&["diff", "--output"], &[&difference, &cut[0], &cut[1]]))?;
    pictures.push(difference);
    Ok(pictures)
}

/// Copies pictures to where documents show them.
fn keep(pictures: &[PathBuf], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    for picture in pictures {
        let copy = folder.join(picture.file_name().context("it is a file")?);
        fs::copy(picture, &copy).with_context(|| format!("can't write {}", copy.display()))?;
    }
    Ok(())
}

/// One recording and what the worker counted meanwhile.
struct Run {
    way: Way,
    counts: Counts,
    samples: Samples,
    folded: PathBuf,
}

/// Runs something for both ways at once: whatever else the machine does meanwhile is the same for both.
fn both<I: Send, O: Send>(inputs: [I; 2], run: impl Fn(I) -> Result<O> + Sync) -> Result<[O; 2]> {
    let [one, other] = inputs;
    let (one, other) = thread::scope(|scope| {
        let other = scope.spawn(|| run(other));
        (run(one), other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    Ok([one?, other?])
}

/// Records a worker that is warm, and ends it.
fn record(way: Way, mut worker: Worker, firetower: &Path, seconds: u32, folder: &Path) -> Result<Run> {
    let folded = folder.join(format!("{}.folded", way.name()));
    let mut command = Command::new(firetower);
    command.args(["record", "--pid", &worker.pid().to_string(), "--duration", &seconds.to_string()]);
    command.arg("--output").arg(&folded);
    let earlier = worker.counts()?;
    let recording = Process::start(command, folder, &format!("record-{}", way.name()))?;
    recording.finish(Duration::from_secs(seconds.into()) + PATIENCE)?;
    let counts = worker.counts()?.since(&earlier);
    worker.finish()?;
    let samples = Samples::read(&folded, FUNCTION)?;
    Ok(Run { way, counts, samples, folded })
}

fn table(args: &Args, runs: &[Run; 2]) -> Table {
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
    let [before, after] = runs.each_ref().map(|run| run.counts.milliseconds_per_message());
    table
        .notes
        .push(format!("{:.0} % less CPU for each message after the fix", 100.0 * (1.0 - after / before)));
    table.notes.push(
        "counting and sending are the scenario's own: its counters, and the thread that makes messages"
            .to_owned(),
    );
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

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))
}

/// Writes a profile anew, with names of files as they are in their packages.
fn without_places(folded: &Path, places: &[String]) -> Result<()> {
    let mut text = read(folded)?;
    for place in places {
        text = text.replace(&format!("({place}"), "(");
    }
    fs::write(folded, text).with_context(|| format!("can't write {}", folded.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_name_files_without_their_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.folded");
        fs::write(&file, "run (/env/lib/python3.8/site-packages/a/b.py);c (/env/lib/python3.8/d.py) 7\n")
            .expect("a file");
        let places = ["/env/lib/python3.8/site-packages/".to_owned(), "/env/lib/python3.8/".to_owned()];
        without_places(&file, &places).expect("it is written anew");
        assert_eq!(fs::read_to_string(&file).expect("text"), "run (a/b.py);c (d.py) 7\n");
    }

    #[test]
    fn one_failure_of_two_is_a_failure() {
        assert_eq!(both([1, 2], |number| Ok(number * 2)).expect("both"), [2, 4]);
        both([1, 2], |number| if number == 2 { bail!("no") } else { Ok(number) }).expect_err("one failed");
    }
}
