//! The live stream: `/api/v1/live`, server-sent events with a first picture and then what changes.
//!
//! Each stream has a task that makes pictures and a channel of one in front of the connection. Who does not take what is
//! there is cut off: to let pictures pile up, or to skip some, would be memory or a wrong picture. It must not know what a
//! picture is made of.
//!
//! Pictures have the second that is running too: without it a sample would be seen up to a second later.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc::{self, Sender};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::answer::check_accepted;
use super::compute::compute;
use super::given::Given;
use super::parameters::{
    DEPTH, FOCUS, INTERVAL, LEAST_SHARE, LINES, MAX_NODES, PID, PROCESSES, Parameter, QUERY, SECONDS, THREADS,
};
use super::picture::Picture;
use super::profile::Question;
use super::range::Range;
use super::tree::ProfileTree;
use super::{Pairs, decoded};
use crate::http::auth::Pass;
use crate::http::error::HttpError;
use crate::http::{App, Live, wire};
use crate::metrics::Rejection;
use crate::model::select::Cancelled;

/// Streams that are open at once.
pub(super) const STREAMS: usize = 16;
/// How long a client may take for one picture.
const SLOW: Duration = Duration::from_secs(5);
/// How often it is looked whether a session has ended by itself.
const SESSIONS: Duration = Duration::from_secs(60);
/// The media type of the stream.
pub(super) const EVENTS: &str = "text/event-stream";

pub(super) const TAKES: [&Parameter; 11] = [
    &SECONDS,
    &QUERY,
    &PID,
    &LINES,
    &THREADS,
    &PROCESSES,
    &FOCUS,
    &DEPTH,
    &MAX_NODES,
    &LEAST_SHARE,
    &INTERVAL,
];

/// A stream that is counted as long as it is open.
struct Open(Arc<Live>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.streams().leave();
    }
}

/// `GET /api/v1/live`.
pub(super) async fn live(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    check_accepted(&headers, EVENTS)?;
    let given = Given::read(&TAKES, decoded(pairs)?)?;
    let question = Question::read(&given, &app.live)?;
    let kept = app.live.settings().retention;
    if question.range.length() > kept * 1_000_000_000 {
        // From memory alone: to read files for every picture would be no live view of anything.
        return Err(HttpError::bad_request(
            format!("seconds=\"{}\" is not possible", question.range.length() / 1_000_000_000),
            format!("a whole number from 1 to {kept}, which is how long samples are in memory"),
        ));
    }
    let every = Duration::from_secs_f64(given.number(&INTERVAL)?);
    if !app.live.streams().enter(STREAMS) {
        app.live.metrics().http().rejected(Rejection::Busy);
        return Err(HttpError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{STREAMS} live streams are open already"),
            "close one, or ask /api/v1/profile every now and then",
        ));
    }
    let open = Open(app.live.clone());
    let (sender, receiver) = mpsc::channel(1);
    let pass = app.gate.auth.as_ref().map(|auth| auth.pass(&headers));
    let ends = logged_out(app.clone(), pass);
    let pictures = send_pictures(app, question, every, (sender, open));
    tokio::spawn(async move {
        tokio::select! {
            () = pictures => {}
            () = ends => {}
        }
    });
    let events = ReceiverStream::new(receiver).map(Ok::<Event, Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// Is over when what the stream was let in by is: with a logout at once, with the end of a session soon.
async fn logged_out(app: App, pass: Option<Pass>) {
    let (Some(auth), Some(mut pass)) = (&app.gate.auth, pass) else { return std::future::pending().await };
    while auth.is_good(&pass) {
        // A session may end by itself too.
        let _ = timeout(SESSIONS, pass.changed()).await;
    }
}

/// Sends until the client is gone, or too slow.
async fn send_pictures(app: App, question: Question, every: Duration, (sender, open): (Sender<Event>, Open)) {
    let seconds = question.range.length() / 1_000_000_000;
    let mut picture = Picture::default();
    let mut ticks = interval_at(Instant::now(), every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = sender.closed() => return,
        }
        let range = Range::last_and_running(seconds, app.live.settings().clock.now());
        let question = question.about(range);
        let work = move |live: &Live, cancelled: &Cancelled| {
            let (profile, complete_since) = question.take(live, cancelled)?;
            Ok(ProfileTree::new(&profile, question.least_share, complete_since))
        };
        let made = tokio::select! {
            made = compute(&app, work) => made,
            () = sender.closed() => return,
        };
        let event = match made {
            Ok(tree) => {
                let (name, changes) = picture.become_tree(tree);
                Event::default().event(name).json_data(changes)
            }
            Err(error) => Event::default()
                .event("trouble")
                .json_data(wire::Error { error: &error.error, hint: &error.hint }),
        };
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(%error, "a picture is no JSON");
                return;
            }
        };
        match timeout(SLOW.max(every), sender.send(event)).await {
            Ok(Ok(())) => {}
            // The client is gone.
            Ok(Err(_)) => return,
            Err(_) => {
                tracing::debug!("a live stream is cut off: its client takes nothing");
                open.0.streams().cut();
                return;
            }
        }
    }
}
