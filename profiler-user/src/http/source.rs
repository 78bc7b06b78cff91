//! What the route for source files asks of whoever can read them. It must not know how, nor HTTP.

use crate::model::Pid;

/// Reads source files of processes.
pub trait Sources: Send + Sync {
    /// The text of a file as its process sees it. May take as long as the process's file system does.
    ///
    /// # Errors
    /// As [`SourceError`] says: the file's name is the process's own word, so most of what can be asked for is refused.
    fn read(&self, wanted: &Wanted) -> Result<SourceText, SourceError>;
}

/// Which file.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The process.
    pub pid: Pid,
    /// The execution of a program that was seen to run code of the file; that of another is not asked for.
    pub execution: [u64; 2],
    /// `co_filename` of that code.
    pub file: String,
    /// Only if every user of this machine may read it.
    pub everybody: bool,
}

/// A file's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// All of it.
    pub text: String,
    /// Bytes of the file.
    pub bytes: usize,
    /// Seconds since 1970 at which it was modified.
    pub modified: i64,
}

/// What kind of no it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceRefusal {
    /// Not for whoever asks, or not for the process itself.
    Forbidden,
    /// There is no such file, or no such process any more.
    Missing,
    /// The process has become another one meanwhile.
    Changed,
    /// It is something else than a file.
    NotAFile,
    /// It is too large.
    TooLarge,
    /// It is no text, or in an encoding that is not known.
    NoText,
    /// The system says no to the agent.
    Failed,
}

/// Why there is no text, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError {
    /// The kind.
    pub refusal: SourceRefusal,
    /// What happened.
    pub error: String,
    /// What to do.
    pub hint: String,
}
