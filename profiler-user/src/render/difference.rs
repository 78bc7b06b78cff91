//! Two profiles in one picture: a flame graph in which red grew and blue shrank, and folded stacks with two counts.
//!
//! A frame is as wide as the mean of its two sides: what vanished is seen, and so is what is new, each with half the width that
//! it has alone. That keeps every frame as wide as those above it together; the larger of the two would not. It must not know
//! what was compared, nor what makes a change noise.

mod picture;

use std::collections::BTreeMap;

use inferno::flamegraph;
use inferno::flamegraph::color::{Color, PaletteMap};

use super::{RenderError, frame_text, svg, visible};
use crate::model::Frame;

/// Frames narrower than this share of the picture are not drawn, as in [`svg`](super::svg).
const LEAST_SHARE: f64 = 1.0 / 10_000.0;
/// The frame for what is at the root and narrower than that.
const TOO_NARROW: &str = "[too narrow to be drawn]";
/// What the width of the whole picture is counted in: what can't be seen is lost by rounding.
const WHOLE: f64 = 1e9;
/// Of what has no colour: it must be seen on the grey of the background.
const NEUTRAL: Color = Color { r: 206, g: 204, b: 194 };

/// Two trees in one.
#[derive(Clone, Debug)]
pub struct Compared {
    /// What the picture is of, in words.
    pub title: String,
    /// What numbers are.
    pub unit: Unit,
    /// Parents come before their children; the first is the root of all.
    pub nodes: Vec<Node>,
}

/// What values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Shares of a side, from 0 to 1.
    Share,
    /// Samples.
    Samples,
    /// Nanoseconds of CPU time.
    Nanoseconds,
}

/// One node of both.
#[derive(Clone, Debug)]
pub struct Node {
    /// `None`: the root.
    pub frame: Option<Frame>,
    /// Index of the parent, smaller than the node's own; 0 for the root.
    pub parent: usize,
    /// Before and after, with all that is above it.
    pub total: (f64, f64),
    /// Samples of both sides of that; 0 where a side does not count any.
    pub samples: (u64, u64),
    /// Before and after alone, as whole numbers.
    pub own: (u64, u64),
    /// Whether the change of the total may be chance; `None`: that is not known.
    pub is_noise: Option<bool>,
}

/// The flame graph as an SVG document (UTF-8, with its own script). The same input gives the same bytes.
///
/// # Errors
/// If there is nothing to draw, or the library refuses it.
pub fn svg(compared: &Compared) -> Result<Vec<u8>, RenderError> {
    let drawn = Drawn::new(compared);
    if drawn.lines.is_empty() {
        return Err(RenderError::Empty { subject: visible(&compared.title), seconds: 0.0 });
    }
    let mut palette = PaletteMap::default();
    // The root, which the library calls by no name.
    palette.insert("", NEUTRAL);
    for (number, shown) in drawn.shown.iter().enumerate() {
        palette.insert(name(number), shown.map_or(NEUTRAL, |at| color(&compared.nodes[at])));
    }
    let mut options = svg::options(&mut palette);
    options.title = format!("firetower: {}", visible(&compared.title));
    let noise = compared.nodes.iter().any(|node| node.is_noise == Some(true));
    options.subtitle = Some(legend(compared.unit, noise).to_owned());
    // What is too narrow has been left out.
    options.min_width = 0.0;
    let mut drawing = Vec::new();
    flamegraph::from_lines(&mut options, drawn.lines.iter().map(String::as_str), &mut drawing)?;
    picture::told(&drawing, |number| drawn.told(compared, number)).map_err(RenderError::from)
}

/// Folded stacks with the counts of both sides, `root;…;leaf BEFORE AFTER`, sorted: what `difffolded.pl` writes and
/// `flamegraph.pl` and inferno read. A stack that one side does not have has 0 there.
pub fn folded(compared: &Compared) -> Vec<u8> {
    let mut paths: Vec<String> = Vec::with_capacity(compared.nodes.len());
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for node in &compared.nodes {
        let text = node.frame.as_ref().map(frame_text).unwrap_or_default();
        let path = match paths.get(node.parent).map(String::as_str) {
            None | Some("") => text,
            Some(parent) => format!("{parent};{text}"),
        };
        if node.own != (0, 0) {
            let (before, after) = sums.entry(path.clone()).or_default();
            *before = before.saturating_add(node.own.0);
            *after = after.saturating_add(node.own.1);
        }
        paths.push(path);
    }
    let line = |(path, (before, after))| format!("{path} {before} {after}\n");
    sums.into_iter().map(line).collect::<String>().into_bytes()
}

/// What is drawn, as the library wants it: frames have numbers for names, in the order of their places.
struct Drawn {
    /// Of each number, the node; `None`: what is too narrow.
    shown: Vec<Option<usize>>,
    lines: Vec<String>,
}

impl Drawn {
    fn new(compared: &Compared) -> Drawn {
        let nodes = &compared.nodes;
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
        for (index, node) in nodes.iter().enumerate().skip(1) {
            children[node.parent].push(index);
        }
        let whole = nodes.first().map_or(0.0, |root| root.total.0 + root.total.1);
        let width = |index: usize| match (nodes[index].total.0 + nodes[index].total.1) / whole {
            share if share >= LEAST_SHARE => (share * WHOLE) as u64,
            _ => 0,
        };
        let mut drawn = Drawn { shown: Vec::new(), lines: Vec::new() };
        let mut open = vec![(0, String::new())];
        while let Some((index, path)) = open.pop() {
            let mut above: Vec<usize> = children
                .get(index)
                .into_iter()
                .flatten()
                .copied()
                .filter(|&child| width(child) > 0)
                .collect();
            let taken: u64 = above.iter().map(|&child| width(child)).sum();
            let own = if nodes.is_empty() || whole <= 0.0 { 0 } else { width(index).saturating_sub(taken) };
            let path = match index {
                // The library has no width of the root alone.
                0 if own as f64 >= LEAST_SHARE * WHOLE => {
                    drawn.lines.push(format!("{} {own}", name(drawn.shown.len())));
                    drawn.shown.push(None);
                    path
                }
                0 => path,
                _ => {
                    let number = name(drawn.shown.len());
                    drawn.shown.push(Some(index));
                    let path = if path.is_empty() { number } else { format!("{path};{number}") };
                    if own > 0 {
                        drawn.lines.push(format!("{path} {own}"));
                    }
                    path
                }
            };
            // The last one is taken first.
            above.sort_by_cached_key(|&child| std::cmp::Reverse((text(&nodes[child]), child)));
            open.extend(above.into_iter().map(|child| (child, path.clone())));
        }
        drawn
    }

    /// What is said of a frame, and what stands on it; `None` for the number: of the root.
    fn told(&self, compared: &Compared, number: Option<usize>) -> Option<(String, String)> {
        let index = match number {
            None => 0,
            Some(number) => match self.shown.get(number)? {
                Some(index) => *index,
                None => return Some((TOO_NARROW.to_owned(), TOO_NARROW.to_owned())),
            },
        };
        let node = compared.nodes.get(index)?;
        let text = if index == 0 { "all".to_owned() } else { text(node) };
        Some((format!("{text} ({})", told(node, compared.unit)), text))
    }
}

/// Sorted as their numbers are.
fn name(number: usize) -> String {
    format!("{number:09}")
}

fn text(node: &Node) -> String {
    node.frame.as_ref().map(frame_text).unwrap_or_default()
}

/// Both sides and the change, in words without brackets: the picture's script cuts a title at its last one.
fn told(node: &Node, unit: Unit) -> String {
    let (before, after) = node.total;
    let change = after - before;
    let amounts = match unit {
        Unit::Share => {
            let percent = |share: f64| format!("{:.2} %", share * 100.0);
            format!(
                "before {}, after {}, change {:+.2} points",
                percent(before),
                percent(after),
                change * 100.0
            )
        }
        Unit::Samples => format!("before {before:.0}, after {after:.0}, change {change:+.0} samples"),
        Unit::Nanoseconds => {
            format!("before {:.3} s, after {:.3} s, change {:+.3} s", before / 1e9, after / 1e9, change / 1e9)
        }
    };
    let state = match node {
        Node { total: (before, _), .. } if *before <= 0.0 => ", new",
        Node { total: (_, after), .. } if *after <= 0.0 => ", gone",
        _ => "",
    };
    let noise = if node.is_noise == Some(true) { ", within noise" } else { "" };
    match node.samples {
        (0, 0) => format!("{amounts}{state}{noise}"),
        (before, after) => format!("{amounts}{state}{noise}; {before} and {after} samples"),
    }
}

fn legend(unit: Unit, noise: bool) -> &'static str {
    match (unit, noise) {
        (Unit::Share, true) => "red grew, blue shrank, grey is within noise; width: mean of both shares",
        (Unit::Share, false) => "red grew, blue shrank; width: mean of both shares",
        (_, true) => "red grew, blue shrank, grey is within noise; width: mean of both sides",
        (_, false) => "red grew, blue shrank; width: mean of both sides",
    }
}

/// Red grew, blue shrank: the fuller, the larger the part of it that came or went.
fn color(node: &Node) -> Color {
    let (before, after) = node.total;
    let larger = before.max(after);
    if node.is_noise == Some(true) || larger <= 0.0 {
        return NEUTRAL;
    }
    let part = (after - before) / larger;
    let mixed = |pale: u8, full: u8| {
        (f64::from(pale) + (f64::from(full) - f64::from(pale)) * part.abs().min(1.0)).round() as u8
    };
    match part {
        part if part > 0.0 => Color { r: mixed(250, 224), g: mixed(222, 48), b: mixed(212, 32) },
        part if part < 0.0 => Color { r: mixed(216, 48), g: mixed(228, 96), b: mixed(250, 224) },
        _ => NEUTRAL,
    }
}

#[cfg(test)]
mod tests;
