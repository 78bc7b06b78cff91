//! What changed between two ranges, or two sets of series: `/api/v1/diff`. It must not know who answers.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, HTML, JSON, check_accepted};
use super::compute::compute;
use super::given::Given;
use super::parameters::{
    DIFF_FORMAT, FOCUS, LEFT_FROM, LEFT_QUERY, LEFT_UNTIL, LIMIT, LINES, MAX_NODES, NORMALISE, PID,
    Parameter, RIGHT_FROM, RIGHT_QUERY, RIGHT_UNTIL, THREADS,
};
use super::range::Range;
use super::tree::{Amount, WireFrame, seconds};
use super::{Pairs, decoded};
use crate::http::error::HttpError;
use crate::http::{App, Live};
use crate::model::select::{Cancelled, Select};
use crate::model::{About, Profile, Weight};
use crate::query::{self, Comparing, Judged, Order, Pair, Unit, View};

pub(super) const TAKES: [&Parameter; 14] = [
    &LEFT_FROM,
    &LEFT_UNTIL,
    &LEFT_QUERY,
    &RIGHT_FROM,
    &RIGHT_UNTIL,
    &RIGHT_QUERY,
    &PID,
    &LINES,
    &THREADS,
    &FOCUS,
    &NORMALISE,
    &MAX_NODES,
    &LIMIT,
    &DIFF_FORMAT,
];

/// Two profiles in one tree, and the functions that changed most.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Difference {
    left: Side,
    right: Side,
    /// What the left side's CPU seconds in `nodes` and `functions` were multiplied by, so that both sides weigh the same;
    /// 1 where they are as they are.
    left_factor: f64,
    frames: Vec<WireFrame>,
    nodes: DiffNodes,
    /// Functions of either side, those whose own CPU time changed most first.
    functions: Vec<ChangedFunction>,
    /// How many functions there are besides.
    other_functions: usize,
}

/// One side of a difference.
#[derive(Serialize, ToSchema)]
struct Side {
    start_unix_seconds: f64,
    duration_seconds: f64,
    complete_since_unix_seconds: f64,
    total: Amount,
}

/// Arrays of equal length; parents come before their children, node 0 is the root. CPU seconds.
#[derive(Default, Serialize, ToSchema)]
struct DiffNodes {
    /// Index in `frames`; `null` for the root.
    frame: Vec<Option<usize>>,
    /// Index in these arrays, smaller than the node's own; 0 for the root.
    parent: Vec<usize>,
    left_total: Vec<f64>,
    left_self: Vec<f64>,
    right_total: Vec<f64>,
    right_self: Vec<f64>,
}

/// What became of a function. CPU seconds.
#[derive(Serialize, ToSchema)]
struct ChangedFunction {
    /// Index in `frames`.
    frame: usize,
    left_self: f64,
    right_self: f64,
    left_total: f64,
    right_total: f64,
    /// Of what the function itself used, right less left.
    change: f64,
    /// What the numbers of samples say of the change of what the function itself used; `null` if a side has none.
    self_confidence: Option<Confidence>,
    /// The same of what it used with what it calls.
    total_confidence: Option<Confidence>,
}

/// Whether a change is one. It takes samples for independent: `docs/diff.md` says what that means.
#[derive(Serialize, ToSchema)]
struct Confidence {
    /// The lower end of the 95 % interval of the change, CPU seconds.
    low: f64,
    /// The upper end.
    high: f64,
    /// How probable it is to see as much change or more, if nothing has changed; corrected for the number of functions.
    p_corrected: f64,
    /// `grew`, `shrank`, or `noise`: at this number of samples it may be chance.
    verdict: &'static str,
}

/// A side's question.
struct Asked {
    range: Range,
    select: Select,
}

impl Asked {
    fn take(
        &mut self,
        live: &Live,
        (view, focus): (View, Option<&str>),
        cancelled: &Cancelled,
    ) -> Result<(Profile, Side), HttpError> {
        self.select.cancelled = cancelled.clone();
        let selected = live.source().select(&self.select)?;
        let mut profile = query::profile(&selected, &self.select, view)?;
        if let Some(function) = focus {
            profile = query::focus(profile, function);
        }
        let side = Side {
            start_unix_seconds: seconds(profile.about.start),
            duration_seconds: seconds(profile.about.duration),
            complete_since_unix_seconds: seconds(selected.complete_since),
            total: Amount::new(profile.total()),
        };
        Ok((profile, side))
    }
}

/// `GET /api/v1/diff`.
pub(super) async fn diff(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    let given = Given::read(&TAKES, decoded(pairs)?)?;
    let saved = given.word(&DIFF_FORMAT)? == "html";
    check_accepted(&headers, if saved { HTML } else { JSON })?;
    let view = View {
        lines: given.switch(&LINES)?.unwrap_or(false),
        threads: given.switch(&THREADS)?.unwrap_or(false),
        // Between two ranges processes come and go: with frames for them nothing would be on both sides.
        processes: false,
    };
    let pids = given.pids(&PID)?;
    let side = |from, until, query| {
        let range = Range::read(&given, from, until, &app.live)?;
        let selector = given.series(query, &pids)?;
        let by = view.labels();
        let (since, until) = (range.since, range.until);
        let select = Select { since, until, selector, by, stacks: true, ..Select::default() };
        Ok::<_, HttpError>(Asked { range, select })
    };
    let mut left = side(&LEFT_FROM, &LEFT_UNTIL, &LEFT_QUERY)?;
    let mut right = side(&RIGHT_FROM, &RIGHT_UNTIL, &RIGHT_QUERY)?;
    let ranges = [left.range, right.range];
    let focus = given.short_text(&FOCUS)?.map(str::to_owned);
    let comparing = Comparing {
        units: (Unit::Nanoseconds, Unit::Nanoseconds),
        normalised: given.switch(&NORMALISE)?.unwrap_or(false),
        order: Order::Own,
        max_nodes: given.integer(&MAX_NODES)? as usize,
        max_changes: given.integer(&LIMIT)? as usize,
    };
    let work = move |live: &Live, cancelled: &Cancelled| {
        let shape = (view, focus.as_deref());
        let (left_profile, left_side) = left.take(live, shape, cancelled)?;
        let (right_profile, right_side) = right.take(live, shape, cancelled)?;
        let complete = left_side.complete_since_unix_seconds <= seconds(left.range.since)
            && right_side.complete_since_unix_seconds <= seconds(right.range.since);
        let diff = query::diff(&left_profile, &right_profile, comparing);
        let difference = Difference::new(&diff, left_side, right_side);
        match saved {
            true => Answer::page("comparison", &difference, complete),
            false => Answer::json(&difference, complete),
        }
    };
    Ok(compute(&app, work).await?.respond(&headers, &ranges))
}

/// What the viewer shows of a comparison that nobody asked the service for, as JSON. Both sides must have CPU time.
pub(crate) fn comparison(
    diff: &query::Diff,
    left: &About,
    right: &About,
) -> Result<String, serde_json::Error> {
    let side = |about: &About, total: Weight| Side {
        start_unix_seconds: seconds(about.start),
        duration_seconds: seconds(about.duration),
        complete_since_unix_seconds: seconds(about.start),
        total: Amount::new(total),
    };
    let (left, right) = (side(left, diff.total.left), side(right, diff.total.right));
    serde_json::to_string(&Difference::new(diff, left, right))
}

impl Confidence {
    fn new(diff: &query::Diff, judged: &Judged) -> Confidence {
        // Of shares, or of nanoseconds.
        let unit = match diff.comparing.normalised {
            true => seconds(diff.total.right.nanoseconds),
            false => 1e-9,
        };
        let Judged { difference, corrected, verdict } = judged;
        Confidence {
            low: difference.low * unit,
            high: difference.high * unit,
            p_corrected: *corrected,
            verdict: verdict.name(),
        }
    }
}

impl Difference {
    fn new(diff: &query::Diff, left: Side, right: Side) -> Difference {
        let sides =
            |pair: Pair| (seconds(pair.left.nanoseconds) * diff.left_factor, seconds(pair.right.nanoseconds));
        let mut nodes = DiffNodes::default();
        for node in &diff.nodes {
            nodes.frame.push(node.frame);
            nodes.parent.push(node.parent);
            let ((left_total, right_total), (left_self, right_self)) = (sides(node.total), sides(node.own));
            nodes.left_total.push(left_total);
            nodes.left_self.push(left_self);
            nodes.right_total.push(right_total);
            nodes.right_self.push(right_self);
        }
        let function = |change: &query::Change| {
            let ((left_self, right_self), (left_total, right_total)) =
                (sides(change.own), sides(change.total));
            let frame = change.frame;
            ChangedFunction {
                frame,
                left_self,
                right_self,
                left_total,
                right_total,
                change: right_self - left_self,
                self_confidence: change.own_judged.map(|judged| Confidence::new(diff, &judged)),
                total_confidence: change.total_judged.map(|judged| Confidence::new(diff, &judged)),
            }
        };
        Difference {
            left,
            right,
            left_factor: diff.left_factor,
            frames: diff.frames.iter().map(WireFrame::new).collect(),
            nodes,
            functions: diff.changes.iter().map(function).collect(),
            other_functions: diff.other_functions,
        }
    }
}
