//! `firetower pyflame`, and `pyflame` where a link has that name: pyflame's command line and output, by our own sampler.
//!
//! It must not know how samples are taken, nor how they are printed.

mod output;
mod recording;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::Parser;

use super::exit::{Exit, Failure};
use super::launch::Launched;
use super::signals::Signals;
use super::{process, say};
use crate::dump::{self, Attached, Dump, Stack, Why};
use crate::model::Pid;
use crate::python::threads::Holds;
use crate::python::versions::RELEASES;
use crate::render::pyflame::{self as render, Lines, ThreadStack};
use crate::wall::Which;

use output::Output;
use recording::Recording;

/// Do what Uber's pyflame did, with its options and its output
///
/// Wall-clock samples of the thread that holds the GIL, or of every thread, as folded stacks for flamegraph.pl. See
/// `firetower pyflame --help`.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Words {
    /// pyflame's own command line
    #[arg(last = true, value_name = "OPTIONS")]
    words: Vec<OsString>,
}

/// Shortest time between two samples, in seconds: reading one takes some 0.2 ms.
const LEAST_RATE: f64 = 0.000_5;
/// Longest, and longest duration.
const MOST_SECONDS: f64 = 7.0 * 86_400.0;

/// Do what Uber's pyflame did, with its options and its output
///
/// Wall-clock samples: at each tick the stack of the thread that holds the GIL, as folded lines
/// file:function:line;…;file:function:line COUNT for flamegraph.pl; (idle) where no thread holds it. Of a Python without
/// the GIL, the stack of each thread that is running Python code. The process is not stopped, and nothing is attached to it.
#[derive(Debug, Parser)]
#[command(
    name = "pyflame",
    version = VERSION.as_str(),
    infer_long_args = true,
    disable_version_flag = true,
    arg_required_else_help = true,
    override_usage = "firetower pyflame [OPTIONS] -p PID\n       firetower pyflame [OPTIONS] -t COMMAND [ARGS]...",
    after_help = "Examples:
  firetower pyflame -p 4242 | flamegraph.pl >slow.svg        one second of a process
  firetower pyflame -s 60 -r 0.01 -p 4242 -o slow.txt        a minute, every 10 ms
  firetower pyflame -x --threads -o app.txt -t python3 app.py --fast
  firetower pyflame -d -p 4242                               where each thread is now
  ln -s $(which firetower) ~/bin/pyflame                     scripts that call pyflame go on working

Needs the right to read the process's memory: its user's, or CAP_SYS_PTRACE. No eBPF."
)]
pub struct Args {
    /// Process to sample
    #[arg(short, long, value_name = "PID", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pid: Option<u32>,
    /// The same, as old versions of pyflame had it
    #[arg(value_name = "PID", hide = true, conflicts_with = "pid", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    old_pid: Option<u32>,
    /// How long to sample; 0 takes one sample, less than 0 has no end [default: 1]
    #[arg(short, long, value_name = "SECS", value_parser = seconds, allow_negative_numbers = true)]
    seconds: Option<f64>,
    /// Seconds between two samples
    #[arg(short, long, value_name = "RATE", default_value = "0.01", value_parser = rate)]
    rate: Duration,
    /// Start a command and sample it until it ends; all that follows is the command
    #[arg(short, long)]
    trace: bool,
    /// Leave out idle time
    #[arg(short = 'x', long)]
    exclude_idle: bool,
    /// Take the stack of every thread, not only of the one that holds the GIL
    #[arg(short = 'T', long)]
    threads: bool,
    /// Print each sample with its time (microseconds), for Chrome's flame charts
    #[arg(long, alias = "timestamp")]
    flamechart: bool,
    /// Leave out line numbers
    #[arg(short, long)]
    no_line_numbers: bool,
    /// Print the first line of each function instead of the line that is run
    #[arg(short = 'L', long, conflicts_with = "no_line_numbers")]
    first_line_numbers: bool,
    /// Print the stack of every thread, once
    #[arg(short, long)]
    dump: bool,
    /// File to write instead of standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Has no effect: the Python is recognised. Two or three digits, as in 27 or 311
    #[arg(long, value_name = "VERSION", value_parser = abi)]
    abi: Option<String>,
    /// Print the version
    #[arg(short, long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    /// What follows `-t`.
    #[arg(skip)]
    command: Vec<OsString>,
}

/// The last pyflame that there was, which this one is like; and what is read here.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let abis: Vec<String> =
        RELEASES.iter().map(|release| format!("{}{}", release.major, release.minor)).collect();
    let (own, cpu) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    format!("1.6.7 firetower-{own} {cpu} (ABI list: {})", abis.join(" "))
});

fn number(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| "a number of seconds".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    number(text).and_then(|seconds| match seconds <= MOST_SECONDS {
        true => Ok(seconds),
        false => Err(format!("at most {MOST_SECONDS} seconds (a week); less than 0 has no end")),
    })
}

fn rate(text: &str) -> Result<Duration, String> {
    let rate = number(text)?;
    if (LEAST_RATE..=MOST_SECONDS).contains(&rate) {
        Ok(Duration::from_secs_f64(rate))
    } else {
        Err(format!("seconds between two samples, at least {LEAST_RATE}: 0.01 is a hundred samples a second"))
    }
}

fn abi(text: &str) -> Result<String, String> {
    let is_version = (2..=3).contains(&text.len()) && text.starts_with(['2', '3']);
    if is_version && text.bytes().all(|digit| digit.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("major and minor version of Python, as in 27, 36 or 311".to_owned())
    }
}

/// Reads pyflame's command line and does what it says.
///
/// # Errors
/// If there is no such process, it may not be read, runs no Python that can be, or the output can't be written.
pub fn run(words: &Words) -> Result<u8, Failure> {
    let (own, command) = words::split(&words.words);
    let args = match Args::try_parse_from(std::iter::once("pyflame".into()).chain(own)) {
        Ok(args) => Args { command, ..args },
        Err(error) => return Ok(super::misread(&error)),
    };
    let usage = |message: &str, hint: &str| Err(Failure::new(Exit::Usage, message).hint(hint));
    match (args.trace, args.pid.or(args.old_pid)) {
        (true, _) if args.dump => usage("-t and -d exclude each other", "start the command, then: -d -p PID"),
        (true, Some(_)) => {
            usage("-t and a PID exclude each other", "-t starts a command, -p looks at a process that runs")
        }
        (true, None) if args.command.is_empty() => {
            usage("-t needs a command", "firetower pyflame [OPTIONS] -t COMMAND [ARGS]...")
        }
        (true, None) => trace(&args),
        (false, Some(pid)) => {
            if args.old_pid.is_some() {
                say(&format!("a PID without -p is how old versions of pyflame had it: use -p {pid}"));
            }
            attach(&args, Pid(pid))
        }
        (false, None) => {
            usage("there is nothing to sample", "name a process: -p PID, or a command: -t COMMAND")
        }
    }
}

impl Args {
    fn lines(&self) -> Lines {
        match (self.no_line_numbers, self.first_line_numbers) {
            (true, _) => Lines::None,
            (false, true) => Lines::First,
            (false, false) => Lines::Run,
        }
    }

    fn which(&self) -> Which {
        if self.threads { Which::All } else { Which::Running }
    }

    /// How many samples there are to be; `None`: no end.
    fn count(&self) -> Option<u64> {
        let seconds = self.seconds.unwrap_or(1.0);
        if self.trace || seconds < 0.0 {
            return None;
        }
        // In whole microseconds, as pyflame counted: three times 0.1 are 0.3.
        let total = Duration::from_secs_f64(seconds).as_micros();
        let each = self.rate.as_micros().max(1);
        Some(u64::try_from(total.div_ceil(each)).unwrap_or(u64::MAX).max(1))
    }
}

fn attach(args: &Args, pid: Pid) -> Result<u8, Failure> {
    process::check(pid, |process| {
        format!("sample the process, with all of its threads: firetower pyflame --threads -p {process}")
    })?;
    let process = Attached::to(pid).map_err(|error| super::dump::failure(pid, &error))?.by_plain_names();
    let mut output = Output::open(args.output.as_deref())?;
    if args.dump {
        let dump = dump::of(&process).map_err(|error| super::dump::failure(pid, &error))?;
        // As in pyflame, `-n` has no effect on a dump.
        let lines = if args.first_line_numbers { Lines::First } else { Lines::Run };
        output.write(&dumped(&dump, lines))?;
        return Ok(Exit::Ok.code());
    }
    let signals = Signals::install()?;
    Recording::new(args, &signals, None)?.run(process, output)
}

fn trace(args: &Args) -> Result<u8, Failure> {
    if args.seconds.is_some() {
        say("with -t the command is sampled until it ends: -s has no effect");
    }
    let output = Output::open(args.output.as_deref())?;
    let signals = Signals::install()?;
    let mut command = Launched::prepare(&args.command)?;
    command.release()?;
    let process = recording::attach_when_it_runs(&mut command, &signals)?;
    Recording::new(args, &signals, Some(command))?.run(process, output)
}

/// Threads in pyflame's order, the newest first; those that run no Python function are left out.
fn dumped(dump: &Dump, lines: Lines) -> String {
    let has_function = |thread: &&dump::Thread| {
        !matches!(thread.stack, Stack::Missing(Why::Reason(crate::model::Reason::NoPythonFrame)))
    };
    let threads = dump.threads.iter().rev().filter(has_function).map(|thread| {
        let (frames, truncated) = match &thread.stack {
            Stack::Exact(frames) | Stack::Agreed(frames) => (Ok(&frames.frames[..]), frames.truncated),
            Stack::Missing(why) => (Err(recording::text(*why)), false),
        };
        ThreadStack { ident: thread.thread_id, holds_gil: thread.gil == Holds::Yes, frames, truncated }
    });
    let agreed = dump.threads.iter().filter(|thread| matches!(thread.stack, Stack::Agreed(_))).count();
    if agreed > 0 {
        say(&format!(
            "{agreed} of {} threads ran while they were read: two readings agree, which is no proof",
            dump.threads.len()
        ));
    }
    render::dump(&threads.collect::<Vec<_>>(), lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::try_parse_from(std::iter::once("pyflame").chain(words.iter().copied()))
            .expect("they make sense")
    }

    #[test]
    fn samples_by_seconds_and_rate() {
        let cases: [(&[&str], Option<u64>); 9] = [
            (&["-p1"], Some(100)),
            (&["-p1", "-s", "60"], Some(6000)),
            (&["-p1", "-s", "0"], Some(1)),
            (&["-p1", "-s", "0.3", "-r", "0.1"], Some(3)),
            (&["-p1", "-s", "0.7", "-r", "0.1"], Some(7)),
            (&["-p1", "-s", "1", "-r", "0.3"], Some(4)),
            (&["-p1", "-s", "0.001", "-r", "10"], Some(1)),
            (&["-p1", "-s", "-1"], None),
            (&["-t", "-s", "5"], None),
        ];
        for (words, count) in cases {
            assert_eq!(args(words).count(), count, "{words:?}");
        }
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        for words in [
            &["-p", "0"][..],
            &["-p", "-1"],
            &["-p", "99999999999"],
            &["-p", "x"],
            &["-p1", "-r", "0"],
            &["-p1", "-r", "nan"],
            &["-p1", "-r", "-1"],
            &["-p1", "-s", "inf"],
            &["-p1", "-s", "x"],
            &["-p1", "--abi", "0"],
            &["-p1", "--abi", "3.6"],
            &["-p1", "2"],
        ] {
            let parsed = Args::try_parse_from(std::iter::once("pyflame").chain(words.iter().copied()));
            assert!(parsed.is_err(), "{words:?}");
        }
    }
}
