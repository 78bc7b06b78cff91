//! Takes connections and answers on them, within bounds: how many there are, how many each client has, how long a request
//! may take to arrive and an answer to be taken. It must not know the routes.
//!
//! hyper is used directly: axum's own server sets no deadlines, so whoever sends a byte a minute has a connection for
//! ever.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::buckets::Client;
use super::limits::Limits;
use super::paced::Paced;
use super::{Live, locked};
use crate::metrics::{Cut, Rejection};

/// Most bytes of a request's head.
const MOST_HEAD: usize = 32 << 10;
/// Most headers of a request.
const MOST_HEADERS: usize = 100;
/// What a client that has too many connections is told before it is hung up on.
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\n\
    Content-Type: application/json\r\nContent-Length: 104\r\n\r\n\
    {\"error\":\"too many connections from this address\",\"hint\":\"close some, or use one for several requests\"}\n";

/// A listening socket and who answers on it.
pub(super) struct Server {
    pub(super) listener: TcpListener,
    pub(super) router: Router,
    pub(super) limits: Limits,
    pub(super) live: Arc<Live>,
}

/// What one connection needs.
#[derive(Clone)]
struct Answering {
    router: Router,
    limits: Limits,
    live: Arc<Live>,
    stopping: watch::Receiver<bool>,
}

impl Server {
    /// Answers until it is stopping; then finishes what is being answered and takes nothing new. Dropped, it hangs up.
    pub(super) async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let clients = Arc::new(Clients::default());
        let mut open = JoinSet::new();
        let answering = Answering {
            router: self.router,
            limits: self.limits,
            live: self.live.clone(),
            stopping: stopping.clone(),
        };
        loop {
            let accepted = async {
                let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
                (place, Listener::accept(&mut self.listener).await)
            };
            let (place, (stream, address)) = tokio::select! {
                accepted = accepted => accepted,
                Some(ended) = open.join_next() => {
                    report(&self.live, ended);
                    continue;
                }
                // An error says that whoever could stop it is gone.
                _ = stopping.wait_for(|stopping| *stopping) => break,
            };
            let Some(client) = clients.enter(address, &self.limits) else {
                self.live.metrics().http().rejected(Rejection::ClientConnections);
                refuse(&stream);
                continue;
            };
            let answering = answering.clone();
            open.spawn(async move {
                let _held = (place, answering.live.metrics().http().connected());
                answering.answer(stream, client.client).await;
                drop(client);
            });
        }
        drop(self.listener);
        while let Some(ended) = open.join_next().await {
            report(&self.live, ended);
        }
    }
}

/// Routes catch their panics: one that gets here is of the code around them.
fn report(live: &Live, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        live.metrics().http().panicked();
        tracing::error!(%error, "a connection's task failed: this is a bug in firetower");
    }
}

/// Says why, if the socket takes it at once, which a new one does.
fn refuse(stream: &TcpStream) {
    // It is hung up on in either case, and counted.
    let _ = stream.try_write(TOO_MANY);
}

impl Answering {
    async fn answer(self, stream: TcpStream, client: Client) {
        // Events are small and should not wait for more.
        let _ = stream.set_nodelay(true);
        let stream = Paced::new(stream, self.limits.stall, self.limits.least_rate);
        let router = self.router;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(client);
            router.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_buf_size(MOST_HEAD)
            .max_headers(MOST_HEADERS)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut stopping = self.stopping;
        // An error says that whoever could stop it is gone.
        let stop = async { drop(stopping.wait_for(|stopping| *stopping).await) };
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = stop => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            let reason = why(&error);
            self.live.metrics().http().cut(reason);
            tracing::debug!(%error, ?reason, "a connection was ended");
        }
    }
}

fn why(error: &hyper::Error) -> Cut {
    if error.is_timeout() {
        return Cut::Head;
    }
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    match source {
        Some(error) if error.kind() == io::ErrorKind::TimedOut => Cut::Stalled,
        _ => Cut::Broken,
    }
}

/// How many connections each client has. No more entries than connections.
#[derive(Debug, Default)]
struct Clients {
    open: Mutex<HashMap<Client, usize>>,
}

/// A connection of a client, until it is dropped.
struct Entered {
    client: Client,
    clients: Arc<Clients>,
}

impl Clients {
    /// `None`: it has as many as it may.
    fn enter(self: &Arc<Clients>, address: SocketAddr, limits: &Limits) -> Option<Entered> {
        let client = Client::of(address.ip());
        let most = if client.is_loopback() { limits.loopback } else { limits.client }.connections;
        let mut open = locked(&self.open);
        let own = open.get(&client).copied().unwrap_or(0);
        if own >= most {
            return None;
        }
        open.insert(client, own + 1);
        Some(Entered { client, clients: self.clone() })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut open = locked(&self.clients.open);
        match open.get_mut(&self.client) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(open.remove(&self.client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_is_whole() {
        let text = std::str::from_utf8(TOO_MANY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
        assert!(serde_json::from_str::<serde_json::Value>(body).unwrap()["hint"].is_string());
    }

    #[test]
    fn clients_are_counted_and_forgotten() {
        let clients = Arc::new(Clients::default());
        let mut limits = Limits::default();
        limits.client.connections = 2;
        let enter = |address: &str| clients.enter(address.parse().unwrap(), &limits);
        let (one, two) = (enter("192.0.2.1:1"), enter("192.0.2.1:2"));
        assert!(one.is_some() && two.is_some() && enter("192.0.2.1:3").is_none());
        assert!(enter("192.0.2.2:1").is_some());
        drop(one);
        assert!(enter("192.0.2.1:3").is_some());
        drop(two);
        assert!(clients.open.lock().unwrap().is_empty());
    }
}
