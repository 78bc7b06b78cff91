//! How the program ends: every exit code in one place, and the error that carries one.
//!
//! It must not know what any subcommand does: a subcommand says which [`Exit`] its [`Failure`] is, and only `main`
//! turns that into a process's exit status.

use std::fmt;
use std::io::Write;

macro_rules! exits {
    ($( $name:ident = $code:literal, $meaning:literal; )+) => {
        /// Why the program ended, one variant for each exit code that is firetower's own.
        ///
        /// | code | meaning |
        /// | ---: | --- |
        $( #[doc = concat!("| ", $code, " | ", $meaning, " |")] )+
        ///
        /// `record -- COMMAND` passes on the command's own code, or 128 + N if signal N killed it; where such a code is
        /// one of these, the message on stderr tells them apart: firetower's own failures always have one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Exit {
            $( #[doc = $meaning] $name = $code, )+
        }

        impl Exit {
            /// Every exit code, in ascending order.
            pub const ALL: &'static [Exit] = &[ $( Exit::$name, )+ ];

            /// What the code means, in a few words: lower case, no full stop.
            pub const fn meaning(self) -> &'static str {
                match self { $( Exit::$name => $meaning, )+ }
            }
        }
    };
}

exits! {
    Ok = 0, "done";
    Internal = 1, "an error that has no code of its own; the message says what happened";
    Usage = 2, "the command line makes no sense";
    NoSuchProcess = 3, "there is no such process";
    ThreadNotProcess = 4, "the id is a thread's, not a process's";
    Privilege = 5, "a capability is missing";
    Kernel = 6, "the kernel lacks a feature, its BTF for example";
    PerfEvents = 7, "perf events are not permitted or failed";
    OutputFolder = 8, "the output's folder is missing or not writable";
    WriteFailed = 9, "the output could not be written, on a full disk for example";
    AddressInUse = 10, "the address to listen on is in use";
    RemoteRefused = 11, "listening beyond this machine needs a token or --allow-remote";
    NotReady = 12, "doctor found that capture would not work here";
    PidNamespace = 13, "firetower does not run in the initial pid namespace";
    NoSamples = 14, "nothing was sampled, so nothing was written";
    NotPython = 15, "the process runs no Python that can be read";
    StoreInUse = 16, "another firetower uses the store";
    TokenRefused = 17, "the token can't be used: its file is missing or open to others, or it is too short";
    BadInput = 18, "an input file can't be read, or is no profile";
    ConditionHolds = 19, "a condition of --fail-if holds";
    CommandNotExecutable = 126, "the command to record can't be executed";
    CommandNotFound = 127, "the command to record was not found";
}

impl Exit {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// The exit code for a command that signal `signal` (from 1) killed: what shells use, 128 + N.
pub fn killed_by(signal: i32) -> u8 {
    128u8.saturating_add(u8::try_from(signal).unwrap_or(0))
}

/// The table of exit codes as `--help` shows it.
pub fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for exit in Exit::ALL {
        text.push_str(&format!("  {:>3}  {}\n", exit.code(), exit.meaning()));
    }
    text.push_str(
        "With `record -- COMMAND`, the command's own exit code is passed on (128 + N if signal N killed it).",
    );
    text
}

/// An error for the user: what happened, what to do about it, and the exit code that tells a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened, in one line without a full stop.
    pub message: String,
    /// What the user can do, if there is anything.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), hint: None }
    }

    /// The same failure with what the user can do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// Writes the message and the hint to stderr.
    pub fn report(&self) {
        // With stderr gone there is nobody left to tell; the exit code still says it.
        let _ = writeln!(std::io::stderr(), "firetower: {self}");
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

/// A failure stays itself; any other error is [`Exit::Internal`], its causes on one line.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        match error.downcast::<Failure>() {
            Ok(failure) => failure,
            Err(error) => Failure::new(Exit::Internal, format!("{error:#}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_below_those_of_signals() {
        for pair in Exit::ALL.windows(2) {
            assert!(pair[0].code() < pair[1].code(), "{pair:?}");
        }
        assert!(Exit::ALL.iter().all(|exit| exit.code() < killed_by(1)));
        assert_eq!(killed_by(9), 137);
    }

    #[test]
    fn help_names_every_code() {
        let help = help();
        for exit in Exit::ALL {
            let line = format!("  {:>3}  {}", exit.code(), exit.meaning());
            assert!(help.lines().any(|l| l == line), "{line}");
        }
    }

    #[test]
    fn a_failure_keeps_its_code_through_anyhow_and_others_become_internal() {
        let failure =
            Failure::new(Exit::AddressInUse, "127.0.0.1:7070 is in use").hint("choose another: --listen");
        let back = Failure::from(anyhow::Error::from(failure.clone()).context("serve"));
        assert_eq!(back, failure);
        let other = Failure::from(anyhow::anyhow!("inner").context("outer"));
        assert_eq!((other.exit, other.message.as_str()), (Exit::Internal, "outer: inner"));
    }

    #[test]
    fn the_hint_is_a_line_of_its_own() {
        let failure = Failure::new(Exit::Kernel, "no BTF").hint("boot a kernel that has it");
        assert_eq!(failure.to_string(), "no BTF\n  hint: boot a kernel that has it");
    }
}
