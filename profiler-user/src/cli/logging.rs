//! The log: `-v`, `-q` and `FIRETOWER_LOG`, to stderr. It knows nothing of what is logged.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How much is logged.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// Log more to stderr: -v information, -vv details, -vvv everything (FIRETOWER_LOG=TARGET=LEVEL,… is finer)
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    /// Log errors only, no warnings
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
}

impl Args {
    /// The level that the flags ask for.
    fn level(self) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::ERROR,
            (false, 0) => LevelFilter::WARN,
            (false, 1) => LevelFilter::INFO,
            (false, 2) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        }
    }

    /// Starts logging to stderr, for the rest of the process's life. To be called once.
    pub fn start(self) {
        let filter = EnvFilter::builder()
            .with_env_var("FIRETOWER_LOG")
            .with_default_directive(self.level().into())
            .from_env_lossy();
        let colour = std::io::stderr().is_terminal() && super::colour_wanted();
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(colour)
            // With stderr gone, reporting that on stderr would panic.
            .log_internal_errors(false)
            .init();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_choose_the_level() {
        let level = |verbose, quiet| Args { verbose, quiet }.level();
        assert_eq!(level(0, true), LevelFilter::ERROR);
        assert_eq!(level(0, false), LevelFilter::WARN);
        assert_eq!(level(1, false), LevelFilter::INFO);
        assert_eq!(level(2, false), LevelFilter::DEBUG);
        assert_eq!(level(9, false), LevelFilter::TRACE);
    }
}
