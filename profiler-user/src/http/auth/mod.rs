//! Who may see what: nobody without the token, if there is one. It must not know the routes but its own.
//!
//! Programs send `Authorization: Bearer TOKEN`. Browsers can't, so a person gives the token to the login page once and
//! gets a cookie: `HttpOnly` (no script sees it), `SameSite=Strict` (no other site's page makes a browser send it),
//! `Path=/`, and without `Domain`, so that it is for the one name that was used. It is not `Secure`: this server speaks
//! plain HTTP, a browser drops such a cookie that came over it, and whether a proxy speaks HTTPS in front only a header
//! tells, which anybody can send. Cookies are not kept apart by port: another program on this machine that a browser is
//! pointed to under the same name would be sent the cookie, and could use it until it ends. Where that matters,
//! a proxy under a name of its own is the remedy. Its name has a random part, so that two firetowers, seen through
//! tunnels under the name `localhost`, do not log each other's users out.
//!
//! Wrong tokens are counted by client. Past some, that client's tokens are not looked at for a while, right ones
//! included: an answer that differs would be what is being guessed for. Sessions go on. Clients behind a proxy are one
//! client.

mod login;
mod sessions;
mod token;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use super::buckets::{Buckets, Client, Rate};
use super::error::HttpError;
use super::locked;
use crate::metrics::{HttpMetrics, Rejection};
use sessions::Sessions;
pub use token::{LEAST_BYTES, Token, TokenError, VARIABLE};

pub(super) use login::router;

/// Wrong tokens that a client may show at once, and again in the long run.
const WRONG: Rate = Rate { burst: 10.0, per_second: 0.2 };
/// Paths that are answered to everybody: what the login page needs, and health, which tells nothing of the processes.
const OPEN: &[&str] = &["/healthz", "/readyz", "/login", "/logout", "/viewer.css"];

/// The token, who has logged in with it, and who failed to.
#[derive(Debug)]
pub(super) struct Auth {
    token: Token,
    cookie: String,
    sessions: Mutex<Sessions>,
    failures: Mutex<Buckets>,
}

/// Why a request is not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It shows nothing, or a session that has ended.
    Nothing,
    /// It shows a token that is not the one.
    Wrong,
    /// It shows a token after too many wrong ones; the next is looked at after this long.
    Wait(Duration),
}

impl Auth {
    /// # Errors
    /// If the system has no random bytes.
    pub(super) fn new(token: Token) -> Result<Auth, getrandom::Error> {
        let mut part = [0; 4];
        getrandom::fill(&mut part)?;
        Ok(Auth {
            token,
            cookie: format!("firetower_{}", hex::encode(part)),
            sessions: Mutex::new(Sessions::default()),
            failures: Mutex::new(Buckets::new(WRONG, Instant::now())),
        })
    }

    /// Whether a request with these headers is let in: by a token if it shows one, else by a session.
    pub(super) fn check(&self, client: Client, headers: &HeaderMap) -> Result<(), Refusal> {
        if let Some(shown) = headers.get(header::AUTHORIZATION) {
            return self.check_token(client, bearer(shown).unwrap_or_default());
        }
        match self.session(headers) {
            Some(_) => Ok(()),
            None => Err(Refusal::Nothing),
        }
    }

    /// Whether this is the token, unless the client has been wrong too often.
    fn check_token(&self, client: Client, shown: &[u8]) -> Result<(), Refusal> {
        let now = Instant::now();
        // Held over the comparison: or of many requests at once each would find that there is one try left.
        let mut failures = locked(&self.failures);
        failures.check(client, now).map_err(Refusal::Wait)?;
        if self.token.is(shown) {
            return Ok(());
        }
        // There was one to take, and the lock is held.
        let _ = failures.take(client, now);
        Err(Refusal::Wrong)
    }

    /// The session's number that a request shows, if it is one.
    fn session<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let now = Instant::now();
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut numbers = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == self.cookie).then_some(value)
        });
        let sessions = locked(&self.sessions);
        numbers.find(|number| sessions.has(number, now))
    }
}

/// The token of an `Authorization` header (RFC 6750).
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Whether a path is answered to everybody.
pub(super) fn is_open(path: &str) -> bool {
    OPEN.contains(&path)
}

/// Whether a person's browser asks for a page, so that it is shown the login page: not a script of a page, nor a program.
pub(super) fn is_page(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    (method == Method::GET || method == Method::HEAD)
        && !uri.path().starts_with("/api/")
        && accepts.contains("text/html")
}

/// Where a browser without a session is sent: to the login page, which knows where it wanted to go.
pub(super) fn login_page(uri: &Uri) -> String {
    let wanted = uri.path_and_query().map_or("/", |path| path.as_str());
    if wanted == "/" { "/login".to_owned() } else { format!("/login?next={}", login::escape(wanted)) }
}

impl Refusal {
    /// Counts it.
    pub(super) fn count(&self, metrics: &HttpMetrics) {
        metrics.rejected(match self {
            Refusal::Nothing => Rejection::Unauthenticated,
            Refusal::Wrong => Rejection::WrongToken,
            Refusal::Wait(_) => Rejection::LoginRate,
        });
        if *self == Refusal::Wrong {
            metrics.login_failed();
        }
    }
}

impl From<Refusal> for HttpError {
    fn from(refusal: Refusal) -> HttpError {
        let unauthorized = |error: &str| {
            HttpError::new(
                StatusCode::UNAUTHORIZED,
                error,
                "send the header `Authorization: Bearer TOKEN`, or log in at /login with a browser",
            )
        };
        match refusal {
            Refusal::Nothing => unauthorized("this needs the token"),
            Refusal::Wrong => unauthorized("the token is not the right one"),
            Refusal::Wait(wait) => HttpError::too_many(
                "too many wrong tokens from this address; none is looked at for now",
                wait,
            ),
        }
    }
}
