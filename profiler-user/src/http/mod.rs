//! The HTTP service: live page, flame graphs, API, metrics, health.
//!
//! [`Live`] is what the agent fills and the routes read. This module knows the query, the renderers and the metrics;
//! it must not know how samples are taken or symbolized, nor the command line.
//!
//! Nothing that can take long runs on the async threads, the aggregate's lock is held while its weights are summed
//! up but not while a picture is drawn, and what can be asked for at once is bounded.

mod answers;
mod api;
mod auth;
mod buckets;
mod connections;
mod error;
mod gate;
mod guard;
mod hosts;
mod limits;
mod live;
mod paced;
mod pages;
mod source;
mod tags;
mod wire;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::middleware;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};

/// How questions are written, for the command line too, and what a comparison is for the viewer.
pub(crate) use api::{comparison, selector, time};
pub use auth::{LEAST_BYTES, Token, TokenError, VARIABLE};
pub use buckets::Rate;
pub use guard::{ListenError, check_listen, check_metrics_listen};
pub use hosts::host_name;
pub use limits::{ClientLimits, Limits};
pub use live::{Live, LiveSettings, ProcessInfo, Readiness};
pub use source::{SourceError, SourceRefusal, SourceText, Sources, Wanted};

use answers::Memory;
use auth::Auth;
use connections::Server;
use gate::Gate;
use hosts::{Hosts, Which};

/// Profiles that are computed at once.
const RENDERS: usize = 2;
/// How long a request may wait for its turn.
const RENDER_WAIT: Duration = Duration::from_secs(3);
/// How long open connections may go on after the shutdown has begun.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// Where is listened. Check the addresses with [`check_listen`] and [`check_metrics_listen`] before binding them.
#[derive(Debug)]
pub struct Listeners {
    /// For everything.
    pub main: TcpListener,
    /// For `/metrics`, `/healthz` and `/readyz` alone, without a token.
    pub metrics: Option<TcpListener>,
}

/// Who may ask, and how much.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// What must be shown; `None`: nothing.
    pub token: Option<Token>,
    /// Names besides those of the address that are answered, each as [`host_name`] gives it.
    pub hosts: Vec<String>,
    /// Bounds.
    pub limits: Limits,
}

/// State of all routes.
#[derive(Clone)]
struct App {
    live: Arc<Live>,
    renders: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    gate: Arc<Gate>,
    memory: Memory,
}

impl App {
    fn new(live: Arc<Live>, gate: Gate) -> App {
        let renders = Arc::new(Semaphore::new(RENDERS));
        let readers = Arc::new(Semaphore::new(api::READERS));
        App { live, renders, readers, gate: Arc::new(gate), memory: Memory::new() }
    }
}

/// Serves until `shutdown` is over, then gives open connections a few seconds.
///
/// # Errors
/// If a listener has no address, or the system no random bytes.
pub async fn serve(
    listeners: Listeners,
    live: Arc<Live>,
    access: Access,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let Access { token, hosts, limits } = access;
    let app = |gate| App::new(live.clone(), gate);
    let names = |address: SocketAddr, has_token| {
        let which = match guard::is_loopback(address) {
            true => Which::Loopback,
            false if has_token => Which::Any,
            false => Which::Addresses,
        };
        Hosts { which, names: hosts.clone() }
    };
    let server = |listener, router, limits| Server { listener, router, limits, live: live.clone() };
    let main_hosts = names(listeners.main.local_addr()?, token.is_some());
    let auth = token.map(Auth::new).transpose().map_err(io::Error::other)?;
    let main = server(listeners.main, router(app(Gate::new(main_hosts, auth, &limits))), limits);
    let metrics = match listeners.metrics {
        None => None,
        Some(listener) => {
            let limits = limits.of_metrics();
            let gate = Gate::new(names(listener.local_addr()?, false), None, &limits);
            Some(server(listener, metrics_router(app(gate)), limits))
        }
    };
    let (stopping, stopped) = tokio::sync::watch::channel(false);
    let servers = async {
        let metrics = async {
            if let Some(metrics) = metrics {
                metrics.run(stopped.clone()).await;
            }
        };
        tokio::join!(main.run(stopped.clone()), metrics);
    };
    let patience = async {
        shutdown.await;
        stopping.send_replace(true);
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        () = servers => {}
        () = patience => {}
    }
    Ok(())
}

fn router(app: App) -> Router {
    let routes = Router::new()
        .route("/", get(pages::index))
        .route("/viewer.js", get(pages::script))
        .route("/viewer.css", get(pages::style))
        .merge(api::router())
        .merge(health())
        .merge(auth::router())
        .fallback(pages::not_found);
    layered(routes, app)
}

/// What the address for metrics has.
fn metrics_router(app: App) -> Router {
    layered(health().fallback(pages::only_metrics), app)
}

fn health() -> Router<App> {
    Router::new()
        .route("/metrics", get(pages::metrics))
        .route("/healthz", get(pages::healthz))
        .route("/readyz", get(pages::readyz))
}

/// What is around every route, innermost first. Answers are compressed for who takes that, but for streams and for what
/// is compressed already.
fn layered(routes: Router<App>, app: App) -> Router {
    // Fast rather than small: it is done on the threads that answer everybody.
    let compress = DefaultPredicate::new().and(NotForContentType::const_new("application/octet-stream"));
    routes
        .method_not_allowed_fallback(pages::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), answers::charged))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(compress))
        .layer(gate::catch_panics(app.live.clone()))
        .layer(middleware::from_fn_with_state(app.clone(), gate::guarded))
        .with_state(app)
}

/// Locks a mutex whose holder may have panicked: what these hold is whole between any two statements that change it,
/// and a service that answers is worth more than one that hides a panic that was reported already.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
