//! What a thread or process ran, slice of time by slice: `/api/v1/chart`. It must not know who answers, nor how a chart is
//! drawn.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, JSON, check_accepted};
use super::compute::compute;
use super::given::Given;
use super::parameters::{
    DEPTH, FROM, LINES, MAX_NODES, PID, POINTS, Parameter, QUERY, SECONDS, STEP, TID, UNTIL,
};
use super::range::Range;
use super::tree::{Amount, FrameTable, WireFrame, seconds};
use super::{Pairs, decoded};
use crate::http::error::HttpError;
use crate::http::{App, Live};
use crate::model::select::{Cancelled, Select};
use crate::model::selector::{Comparison, Matcher};
use crate::query::{self, View};
use crate::render::tree::Tree;

/// Most slices, whatever the step asked for.
const MOST_SLICES: u64 = 2000;
/// Most stacks in all slices together, some 15 bytes each.
pub(super) const MOST_STACKS: usize = 200_000;

pub(super) const TAKES: [&Parameter; 11] =
    [&SECONDS, &FROM, &UNTIL, &QUERY, &PID, &TID, &LINES, &DEPTH, &MAX_NODES, &STEP, &POINTS];

/// A flame chart. Which stack of a slice came first is not known: they are in the order of the nodes, which is by name.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct FlameChart {
    /// When the first slice begins.
    start_unix_seconds: f64,
    /// Of a slice; the last one may be cut off by the end of the range.
    step_seconds: f64,
    complete_since_unix_seconds: f64,
    total: Amount,
    frames: Vec<WireFrame>,
    nodes: ChartNodes,
    /// By time, also those in which nothing ran.
    slices: Vec<ChartSlice>,
}

/// The nodes of the call tree of all slices, in pre-order, children by name; arrays of equal length. Node 0 is the root.
#[derive(Default, Serialize, ToSchema)]
struct ChartNodes {
    /// Index in `frames`; `null` for the root.
    frame: Vec<Option<usize>>,
    /// Index in these arrays, smaller than the node's own; 0 for the root.
    parent: Vec<usize>,
}

/// What ran in one slice of time; arrays of equal length.
#[derive(Serialize, ToSchema)]
struct ChartSlice {
    /// The leaf of each stack, as an index in `nodes`; each once, ascending.
    node: Vec<usize>,
    /// Samples of each stack.
    samples: Vec<u64>,
    total: Amount,
}

impl FlameChart {
    fn new(chart: &query::Chart) -> FlameChart {
        let (tree, places) = Tree::with_places(&chart.profile);
        let mut frames = FrameTable::default();
        let mut nodes = ChartNodes::default();
        for node in &tree.nodes {
            nodes.frame.push(node.frame.map(|id| frames.index(&chart.profile.stacks, id)));
            nodes.parent.push(node.parent);
        }
        let slice = |slice: &query::Slice| {
            let leaf = |&index: &usize| Some((places[index]?, chart.profile.samples[index].1.samples));
            let mut leaves: Vec<(usize, u64)> = slice.samples.iter().filter_map(leaf).collect();
            leaves.sort_unstable();
            // Frames of equal text are one node.
            leaves.dedup_by(|(node, samples), (kept, sum)| {
                let same = node == kept;
                *sum += if same { *samples } else { 0 };
                same
            });
            let (node, samples) = leaves.into_iter().unzip();
            ChartSlice { node, samples, total: Amount::new(slice.total) }
        };
        FlameChart {
            start_unix_seconds: seconds(chart.start),
            step_seconds: seconds(chart.step),
            complete_since_unix_seconds: seconds(chart.complete_since),
            total: Amount::new(chart.profile.total()),
            slices: chart.slices.iter().map(slice).collect(),
            frames: frames.frames,
            nodes,
        }
    }
}

/// `GET /api/v1/chart`.
pub(super) async fn chart(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    check_accepted(&headers, JSON)?;
    let given = Given::read(&TAKES, decoded(pairs)?)?;
    let range = Range::read(&given, &FROM, &UNTIL, &app.live)?;
    let mut selector = given.series(&QUERY, &given.pids(&PID)?)?;
    let tid = given.integer_if_given(&TID)?.map(|tid| tid.to_string());
    let tid = tid.map(|tid| Matcher::new("tid", Comparison::Equal, &tid).expect("no regular expression"));
    selector.matchers.extend(tid);
    let view = View { lines: given.switch(&LINES)?.unwrap_or(false), ..View::default() };
    let depth = given.integer_if_given(&DEPTH)?.map(|depth| depth as usize);
    let max_nodes = given.integer(&MAX_NODES)? as usize;
    let points = given.integer(&POINTS)?;
    let step = range.step(&given, MOST_SLICES)?;
    let mut select = Select {
        since: range.since,
        until: range.until,
        selector,
        by: view.labels(),
        stacks: true,
        ..Select::default()
    };
    let work = move |live: &Live, cancelled: &Cancelled| {
        select.cancelled = cancelled.clone();
        let source = live.source();
        let fitting = || query::step_for(range.length(), points, source.resolution(range.since));
        select.step = Some(step.unwrap_or_else(fitting));
        let selected = source.select(&select)?;
        let chart = query::chart(&selected, &select, view, (max_nodes, depth))?;
        if chart.profile.samples.len() > MOST_STACKS {
            return Err(HttpError::bad_request(
                format!("the chart would have {} stacks in its slices", chart.profile.samples.len()),
                format!("at most {MOST_STACKS}: one thread by pid and tid, fewer points, or less depth"),
            ));
        }
        Answer::json(&FlameChart::new(&chart), chart.complete_since <= range.since)
    };
    Ok(compute(&app, work).await?.respond(&headers, &[range]))
}
