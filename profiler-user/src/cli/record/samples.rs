//! Writes single samples to a file while they come, in bounded memory. It must not know where the file ends up.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Mutex};

use crate::agent::{Observer, lock};
use crate::render::jsonl;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;

/// The lines of a recording, half of which is in the agent: its observer.
pub(super) struct SampleLines {
    shared: Arc<Mutex<Lines>>,
}

struct Lines {
    file: BufWriter<File>,
    /// The line being made; kept for its allocation.
    line: Vec<u8>,
    /// Why nothing is written any more.
    failed: Option<io::Error>,
}

impl SampleLines {
    /// Lines that go to this file.
    pub(super) fn new(file: File) -> SampleLines {
        let lines = Lines { file: BufWriter::with_capacity(BUFFER, file), line: Vec::new(), failed: None };
        SampleLines { shared: Arc::new(Mutex::new(lines)) }
    }

    /// Who writes each sample that it is shown, up to the first failure.
    pub(super) fn observer(&self) -> Observer {
        let shared = self.shared.clone();
        Box::new(move |sample| {
            let lines = &mut *lock(&shared);
            if lines.failed.is_none() {
                lines.line.clear();
                jsonl::append(sample, &mut lines.line);
                lines.failed = lines.file.write_all(&lines.line).err();
            }
        })
    }

    /// Whether a line could not be written: there is no use in going on.
    pub(super) fn failed(&self) -> bool {
        lock(&self.shared).failed.is_some()
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// The first thing that went wrong with the file, now or before.
    pub(super) fn finish(self) -> io::Result<()> {
        let lines = &mut *lock(&self.shared);
        match lines.failed.take() {
            Some(error) => Err(error),
            None => lines.file.flush(),
        }
    }
}
