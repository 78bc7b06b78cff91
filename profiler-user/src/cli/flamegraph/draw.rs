//! Draws stacks with inferno, and does beside it what inferno does not: an encoding, a total above the sum, the palette
//! `chain`. It must not know where the stacks came from.

use inferno::flamegraph::color::{BackgroundColor, PaletteMap};
use inferno::flamegraph::{self, Direction, FuncFrameAttrsMap, Options, TextTruncateDirection};

use super::options::{Args, Colors};
use super::rows::Drawn;
use super::{attributes, colors};
use crate::cli::exit::{Exit, Failure};
use crate::cli::say;
use crate::query::Unit;

/// What is to be drawn how, with its files read.
pub(super) struct Drawing<'a> {
    args: &'a Args,
    attributes: FuncFrameAttrsMap,
    kept: Option<PaletteMap>,
}

impl Drawing<'_> {
    /// Reads the files that options name.
    ///
    /// # Errors
    /// If one can't be read.
    pub(super) fn new(args: &Args) -> Result<Drawing<'_>, Failure> {
        let attributes = args.nameattr.as_deref().map(attributes::read).transpose()?.unwrap_or_default();
        let kept = if args.cp { Some(colors::read()?) } else { None };
        Ok(Drawing { args, attributes, kept })
    }

    /// The SVG. Writes the file of kept colours, if there is to be one.
    ///
    /// # Errors
    /// If it can't be drawn, or that file can't be written.
    pub(super) fn draw(self, drawn: &Drawn) -> Result<Vec<u8>, Failure> {
        let args = self.args;
        let rest = Rest::of(args, drawn);
        let mut lines: Vec<String> = drawn.rows.iter().map(line).collect();
        lines.extend(rest.as_ref().map(Rest::line));
        // inferno turns the order around where it does not sort; it is not to sort: it would by bytes.
        lines.reverse();
        let mut palette = self.kept;
        if args.colors == Colors::Chain {
            let frames = drawn.rows.iter().flat_map(|(stack, ..)| stack.split(';')).chain([""]);
            colors::add_chain(palette.get_or_insert_default(), frames);
        }
        let mut options = options(args, drawn);
        options.func_frameattrs = self.attributes;
        options.palette_map = palette.as_mut();
        let mut svg = Vec::new();
        flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg).map_err(
            |error| Failure::new(Exit::Internal, format!("the flame graph could not be drawn: {error}")),
        )?;
        drop(options);
        let mut svg = String::from_utf8_lossy(&svg).into_owned();
        if let Some(rest) = &rest {
            svg = rest.taken_from(&svg);
        }
        if let Some(encoding) = &args.encoding {
            svg = encoded(&svg, encoding);
        }
        if let Some(palette) = palette.filter(|_| args.cp) {
            colors::write(&palette, rest.as_ref().map(|rest| rest.name.as_str()))?;
        }
        Ok(svg.into_bytes())
    }
}

fn options<'a>(args: &Args, drawn: &Drawn) -> Options<'a> {
    let mut options = Options::default();
    options.title = args.title().to_owned();
    options.subtitle = args.subtitle.clone().filter(|text| !text.is_empty());
    options.image_width = Some(args.width as usize);
    options.frame_height = args.height as usize;
    options.min_width = args.min_percent();
    options.font_type = args.fonttype.clone();
    options.font_size = args.fontsize as usize;
    options.font_width = args.fontwidth;
    options.text_truncate_direction = TextTruncateDirection::Right;
    let counted = if drawn.unit == Unit::Samples { "samples" } else { "nanoseconds" };
    options.count_name = args.countname.clone().unwrap_or_else(|| counted.to_owned());
    options.name_type = args.nametype.clone();
    options.notes = args.notes.clone();
    options.negate_differentials = args.negate;
    options.factor = args.factor * drawn.factor;
    options.hash = args.hash;
    // Without it, a colour is random.
    options.deterministic = !args.hash && !args.random;
    options.bgcolors = args.bgcolors;
    match args.colors {
        Colors::Inferno(palette) => options.colors = palette,
        Colors::Chain => options.bgcolors = args.bgcolors.or(Some(BackgroundColor::Blue)),
    }
    if args.inverted {
        options.direction = Direction::Inverted;
    }
    // The order of the lines is that of the drawing, turned around.
    options.flame_chart = true;
    options
}

fn line((stack, before, count): &(String, Option<u64>, u64)) -> String {
    match before {
        Some(before) => format!("{stack} {before} {count}"),
        None => format!("{stack} {count}"),
    }
}

/// What a total has beyond the sum of the counts: drawn as a frame, so that the others get narrower, and then taken off.
struct Rest {
    name: String,
    count: u64,
    /// With two counts, for a difference of none.
    is_twofold: bool,
}

impl Rest {
    fn of(args: &Args, drawn: &Drawn) -> Option<Rest> {
        let total = args.total?;
        let wanted = (total / drawn.factor).round();
        if wanted < drawn.total as f64 {
            let sum = drawn.total as f64 * drawn.factor;
            say(&format!("--total {total} is less than the sum of the counts, {sum}, and was ignored"));
            return None;
        }
        // Above 2^53, which is what counts may add up to, it would not be exact, and nothing else would be seen.
        let count = (wanted.min((1_u64 << 53) as f64) as u64).saturating_sub(drawn.total);
        let mut name = "rest of the total".to_owned();
        while drawn.rows.iter().any(|(stack, ..)| stack.contains(&name)) {
            name.push('-');
        }
        let is_twofold = drawn.rows.iter().any(|(_, before, _)| before.is_some());
        (count > 0).then_some(Rest { name, count, is_twofold })
    }

    fn line(&self) -> String {
        line(&(self.name.clone(), self.is_twofold.then_some(self.count), self.count))
    }

    /// The SVG without this frame.
    fn taken_from(&self, svg: &str) -> String {
        const END: &str = "</g>";
        let start = svg.find(&format!("<g><title>{} (", self.name));
        let end = start.and_then(|start| svg[start..].find(END).map(|length| start + length + END.len()));
        match start.zip(end) {
            Some((start, end)) => format!("{}{}", &svg[..start], &svg[end..]),
            // It was too narrow to be drawn.
            None => svg.to_owned(),
        }
    }
}

/// The SVG with an encoding in its first line, in ASCII: the same in all encodings that are allowed.
fn encoded(svg: &str, encoding: &str) -> String {
    let declared =
        svg.replacen("<?xml version=\"1.0\"", &format!("<?xml version=\"1.0\" encoding=\"{encoding}\""), 1);
    if encoding.eq_ignore_ascii_case("UTF-8") {
        return declared;
    }
    let mut ascii = String::with_capacity(declared.len());
    for c in declared.chars() {
        match c {
            c if c.is_ascii() => ascii.push(c),
            c => ascii.push_str(&format!("&#{};", u32::from(c))),
        }
    }
    ascii
}
