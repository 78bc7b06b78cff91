//! Work that takes long: waits for its turn, runs off the async threads, ends when its time is over or nobody waits for it
//! any more. It must not know what is computed.

use tokio::task::spawn_blocking;

use crate::http::error::HttpError;
use crate::http::{App, Live, RENDER_WAIT};
use crate::metrics::Rejection;
use crate::model::select::{Cancelled, SelectError};

/// Withdraws the question when it is dropped: by the end of its time, or with the connection of who asked.
struct Withdraw(Cancelled);

impl Drop for Withdraw {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Does the work when its turn has come. What it selects is to be [`Select::cancelled`](crate::model::select::Select) by
/// the flag that it gets.
///
/// # Errors
/// 503 if there was no turn in time, or the work took too long; what the work says.
pub(super) async fn compute<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Live, &Cancelled) -> Result<T, HttpError> + Send + 'static,
) -> Result<T, HttpError> {
    let Ok(turn) = tokio::time::timeout(RENDER_WAIT, app.renders.clone().acquire_owned()).await else {
        app.live.metrics().http().rejected(Rejection::Busy);
        return Err(HttpError::busy());
    };
    let turn = turn.expect("the semaphore is never closed");
    let cancelled = Cancelled::default();
    let withdraw = Withdraw(cancelled.clone());
    let live = app.live.clone();
    let limit = live.patience();
    let work = spawn_blocking(move || {
        // Held until the work has really ended: what was withdrawn still runs for a moment.
        let _turn = turn;
        work(&live, &cancelled)
    });
    let done = tokio::time::timeout(limit, work).await;
    drop(withdraw);
    match done {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(failed(app, &error)),
        Err(_) => Err(HttpError::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            format!("the answer was not there after {limit:?}, and was given up"),
            "ask for a shorter range, for fewer series, or without stacks",
        )),
    }
}

/// Does work off the async threads that is short by itself, whatever else is being computed.
///
/// # Errors
/// What the work says.
pub(super) async fn brief<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Live, &Cancelled) -> Result<T, HttpError> + Send + 'static,
) -> Result<T, HttpError> {
    let cancelled = Cancelled::default();
    let _withdraw = Withdraw(cancelled.clone());
    let live = app.live.clone();
    spawn_blocking(move || work(&live, &cancelled)).await.map_err(|error| failed(app, &error))?
}

/// The work panicked.
fn failed(app: &App, error: &tokio::task::JoinError) -> HttpError {
    tracing::error!(%error, "a request failed");
    app.live.metrics().http().panicked();
    HttpError::internal()
}

impl From<SelectError> for HttpError {
    fn from(error: SelectError) -> HttpError {
        use axum::http::StatusCode;
        match &error {
            SelectError::Cancelled => HttpError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                error.to_string(),
                "ask again, for less if it was a matter of time",
            ),
            SelectError::TooLarge { .. } => HttpError::bad_request(
                error.to_string(),
                "ask for a shorter range, by fewer labels, or select fewer series with query",
            ),
            SelectError::Store(_) => {
                tracing::error!(%error, "a question was not answered");
                HttpError::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    error.to_string(),
                    "see the agent's log; ranges that memory holds can still be asked for",
                )
            }
        }
    }
}
