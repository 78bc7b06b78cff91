//! Which formats a profile can be asked for in: the one place that lists them. It must not know how they are made.

use crate::model::Profile;
use crate::render::{RenderError, folded, svg};

/// A format of `/api/v1/profile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Format {
    /// The call tree of the API.
    Json,
    /// An interactive flame graph.
    Svg,
    /// Folded stacks.
    Folded,
}

impl Format {
    const ALL: [Format; 3] = [Format::Json, Format::Svg, Format::Folded];

    /// As in `format=`.
    pub(in crate::http) fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Svg => "svg",
            Format::Folded => "folded",
        }
    }

    pub(in crate::http) fn named(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The media type of what [`render`](Self::render) makes.
    pub(in crate::http) fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Svg => "image/svg+xml; charset=utf-8",
            Format::Folded => "text/plain; charset=utf-8",
        }
    }

    /// The profile in this format; `None`: the API makes it itself.
    pub(in crate::http) fn render(self, profile: &Profile) -> Option<Result<Vec<u8>, RenderError>> {
        match self {
            Format::Json => None,
            Format::Svg => Some(svg::render(profile)),
            Format::Folded => Some(folded::render(profile)),
        }
    }
}

/// Every name.
pub(super) fn names() -> Vec<&'static str> {
    Format::ALL.map(Format::name).to_vec()
}

/// The media types that a profile can come in.
pub(super) fn content_types() -> Vec<&'static str> {
    let types = Format::ALL.map(Format::content_type).map(|kind| kind.split(';').next().unwrap_or(kind));
    let mut types = types.to_vec();
    types.sort_unstable();
    types.dedup();
    types
}
