//! Who may ask, and what browsers may do with the answers: listening policy, `Host` check, security headers, and a
//! bound on open connections. It must not know the routes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::HttpError;

/// Why an address is not listened on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not listening on {0}: whoever can reach it could read command lines, file and function names of every process. \
     Listen on 127.0.0.1 and use an SSH tunnel or a proxy that authenticates, or add --allow-remote if the network \
     is trusted"
)]
pub struct ListenError(SocketAddr);

/// Whether an address may be listened on: loopback always, any other only with `allow_remote`.
pub fn check_listen(address: SocketAddr, allow_remote: bool) -> Result<(), ListenError> {
    if allow_remote || address.ip().is_loopback() { Ok(()) } else { Err(ListenError(address)) }
}

/// Which `Host` headers are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hosts {
    Any,
    Loopback,
}

impl Hosts {
    /// Turns away what a browser sends whose page's name was made to point here.
    pub(super) fn check(self, headers: &HeaderMap) -> Result<(), HttpError> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if self == Hosts::Any || is_loopback(host) {
            return Ok(());
        }
        Err(HttpError::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!("firetower listens on loopback and does not answer for the host {host:?}"),
            "use http://localhost or http://127.0.0.1 with the same port; behind a proxy, let it send \
             `Host: localhost` or start firetower with --allow-remote",
        ))
    }
}

/// Whether a `Host` header, `name[:port]`, names loopback.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        // `[::1]` has colons of its own.
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, "0"),
    };
    if port.parse::<u16>().is_err() {
        return false;
    }
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    match bare {
        Some(v6) => v6.parse().is_ok_and(|ip: std::net::Ipv6Addr| ip.is_loopback()),
        None => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse().is_ok_and(|ip: IpAddr| ip.is_ipv4() && ip.is_loopback())
        }
    }
}

/// What a page from here may do: run its own script and style, ask this server, nothing else.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                           img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// What the flame graph may do. Its script is inline, so it is cut off from this origin: whatever got into it could
/// not read the API. `allow-modals`: its search asks by `prompt()`.
pub(super) const SVG_POLICY: &str = "sandbox allow-scripts allow-modals; default-src 'none'; \
                                     script-src 'unsafe-inline'; style-src 'unsafe-inline'";

/// Adds the headers that every answer has. A route may have set a policy or cache rule of its own.
pub(super) fn add_headers(headers: &mut HeaderMap) {
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(PAGE_POLICY));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
}

/// A listener that has at most so many connections open; more wait in the kernel's backlog.
pub(super) struct Limited {
    listener: TcpListener,
    free: Arc<Semaphore>,
}

impl Limited {
    pub(super) fn new(listener: TcpListener, connections: usize) -> Limited {
        Limited { listener, free: Arc::new(Semaphore::new(connections)) }
    }
}

impl Listener for Limited {
    type Io = LimitedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (LimitedStream, SocketAddr) {
        let permit = self.free.clone().acquire_owned().await.expect("the semaphore is never closed");
        let (stream, address) = Listener::accept(&mut self.listener).await;
        (LimitedStream { stream, _permit: permit }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that makes room for another one when it ends.
pub(super) struct LimitedStream {
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for LimitedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for LimitedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_loopback_and_others() {
        for host in ["localhost", "LocalHost:7070", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:7070"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:7070",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "10.0.0.1",
            "[::2]:1",
            "::1",
            "localhost:",
            "localhost:http",
            "127.0.0.1:99999",
            "[127.0.0.1]",
            "[::1",
            "evil[::1]",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn other_addresses_need_a_word() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(check_listen(address("127.0.0.1:7070"), false), Ok(()));
        assert_eq!(check_listen(address("[::1]:7070"), false), Ok(()));
        assert_eq!(check_listen(address("0.0.0.0:7070"), true), Ok(()));
        let error = check_listen(address("0.0.0.0:7070"), false).unwrap_err().to_string();
        assert!(error.contains("0.0.0.0:7070") && error.contains("--allow-remote"), "{error}");
        assert!(check_listen(address("[::]:7070"), false).is_err());
    }
}
