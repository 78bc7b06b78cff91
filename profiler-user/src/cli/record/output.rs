//! Where `record` writes, and in which format. Nothing half-written is ever seen: a temporary file is renamed.

use std::fs;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::samples::SampleLines;
use super::targets::Targets;
use crate::agent::Observer;
use crate::cli::exit::{Exit, Failure};
use crate::model::Profile;
use crate::render::{self, RenderError};

/// Draws a whole profile.
type Draw = fn(&Profile) -> Result<Vec<u8>, RenderError>;

/// A file's format.
#[derive(Clone, Copy)]
enum Format {
    /// The profile, drawn when it is whole.
    Drawn(Draw),
    /// Single samples, written while they come.
    Samples,
}

/// What files can end in.
const ENDINGS: &[(&str, Format)] = &[
    (".svg", Format::Drawn(render::svg::render)),
    (".folded", Format::Drawn(render::folded::render)),
    (".jsonl", Format::Samples),
];

/// A place to write to that was found to be writable before the recording began.
pub(super) enum Output {
    /// Folded stacks.
    Stdout,
    /// A file, and the temporary one beside it.
    Drawn { path: PathBuf, draw: Draw, temporary: NamedTempFile },
    /// The same, written to while the recording goes on.
    Samples { path: PathBuf, lines: SampleLines, temporary: NamedTempFile },
}

impl Output {
    /// Finds out where to write. Without `-o`: standard output, or a new flame graph in this folder if that is a
    /// terminal, as nobody reads a thousand folded stacks.
    pub(super) fn prepare(wanted: Option<&Path>, targets: &Targets) -> Result<Output, Failure> {
        match wanted {
            Some(path) if path == Path::new("-") => Ok(Output::Stdout),
            Some(path) => Output::file(path),
            None if std::io::stdout().is_terminal() => Output::file(&default_name(targets)),
            None => Ok(Output::Stdout),
        }
    }

    fn file(path: &Path) -> Result<Output, Failure> {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let Some((_, format)) = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)) else {
            let endings = ENDINGS.iter().map(|(ending, _)| *ending).collect::<Vec<_>>().join(", ");
            return Err(Failure::new(
                Exit::Usage,
                format!("{}: the file's ending says no format", path.display()),
            )
            .hint(format!("the endings are: {endings}")));
        };
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Failure::new(
                Exit::OutputFolder,
                format!("{} is there and is no regular file", path.display()),
            ));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let temporary = tempfile::Builder::new()
            .prefix(".firetower-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)) // Less the umask, like any file.
            .tempfile_in(folder)
            .map_err(|error| {
                let failure = Failure::new(
                    Exit::OutputFolder,
                    format!("can't write to the folder {}: {}", folder.display(), said(&error)),
                );
                match error.kind() {
                    ErrorKind::NotFound => {
                        failure.hint(format!("make it first: mkdir -p {}", folder.display()))
                    }
                    _ => failure,
                }
            })?;
        let path = path.to_owned();
        Ok(match *format {
            Format::Drawn(draw) => Output::Drawn { path, draw, temporary },
            Format::Samples => {
                let file = temporary.as_file().try_clone().map_err(|error| write_failed(&path, &error))?;
                Output::Samples { path, lines: SampleLines::new(file), temporary }
            }
        })
    }

    /// Who is to see each sample, if the output is of single ones.
    pub(super) fn observer(&self) -> Option<Observer> {
        match self {
            Output::Samples { lines, .. } => Some(lines.observer()),
            Output::Stdout | Output::Drawn { .. } => None,
        }
    }

    /// Whether a sample could not be written: there is no use in recording more.
    pub(super) fn failed(&self) -> bool {
        matches!(self, Output::Samples { lines, .. } if lines.failed())
    }

    /// Renders and writes, or ends what was written while recording; the path, or `-`.
    pub(super) fn write(self, profile: &Profile) -> Result<PathBuf, Failure> {
        let (path, temporary, written) = match self {
            Output::Stdout => {
                let bytes = render::folded::render(profile).map_err(render_failed)?;
                crate::cli::print(&String::from_utf8_lossy(&bytes))?;
                return Ok("-".into());
            }
            Output::Drawn { path, draw, mut temporary } => {
                let written = temporary.write_all(&draw(profile).map_err(render_failed)?);
                (path, temporary, written)
            }
            Output::Samples { path, temporary, lines } => (path, temporary, lines.finish()),
        };
        let failed = |error: &std::io::Error| write_failed(&path, error);
        written.and_then(|()| temporary.as_file().sync_all()).map_err(|error| failed(&error))?;
        temporary.persist(&path).map_err(|error| failed(&error.error))?;
        Ok(path)
    }
}

fn write_failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::WriteFailed, format!("can't write {}: {}", path.display(), said(error)))
        .hint("nothing was written; is the disk full?")
}

/// What the operating system said, without the random name of the temporary file, which `tempfile` adds in words only.
fn said(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split_once(" at path ").map_or(text.clone(), |(said, _)| said.to_owned())
}

fn render_failed(error: RenderError) -> Failure {
    Failure::new(Exit::Internal, format!("can't draw the profile: {error}"))
}

/// `firetower-4242-1790000000.svg`: new each time.
fn default_name(targets: &Targets) -> PathBuf {
    let seconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match targets.pids().next() {
        Some(pid) => format!("firetower-{pid}-{seconds}.svg").into(),
        None => format!("firetower-{seconds}.svg").into(),
    }
}
