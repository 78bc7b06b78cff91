//! A comparison for those who draw it: both trees in one, with what is noise in it. Pure.

use super::Report;
use crate::cli::exit::{Exit, Failure};
use crate::http;
use crate::query::{DiffNode, Unit};
use crate::render::difference::{Compared, Node, Unit as Drawn, folded, svg};
use crate::render::{RenderError, html};

/// The differential flame graph.
///
/// # Errors
/// If it can't be drawn.
pub(super) fn flame_graph(report: &Report) -> Result<Vec<u8>, Failure> {
    svg(&compared(report)).map_err(failed)
}

/// Folded stacks with both counts.
pub(super) fn stacks(report: &Report) -> Vec<u8> {
    folded(&compared(report))
}

/// The viewer with the comparison inside.
///
/// # Errors
/// [`Exit::Usage`], if a side has no CPU time: the viewer shows nothing else.
pub(super) fn page(report: &Report) -> Result<Vec<u8>, Failure> {
    for side in [report.before, report.after] {
        if !side.nanoseconds {
            let message = format!("the viewer shows CPU time, and {} has numbers of samples only", side.name);
            return Err(Failure::new(Exit::Usage, message)
                .hint("draw it as svg, or record in a format that has times: pprof, speedscope or json"));
        }
    }
    let (before, after) = (&report.before.profile.about, &report.after.profile.about);
    let json = http::comparison(report.diff, before, after)
        .map_err(|error| Failure::new(Exit::Internal, format!("the comparison is no JSON: {error}")))?;
    Ok(html::page(&title(report), &json))
}

fn failed(error: RenderError) -> Failure {
    Failure::new(Exit::Internal, format!("can't draw the comparison: {error}"))
}

fn title(report: &Report) -> String {
    format!("{} → {}", report.before.name, report.after.name)
}

fn compared(report: &Report) -> Compared {
    let diff = report.diff;
    let node = |node: &DiffNode| {
        let own = diff.values(node.own);
        Node {
            frame: node.frame.map(|frame| diff.frames[frame].clone()),
            parent: node.parent,
            total: report.values(node.total),
            samples: (node.total.left.samples, node.total.right.samples),
            own: (own.0.round() as u64, own.1.round() as u64),
            is_noise: diff.judge(node.total).map(|difference| !difference.excludes_zero()),
        }
    };
    let unit = match (report.is_normalised(), diff.comparing.units.1) {
        (true, _) => Drawn::Share,
        (false, Unit::Samples) => Drawn::Samples,
        (false, Unit::Nanoseconds) => Drawn::Nanoseconds,
    };
    Compared { title: title(report), unit, nodes: diff.nodes.iter().map(node).collect() }
}
