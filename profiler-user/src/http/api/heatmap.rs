//! When within each second samples were taken: `/api/v1/heatmap`.
//!
//! Bursts, pauses and what happens every so often are seen at once in such a picture, and in no sum. It must not know who
//! answers, nor how it is drawn.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, JSON, check_accepted};
use super::compute::compute;
use super::given::Given;
use super::parameters::{FROM, PARTS, PID, Parameter, QUERY, SECONDS, UNTIL};
use super::range::Range;
use super::tree::seconds;
use super::{Pairs, decoded};
use crate::http::error::HttpError;
use crate::http::{App, Live};
use crate::model::select::{Cancelled, SelectTicks};

const NANOSECONDS: u64 = 1_000_000_000;
/// Most seconds, which are columns.
pub(super) const MOST_SECONDS: u64 = 7200;
/// Most parts in all columns, two bytes each or a few more.
pub(super) const MOST_CELLS: u64 = 360_000;

pub(super) const TAKES: [&Parameter; 6] = [&SECONDS, &FROM, &UNTIL, &QUERY, &PID, &PARTS];

/// Samples by second and part of a second.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Heat {
    /// When the first column begins.
    start_unix_seconds: f64,
    /// Before this time samples may be missing: milliseconds are stored for a day or two, counts for longer.
    complete_since_unix_seconds: f64,
    /// Parts of a second, from its beginning on.
    parts: u64,
    part_milliseconds: u64,
    /// Samples in all columns.
    samples: u64,
    /// The largest number in `columns`.
    most: u64,
    /// For each second the samples in each of its parts.
    columns: Vec<Vec<u64>>,
}

/// `GET /api/v1/heatmap`.
pub(super) async fn heatmap(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    check_accepted(&headers, JSON)?;
    let given = Given::read(&TAKES, decoded(pairs)?)?;
    let range = Range::read(&given, &FROM, &UNTIL, &app.live)?.at_most(MOST_SECONDS, &FROM)?;
    let selector = given.series(&QUERY, &given.pids(&PID)?)?;
    let parts: u64 = given.word(&PARTS)?.parse().expect("the words are numbers");
    let cells = range.length() / NANOSECONDS * parts;
    if cells > MOST_CELLS {
        return Err(HttpError::bad_request(
            format!("the heat map would have {cells} cells, {parts} for each second"),
            format!("at most {MOST_CELLS}: fewer parts, or a shorter range"),
        ));
    }
    let mut select = SelectTicks {
        since: range.since,
        until: range.until,
        selector,
        part: 1000 / parts,
        ..SelectTicks::default()
    };
    let work = move |live: &Live, cancelled: &Cancelled| {
        select.cancelled = cancelled.clone();
        let found = live.source().ticks(&select)?;
        let columns: Vec<Vec<u64>> = found.counts.chunks(parts as usize).map(<[u64]>::to_vec).collect();
        let heat = Heat {
            start_unix_seconds: seconds(range.since),
            complete_since_unix_seconds: seconds(found.complete_since),
            parts,
            part_milliseconds: 1000 / parts,
            samples: columns.iter().flatten().sum(),
            most: columns.iter().flatten().copied().max().unwrap_or(0),
            columns,
        };
        Answer::json(&heat, found.complete_since <= range.since)
    };
    Ok(compute(&app, work).await?.respond(&headers, &[range]))
}
