//! The login page: takes the token, gives a session, and ends it. The only page with a form, and the only route with a
//! body. It must not know what there is to see after the login.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, FromRequest as _, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::sessions::LASTS;
use super::{Auth, Client, Refusal};
use crate::http::error::HttpError;
use crate::http::{App, guard, locked};
use crate::render::markup;

/// Most bytes of the form: a token in which each byte takes three, and where to go next.
const MOST_BODY: usize = 32 << 10;
/// Most bytes of the address to go on to.
const MOST_NEXT: usize = 4096;

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Form {
    token: String,
    next: String,
}

/// `/login` and `/logout`.
pub(in crate::http) fn router() -> Router<App> {
    Router::new()
        .route("/login", get(page).post(login))
        .route("/logout", post(logout).fallback(only_post))
        .layer(DefaultBodyLimit::max(MOST_BODY))
}

/// `GET /login?next=/…`: the form; or on to where the browser wanted to go, if it has a session.
async fn page(
    State(app): State<App>,
    query: Result<Query<Form>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let auth = auth(&app)?;
    let Query(Form { next, .. }) = query.map_err(|error| {
        HttpError::bad_request(format!("the query can't be read: {}", error.body_text()), "/login")
    })?;
    let next = own(&next);
    if auth.session(&headers).is_some() {
        return Ok(match next {
            Some(next) => see_other(next),
            None => show(StatusCode::OK, include_str!("../../../web/logout.html").to_owned()),
        });
    }
    // Whoever follows a link from another site has no cookie with that request, because it is `SameSite=Strict`. Asking
    // once more from our own page, which this is, shows whether there is one.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        let again = format!("0; url=/login?next={}", escape(next.unwrap_or("/")));
        let mut response = show(StatusCode::OK, String::new());
        let again = HeaderValue::try_from(again).expect("what is escaped is ASCII");
        response.headers_mut().insert(header::REFRESH, again);
        return Ok(response);
    }
    Ok(form(StatusCode::OK, "", next))
}

/// `POST /login` with `token` and `next`.
async fn login(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, HttpError> {
    let auth = auth(&app)?;
    let Form { token, next } = read(request, app.gate.patience).await?;
    let next = own(&next);
    if let Err(refusal) = auth.check_token(client, token.trim().as_bytes()) {
        refusal.count(app.live.metrics().http());
        tracing::warn!(?refusal, "a login failed");
        let Refusal::Wait(_) = refusal else {
            return Ok(form(StatusCode::UNAUTHORIZED, "This is not the token.", next));
        };
        let mut response = HttpError::from(refusal).into_response();
        let retry = response.headers_mut().remove(header::RETRY_AFTER);
        let mut response = form(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many wrong tokens: wait a little, then try again.",
            next,
        );
        response.headers_mut().extend(retry.map(|retry| (header::RETRY_AFTER, retry)));
        return Ok(response);
    }
    let number = locked(&auth.sessions).begin(Instant::now()).map_err(|error| {
        let hint = "this is the system's doing; see its log";
        HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("no random bytes: {error}"), hint)
    })?;
    Ok(with_cookie(see_other(next.unwrap_or("/")), &auth.cookie, &number, LASTS))
}

/// `POST /logout`: ends the session. Not by `GET`: a browser may load a link before anybody follows it.
async fn logout(State(app): State<App>, headers: HeaderMap) -> Result<Response, HttpError> {
    let auth = auth(&app)?;
    if let Some(number) = auth.session(&headers) {
        locked(&auth.sessions).end(number);
        auth.logouts.send_replace(());
    }
    Ok(with_cookie(see_other("/login"), &auth.cookie, "", Duration::ZERO))
}

async fn only_post() -> Response {
    let hint = "use the button of /login";
    let error = HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "only POST ends a session", hint);
    ([(header::ALLOW, "POST")], error).into_response()
}

fn auth(app: &App) -> Result<&Auth, HttpError> {
    app.gate.auth.as_ref().ok_or_else(|| {
        HttpError::new(
            StatusCode::NOT_FOUND,
            "there is nothing to log in to: this firetower asks for no token",
            "see / for what it shows, and --token-file of `firetower serve` to protect it",
        )
    })
}

/// The form that was sent; not waited for any longer than for a head.
async fn read(request: Request, patience: Duration) -> Result<Form, HttpError> {
    // What says beforehand that it is too large is not waited for; the layer stops the others.
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if length.is_some_and(|length| length.parse::<usize>().map_or(true, |length| length > MOST_BODY)) {
        return Err(HttpError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the form is larger than {MOST_BODY} bytes"),
            "send the token and nothing else",
        ));
    }
    let form = tokio::time::timeout(patience, axum::Form::<Form>::from_request(request, &()));
    let Ok(form) = form.await else {
        return Err(HttpError::new(
            StatusCode::REQUEST_TIMEOUT,
            "the form did not arrive in time",
            "try again when the connection is better",
        ));
    };
    let axum::Form(form) = form.map_err(|error| {
        HttpError::new(error.status(), error.body_text(), "send token=… as application/x-www-form-urlencoded")
    })?;
    Ok(form)
}

/// Where to go on to, if that is here: a path, never another server's address, which `//` and `/\` would begin.
fn own(next: &str) -> Option<&str> {
    let path = next.strip_prefix('/')?;
    let fits = next.len() <= MOST_NEXT && next.bytes().all(|byte| byte.is_ascii_graphic());
    (fits && !path.starts_with(['/', '\\']) && !next.starts_with("/login")).then_some(next)
}

fn see_other(path: &str) -> Response {
    let to = HeaderValue::from_str(path).expect("a constant, or printable as `own` wants it");
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

fn with_cookie(mut response: Response, name: &str, value: &str, lasts: Duration) -> Response {
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", lasts.as_secs());
    let cookie = HeaderValue::from_str(&cookie).expect("letters and digits");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

fn form(status: StatusCode, message: &str, next: Option<&str>) -> Response {
    let next = next.unwrap_or("/");
    let page = include_str!("../../../web/login.html");
    let page = page.replace("{message}", message).replace("{address}", &markup(next));
    show(status, page)
}

fn show(status: StatusCode, page: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, guard::FORM_POLICY),
    ];
    (status, headers, page).into_response()
}

/// Text as a value in a query: whatever could mean something there is escaped (RFC 3986).
pub(super) fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                escaped.push(byte.into())
            }
            _ => write!(escaped, "%{byte:02X}").expect("a String takes everything"),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_here_are_gone_on_to() {
        for next in ["/", "/?pid=1&lines=1", "/flamegraph.svg?pid=1", "/a//b"] {
            assert_eq!(own(next), Some(next));
        }
        let long = format!("/{}", "a".repeat(MOST_NEXT));
        for next in [
            "",
            "x",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nb",
            "/é",
            "/login?next=/login",
            &long,
        ] {
            assert_eq!(own(next), None, "{next}");
        }
    }

    #[test]
    fn what_is_escaped_is_text() {
        assert_eq!(escape("/a?b=c&d=%20 é"), "/a%3Fb%3Dc%26d%3D%2520%20%C3%A9");
        assert_eq!(markup("\"><script>&"), "&quot;&gt;&lt;script&gt;&amp;");
    }
}
