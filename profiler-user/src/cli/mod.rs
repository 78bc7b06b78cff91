//! The command line: what the user types, and which subcommand runs.
//!
//! One file a subcommand; each has an `Args` (clap) and a `run` that answers the exit code or a [`Failure`]. Nothing
//! here knows how profiling works: that is the subcommands' business, and they ask the agent.

mod failures;
mod logging;
mod record;
mod serve;

pub mod exit;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    Serve(serve::Args),
}

/// Parses the command line, runs the subcommand, reports a failure on stderr and answers the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // `--help` and `--version` come this way too: to stdout, with code 0.
        Err(error) => {
            let told = error.print();
            return ExitCode::from(
                if told.is_ok() && !error.use_stderr() { Exit::Ok } else { Exit::Usage }.code(),
            );
        }
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

fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Record(args) => record::run(&args),
        Command::Serve(args) => serve::run(&args),
    }
}

/// Writes a subcommand's answer to stdout.
///
/// SIGPIPE stays ignored, as Rust's runtime has it: `serve` must survive a log reader or a client that goes away. So a
/// reader that has seen enough (`firetower doctor | head -1`) shows as an error here, and is none.
///
/// # Errors
/// [`Exit::WriteFailed`] for every other error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::WriteFailed, format!("can't write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Unix time in nanoseconds.
fn unix_now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// Whether the user lets a terminal have colours: `NO_COLOR` is unset or empty (<https://no-color.org>).
fn colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
