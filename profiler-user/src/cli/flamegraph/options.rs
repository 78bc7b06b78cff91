//! The options of `flamegraph.pl`, with its names, meanings and defaults.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use inferno::flamegraph::Palette;
use inferno::flamegraph::color::BackgroundColor;

use crate::render::visible;

/// Palettes that inferno does not have, beside those that it has.
const CHAIN: &str = "chain";

/// How frames are coloured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Colors {
    Inferno(Palette),
    /// Blue, and what woke it in aqua.
    Chain,
}

/// Frames that are narrower are left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum MinWidth {
    Pixels(f64),
    /// Of all time.
    Percent(f64),
}

/// What is asked for of those who read stacks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Stacks stay in the order of the files, and none are merged.
    pub(super) in_order: bool,
    /// Leaves become roots.
    pub(super) reverse: bool,
}

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Options of flamegraph.pl")]
pub struct Args {
    /// Title [default: Flame Graph, Icicle Graph or Flame Chart]
    #[arg(long, value_name = "TEXT", value_parser = text)]
    pub(super) title: Option<String>,
    /// Second line of the title
    #[arg(long, value_name = "TEXT", value_parser = text)]
    pub(super) subtitle: Option<String>,
    /// Width of the picture, in pixels
    #[arg(long, value_name = "NUM", default_value = "1200", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub(super) width: u32,
    /// Height of each frame, in pixels
    #[arg(long, value_name = "NUM", default_value = "16", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(super) height: u32,
    /// Leave narrower frames out: pixels, or with a % at the end percent of the whole
    #[arg(long, value_name = "NUM", default_value = "0.1", value_parser = min_width)]
    pub(super) minwidth: MinWidth,
    /// Font
    #[arg(long, value_name = "FONT", default_value = "Verdana", value_parser = font)]
    pub(super) fonttype: String,
    /// Size of the font, in whole pixels
    #[arg(long, value_name = "NUM", default_value = "12", value_parser = font_size)]
    pub(super) fontsize: u32,
    /// Average width of a letter, as a share of the font's size
    #[arg(long, value_name = "NUM", default_value = "0.59", value_parser = positive)]
    pub(super) fontwidth: f64,
    /// What is counted [default: samples]
    #[arg(long, value_name = "TEXT", value_parser = text)]
    pub(super) countname: Option<String>,
    /// What frames are
    #[arg(long, value_name = "TEXT", default_value = "Function:", value_parser = script_text)]
    pub(super) nametype: String,
    /// Palette
    #[arg(long, value_name = "PALETTE", default_value = "hot", value_parser = colors())]
    pub(super) colors: Colors,
    /// Background: yellow, blue, green, grey or #rrggbb [default: by the palette]
    #[arg(long, value_name = "COLOR", value_parser = background)]
    pub(super) bgcolors: Option<BackgroundColor>,
    /// Colour by a hash of the name: names that begin alike look alike
    #[arg(long)]
    pub(super) hash: bool,
    /// Colour each box at random, whatever its name is
    #[arg(long)]
    pub(super) random: bool,
    /// Take colours from the file palette.map in this folder, and add new ones to it
    #[arg(long)]
    pub(super) cp: bool,
    /// Turn stacks around: merge them from their leaves on
    #[arg(long)]
    pub(super) reverse: bool,
    /// Draw from the top down
    #[arg(long)]
    pub(super) inverted: bool,
    /// Draw stacks in the order of the input, which is that of time, and merge none but neighbours
    #[arg(long)]
    pub(super) flamechart: bool,
    /// Swap the colours of a difference: blue for more
    #[arg(long)]
    pub(super) negate: bool,
    /// Comment in the SVG
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, value_parser = notes)]
    pub(super) notes: String,
    /// Multiply counts by this
    #[arg(long, value_name = "NUM", default_value = "1", value_parser = positive)]
    pub(super) factor: f64,
    /// Name of the encoding that the SVG says it has
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    pub(super) encoding: Option<String>,
    /// Draw as parts of this total, if the counts add up to less
    #[arg(long, value_name = "NUM", value_parser = positive)]
    pub(super) total: Option<f64>,
    /// File of attributes for functions: a name, a tab, and name=value (title, href, id, class, target, g_extra, a_extra)
    /// with tabs between them
    #[arg(long, value_name = "FILE")]
    pub(super) nameattr: Option<PathBuf>,
}

impl Args {
    /// What of it is about reading.
    pub(super) fn reading(&self) -> Reading {
        Reading { in_order: self.flamechart, reverse: self.reverse }
    }

    /// The title that is shown.
    pub(super) fn title(&self) -> &str {
        match &self.title {
            Some(title) if !title.is_empty() => title,
            _ if self.flamechart => "Flame Chart",
            _ if self.inverted => "Icicle Graph",
            _ => "Flame Graph",
        }
    }

    /// The width below which frames are left out, in percent of the whole.
    pub(super) fn min_percent(&self) -> f64 {
        match self.minwidth {
            MinWidth::Percent(percent) => percent,
            // There are ten pixels of margin at both sides.
            MinWidth::Pixels(pixels) => 100.0 * pixels / f64::from(self.width - 20),
        }
    }
}

/// Text for the SVG: characters that XML does not allow are replaced visibly.
pub(super) fn allowed(text: &str) -> String {
    let bad =
        |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r') || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if bad(c) { visible(&c.to_string()) } else { c.to_string() }).collect()
}

fn text(text: &str) -> Result<String, String> {
    Ok(allowed(text))
}

/// Text that stands in the SVG's script.
fn script_text(text: &str) -> Result<String, String> {
    if text.contains(char::is_control) || text.contains("]]>") {
        return Err("it must have no control characters, and no ]]>".to_owned());
    }
    Ok(text.to_owned())
}

/// Text that stands in the SVG's style sheet.
fn font(text: &str) -> Result<String, String> {
    if text.contains(['<', '>', '&', '{', '}']) || text.contains(char::is_control) {
        return Err("the name of a font has none of < > & { }".to_owned());
    }
    Ok(text.to_owned())
}

fn notes(text: &str) -> Result<String, String> {
    if text.contains(['<', '>']) {
        return Err("notes can't have < or >".to_owned());
    }
    if text.contains("--") || text.ends_with('-') {
        return Err("notes are a comment of XML, which can't have -- nor end in -".to_owned());
    }
    Ok(allowed(text))
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "it is no number above 0".to_owned())
}

fn font_size(text: &str) -> Result<u32, String> {
    let size = positive(text)?;
    if size.fract() != 0.0 || !(1.0..=200.0).contains(&size) {
        return Err("whole pixels only, from 1 to 200".to_owned());
    }
    Ok(size as u32)
}

fn min_width(text: &str) -> Result<MinWidth, String> {
    let (number, is_percent) = text.strip_suffix('%').map_or((text, false), |number| (number, true));
    let number: f64 = number
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number >= 0.0)
        .ok_or("it is neither a number of pixels nor a percentage such as 0.5%")?;
    Ok(if is_percent { MinWidth::Percent(number) } else { MinWidth::Pixels(number) })
}

fn colors() -> impl TypedValueParser<Value = Colors> {
    let names = Palette::VARIANTS.iter().copied().chain([CHAIN]);
    PossibleValuesParser::new(names).try_map(|name| match name.as_str() {
        CHAIN => Ok(Colors::Chain),
        name => name.parse().map(Colors::Inferno),
    })
}

fn background(text: &str) -> Result<BackgroundColor, String> {
    text.parse().map_err(|_| "it is none of yellow, blue, green, grey and #rrggbb".to_owned())
}

/// A name as XML allows it, of an encoding that has ASCII in it: all else is written as numbers.
fn encoding(text: &str) -> Result<String, String> {
    let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let upper = text.to_ascii_uppercase();
    if !is_name || ["UTF-16", "UTF-32", "UCS", "EBCDIC", "IBM"].iter().any(|start| upper.starts_with(start)) {
        return Err("it is no encoding in which ASCII is ASCII, such as UTF-8 or ISO-8859-1".to_owned());
    }
    Ok(text.to_owned())
}
