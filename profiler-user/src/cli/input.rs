//! Profiles that a subcommand is given as files or on standard input. It must not know what becomes of them.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::exit::{Exit, Failure};
use crate::import::{self, Format, ImportError};

/// A file's bytes, and what messages call it.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl Input {
    /// Reads a file; `-` is standard input.
    ///
    /// # Errors
    /// [`Exit::BadInput`] if it can't be read or is too large; [`Exit::Usage`] for standard input that is a terminal.
    pub(super) fn read(path: &Path) -> Result<Input, Failure> {
        if path == Path::new("-") {
            let stdin = std::io::stdin();
            if stdin.is_terminal() {
                return Err(Failure::new(
                    Exit::Usage,
                    "there is nothing to read: standard input is a terminal",
                )
                .hint("name a file, or pipe a profile in"));
            }
            return Input::from_reader("standard input".to_owned(), stdin.lock());
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
        Input::from_reader(name, file)
    }

    fn from_reader(name: String, reader: impl Read) -> Result<Input, Failure> {
        let mut bytes = Vec::new();
        // One more shows that there is more; reading the profile says so.
        let read = reader.take(import::MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(&name, &error))?;
        Ok(Input { name, bytes })
    }

    /// The failure to read a profile from it.
    pub(super) fn failure(&self, error: &ImportError) -> Failure {
        let exit = if error.is_empty() { Exit::NoSamples } else { Exit::BadInput };
        Failure::new(exit, format!("{}: {error}", self.name)).hint(error.hint())
    }

    /// What was not taken over of it, a line for each thing that is to be said.
    pub(super) fn remarks(&self, skipped: u64, notes: &[String]) -> Vec<String> {
        ignored(skipped).iter().chain(notes).map(|text| format!("{}: {text}", self.name)).collect()
    }
}

/// What is to be said of lines that are no stacks, if there were any.
pub(super) fn ignored(lines: u64) -> Option<String> {
    match lines {
        0 => None,
        1 => Some("ignored 1 line that is no stack".to_owned()),
        more => Some(format!("ignored {more} lines that are no stacks")),
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::BadInput, format!("can't read {name}: {error}"))
}

/// The files that were named; standard input if none was.
pub(super) fn or_stdin(files: &[PathBuf]) -> Vec<PathBuf> {
    if files.is_empty() { vec!["-".into()] } else { files.to_vec() }
}

/// Reads the name of a format that can be read.
pub(super) fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name)).try_map(|name| name.parse::<Format>())
}
