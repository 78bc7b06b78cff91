//! The command line: what the user types, and which subcommand runs.
//!
//! One file a subcommand; each has an `Args` (clap) and a `run` that answers the exit code or a [`Failure`]. Nothing
//! here knows how profiling works: that is the subcommands' business, and they ask the agent.

mod diff;
pub mod doctor;
mod dump;
pub mod exit;
mod failures;
mod flamegraph;
mod input;
mod launch;
mod links;
mod logging;
mod output_file;
mod process;
mod pyflame;
mod record;
mod serve;
mod signals;
mod units;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::clock::Clock;

use crate::preflight::{self, Lack, State};
use exit::{Exit, Failure};

/// A continuous profiler for Python on Linux.
#[derive(Debug, Parser)]
#[command(name = "firetower", version, after_long_help = exit::help(), arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    logging: logging::Args,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Record(record::Args),
    Dump(dump::Args),
    Pyflame(pyflame::Words),
    Diff(diff::Args),
    Serve(serve::Args),
    Flamegraph(flamegraph::Args),
    /// Say whether capture would work here, and if not what is missing and what to do
    Doctor(doctor::Args),
}

/// Parses the command line, runs the subcommand, reports a failure on stderr and answers the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(links::resolved(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(misread(&error)),
    };
    cli.logging.start();
    match run(cli.command) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.report();
            ExitCode::from(failure.exit.code())
        }
    }
}

/// Prints what clap has to say, which is also `--help` and `--version`, and answers the exit code.
fn misread(error: &clap::Error) -> u8 {
    // A reader that has seen enough of the help is no error, and with stderr gone the code still says it.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Ok }.code()
}

fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Record(args) => record::run(&args),
        Command::Dump(args) => dump::run(&args),
        Command::Pyflame(words) => pyflame::run(&words),
        Command::Diff(args) => diff::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Flamegraph(args) => flamegraph::run(&args),
        Command::Doctor(args) => doctor::run(&args, doctor::pythons::seen),
    }
}

/// Makes sure that capture can work here; to be called before it is tried, so that the user gets one clear message.
///
/// # Errors
/// The first thing that stands in the way, with the exit code of its kind.
pub fn ensure_ready() -> Result<(), Failure> {
    let Some(obstacle) = preflight::obstacle() else { return Ok(()) };
    let exit = match obstacle.state {
        State::Failed(Lack::Privilege) => Exit::Privilege,
        State::Failed(Lack::Kernel) => Exit::Kernel,
        State::Failed(Lack::PerfEvents) => Exit::PerfEvents,
        State::Failed(Lack::PidNamespace) => Exit::PidNamespace,
        State::Ok | State::Warning => return Ok(()),
    };
    let hint = format!("{} (`firetower doctor` shows every check)", obstacle.advice.unwrap_or_default());
    Err(Failure::new(exit, format!("{}: {}", obstacle.name, obstacle.found)).hint(hint))
}

/// Writes a subcommand's answer to stdout.
///
/// SIGPIPE stays ignored, as Rust's runtime has it: `serve` must survive a log reader or a client that goes away. So a
/// reader that has seen enough (`firetower doctor | head -1`) shows as an error here, and is none.
///
/// # Errors
/// [`Exit::WriteFailed`] for every other error.
pub fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// The same for what need not be text.
///
/// # Errors
/// Those of [`print()`].
pub fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::WriteFailed, format!("can't write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says something to the user, on stderr: a line, in which no name of a target's or a file's writes to the terminal.
fn say(text: &str) {
    // With stderr gone there is nobody left to tell; the exit code still says how it ended.
    let _ = writeln!(std::io::stderr(), "firetower: {}", on_a_line(text));
}

/// Text without control characters.
fn on_a_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The clock of samples and of questions about them.
fn clock() -> Result<Clock, Failure> {
    Clock::new()
        .map_err(|error| Failure::new(Exit::Internal, format!("the kernel does not tell the time: {error}")))
}

/// Whether the user lets a terminal have colours: `NO_COLOR` is unset or empty (<https://no-color.org>).
fn colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
