//! How much memory answers may hold that their clients have not taken yet. It must not know what they say.
//!
//! A profile can have megabytes and a client may take its time over it: hundreds of slow ones would be gigabytes. So each
//! large answer is charged to one account until its last byte is with the kernel; what does not fit is not sent, and
//! the client is told to come again.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::App;
use super::error::HttpError;
use crate::metrics::Rejection;

/// Answers up to here are not charged: one for each connection is little.
const SMALL: u64 = 16 << 10;
/// The account, in bytes.
const MOST: u32 = 128 << 20;

/// The account.
#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<Semaphore>);

impl Memory {
    pub(super) fn new() -> Memory {
        Memory(Arc::new(Semaphore::new(MOST as usize)))
    }

    /// Charges so many bytes, all of the account for what is larger than that; `None` if they are not there.
    fn charge(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).unwrap_or(MOST).min(MOST);
        // Of its two errors one says that there are too few, the other can't be: nobody closes it.
        self.0.clone().try_acquire_many_owned(bytes).ok()
    }
}

/// Bytes that are given back when the last handle on them is dropped: hyper takes them out of the body long before it has
/// written them.
struct Charged {
    bytes: Bytes,
    _charge: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The layer around the routes. Streams have no size beforehand, hold little, and are not charged.
pub(super) async fn charged(State(app): State<App>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let size = response.body().size_hint().exact().unwrap_or(0);
    if size <= SMALL {
        return response;
    }
    let Some(charge) = app.memory.charge(size) else {
        app.live.metrics().http().rejected(Rejection::Memory);
        return HttpError::busy_sending().into_response();
    };
    let (parts, body) = response.into_parts();
    match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            Response::from_parts(parts, Body::from(Bytes::from_owner(Charged { bytes, _charge: charge })))
        }
        Err(error) => {
            tracing::error!(%error, "an answer of known size could not be had");
            HttpError::internal().into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_charged_is_given_back_with_the_last_bytes() {
        let memory = Memory::new();
        let charge = memory.charge(u64::from(MOST) - 10).unwrap();
        assert!(memory.charge(11).is_none());
        let bytes = Bytes::from_owner(Charged { bytes: Bytes::from_static(b"answer"), _charge: charge });
        let rest = bytes.slice(3..);
        drop(bytes);
        assert!(memory.charge(11).is_none() && &rest[..] == b"wer");
        drop(rest);
        let all = memory.charge(u64::MAX);
        assert!(all.is_some() && memory.charge(1).is_none(), "the largest needs it all");
    }
}
