//! Puts other words into a picture that inferno has drawn: it lays frames out and brings zoom and search, but says of a
//! difference what one side has and how much it changed, and has no width for what is gone. It must not know what is said.

use std::io::{Error, ErrorKind};

use crate::render::markup;

/// Where the frames begin.
const FRAMES: &str = "<svg id=\"frames\"";
const TITLE: (&str, &str) = ("<title>", "</title>");
const WIDTH: (&str, &str) = ("width=\"", "%\"");
const TEXT: (&str, &str) = ("<text ", "</text>");
/// What inferno calls the root.
const ROOT: &str = "all";
/// Characters for each per cent of the width: as inferno's own, of 1200 pixels and a font of 12.
const CHARACTERS_A_PERCENT: f64 = 12.0 / (12.0 * 0.59);
/// Fewer are no name.
const LEAST_CHARACTERS: usize = 3;

/// The picture with the title and text of each frame as `told` says: of the number that it has for a name, or `None` for the
/// root.
///
/// # Errors
/// If the picture is not as inferno's are, or a frame has no number.
pub(super) fn told(
    svg: &[u8],
    told: impl Fn(Option<usize>) -> Option<(String, String)>,
) -> Result<Vec<u8>, Error> {
    let svg = std::str::from_utf8(svg).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    let (head, mut rest) = split(svg, FRAMES)?;
    let mut written = String::with_capacity(svg.len() * 2);
    written.push_str(head);
    written.push_str(FRAMES);
    while let Some((before, after)) = rest.split_once(TITLE.0) {
        let (title, after) = split(after, TITLE.1)?;
        let (rectangle, after) = split(after, TEXT.0)?;
        let (place, after) = split(after, ">")?;
        let (_, after) = split(after, TEXT.1)?;
        let name = title.split_once(" (").map_or(title, |(name, _)| name);
        let number = if name == ROOT { None } else { Some(name.parse().map_err(|_| unknown(name))?) };
        let (title, text) = told(number).ok_or_else(|| unknown(name))?;
        let (_, width) = split(rectangle, WIDTH.0)?;
        let (width, _) = split(width, WIDTH.1)?;
        let width: f64 = width.parse().map_err(|_| unknown(width))?;
        let text = cut(&text, (width * CHARACTERS_A_PERCENT) as usize);
        let parts = [
            before,
            TITLE.0,
            &markup(&title),
            TITLE.1,
            rectangle,
            TEXT.0,
            place,
            ">",
            &markup(&text),
            TEXT.1,
        ];
        parts.iter().for_each(|part| written.push_str(part));
        rest = after;
    }
    written.push_str(rest);
    Ok(written.into_bytes())
}

fn split<'a>(text: &'a str, at: &str) -> Result<(&'a str, &'a str), Error> {
    text.split_once(at).ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("there is no {at:?} in it")))
}

fn unknown(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("it has {what:?} where a number should be"))
}

/// As much of a text as there is room for.
fn cut(text: &str, room: usize) -> String {
    match text.chars().count() {
        _ if room < LEAST_CHARACTERS => String::new(),
        length if length < room => text.to_owned(),
        _ => text.chars().take(room - 2).chain("..".chars()).collect(),
    }
}
