//! Around every route: who is let in, what is turned away before it is looked at, and what is counted of each request.
//! It must not know what the routes answer.
//!
//! The order is that of what it costs to refuse: how often a client asks, the length of what it asks for, the host and
//! origin, the token.

use std::any::Any;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;

use super::auth::{self, Auth, Refusal};
use super::buckets::{Buckets, Client};
use super::error::HttpError;
use super::hosts::Hosts;
use super::limits::Limits;
use super::{App, Live, guard, locked};
use crate::metrics::Rejection;

/// Most bytes of a path and its query: a long selector fits several times.
const MOST_URI: usize = 16 << 10;
/// What a scraper or a load balancer asks for: a foreign page that makes a browser ask for it learns and changes nothing.
const PLAIN: &[&str] = &["/healthz", "/readyz", "/metrics"];

/// What decides about a request.
#[derive(Debug)]
pub(super) struct Gate {
    hosts: Hosts,
    /// `None`: nobody is asked for a token.
    pub(super) auth: Option<Auth>,
    /// How long a request's body may take to arrive.
    pub(super) patience: Duration,
    clients: Mutex<Buckets>,
    loopback: Mutex<Buckets>,
}

impl Gate {
    pub(super) fn new(hosts: Hosts, auth: Option<Auth>, limits: &Limits) -> Gate {
        let now = Instant::now();
        Gate {
            hosts,
            auth,
            patience: limits.head,
            clients: Mutex::new(Buckets::new(limits.client.requests, now)),
            loopback: Mutex::new(Buckets::new(limits.loopback.requests, now)),
        }
    }

    /// Whether a request is let in, or what it is answered instead.
    fn admit(&self, live: &Live, request: &Request) -> Result<(), Instead> {
        let metrics = live.metrics().http();
        let reject = |reason, error| {
            metrics.rejected(reason);
            Instead::Error(error)
        };
        let (uri, headers) = (request.uri(), request.headers());
        let client = *request.extensions().get::<Client>().expect("every connection says whose it is");
        let asked = if client.is_loopback() { &self.loopback } else { &self.clients };
        locked(asked).take(client, Instant::now()).map_err(|wait| {
            reject(Rejection::ClientRate, HttpError::too_many("too many requests from this address", wait))
        })?;
        if uri.path_and_query().map_or(0, |path| path.as_str().len()) > MOST_URI {
            let error = format!("the address is longer than {MOST_URI} bytes");
            let error = HttpError::new(StatusCode::URI_TOO_LONG, error, "ask for fewer things at once");
            return Err(reject(Rejection::UriTooLong, error));
        }
        self.hosts.check_host(uri, headers).map_err(|error| reject(Rejection::Host, error))?;
        if !PLAIN.contains(&uri.path()) {
            let checked = self.hosts.check_origin(request.method(), headers);
            checked.map_err(|error| reject(Rejection::Origin, error))?;
        }
        let Some(auth) = &self.auth else { return Ok(()) };
        if auth::is_open(uri.path()) {
            return Ok(());
        }
        auth.check(client, headers).map_err(|refusal| {
            refusal.count(metrics);
            if refusal == Refusal::Nothing && auth::is_page(request.method(), uri, headers) {
                return Instead::LogIn(auth::login_page(uri));
            }
            Instead::Error(refusal.into())
        })
    }
}

/// What is answered to those that are not let in.
enum Instead {
    Error(HttpError),
    /// Where a browser is sent.
    LogIn(String),
}

impl IntoResponse for Instead {
    fn into_response(self) -> Response {
        match self {
            Instead::Error(error) => error.into_response(),
            Instead::LogIn(page) => {
                let to = HeaderValue::try_from(page).expect("what is escaped is ASCII");
                (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
            }
        }
    }
}

/// The layer around all routes.
pub(super) async fn guarded(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match app.gate.admit(&app.live, &request) {
        Ok(()) => next.run(request).await,
        Err(instead) => instead.into_response(),
    };
    guard::add_headers(response.headers_mut());
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    app.live.metrics().http().answered(route, response.status().as_u16(), began.elapsed());
    response
}

/// What answers for a route that panics: none should, and none takes the others down.
pub(super) fn catch_panics(
    live: Arc<Live>,
) -> CatchPanicLayer<impl Fn(Box<dyn Any + Send>) -> Response + Clone> {
    CatchPanicLayer::custom(move |panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        tracing::error!(panic = text, "a request panicked: this is a bug in firetower");
        live.metrics().http().panicked();
        HttpError::internal().into_response()
    })
}
