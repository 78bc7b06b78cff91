//! The routes, one function each. What they answer is made elsewhere: pictures by `render`, JSON by `wire`. They
//! must not know how samples are taken, and they change nothing.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::error::HttpError;
use super::live::{Live, Readiness};
use super::params::Params;
use super::{App, RENDER_WAIT, guard, wire};
use crate::model::{Pid, Profile};
use crate::query::{self, Selection, View};
use crate::render::{folded, svg};
use crate::{metrics as prometheus, render};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The pairs of a query string, decoded, in their order: `pid` may be repeated.
type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

fn content(kind: &'static str, body: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

pub(super) async fn index() -> Response {
    content(HTML, include_str!("../../web/index.html"))
}

pub(super) async fn script() -> Response {
    content(SCRIPT, include_str!("../../web/live.js"))
}

pub(super) async fn flame_script() -> Response {
    content(SCRIPT, include_str!("../../web/flame.js"))
}

pub(super) async fn style() -> Response {
    content(CSS, include_str!("../../web/style.css"))
}

/// `GET /flamegraph.svg?seconds=60&pid=4242&lines=1&threads=1`.
pub(super) async fn flamegraph_svg(State(app): State<App>, pairs: Pairs) -> Result<Response, HttpError> {
    let drawn = compute(app, pairs, |live, params| {
        let profile = take(live, params);
        svg::render(&profile).map_err(|error| explain(live, params, error))
    })
    .await?;
    let policy: (HeaderName, &str) = (header::CONTENT_SECURITY_POLICY, guard::SVG_POLICY);
    Ok(([policy], content(SVG, drawn)).into_response())
}

/// `GET /flamegraph.folded`, with the same parameters.
pub(super) async fn flamegraph_folded(State(app): State<App>, pairs: Pairs) -> Result<Response, HttpError> {
    let folded = compute(app, pairs, |live, params| {
        let profile = take(live, params);
        folded::render(&profile).map_err(|error| explain(live, params, error))
    })
    .await?;
    Ok(content(TEXT, folded))
}

/// `GET /api/v1/profile`, with the same parameters and `least_share`. No samples are no error here: a viewer waits
/// for them.
pub(super) async fn profile(State(app): State<App>, pairs: Pairs) -> Result<Response, HttpError> {
    let tree = compute(app, pairs, |live, params| {
        let profile = take(live, params);
        let known = |pid: &Pid| live.processes().iter().any(|process| process.pid == *pid);
        if profile.samples.is_empty() && !params.pids.is_empty() && !params.pids.iter().any(known) {
            return Err(explain(live, params, render::RenderError::empty(&profile)));
        }
        Ok(wire::ProfileTree::new(&profile, params.least_share))
    })
    .await?;
    Ok(Json(tree).into_response())
}

/// `GET /api/v1/processes`.
pub(super) async fn processes(State(app): State<App>) -> Response {
    let (readiness, processes) = (app.live.readiness(), app.live.processes());
    Json(wire::Processes::new(app.live.settings(), &readiness, &processes)).into_response()
}

/// `GET /metrics`.
pub(super) async fn metrics(State(app): State<App>) -> Response {
    let aggregate = app.live.aggregate();
    let (sizes, overflow) = (aggregate.sizes(), aggregate.overflow());
    drop(aggregate);
    app.live.metrics().set_aggregate(sizes, overflow);
    content(prometheus::CONTENT_TYPE, app.live.metrics().render())
}

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> Response {
    Json(wire::Status { status: "alive" }).into_response()
}

/// `GET /readyz`: samples are being taken.
pub(super) async fn readyz(State(app): State<App>) -> Result<Response, HttpError> {
    let unavailable = |error: String, hint| HttpError::new(StatusCode::SERVICE_UNAVAILABLE, error, hint);
    match app.live.readiness() {
        Readiness::Ready => Ok(Json(wire::Status { status: "ready" }).into_response()),
        Readiness::Starting => {
            Err(unavailable("the kernel side is not attached yet".into(), "try again in a moment"))
        }
        Readiness::Failed(message) => {
            Err(unavailable(message, "run `firetower doctor` and see the agent's log"))
        }
    }
}

pub(super) async fn not_found(uri: Uri) -> HttpError {
    HttpError::new(
        StatusCode::NOT_FOUND,
        format!("there is no {:?}", uri.path()),
        "there are /, /flamegraph.svg, /flamegraph.folded, /api/v1/processes, /api/v1/profile, /metrics, /healthz \
         and /readyz",
    )
}

/// On the address that has nothing else.
pub(super) async fn only_metrics(uri: Uri) -> HttpError {
    HttpError::new(
        StatusCode::NOT_FOUND,
        format!("there is no {:?} on this address", uri.path()),
        "there are /metrics, /healthz and /readyz; the rest is on the address of --listen",
    )
}

pub(super) async fn method_not_allowed() -> HttpError {
    HttpError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "only GET and HEAD are answered",
        "nothing can be changed from here",
    )
}

/// Reads the parameters, waits for a turn (not for ever), and works off the async threads.
async fn compute<T: Send + 'static>(
    app: App,
    pairs: Pairs,
    work: impl FnOnce(&Live, &Params) -> Result<T, HttpError> + Send + 'static,
) -> Result<T, HttpError> {
    let Query(pairs) = pairs.map_err(|error| {
        HttpError::bad_request(
            format!("the query can't be read: {}", error.body_text()),
            "name=value&name=value",
        )
    })?;
    let params = Params::parse(&pairs, app.live.settings().retention)?;
    let Ok(turn) = tokio::time::timeout(RENDER_WAIT, app.renders.clone().acquire_owned()).await else {
        app.live.metrics().request_rejected();
        return Err(HttpError::busy());
    };
    let turn = turn.expect("the semaphore is never closed");
    let app_live = app.live.clone();
    let work = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work(&app.live, &params)
    });
    work.await.map_err(|error| {
        tracing::error!(%error, "a request failed");
        app_live.metrics().http().panicked();
        HttpError::internal()
    })?
}

/// The profile that the parameters ask for.
fn take(live: &Live, params: &Params) -> Profile {
    let pids = (!params.pids.is_empty()).then(|| params.pids.clone());
    let selection = Selection { pids, ..Selection::last(params.seconds, live.settings().clock.now()) };
    let view = View { lines: params.lines, threads: params.threads, processes: params.processes };
    let mut profile = query::profile(&live.aggregate(), &selection, view);
    profile.about.frequency = live.settings().frequency;
    profile
}

/// An empty profile of named processes: what is known about them.
fn explain(live: &Live, params: &Params, error: render::RenderError) -> HttpError {
    let mut error = HttpError::from(error);
    if error.status != StatusCode::NOT_FOUND {
        return error;
    }
    let processes = live.processes();
    let [pid] = params.pids[..] else { return error };
    error.error = format!("no samples of pid {pid} in the last {} s", params.seconds);
    error.hint = match processes.iter().find(|process| process.pid == pid) {
        None => format!("firetower knows no process {pid}; /api/v1/processes lists those it knows"),
        Some(process) => match process.reason {
            Some(reason) => format!("process {pid} is {}: {}", process.state, reason.text()),
            None => {
                "the process used no CPU in that time: ask for more seconds, or wait until it runs".to_owned()
            }
        },
    };
    error
}
