//! Where `record` writes, and in which format.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::samples::SampleLines;
use super::targets::Targets;
use crate::agent::Observer;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output_file::OutputFile;
use crate::model::Profile;
use crate::render::{self, Format, RenderError};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The profile, drawn when it is whole.
    Drawn(Format),
    /// Single samples, written while they come.
    Samples,
}

/// What files of single samples end in, after a full stop, and what `--format` calls them.
const SAMPLES: &str = "jsonl";

impl Kind {
    /// The names that `--format` knows.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        Format::ALL.into_iter().map(Format::name).chain([SAMPLES])
    }

    /// The kind of this name.
    pub(super) fn named(name: &str) -> Option<Kind> {
        if name == SAMPLES { Some(Kind::Samples) } else { name.parse().ok().map(Kind::Drawn) }
    }

    /// What the file's ending says.
    fn of_path(path: &Path) -> Result<Kind, Failure> {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(SAMPLES)) {
            return Ok(Kind::Samples);
        }
        Format::of_path(path).map(Kind::Drawn).ok_or_else(|| {
            let endings = Format::ALL.into_iter().flat_map(Format::endings).copied();
            let endings: Vec<&str> = endings.chain([".jsonl"]).collect();
            Failure::new(Exit::Usage, format!("{}: the file's ending says no format", path.display()))
                .hint(format!("the endings are: {}; or say it with --format", endings.join(", ")))
        })
    }

    /// The usual ending of its files.
    fn ending(self) -> &'static str {
        match self {
            Kind::Drawn(format) => format.endings()[0],
            Kind::Samples => ".jsonl",
        }
    }
}

/// A place to write to that was found to be writable before the recording began.
pub(super) enum Output {
    /// Standard output.
    Stdout { format: Format },
    /// A file.
    Drawn { format: Format, file: OutputFile },
    /// The same, written to while the recording goes on.
    Samples { lines: SampleLines, file: OutputFile },
}

impl Output {
    /// Finds out where to write, in the format asked for, or else in that of the file's ending. Without `-o`: standard
    /// output, folded, or a new flame graph in this folder if that is a terminal, as nobody reads a thousand folded
    /// stacks.
    pub(super) fn prepare(
        wanted: Option<&Path>,
        kind: Option<Kind>,
        targets: &Targets,
    ) -> Result<Output, Failure> {
        match wanted {
            Some(path) if path == Path::new("-") => Output::stdout(kind),
            Some(path) => {
                let kind = kind.map_or_else(|| Kind::of_path(path), Ok)?;
                Output::file(path, kind)
            }
            None if std::io::stdout().is_terminal() => {
                let kind = kind.unwrap_or(Kind::Drawn(Format::Svg));
                Output::file(&default_name(targets, kind), kind)
            }
            None => Output::stdout(kind),
        }
    }

    fn stdout(kind: Option<Kind>) -> Result<Output, Failure> {
        match kind.unwrap_or(Kind::Drawn(Format::Folded)) {
            Kind::Samples => {
                Err(Failure::new(Exit::Usage, "single samples are written to a file, not to standard output")
                    .hint("name it: -o x.jsonl"))
            }
            Kind::Drawn(format) if !format.is_text() && std::io::stdout().is_terminal() => {
                let ending = format.endings()[0];
                Err(Failure::new(
                    Exit::Usage,
                    format!("{} is no text, and standard output is a terminal", format.name()),
                )
                .hint(format!("write it to a file: -o x{ending}")))
            }
            Kind::Drawn(format) => Ok(Output::Stdout { format }),
        }
    }

    fn file(path: &Path, kind: Kind) -> Result<Output, Failure> {
        let file = OutputFile::prepare(path)?;
        Ok(match kind {
            Kind::Drawn(format) => Output::Drawn { format, file },
            Kind::Samples => Output::Samples { lines: SampleLines::new(file.writer()?), file },
        })
    }

    /// Who is to see each sample, if the output is of single ones.
    pub(super) fn observer(&self) -> Option<Observer> {
        match self {
            Output::Samples { lines, .. } => Some(lines.observer()),
            Output::Stdout { .. } | Output::Drawn { .. } => None,
        }
    }

    /// The format that the whole profile is drawn in, if it is.
    pub(super) fn format(&self) -> Option<Format> {
        match self {
            Output::Stdout { format } | Output::Drawn { format, .. } => Some(*format),
            Output::Samples { .. } => None,
        }
    }

    /// Whether a sample could not be written: there is no use in recording more.
    pub(super) fn failed(&self) -> bool {
        matches!(self, Output::Samples { lines, .. } if lines.failed())
    }

    /// Renders and writes, or ends what was written while recording; the path, or `-`.
    pub(super) fn write(self, profile: &Profile) -> Result<PathBuf, Failure> {
        match self {
            Output::Stdout { format } => {
                let bytes = render::render(format, profile).map_err(render_failed)?;
                crate::cli::print_bytes(&bytes)?;
                Ok("-".into())
            }
            Output::Drawn { format, file } => {
                file.write(&render::render(format, profile).map_err(render_failed)?)
            }
            Output::Samples { file, lines } => file.complete(lines.finish()),
        }
    }
}

fn render_failed(error: RenderError) -> Failure {
    Failure::new(Exit::Internal, format!("can't draw the profile: {error}"))
}

/// `firetower-4242-1790000000.svg`: new each time.
fn default_name(targets: &Targets, kind: Kind) -> PathBuf {
    let seconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let ending = kind.ending();
    match targets.pids().next() {
        Some(pid) => format!("firetower-{pid}-{seconds}{ending}").into(),
        None => format!("firetower-{seconds}{ending}").into(),
    }
}
