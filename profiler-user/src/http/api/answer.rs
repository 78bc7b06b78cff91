//! From what was computed to a response: content type, what may be kept, and for how long.
//!
//! Only what can't change may be kept: a range between two fixed moments that is over, and of which nothing was missing.
//! It must not know what an answer is about.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::range::Range;
use crate::http::error::HttpError;
use crate::http::{guard, tags};
use crate::render::{Format, html};

/// Private: whoever may ask may keep it, not a proxy for others. The answer can't change, but code that makes it can.
const KEEP: &str = "private, max-age=3600, immutable";
/// The media type of JSON.
pub(super) const JSON: &str = "application/json";
/// That of pages.
pub(super) const HTML: &str = "text/html";
/// What a browser does with a page, and what it calls it.
const SAVED: &str = "attachment; filename=\"firetower.html\"";

/// Bytes that answer a request.
pub(super) struct Answer {
    content_type: &'static str,
    body: Vec<u8>,
    /// Whether nothing is missing.
    complete: bool,
}

impl Answer {
    /// Of these bytes.
    pub(super) fn new(content_type: &'static str, body: Vec<u8>, complete: bool) -> Answer {
        Answer { content_type, body, complete }
    }

    /// As JSON.
    pub(super) fn json(value: &impl Serialize, complete: bool) -> Result<Answer, HttpError> {
        let body = serde_json::to_vec(value).map_err(|error| {
            tracing::error!(%error, "an answer is no JSON");
            HttpError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the request failed inside the agent",
                "see the agent's log",
            )
        })?;
        Ok(Answer::new(JSON, body, complete))
    }

    /// As the viewer with the value inside, to be saved. `subject`: what it is of, in words.
    pub(super) fn page(subject: &str, value: &impl Serialize, complete: bool) -> Result<Answer, HttpError> {
        let Answer { body, .. } = Answer::json(value, complete)?;
        let page = html::page(subject, &String::from_utf8_lossy(&body));
        Ok(Answer::new(Format::Html.content_type(), page, complete))
    }

    /// The response to a request with these headers, about ranges that are all settled or not.
    pub(super) fn respond(self, headers: &HeaderMap, ranges: &[Range]) -> Response {
        let mut own = HeaderMap::new();
        own.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if self.content_type.starts_with("image/svg+xml") {
            own.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(guard::SVG_POLICY));
        }
        if self.content_type.starts_with(HTML) {
            // To be kept, not to be seen here: of this origin, the page would be no other than the service's own.
            own.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(SAVED));
        }
        let settled = self.complete && !ranges.is_empty() && ranges.iter().all(|range| range.settled);
        if !settled {
            return (own, self.body).into_response();
        }
        let tag = tags::of(&self.body);
        own.insert(header::CACHE_CONTROL, HeaderValue::from_static(KEEP));
        if tags::has(headers, &tag) {
            own.remove(header::CONTENT_TYPE);
            own.insert(header::ETAG, tag.parse().expect("hexadecimal digits in quotes"));
            return (StatusCode::NOT_MODIFIED, own).into_response();
        }
        own.insert(header::ETAG, tag.parse().expect("hexadecimal digits in quotes"));
        (own, self.body).into_response()
    }
}

/// Turns away who takes no such content.
pub(super) fn check_accepted(headers: &HeaderMap, content_type: &str) -> Result<(), HttpError> {
    let mut accepted =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if accepted.peek().is_none() {
        return Ok(());
    }
    let content_type = content_type.split(';').next().unwrap_or_default();
    let kind = content_type.split('/').next().unwrap_or_default();
    // The most exact entry that speaks of this type decides (RFC 9110, 12.5.1).
    let mut decided: Option<(usize, bool)> = None;
    for entry in accepted.flat_map(|value| value.split(',')) {
        let mut parts = entry.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default().to_ascii_lowercase();
        let exactness = match range.as_str() {
            "*/*" => 1,
            range if range.strip_suffix("/*") == Some(kind) => 2,
            range if range == content_type => 3,
            _ => continue,
        };
        let refused = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0))
        });
        if decided.is_none_or(|(known, _)| exactness > known) {
            decided = Some((exactness, !refused));
        }
    }
    match decided {
        Some((_, true)) => Ok(()),
        _ => Err(HttpError::new(
            StatusCode::NOT_ACCEPTABLE,
            format!("the answer is {content_type}, which the request's Accept does not name"),
            format!("send Accept: {content_type} or */*, or ask for another format"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted() {
        for (accept, json) in [
            ("*/*", true),
            ("application/json", true),
            ("application/*;q=0.5", true),
            ("text/html, */*;q=0.1", true),
            ("APPLICATION/JSON; q=1", true),
            ("text/html", false),
            ("application/json;q=0", false),
            ("*/*, application/json;q=0", false),
            ("application/jsonx", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(check_accepted(&headers, JSON).is_ok(), json, "{accept:?}");
        }
        assert!(check_accepted(&HeaderMap::new(), JSON).is_ok());
    }

    #[test]
    fn only_what_can_not_change_is_kept() {
        let range = |settled| Range { since: 0, until: 1, settled };
        let cache = |complete, ranges: &[Range]| {
            let response = Answer::new(JSON, b"{}".to_vec(), complete).respond(&HeaderMap::new(), ranges);
            response.headers().contains_key(header::ETAG)
        };
        assert!(cache(true, &[range(true), range(true)]));
        assert!(
            !cache(false, &[range(true)]) && !cache(true, &[range(true), range(false)]) && !cache(true, &[])
        );
    }

    #[test]
    fn who_has_it_gets_it_not_again() {
        let settled = [Range { since: 0, until: 1, settled: true }];
        let ask = |known: &str| {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, known.parse().unwrap())]);
            Answer::new(JSON, b"{}".to_vec(), true).respond(&headers, &settled)
        };
        let first = ask("\"other\"");
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        for known in [tag.clone(), format!("\"x\", {tag}"), tag.replace("W/", ""), "*".to_owned()] {
            let again = ask(&known);
            assert_eq!(
                (again.status(), again.headers().contains_key(header::ETAG)),
                (StatusCode::NOT_MODIFIED, true)
            );
        }
    }
}
