//! What went wrong, for two audiences: a status for programs, a sentence and a hint for people. It must not know the
//! routes.

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
}

impl HttpError {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, hint: impl Into<String>) -> HttpError {
        HttpError { status, error: error.into(), hint: hint.into() }
    }

    pub(super) fn bad_request(error: impl Into<String>, hint: impl Into<String>) -> HttpError {
        HttpError::new(StatusCode::BAD_REQUEST, error, hint)
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
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
