//! Why bytes can't be read as a profile, and what the user can do about it.

use super::Format;

/// Why there is no profile. The text is one line without a full stop; [`ImportError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It looks like nothing that is known.
    #[error("it is in no format that can be read")]
    Unrecognised,
    /// It is something known that is no profile, or one that can't be read.
    #[error("it is {what}")]
    Unsupported {
        /// What it is, in words.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// The compression is damaged.
    #[error("its gzip compression is damaged or cut off: {0}")]
    Gzip(std::io::Error),
    /// It breaks the rules of its format.
    #[error("as {format} it is invalid: {at}: {what}", format = .format.name())]
    Invalid {
        /// The format that it was read as.
        format: Format,
        /// The line or field, in words.
        at: String,
        /// What is wrong there.
        what: String,
    },
    /// It is larger than what is read.
    #[error("it has more than {most} {what}")]
    TooMuch {
        /// Of what it has too much.
        what: &'static str,
        /// How much there may be.
        most: usize,
    },
    /// There is nothing in it.
    #[error("no stack counts found (as {format}, {skipped} lines that are no stacks)", format = .format.name())]
    Empty {
        /// The format that it was read as.
        format: Format,
        /// Lines that were skipped.
        skipped: u64,
    },
}

impl ImportError {
    /// Whether it can be read, and nothing is in it.
    pub fn is_empty(&self) -> bool {
        matches!(self, ImportError::Empty { .. })
    }

    /// Something at a place of the file that its format does not allow.
    pub(super) fn invalid(format: Format, at: impl Into<String>, what: impl Into<String>) -> ImportError {
        ImportError::Invalid { format, at: at.into(), what: what.into() }
    }

    /// What JSON is not as it should be, with line and column.
    pub(super) fn json(format: Format, error: &serde_json::Error) -> ImportError {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default().to_owned();
        ImportError::invalid(format, format!("line {} column {}", error.line(), error.column()), what)
    }

    /// What the user can do, in words without a full stop.
    pub fn hint(&self) -> &'static str {
        match self {
            ImportError::Unrecognised => {
                "what can be read: folded stacks (`a;b;c 12`), pprof, speedscope, `perf script`, pyflame, Austin and \
                 firetower's JSON"
            }
            ImportError::Unsupported { hint, .. } => hint,
            ImportError::Gzip(_) => "copy or write the file again",
            ImportError::Invalid { .. } => {
                "write the file again, or name its format if it was taken for another: --input-format NAME"
            }
            ImportError::TooMuch { .. } => "record for a shorter time, or only a part",
            ImportError::Empty { .. } => "a stack is a line such as `main;work 12`: frames, a space, a count",
        }
    }
}
