//! Reads a profile that somebody wrote to a file: bytes in, a [`Profile`] out. The twin of what draws profiles.
//!
//! The format is recognised by the content, never by a file's name. Names are split into function, file and line where the
//! format says them, so that profiles of different tools can be compared by function. All bytes are hostile: sizes, depths,
//! counts and indices are bounded and checked. It must not know files, how profiles are drawn, or who asked.

pub mod austin;
mod builder;
mod detect;
mod error;
pub mod folded;
mod json;
mod names;
mod perf;
mod pprof;
pub mod pyflame;
mod speedscope;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::Read;
use std::str::FromStr;

use crate::model::{Profile, StackId, Weight};

use builder::Builder;
pub use error::ImportError;

/// More bytes than this are not read, compressed or not.
pub const MAX_BYTES: usize = 1 << 30;
/// Of JSON, which takes more memory than its text does.
const MAX_JSON: usize = 1 << 28;

/// A format that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A line for each stack, `root;…;leaf COUNT`: of firetower, py-spy, `stackcollapse-*.pl` and many more.
    Folded,
    /// Output of pyflame: folded with frames `file:function:line`, or with `--flamechart` a time and a stack in turn.
    Pyflame,
    /// Output of Austin as text: `P<pid>;T<tid>;file:function:line;… MICROSECONDS`.
    Austin,
    /// Output of `perf script`.
    Perf,
    /// pprof, of any program.
    Pprof,
    /// JSON for speedscope, of any program.
    Speedscope,
    /// firetower's own plain JSON.
    Json,
}

/// A name that is no format's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no format that can be read; there are {names}", names = Format::ALL.map(Format::name).join(", "))]
pub struct UnknownFormat(pub String);

impl Format {
    /// All of them.
    pub const ALL: [Format; 7] = [
        Format::Folded,
        Format::Pyflame,
        Format::Austin,
        Format::Perf,
        Format::Pprof,
        Format::Speedscope,
        Format::Json,
    ];

    /// Its name in options; [`FromStr`] knows it again.
    pub fn name(self) -> &'static str {
        match self {
            Format::Folded => "folded",
            Format::Pyflame => "pyflame",
            Format::Austin => "austin",
            Format::Perf => "perf",
            Format::Pprof => "pprof",
            Format::Speedscope => "speedscope",
            Format::Json => "json",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Format, UnknownFormat> {
        let known = Format::ALL.into_iter().find(|format| format.name() == name);
        known.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Which of the two numbers of a [`Weight`] the file had; the other is 0 everywhere and says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A count: of samples, if the file says nothing else.
    Samples,
    /// Time.
    Nanoseconds,
    /// Both.
    Both,
}

/// A profile that was read.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The profile, never without weight. Labels of samples are not taken over.
    pub profile: Profile,
    /// The format that it was in.
    pub format: Format,
    /// Which numbers it has.
    pub measure: Measure,
    /// The same samples in the order of the file, which in most formats is that of time; a stack comes as often as there.
    pub in_order: Vec<(StackId, Weight)>,
    /// Lines that are no stacks, nor what the format has besides. 0 in formats that have no lines.
    pub skipped: u64,
    /// What was left out or changed, each a sentence for the user without a full stop.
    pub notes: Vec<String>,
}

/// What a reader of one format makes of its bytes.
struct Found {
    builder: Builder,
    measure: Measure,
    skipped: u64,
    notes: Vec<String>,
}

/// Reads a profile in whatever format it is, gzip-compressed or not.
///
/// # Errors
/// If it is none, is damaged, exceeds a bound, or has no samples.
pub fn read(bytes: &[u8]) -> Result<Imported, ImportError> {
    let bytes = unpacked(bytes)?;
    read_unpacked(&bytes, detect::format(&bytes)?)
}

/// Reads a profile in this format, gzip-compressed or not.
///
/// # Errors
/// Those of [`read`].
pub fn read_as(bytes: &[u8], format: Format) -> Result<Imported, ImportError> {
    read_unpacked(&unpacked(bytes)?, format)
}

/// The format of these bytes, which are not compressed.
///
/// # Errors
/// If it is none that can be read; if it is a known one of these, with what to do instead.
pub fn recognise(bytes: &[u8]) -> Result<Format, ImportError> {
    detect::format(bytes)
}

fn read_unpacked(bytes: &[u8], format: Format) -> Result<Imported, ImportError> {
    let found = match format {
        Format::Folded => folded::read(&text(bytes)),
        Format::Pyflame => pyflame::read(&text(bytes)),
        Format::Austin => austin::read(&text(bytes)),
        Format::Perf => perf::read(&text(bytes)),
        Format::Pprof => pprof::read(bytes),
        Format::Speedscope => speedscope::read(json_within(bytes)?),
        Format::Json => json::read(json_within(bytes)?),
    }?;
    let Found { builder, measure, skipped, notes } = found;
    let (profile, in_order) = builder.finish();
    if profile.samples.is_empty() {
        return Err(ImportError::Empty { format, skipped });
    }
    Ok(Imported { profile, format, measure, in_order, skipped, notes })
}

fn json_within(bytes: &[u8]) -> Result<&[u8], ImportError> {
    if bytes.len() > MAX_JSON {
        return Err(ImportError::TooMuch { what: "bytes of JSON", most: MAX_JSON });
    }
    Ok(bytes)
}

/// The text of bytes; what is no UTF-8 in them becomes U+FFFD.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}

/// The bytes without their gzip compression, if they have one.
///
/// # Errors
/// If they are damaged, or too many.
pub fn unpacked(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ImportError> {
    unpacked_within(bytes, MAX_BYTES)
}

fn unpacked_within(bytes: &[u8], most: usize) -> Result<Cow<'_, [u8]>, ImportError> {
    if bytes.len() > most {
        return Err(ImportError::TooMuch { what: "bytes", most });
    }
    if !bytes.starts_with(b"\x1f\x8b") {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut unpacked = Vec::new();
    // Several members in a row are one file, as for gzip itself.
    let reader = flate2::bufread::MultiGzDecoder::new(bytes);
    reader.take(most as u64 + 1).read_to_end(&mut unpacked).map_err(ImportError::Gzip)?;
    if unpacked.len() > most {
        return Err(ImportError::TooMuch { what: "bytes after decompression", most });
    }
    Ok(Cow::Owned(unpacked))
}
