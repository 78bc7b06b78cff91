//! The formats by name, file ending and content type, and one function for all of them.
//!
//! It must not know where the bytes go.

use std::path::Path;
use std::str::FromStr;

use super::{RenderError, folded, gecko, html, json, pprof, speedscope, svg};
use crate::model::Profile;

/// A format that a whole profile can be drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// An interactive flame graph: [`svg`].
    Svg,
    /// The viewer with the profile inside: [`html`].
    Html,
    /// Folded stacks: [`folded`].
    Folded,
    /// pprof: [`pprof`].
    Pprof,
    /// For <https://www.speedscope.app>: [`speedscope`].
    Speedscope,
    /// For <https://profiler.firefox.com>: [`gecko`].
    Gecko,
    /// Plain JSON: [`json`].
    Json,
}

/// A name that is no format's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no format; there are {names}", names = names())]
pub struct UnknownFormat(pub String);

fn names() -> String {
    Format::ALL.map(Format::name).join(", ")
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 7] = [
        Format::Svg,
        Format::Html,
        Format::Folded,
        Format::Pprof,
        Format::Speedscope,
        Format::Gecko,
        Format::Json,
    ];

    /// Its name in options and URLs; [`FromStr`] knows it again.
    pub fn name(self) -> &'static str {
        match self {
            Format::Svg => "svg",
            Format::Html => "html",
            Format::Folded => "folded",
            Format::Pprof => "pprof",
            Format::Speedscope => "speedscope",
            Format::Gecko => "gecko",
            Format::Json => "json",
        }
    }

    /// What files of it end in, the usual ending first. An ending may be the end of another's: the longest counts.
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Format::Svg => &[".svg"],
            Format::Html => &[".html", ".htm"],
            Format::Folded => &[".folded", ".txt"],
            Format::Pprof => &[".pb.gz", ".pprof"],
            Format::Speedscope => &[".speedscope.json"],
            Format::Gecko => &[".gecko.json"],
            Format::Json => &[".json"],
        }
    }

    /// The media type of its bytes. Those of pprof are compressed as part of the format: no `Content-Encoding`.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Svg => "image/svg+xml; charset=utf-8",
            Format::Html => "text/html; charset=utf-8",
            Format::Folded => "text/plain; charset=utf-8",
            // What Go's own handlers say; there is no registered type.
            Format::Pprof => "application/octet-stream",
            Format::Speedscope | Format::Gecko | Format::Json => "application/json",
        }
    }

    /// The format that a file's name ends in, in upper or lower case.
    pub fn of_path(path: &Path) -> Option<Format> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let endings = Format::ALL.into_iter().flat_map(|format| {
            format
                .endings()
                .iter()
                .filter(|ending| name.ends_with(**ending))
                .map(move |ending| (ending.len(), format))
        });
        endings.max_by_key(|(length, _)| *length).map(|(_, format)| format)
    }

    /// Whether it is text that a terminal can show.
    pub fn is_text(self) -> bool {
        self != Format::Pprof
    }

    /// Whether it says of each sample whose it is, if [`Profile::labels`] do.
    pub fn keeps_labels(self) -> bool {
        !matches!(self, Format::Svg | Format::Html | Format::Folded)
    }

    /// Whether it has processes or threads of its own, made from the labels `pid` and `tid`: frames for them would say it
    /// twice.
    pub fn has_threads(self) -> bool {
        matches!(self, Format::Speedscope | Format::Gecko)
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Format, UnknownFormat> {
        let known = Format::ALL.into_iter().find(|format| format.name() == name);
        known.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// A profile in a format. The same profile gives the same bytes.
///
/// # Errors
/// [`RenderError::Empty`] for a profile without samples in a format that is looked at; in pprof and plain JSON it is a
/// profile like any other, as whoever collects them wants to know that nothing was there.
pub fn render(format: Format, profile: &Profile) -> Result<Vec<u8>, RenderError> {
    match format {
        Format::Svg => svg::render(profile),
        Format::Html => html::render(profile),
        Format::Folded => folded::render(profile),
        Format::Pprof => pprof::render(profile),
        Format::Speedscope => speedscope::render(profile),
        Format::Gecko => gecko::render(profile),
        Format::Json => json::render(profile),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{profile, python};
    use super::*;

    #[test]
    fn names_and_endings_lead_back_to_the_format() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
            for ending in format.endings() {
                assert_eq!(
                    Format::of_path(Path::new(&format!("/a.svg/x{ending}"))),
                    Some(format),
                    "{ending}"
                );
                assert_eq!(Format::of_path(Path::new(&format!("X{}", ending.to_uppercase()))), Some(format));
            }
        }
        for unknown in ["x", "x.pdf", "json", "x.json.bak", "/", "x.jsonl"] {
            assert_eq!(Format::of_path(Path::new(unknown)), None, "{unknown}");
        }
    }

    #[test]
    fn an_unknown_name_says_which_there_are() {
        let error = "PDF".parse::<Format>().expect_err("no format").to_string();
        assert_eq!(
            error,
            "\"PDF\" is no format; there are svg, html, folded, pprof, speedscope, gecko, json"
        );
    }

    #[test]
    fn the_same_profile_gives_the_same_bytes() {
        for format in Format::ALL {
            let bytes = || {
                render(format, &profile(&[(&[python("a", "x.py", 1)], 1), (&[python("b", "y.py", 0)], 2)]))
                    .expect("samples")
            };
            assert_eq!(bytes(), bytes(), "{format:?}");
        }
    }

    #[test]
    fn an_empty_profile_is_an_error_for_people_and_an_answer_for_machines() {
        for format in Format::ALL {
            let answered = render(format, &profile(&[])).is_ok();
            assert_eq!(answered, matches!(format, Format::Pprof | Format::Json), "{format:?}");
        }
    }
}
