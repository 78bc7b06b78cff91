//! `/debug/pprof/profile`, for what speaks the protocol of Go's profiles: it asks, waits, and gets the seconds in between.
//!
//! It must not know how pprof is written.

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::answer::{Answer, check_accepted};
use super::compute::compute;
use super::given::Given;
use super::parameters::{COLLECT, LINES, PID, Parameter, QUERY};
use super::profile::Question;
use super::range::Range;
use super::{Pairs, decoded};
use crate::http::error::HttpError;
use crate::http::{App, Live};
use crate::model::select::Cancelled;
use crate::render::Format;

const NANOSECONDS: u64 = 1_000_000_000;
/// How late samples may come: a round of the agent, and some.
const LATE: u64 = NANOSECONDS / 2;

pub(super) const TAKES: [&Parameter; 4] = [&COLLECT, &QUERY, &PID, &LINES];

/// `GET /debug/pprof/profile`.
pub(super) async fn profile(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    let format = Format::Pprof;
    check_accepted(&headers, format.content_type())?;
    let given = Given::read(&TAKES, decoded(pairs)?)?;
    let seconds = given.integer(&COLLECT)?;
    let question = Question::read(&given, &app.live)?;
    let clock = app.live.settings().clock;
    // Samples are kept by whole seconds: those that begin from now on.
    let since = clock.now().next_multiple_of(NANOSECONDS);
    let range = Range { since, until: since + seconds * NANOSECONDS, settled: false };
    tokio::time::sleep(Duration::from_nanos((range.until + LATE).saturating_sub(clock.now()))).await;
    let question = question.about(range);
    let work = move |live: &Live, cancelled: &Cancelled| question.answer(format, live, cancelled);
    let answer: Answer = compute(&app, work).await?;
    Ok(answer.respond(&headers, &[range]))
}
