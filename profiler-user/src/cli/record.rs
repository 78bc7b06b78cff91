//! `firetower record`: profiles processes for a while and writes a flame graph, a profile for other tools, or single
//! samples.

mod output;
mod progress;
mod samples;
mod summary;
mod targets;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};

use super::exit::{Exit, Failure};
use super::launch::Launched;
use super::signals::Signals;
use super::{clock, failures};
use crate::agent::{Agent, SharedAggregate, lock};
use crate::aggregate::{Aggregate, Retention};
use crate::capture::Options;
use crate::query::{self, View};
use crate::render::Format;

use output::{Kind, Output};
use progress::Progress;
use summary::Summary;
use targets::Targets;

/// How often the recording looks whether it is over, if no event wakes it.
const ROUND: Duration = Duration::from_millis(100);
/// How often there is house-keeping.
const TICK: Duration = Duration::from_secs(1);
/// Longest duration: a week.
const MAX_SECONDS: f64 = 7.0 * 86_400.0;

/// Profile processes and write a flame graph
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:
  firetower record -p 4242 -d 60 -o slow.svg          one process for a minute
  firetower record -o app.svg -- python3 app.py       a command from its start to its exit
  firetower record --all -d 10 | grep json            every process; folded stacks to a pipe
  firetower record -p 4242 --lines --threads -o x.folded
  firetower record -p 4242 -d 5 -o x.jsonl            single samples, for scripts
  firetower record -p 4242 -d 60 -o x.pb.gz           for `go tool pprof`, Parca, Pyroscope…
  firetower record -p 4242 -d 60 --format pprof >x    the same to standard output

Formats, and the endings of files that say them:
  svg         .svg               interactive flame graph
  html        .html .htm         the viewer with the profile inside, for any browser
  folded      .folded .txt       a line for each stack: root;…;leaf COUNT
  pprof       .pb.gz .pprof      pprof: samples have labels (pid, tid, thread, command…)
  speedscope  .speedscope.json   for https://www.speedscope.app; --threads: one for each thread
  gecko       .gecko.json        for https://profiler.firefox.com: a track for each thread
  json        .json              plain JSON: frames, and stacks with weights and labels
  jsonl       .jsonl             single samples

A .jsonl file is written while recording. Each sample is a JSON object on a line of its own:
  time, unix   CLOCK_MONOTONIC and Unix nanoseconds
  pid, tid, thread, cpu
  weight       nanoseconds of CPU time that the sample stands for
  stack        frames, root first: kind (python, kernel, unknown), function, file, exact line
  reason       why there is no whole, named Python stack, else null
  truncated    whether the root end is missing
Fields and kinds may be added, none is renamed or removed. Lost samples are in the summary only.",
    group = clap::ArgGroup::new("what").required(true).multiple(false)
)]
pub struct Args {
    /// Process to profile; may be given several times
    #[arg(short, long = "pid", value_name = "PID", group = "what", action = clap::ArgAction::Append, value_parser = clap::value_parser!(u32).range(1..))]
    pids: Vec<u32>,
    /// Profile every process of this machine
    #[arg(long, group = "what")]
    all: bool,
    /// Stop after this many seconds [default: until Ctrl-C, or until every process has exited]
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds)]
    duration: Option<Duration>,
    /// Samples a second on each CPU
    #[arg(short = 'F', long, value_name = "HZ", default_value = "99", value_parser = RangedU64ValueParser::<u32>::new().range(1..=9999))]
    frequency: u32,
    /// File to write, in the format that its ending says (.svg, .html, .folded, .pb.gz, .speedscope.json, .gecko.json, .json,
    /// .jsonl); `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Format to write, whatever the file's ending is [default: by the ending; to standard output folded]
    #[arg(long, value_name = "NAME", value_parser = kind())]
    format: Option<Kind>,
    /// Show lines of a function as frames of their own
    #[arg(short, long)]
    lines: bool,
    /// Show each thread apart
    #[arg(short, long)]
    threads: bool,
    /// Profile the processes that these start, too
    #[arg(short, long)]
    subprocesses: bool,
    /// Leave kernel frames out
    #[arg(long)]
    no_kernel: bool,
    /// Print the closing summary as JSON (on standard error)
    #[arg(long)]
    json: bool,
    /// Command to start and profile
    #[arg(last = true, value_name = "COMMAND", group = "what")]
    command: Vec<std::ffi::OsString>,
}

fn kind() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::names())
        .try_map(|name| Kind::named(&name).ok_or_else(|| format!("{name:?} is no format")))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text:?} is not a number of seconds"))?;
    if !(seconds > 0.0 && seconds <= MAX_SECONDS) {
        return Err(format!("{text} is out of range: more than 0, at most {MAX_SECONDS} seconds (a week)"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Records, writes, and answers the exit code: that of the command, if one was started.
pub fn run(args: &Args) -> Result<u8, Failure> {
    let mut targets = Targets::check(&args.pids)?;
    let output = Output::prepare(args.output.as_deref(), args.format, &targets)?;
    let signals = Signals::install()?;
    super::ensure_ready()?;

    let options =
        Options { frequency: args.frequency, only_targets: !args.all, kernel_stacks: !args.no_kernel };
    let clock = clock()?;
    let started = clock.now();
    let aggregate: SharedAggregate = Arc::new(Mutex::new(Aggregate::new(Retention::recording(), started)));
    let mut agent = Agent::new(options, aggregate.clone(), clock).map_err(failures::capture)?;
    if let Some(observer) = output.observer() {
        agent = agent.observed_by(observer);
    }
    let mut command = None;
    if !args.command.is_empty() {
        let launched = Launched::prepare(&args.command)?;
        targets.add(launched.pid());
        targets.rename(launched.pid(), launched.name());
        command = Some(launched);
    }
    for pid in targets.pids() {
        match &command {
            Some(_) => agent.watch_from_exec(pid, args.subprocesses),
            None => agent.watch(pid, args.subprocesses),
        }
        .map_err(failures::capture)?;
    }
    if args.all {
        agent.discover().map_err(failures::capture)?;
    }
    if command.is_none() {
        targets.warn_of_what_is_no_python(&agent);
    }
    agent.enable().map_err(failures::capture)?;
    let begin = Instant::now();
    if let Some(command) = &mut command {
        command.release()?;
    }
    tracing::info!("sampling has begun");

    let recording = Recording { args, signals: &signals, output: &output, begin };
    recording.run(&mut agent, &mut targets, command.as_mut())?;
    let elapsed = begin.elapsed();
    agent.finish().map_err(failures::capture)?;
    targets.note_exited(elapsed);

    let (view, labelled) = view(args, &targets, output.format());
    let mut profile = query::recorded(&lock(&aggregate), (started, clock.now()), view, labelled)
        .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    profile.about.duration = elapsed.as_nanos() as u64;
    profile.about.frequency = args.frequency;
    profile.about.subject = if args.all { "all processes".to_owned() } else { targets.describe() };
    let summary = Summary::new(&agent, elapsed)?;
    let written = if summary.samples() == 0 { Ok(None) } else { output.write(&profile).map(Some) };
    match &written {
        Ok(path) => summary.print(args.json, path.as_deref()),
        Err(_) => summary.print(args.json, None),
    }
    if let Some(command) = &mut command {
        // The command's code is the answer; a file that could not be written is worth a message all the same.
        if let Err(failure) = written {
            failure.report();
        }
        return command.wait(&signals);
    }
    match written? {
        Some(_) => Ok(Exit::Ok.code()),
        None => Err(Failure::new(Exit::NoSamples, "no samples: what was profiled used no CPU in this time")
            .hint("a sampling profiler sees running code; profile for longer, or while there is load")),
    }
}

/// The loop between the first sample and the last.
struct Recording<'a> {
    args: &'a Args,
    signals: &'a Signals,
    output: &'a Output,
    begin: Instant,
}

impl Recording<'_> {
    fn run(
        &self,
        agent: &mut Agent,
        targets: &mut Targets,
        command: Option<&mut Launched>,
    ) -> Result<(), Failure> {
        let progress = Progress::start(self.args.duration);
        let mut next_tick = self.begin + TICK;
        let mut command = command;
        loop {
            let left =
                self.args.duration.map_or(ROUND, |duration| duration.saturating_sub(self.begin.elapsed()));
            if left.is_zero() || self.signals.received() > 0 || self.output.failed() {
                break;
            }
            agent.run_once(left.min(ROUND)).map_err(failures::capture)?;
            progress.update(self.begin.elapsed(), agent.accounts());
            let ticks = Instant::now() >= next_tick;
            if ticks {
                agent.tick().map_err(failures::capture)?;
                next_tick += TICK;
            }
            let over = match command.as_deref_mut() {
                Some(command) => command.has_exited()?,
                // An exit comes as an event; asking /proc each time would cost more than the samples do.
                None => !self.args.all && (ticks || targets.seem_exited(agent)) && targets.all_exited(),
            };
            if over {
                break;
            }
        }
        progress.end();
        Ok(())
    }
}

/// How the arguments want it looked at, and whether samples are to be apart by their labels.
fn view(args: &Args, targets: &Targets, format: Option<Format>) -> (View, bool) {
    let view = View {
        lines: args.lines,
        threads: args.threads,
        processes: args.all || args.subprocesses || targets.pids().count() > 1,
    };
    let Some(format) = format.filter(|format| format.keeps_labels()) else { return (view, false) };
    match format {
        // It shows one thread at a time and no view of all: only if asked for.
        Format::Speedscope if !args.threads => (view, false),
        _ if format.has_threads() => (View { threads: false, processes: false, ..view }, true),
        _ => (view, true),
    }
}
