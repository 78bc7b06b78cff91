//! Where pyflame's output goes: a file that is emptied before the first sample, as pyflame did, or standard output.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::exit::{Exit, Failure};

/// How much is put together before it is written.
const CHUNK: usize = 64 << 10;

/// A place to write to.
pub(super) struct Output {
    /// `None`: standard output.
    file: Option<(PathBuf, File)>,
    pending: String,
}

impl Output {
    pub(super) fn open(path: Option<&Path>) -> Result<Output, Failure> {
        let open = |path: &Path| {
            let opened = File::create(path).map_err(|error| {
                Failure::new(Exit::OutputFolder, format!("can't write to {}: {error}", path.display()))
                    .hint("name a file in a folder that is there and may be written to")
            });
            opened.map(|file| (path.to_owned(), file))
        };
        Ok(Output { file: path.map(open).transpose()?, pending: String::new() })
    }

    /// Adds text, which may be written later.
    pub(super) fn add(&mut self, text: &str) -> Result<(), Failure> {
        self.pending += text;
        if self.pending.len() < CHUNK { Ok(()) } else { self.flush() }
    }

    /// Writes text, and all that was added before.
    pub(super) fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.pending += text;
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let text = std::mem::take(&mut self.pending);
        match &mut self.file {
            Some((path, file)) => file.write_all(text.as_bytes()).map_err(|error| {
                Failure::new(Exit::WriteFailed, format!("can't write {}: {error}", path.display()))
            }),
            None => crate::cli::print(&text),
        }
    }
}
