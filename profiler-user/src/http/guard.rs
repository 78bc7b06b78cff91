//! Where may be listened, and what browsers may do with the answers: listening policy and security headers. It must
//! not know the routes.

use std::net::SocketAddr;

use axum::http::{HeaderMap, HeaderValue, header};

/// Why an address is not listened on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// Of the service.
    #[error(
        "not listening on {0}: whoever can reach it could read command lines, file and function names of every \
         process. Give a token, by --token-file or in FIRETOWER_TOKEN; or listen on 127.0.0.1 and use an SSH tunnel or \
         a proxy that authenticates; or add --allow-remote if the network is trusted"
    )]
    Service(SocketAddr),
    /// Of the metrics alone.
    #[error(
        "not listening on {0} for metrics: they have command lines and function names, and nobody who reaches this \
         address is asked for a token. Add --allow-remote if the network is trusted, or scrape the main address with \
         the token"
    )]
    Metrics(SocketAddr),
}

/// Whether an address may be listened on: loopback always, any other only with a token or the explicit word.
///
/// # Errors
/// If it may not.
pub fn check_listen(address: SocketAddr, has_token: bool, allow_remote: bool) -> Result<(), ListenError> {
    if has_token || allow_remote || is_loopback(address) {
        Ok(())
    } else {
        Err(ListenError::Service(address))
    }
}

/// The same for the address that has the metrics alone, and never asks for a token.
///
/// # Errors
/// If it may not.
pub fn check_metrics_listen(address: SocketAddr, allow_remote: bool) -> Result<(), ListenError> {
    if allow_remote || is_loopback(address) { Ok(()) } else { Err(ListenError::Metrics(address)) }
}

pub(super) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// What a page from here may do: run its own script and style, ask this server, nothing else.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                           img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// What the login page may do: send its form here, and look like the others.
pub(super) const FORM_POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'none'; \
                                      base-uri 'none'; form-action 'self'";
/// What the flame graph may do. Its script is inline, so it is cut off from this origin: whatever got into it could
/// not read the API. `allow-modals`: its search asks by `prompt()`.
pub(super) const SVG_POLICY: &str = "sandbox allow-scripts allow-modals; default-src 'none'; \
                                     script-src 'unsafe-inline'; style-src 'unsafe-inline'";
/// What no page from here needs.
const PERMISSIONS: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

/// Adds the headers that every answer has. A route may have set a policy or cache rule of its own.
///
/// `same-origin` for the referrer, not `no-referrer`: with that one browsers send the login form with `Origin: null`,
/// which can't be told from a foreign page's. Other origins are told nothing either way.
pub(super) fn add_headers(headers: &mut HeaderMap) {
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(PAGE_POLICY));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("permissions-policy", HeaderValue::from_static(PERMISSIONS));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_addresses_need_a_token_or_a_word() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        for loopback in ["127.0.0.1:7070", "[::1]:7070", "[::ffff:127.0.0.1]:7070"] {
            assert_eq!(check_listen(address(loopback), false, false), Ok(()));
            assert_eq!(check_metrics_listen(address(loopback), false), Ok(()));
        }
        for other in ["0.0.0.0:7070", "[::]:7070", "192.0.2.1:7070"] {
            let other = address(other);
            assert_eq!(check_listen(other, true, false), Ok(()));
            assert_eq!(check_listen(other, false, true), Ok(()));
            assert_eq!(check_metrics_listen(other, true), Ok(()));
            let error = check_listen(other, false, false).unwrap_err().to_string();
            let words = [other.to_string(), "--token-file".into(), "--allow-remote".into()];
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
            let error = check_metrics_listen(other, false).unwrap_err().to_string();
            assert!(error.contains("--allow-remote"), "{error}");
        }
    }
}
