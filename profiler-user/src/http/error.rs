//! What went wrong, for two audiences: a status for programs, a sentence and a hint for people. It must not know the
//! routes.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::wire;
use crate::render::RenderError;

/// A request that was not answered: becomes `{"error": "...", "hint": "..."}` with a status.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HttpError {
    pub(super) status: StatusCode,
    /// What happened.
    pub(super) error: String,
    /// What to do.
    pub(super) hint: String,
    /// Seconds after which it may be tried again, if it is a matter of time.
    retry: Option<u64>,
}

impl HttpError {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, hint: impl Into<String>) -> HttpError {
        let retry = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        HttpError { status, error: error.into(), hint: hint.into(), retry }
    }

    pub(super) fn bad_request(error: impl Into<String>, hint: impl Into<String>) -> HttpError {
        HttpError::new(StatusCode::BAD_REQUEST, error, hint)
    }

    /// The client asks too often; `wait` is how long until it may again.
    pub(super) fn too_many(error: impl Into<String>, wait: Duration) -> HttpError {
        let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
        let hint = format!("try again in {seconds} s");
        HttpError { retry: Some(seconds), ..HttpError::new(StatusCode::TOO_MANY_REQUESTS, error, hint) }
    }

    /// There is no memory for the answer.
    pub(super) fn busy_sending() -> HttpError {
        HttpError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many answers are waiting for their clients to take them",
            "try again in a moment, or ask for less",
        )
    }

    /// A panic.
    pub(super) fn internal() -> HttpError {
        HttpError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the request failed inside the agent",
            "see the agent's log",
        )
    }

    pub(super) fn busy() -> HttpError {
        HttpError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many profiles are being computed",
            "try again in a moment, or ask for fewer seconds",
        )
    }
}

impl From<RenderError> for HttpError {
    fn from(error: RenderError) -> HttpError {
        let status = match error {
            RenderError::Empty { .. } => StatusCode::NOT_FOUND,
            RenderError::Svg(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        HttpError::new(status, error.to_string(), "see /api/v1/processes for what is being profiled")
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let body = wire::Error { error: &self.error, hint: &self.hint };
        let mut response = (self.status, axum::Json(body)).into_response();
        if let Some(seconds) = self.retry {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"firetower\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
