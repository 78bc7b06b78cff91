//! Which formats a profile can be asked for in, and how a profile is looked at for each. It must not know how they are
//! made.

use crate::query::View;
use crate::render::Format;

/// Every name.
pub(super) fn names() -> Vec<&'static str> {
    Format::ALL.map(Format::name).to_vec()
}

/// The media types that a profile can come in, without their parameters.
pub(super) fn content_types() -> Vec<&'static str> {
    let mut types = Format::ALL.map(|format| bare(format.content_type())).to_vec();
    types.sort_unstable();
    types.dedup();
    types
}

/// A media type without its parameters.
pub(super) fn bare(content_type: &'static str) -> &'static str {
    content_type.split(';').next().unwrap_or(content_type)
}

/// The view for a format, and whether samples are to be apart by their labels.
pub(super) fn view(format: Format, view: View) -> (View, bool) {
    match format {
        // The API's own tree has no labels.
        Format::Json | Format::Html => (view, false),
        // It shows one thread at a time and no view of all: only if asked for.
        Format::Speedscope if !view.threads => (view, false),
        _ if format.has_threads() => (View { threads: false, processes: false, ..view }, true),
        _ => (view, format.keeps_labels()),
    }
}
