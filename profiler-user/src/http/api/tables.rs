//! Series over time, functions that use most, and labels: `/api/v1/series`, `top`, `labels`, `labels/{name}/values`.
//!
//! It must not know who answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, JSON, check_accepted};
use super::compute::{brief, compute};
use super::given::Given;
use super::parameters::{
    BY, FOCUS, FROM, GROUPS, LIMIT, LINES, PID, POINTS, Parameter, QUERY, SECONDS, SORT, STEP, UNTIL,
    is_label_name,
};
use super::range::Range;
use super::tree::{Amount, WireFrame, seconds};
use super::{Pairs, decoded};
use crate::http::error::HttpError;
use crate::http::{App, Live};
use crate::model::Weight;
use crate::model::labels::NAMES;
use crate::model::select::{Cancelled, Select};
use crate::query::{self, Order, View};

/// Most steps of a series, whatever the step asked for.
const MAX_STEPS: u64 = 2000;

pub(super) const SERIES_TAKES: [&Parameter; 9] =
    [&SECONDS, &FROM, &UNTIL, &QUERY, &PID, &BY, &STEP, &POINTS, &GROUPS];
pub(super) const TOP_TAKES: [&Parameter; 9] =
    [&SECONDS, &FROM, &UNTIL, &QUERY, &PID, &LINES, &FOCUS, &SORT, &LIMIT];
pub(super) const VALUES_TAKE: [&Parameter; 6] = [&SECONDS, &FROM, &UNTIL, &QUERY, &PID, &LIMIT];

/// CPU time over time, apart by labels.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Series {
    /// When the first step begins.
    start_unix_seconds: f64,
    step_seconds: f64,
    /// Steps; the last one may be cut off by the end of the range.
    points: usize,
    complete_since_unix_seconds: f64,
    /// Those that used most, the largest first.
    groups: Vec<Group>,
    /// Those that are not listed.
    other: OtherGroups,
}

/// One line of a chart.
#[derive(Serialize, ToSchema)]
struct Group {
    /// By name; empty where the series have none.
    labels: BTreeMap<String, String>,
    total: Amount,
    /// CPU time of each step.
    cpu_seconds: Vec<f64>,
    /// Samples of each step.
    samples: Vec<u64>,
}

/// What is not listed, summed.
#[derive(Serialize, ToSchema)]
struct OtherGroups {
    /// How many groups.
    groups: usize,
    total: Amount,
    /// CPU time of each step; empty if there are none.
    cpu_seconds: Vec<f64>,
    /// Samples of each step; empty if there are none.
    samples: Vec<u64>,
}

/// Functions that use most.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TopFunctions {
    start_unix_seconds: f64,
    duration_seconds: f64,
    complete_since_unix_seconds: f64,
    total: Amount,
    /// The largest first.
    functions: Vec<TopFunction>,
    /// Those that are not listed.
    other: OtherFunctions,
}

/// One function.
#[derive(Serialize, ToSchema)]
struct TopFunction {
    frame: WireFrame,
    /// In the function itself.
    #[serde(rename = "self")]
    own: Amount,
    /// In it and what it calls; a recursion counts once.
    total: Amount,
}

/// Functions that are not listed. Their totals have no sum: they call each other.
#[derive(Serialize, ToSchema)]
struct OtherFunctions {
    functions: usize,
    #[serde(rename = "self")]
    own: Amount,
}

/// Names of labels.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct LabelNames {
    /// Those that every series has, and then those that processes gave themselves.
    labels: Vec<LabelName>,
}

/// A label.
#[derive(Serialize, ToSchema)]
struct LabelName {
    name: String,
    /// Whether every series has it; else a process gave it itself.
    standard: bool,
}

/// Values of a label.
#[derive(Serialize, ToSchema)]
#[schema(as = LabelValues)]
pub(in crate::http) struct Values {
    name: String,
    complete_since_unix_seconds: f64,
    /// The largest first.
    values: Vec<Value>,
    /// Those that are not listed.
    other: OtherValues,
    /// What was used by series that have no such label.
    without: Amount,
}

/// A value of a label.
#[derive(Serialize, ToSchema)]
#[schema(as = LabelValue)]
struct Value {
    value: String,
    #[serde(flatten)]
    amount: Amount,
}

/// Values that are not listed.
#[derive(Serialize, ToSchema)]
struct OtherValues {
    values: usize,
    #[serde(flatten)]
    amount: Amount,
}

/// The question without what is apart, and its range.
fn question(given: &Given, live: &Live) -> Result<(Select, Range), HttpError> {
    let range = Range::read(given, &FROM, &UNTIL, live)?;
    let selector = given.series(&QUERY, &given.pids(&PID)?)?;
    Ok((Select { since: range.since, until: range.until, selector, ..Select::default() }, range))
}

fn sum<'a>(weights: impl IntoIterator<Item = &'a Weight>) -> Amount {
    let mut total = Weight::default();
    for weight in weights {
        total += *weight;
    }
    Amount::new(total)
}

fn split(weights: &[Weight]) -> (Vec<f64>, Vec<u64>) {
    weights.iter().map(|weight| (seconds(weight.nanoseconds), weight.samples)).unzip()
}

/// `GET /api/v1/series`.
pub(super) async fn series(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    check_accepted(&headers, JSON)?;
    let given = Given::read(&SERIES_TAKES, decoded(pairs)?)?;
    let (mut select, range) = question(&given, &app.live)?;
    let points = given.integer(&POINTS)?;
    let groups = given.integer(&GROUPS)? as usize;
    select.by = given.labels(&BY)?;
    let step = range.step(&given, MAX_STEPS)?;
    let work = move |live: &Live, cancelled: &Cancelled| {
        select.cancelled = cancelled.clone();
        let source = live.source();
        let fitting = || query::step_for(range.length(), points, source.resolution(range.since));
        select.step = Some(step.unwrap_or_else(fitting));
        let selected = source.select(&select)?;
        let found = query::time_series(&selected, &select, groups);
        let group = |line: &query::Line| {
            let (cpu_seconds, samples) = split(&line.weights);
            let labels = select.by.iter().zip(&line.values);
            let labels = labels.map(|(name, value)| (name.to_string(), value.to_string())).collect();
            Group { labels, total: sum(&line.weights), cpu_seconds, samples }
        };
        let (cpu_seconds, samples) = split(&found.others_weights);
        let total = sum(&found.others_weights);
        let series = Series {
            start_unix_seconds: seconds(found.start),
            step_seconds: seconds(found.step),
            points: range.length().div_ceil(found.step) as usize,
            complete_since_unix_seconds: seconds(found.complete_since),
            groups: found.lines.iter().map(group).collect(),
            other: OtherGroups { groups: found.others, total, cpu_seconds, samples },
        };
        Answer::json(&series, found.complete_since <= range.since)
    };
    Ok(compute(&app, work).await?.respond(&headers, &[range]))
}

/// `GET /api/v1/top`.
pub(super) async fn top(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    check_accepted(&headers, JSON)?;
    let given = Given::read(&TOP_TAKES, decoded(pairs)?)?;
    let (mut select, range) = question(&given, &app.live)?;
    let view = View { lines: given.switch(&LINES)?.unwrap_or(false), ..View::default() };
    let focus = given.short_text(&FOCUS)?.map(str::to_owned);
    let order = if given.word(&SORT)? == "total" { Order::Total } else { Order::Own };
    let limit = given.integer(&LIMIT)? as usize;
    (select.stacks, select.by) = (true, view.labels());
    let work = move |live: &Live, cancelled: &Cancelled| {
        select.cancelled = cancelled.clone();
        let selected = live.source().select(&select)?;
        let mut profile = query::profile(&selected, &select, view)?;
        if let Some(function) = &focus {
            profile = query::focus(profile, function);
        }
        let top = query::top(&profile, order, limit);
        let functions = top.functions.iter().map(|function| TopFunction {
            frame: WireFrame::new(&function.frame),
            own: Amount::new(function.own),
            total: Amount::new(function.total),
        });
        let answer = TopFunctions {
            start_unix_seconds: seconds(profile.about.start),
            duration_seconds: seconds(profile.about.duration),
            complete_since_unix_seconds: seconds(selected.complete_since),
            total: Amount::new(profile.total()),
            functions: functions.collect(),
            other: OtherFunctions { functions: top.others, own: Amount::new(top.others_own) },
        };
        Answer::json(&answer, selected.complete_since <= range.since)
    };
    Ok(compute(&app, work).await?.respond(&headers, &[range]))
}

/// `GET /api/v1/labels`.
pub(super) async fn labels(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    check_accepted(&headers, JSON)?;
    Given::read(&[], decoded(pairs)?)?;
    let work = |live: &Live, _: &Cancelled| {
        let standard = NAMES.iter().map(|name| LabelName { name: (*name).to_owned(), standard: true });
        let extra = live.aggregate().extra_labels();
        let extra = extra.into_iter().map(|name| LabelName { name: name.to_string(), standard: false });
        Answer::json(&LabelNames { labels: standard.chain(extra).collect() }, false)
    };
    Ok(brief(&app, work).await?.respond(&headers, &[]))
}

/// `GET /api/v1/labels/{name}/values`.
pub(super) async fn values(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    check_accepted(&headers, JSON)?;
    let Path(name) = name.map_err(|error| {
        HttpError::bad_request(
            format!("the label's name can't be read: {}", error.body_text()),
            "/api/v1/labels lists those that there are",
        )
    })?;
    if !is_label_name(&name) {
        return Err(HttpError::new(
            StatusCode::NOT_FOUND,
            format!("no label can be called {:?}", super::given::shortened(&name)),
            "/api/v1/labels lists those that there are",
        ));
    }
    let given = Given::read(&VALUES_TAKE, decoded(pairs)?)?;
    let (mut select, range) = question(&given, &app.live)?;
    let limit = given.integer(&LIMIT)? as usize;
    select.by = vec![name.as_str().into()];
    let work = move |live: &Live, cancelled: &Cancelled| {
        select.cancelled = cancelled.clone();
        let selected = live.source().select(&select)?;
        let found = query::label_values(&selected, limit);
        let value = |(value, weight): (Arc<str>, Weight)| Value {
            value: value.to_string(),
            amount: Amount::new(weight),
        };
        let answer = Values {
            name,
            complete_since_unix_seconds: seconds(selected.complete_since),
            values: found.values.into_iter().map(value).collect(),
            other: OtherValues { values: found.others, amount: Amount::new(found.others_weight) },
            without: Amount::new(found.without),
        };
        Answer::json(&answer, selected.complete_since <= range.since)
    };
    Ok(compute(&app, work).await?.respond(&headers, &[range]))
}
