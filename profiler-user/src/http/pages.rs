//! The page, metrics and health: the routes that are not of the API. They must not know how samples are taken, and they
//! change nothing.

use std::sync::LazyLock;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::error::HttpError;
use super::live::Readiness;
use super::{App, api, tags, wire};
use crate::metrics as prometheus;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

fn content(kind: &'static str, body: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

pub(super) async fn index() -> Response {
    content(HTML, include_str!("../../web/index.html"))
}

pub(super) async fn script(headers: HeaderMap) -> Response {
    const SOURCE: &str = include_str!("../../web/dist/viewer.js");
    static TAG: LazyLock<String> = LazyLock::new(|| tags::of(SOURCE.as_bytes()));
    tagged(&headers, SCRIPT, SOURCE, &TAG)
}

pub(super) async fn style(headers: HeaderMap) -> Response {
    const SOURCE: &str = include_str!("../../web/dist/viewer.css");
    static TAG: LazyLock<String> = LazyLock::new(|| tags::of(SOURCE.as_bytes()));
    tagged(&headers, CSS, SOURCE, &TAG)
}

/// What is the same until the agent is another: kept by the browser, which asks each time whether it still is.
fn tagged(headers: &HeaderMap, kind: &'static str, source: &'static str, tag: &str) -> Response {
    let kept = [(header::CACHE_CONTROL, "private, no-cache"), (header::ETAG, tag)];
    match tags::has(headers, tag) {
        true => (StatusCode::NOT_MODIFIED, kept).into_response(),
        false => (kept, content(kind, source)).into_response(),
    }
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
        format!("there are /, {}", api::paths().join(", ")),
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
