//! The HTTP service: live page, flame graphs, API, metrics, health.
//!
//! [`Live`] is what the agent fills and the routes read. This module knows the query, the renderers and the metrics;
//! it must not know how samples are taken or symbolized, nor the command line.
//!
//! Nothing that can take long runs on the async threads, the aggregate's lock is held while its weights are summed
//! up but not while a picture is drawn, and what can be asked for at once is bounded.

mod api;
mod error;
mod guard;
mod live;
mod pages;
mod wire;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use guard::{ListenError, check_listen};
pub use live::{Live, LiveSettings, ProcessInfo, Readiness};

use guard::Hosts;

/// Profiles that are computed at once.
const RENDERS: usize = 2;
/// How long a request may wait for its turn.
const RENDER_WAIT: Duration = Duration::from_secs(3);
/// Connections that are open at once; more wait to be accepted.
const CONNECTIONS: usize = 128;
/// How long open connections may go on after the shutdown has begun.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// State of all routes.
#[derive(Clone)]
struct App {
    live: Arc<Live>,
    renders: Arc<Semaphore>,
    hosts: Hosts,
}

/// Serves until `shutdown` is over, then gives open connections a few seconds.
///
/// Check the address with [`check_listen`] before binding it. Listening on loopback, only requests whose `Host` is
/// loopback are answered, unless `allow_remote`: a page on the web could otherwise read through DNS rebinding what
/// it may not read from a foreign origin.
pub async fn serve(
    listener: TcpListener,
    live: Arc<Live>,
    allow_remote: bool,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let loopback = listener.local_addr()?.ip().is_loopback();
    let hosts = if loopback && !allow_remote { Hosts::Loopback } else { Hosts::Any };
    let app = App { live, renders: Arc::new(Semaphore::new(RENDERS)), hosts };
    let (stopping, mut stopped) = tokio::sync::watch::channel(false);
    let shutdown = async move {
        shutdown.await;
        // An error says that the server has ended by itself already.
        let _ = stopping.send(true);
    };
    let server =
        axum::serve(guard::Limited::new(listener, CONNECTIONS), router(app)).with_graceful_shutdown(shutdown);
    tokio::select! {
        result = server => result,
        () = async {
            // An error says that the sender is gone, and with it the server.
            let _ = stopped.wait_for(|stopping| *stopping).await;
            tokio::time::sleep(SHUTDOWN_GRACE).await;
        } => Ok(()),
    }
}

fn router(app: App) -> Router {
    Router::new()
        .route("/", get(pages::index))
        .route("/live.js", get(pages::script))
        .route("/flame.js", get(pages::flame_script))
        .route("/style.css", get(pages::style))
        .route("/metrics", get(pages::metrics))
        .route("/healthz", get(pages::healthz))
        .route("/readyz", get(pages::readyz))
        .merge(api::router())
        .fallback(pages::not_found)
        .method_not_allowed_fallback(pages::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), guarded))
        .with_state(app)
}

/// Around every route: the check of the host, and the headers that every answer has.
async fn guarded(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = match app.hosts.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => axum::response::IntoResponse::into_response(error),
    };
    guard::add_headers(response.headers_mut());
    response
}
