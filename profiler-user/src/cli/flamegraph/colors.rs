//! Colours that are kept from one drawing to the next (`--cp`), and those of the palette `chain`, which inferno lacks.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use inferno::flamegraph::color::{Color, PaletteMap};

use crate::cli::exit::{Exit, Failure};
use crate::cli::say;
use crate::render::svg::name_hash;

/// The file of `--cp`, in the folder where firetower runs.
const FILE: &str = "palette.map";

/// Reads the colours that are kept; none if there is no file yet.
///
/// # Errors
/// If the file can't be read. Lines that are no colours are said on stderr.
pub(super) fn read() -> Result<PaletteMap, Failure> {
    let failed = |error: std::io::Error| Failure::new(Exit::BadInput, format!("can't read {FILE}: {error}"));
    let text = match fs::read(Path::new(FILE)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(PaletteMap::default()),
        bytes => String::from_utf8_lossy(&bytes.map_err(failed)?).into_owned(),
    };
    let colors = PaletteMap::from_reader(&mut text.as_bytes()).map_err(failed)?;
    // The last of several for a name counts, and is no line that is ignored.
    let is_color = |line: &&str| line.split_once("->").is_some_and(|(name, _)| colors.get(name).is_some());
    let ignored = text.lines().filter(|line| !is_color(line)).count();
    if ignored > 0 {
        say(&format!("{FILE}: ignored {ignored} lines that are no NAME->rgb(RED,GREEN,BLUE)"));
    }
    Ok(colors)
}

/// Writes all but the colour of a frame that is none.
///
/// # Errors
/// [`Exit::WriteFailed`].
pub(super) fn write(colors: &PaletteMap, without: Option<&str>) -> Result<(), Failure> {
    let mut kept = PaletteMap::default();
    for (name, color) in colors.iter().filter(|(name, _)| Some(*name) != without) {
        kept.insert(name, color);
    }
    kept.save_to_file(&FILE)
        .map_err(|error| Failure::new(Exit::WriteFailed, format!("can't write {FILE}: {error}")))
}

/// Adds the colours of `chain` for these frames: blue, and aqua for what woke another, which ends in `_[w]`.
pub(super) fn add_chain<'a>(colors: &mut PaletteMap, frames: impl Iterator<Item = &'a str>) {
    for name in frames {
        if colors.get(name).is_none() {
            colors.insert(name, chain(name));
        }
    }
}

fn chain(name: &str) -> Color {
    let share = (name_hash(name) >> 40) as f64 / (1_u64 << 24) as f64;
    let part = |least: u8, range: f64| least + (range * share) as u8;
    if name.contains("_[w]") {
        Color { r: part(50, 60.0), g: part(165, 55.0), b: part(165, 55.0) }
    } else {
        Color { r: part(80, 60.0), g: part(80, 60.0), b: part(205, 50.0) }
    }
}
