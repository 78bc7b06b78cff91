//! The two profiles that are compared, out of files: what they are called, and which numbers they have.

use std::path::Path;

use crate::cli::exit::{Exit, Failure};
use crate::cli::input::{self, Input};
use crate::import::{self, Format, Imported, Measure};
use crate::model::Profile;
use crate::query::Unit;

/// What stands for standard input.
const STDIN: &str = "-";

/// One side of a comparison.
#[derive(Clone, Debug)]
pub(super) struct Side {
    /// A file's name or a range.
    pub name: String,
    /// What was seen; without lines, unless they are wanted.
    pub profile: Profile,
    /// The file's format; `None`: it is no file.
    pub format: Option<&'static str>,
    /// Whether it has numbers of samples.
    pub samples: bool,
    /// Whether it has CPU time.
    pub nanoseconds: bool,
    /// What the user should know of it, each a sentence without a full stop.
    pub notes: Vec<String>,
}

/// Reads two files.
///
/// # Errors
/// Those of reading a file and a profile, and [`Exit::Usage`] if both are standard input.
pub(super) fn files(
    before: &Path,
    after: &Path,
    format: Option<Format>,
    lines: bool,
) -> Result<(Side, Side), Failure> {
    if before == Path::new(STDIN) && after == Path::new(STDIN) {
        return Err(Failure::new(Exit::Usage, "both files are standard input, which can be read once")
            .hint("name a file for one of them"));
    }
    Ok((file(before, format, lines)?, file(after, format, lines)?))
}

fn file(path: &Path, format: Option<Format>, lines: bool) -> Result<Side, Failure> {
    let input = Input::read(path)?;
    let imported = match format {
        Some(format) => import::read_as(&input.bytes, format),
        None => import::read(&input.bytes),
    };
    let imported = imported.map_err(|error| input.failure(&error))?;
    Ok(Side::imported(input.name, imported, lines))
}

impl Side {
    fn imported(name: String, imported: Imported, lines: bool) -> Side {
        let mut notes = imported.notes;
        notes.extend(input::ignored(imported.skipped));
        let profile = match lines {
            true => imported.profile,
            false => imported.profile.shaped(crate::model::Frame::by_function),
        };
        Side {
            name,
            profile,
            format: Some(imported.format.name()),
            samples: imported.measure != Measure::Nanoseconds,
            nanoseconds: imported.measure != Measure::Samples,
            notes,
        }
    }

    /// A side of these stacks, root first, with their samples of 10 ms each; all functions are of `app.py`.
    #[cfg(test)]
    pub(super) fn of_stacks(name: &str, stacks: &[(&[&str], u64)]) -> Side {
        use crate::model::{Frame, FrameKind, Weight};

        let mut profile = Profile::default();
        for (names, samples) in stacks {
            let frame =
                |name: &&str| Frame { file: "app.py".into(), ..Frame::bare(FrameKind::Python, *name) };
            let stack = profile.stacks.intern(names.iter().map(frame)).expect("frames");
            profile.samples.push((stack, Weight { samples: *samples, nanoseconds: samples * 10_000_000 }));
        }
        Side { name: name.into(), profile, format: None, samples: true, nanoseconds: true, notes: Vec::new() }
    }

    /// What a share of it is made of: samples, where it has them.
    pub(super) fn unit(&self) -> Unit {
        if self.samples { Unit::Samples } else { Unit::Nanoseconds }
    }
}

/// What is compared of two sides.
///
/// # Errors
/// [`Exit::Usage`], if amounts are wanted and they have none in common.
pub(super) fn units(before: &Side, after: &Side, normalised: bool) -> Result<(Unit, Unit), Failure> {
    if normalised {
        return Ok((before.unit(), after.unit()));
    }
    if before.nanoseconds && after.nanoseconds {
        return Ok((Unit::Nanoseconds, Unit::Nanoseconds));
    }
    if before.samples && after.samples {
        return Ok((Unit::Samples, Unit::Samples));
    }
    let has = |side: &Side| if side.samples { "numbers of samples" } else { "times" };
    let message = format!("{} has only {}, and {} only {}", before.name, has(before), after.name, has(after));
    Err(Failure::new(Exit::Usage, message).hint("compare shares: without --no-normalise"))
}
