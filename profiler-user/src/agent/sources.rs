//! Reads source files for the service, on behalf of processes and within their rights. It must not know who asks.
//!
//! A process may call its code what it likes, and so make somebody curious about any file; what it could not read itself is
//! not read for it. What it could read depends on the program that it executes: what was seen of an earlier one does not
//! count, or who executes a set-user-id program, and with that becomes root, would have root's files read.

use std::path::Path;

use crate::http::{SourceError, SourceRefusal, SourceText, Sources, Wanted};
use crate::process::identity;
use crate::process::reach::{MAX_BYTES, Reach, Refused};
use crate::python::source;

/// Source files as `/proc` leads to them.
#[derive(Debug, Default)]
pub struct ProcessSources;

impl Sources for ProcessSources {
    fn read(&self, wanted: &Wanted) -> Result<SourceText, SourceError> {
        let pid = wanted.pid;
        let gone = || {
            let error = format!("process {pid} is gone, or executes another program by now");
            refuse(SourceRefusal::Changed, error, "ask for a process of /api/v1/processes")
        };
        let is_the_same = || identity::execution(pid) == Some(wanted.execution);
        let reach = Reach::of(pid).map_err(|error| failed(wanted, &error))?;
        // Looked at after it was opened: what is open stays this process's, or fails.
        if !is_the_same() {
            return Err(gone());
        }
        let content = reach.read(Path::new(&wanted.file), wanted.everybody);
        if !is_the_same() || !reach.is_unchanged() {
            return Err(gone());
        }
        let content = content.map_err(|refused| refusal(wanted, &refused))?;
        let text = source::text(&content.bytes)
            .map_err(|why| refuse(SourceRefusal::NoText, said(wanted, &why), "look at it where it is"))?;
        Ok(SourceText { text, bytes: content.bytes.len(), modified: content.modified })
    }
}

fn refuse(refusal: SourceRefusal, error: String, hint: impl Into<String>) -> SourceError {
    SourceError { refusal, error, hint: hint.into() }
}

fn said(wanted: &Wanted, why: &dyn std::fmt::Display) -> String {
    format!("{:?} of process {} is not shown: {why}", wanted.file, wanted.pid)
}

fn failed(wanted: &Wanted, error: &std::io::Error) -> SourceError {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            let error = format!("process {} is gone", wanted.pid);
            refuse(SourceRefusal::Changed, error, "ask for a process of /api/v1/processes")
        }
        _ => refuse(
            SourceRefusal::Failed,
            said(wanted, &format!("the system does not let firetower read it: {error}")),
            "see `firetower doctor` for the rights that the service should have; file systems of a network and of users \
             may keep files from everybody but their owners",
        ),
    }
}

fn refusal(wanted: &Wanted, refused: &Refused) -> SourceError {
    let (kind, hint) = match refused {
        Refused::Io(error) => return failed(wanted, error),
        Refused::Missing => (
            SourceRefusal::Missing,
            "it was deleted or moved since the process loaded it, or its name stands for code that was in no file",
        ),
        Refused::NotAFile(_) | Refused::Kernels => (SourceRefusal::NotAFile, "only regular files are read"),
        Refused::TooLarge(_) => {
            let hint = format!("at most {MAX_BYTES} bytes are read");
            return refuse(SourceRefusal::TooLarge, said(wanted, refused), hint);
        }
        Refused::Denied { everybody: true, .. } => (
            SourceRefusal::Forbidden,
            "without a token anybody may ask, so only files are shown that everybody may read: start the service with \
             --token-file",
        ),
        Refused::Denied { everybody: false, .. } => (
            SourceRefusal::Forbidden,
            "let the user that it runs as, or a group of it, read the file and pass through its folders; access control \
             lists are not enough",
        ),
        Refused::ForeignLink(_) => {
            (SourceRefusal::Forbidden, "such links are not followed, as they may lead to anybody's files")
        }
        Refused::Endless => (SourceRefusal::NotAFile, "such names are not followed"),
        Refused::Homeless => (SourceRefusal::Missing, "start the program by an absolute path"),
        Refused::Mixed => {
            (SourceRefusal::Forbidden, "files of programs that change their user are not shown while they do")
        }
    };
    refuse(kind, said(wanted, refused), hint)
}
