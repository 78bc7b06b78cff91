//! Which names this service answers to, and which pages may ask it: against DNS rebinding and requests that a foreign
//! page makes a browser send. It must not know the routes.
//!
//! **Rebinding.** A page of `evil.example`, whose name is made to point here, is of the same origin as its requests, and
//! a browser gives it the answers. What it can't change is the `Host` header: it is the name that the attacker owns.
//! - On loopback, names of loopback are answered, and those that `--allowed-host` gives.
//! - On other addresses without a token also every address as such (a name can be made to point here, `192.0.2.7` can
//!   not) and the machine's own name, which the command line adds to the list.
//! - On other addresses with a token, every name. A rebound page has no token, and no cookie: a browser keeps that for
//!   the name under which somebody has logged in. It sees a 401 and the login page, as anybody does. This spares those
//!   behind a proxy or a service's name a list of names.
//!
//! **Foreign pages.** Where a browser says by `Origin` or `Sec-Fetch-Site` that another page asks, the answer is 403,
//! but for a link that is followed: a view's address can be sent around, and the page that has the link can't read
//! what it leads to. There is no CORS. Programs send neither header and are not concerned.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, StatusCode, Uri, header};

use super::error::HttpError;

/// The names that are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hosts {
    pub(super) which: Which,
    /// Names that are answered besides, lower case, without a port.
    pub(super) names: Vec<String>,
}

/// Which names are answered whoever gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Loopback,
    /// And every address that is no name.
    Addresses,
    Any,
}

impl Hosts {
    /// Turns away a request to a name that is not ours. Proxies send the name in the address as well; it must be the
    /// same there, as RFC 9112 lets it win over the header.
    pub(super) fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), HttpError> {
        let host = host(headers);
        if let Some(authority) =
            uri.authority().filter(|authority| !authority.as_str().eq_ignore_ascii_case(host))
        {
            return Err(HttpError::new(
                StatusCode::MISDIRECTED_REQUEST,
                format!("the request is for {:?} and its header `Host` says {host:?}", authority.as_str()),
                "send one of them, or both the same",
            ));
        }
        let ours = match Name::parse(host) {
            _ if self.which == Which::Any => true,
            None => false,
            Some(Name::Address(address)) => {
                address.is_loopback() || self.which == Which::Addresses || self.lists(&address.to_string())
            }
            Some(Name::Text(name)) => name.eq_ignore_ascii_case("localhost") || self.lists(name),
        };
        if ours {
            return Ok(());
        }
        let (listens, use_) = match self.which {
            Which::Loopback => ("on loopback", "use http://localhost or http://127.0.0.1 with the same port"),
            _ => ("without a token", "use the machine's address or name"),
        };
        Err(HttpError::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!("firetower listens {listens} and does not answer for the host {host:?}"),
            format!(
                "{use_}; behind a proxy, let it send `Host: localhost`, or start firetower with --allowed-host and \
                 that name"
            ),
        ))
    }

    /// Turns away what another origin's page makes a browser ask.
    pub(super) fn check_origin(&self, method: &Method, headers: &HeaderMap) -> Result<(), HttpError> {
        let foreign = |what: String| {
            HttpError::new(
                StatusCode::FORBIDDEN,
                format!("the request comes from {what}"),
                "only firetower's own pages may ask from a browser; let another server ask in their place, with a \
                 token if there is one, or start firetower with --allowed-host if the page is its own under another name",
            )
        };
        for origin in headers.get_all(header::ORIGIN) {
            let origin = origin.to_str().unwrap_or("an origin that can't be read");
            let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
            let listed = match Name::parse(authority) {
                Some(Name::Text(name)) => self.lists(name),
                Some(Name::Address(address)) => self.lists(&address.to_string()),
                None => false,
            };
            if !listed && (authority.is_empty() || !authority.eq_ignore_ascii_case(host(headers))) {
                return Err(foreign(format!("a page of {origin:?}")));
            }
        }
        let told = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !matches!(told("sec-fetch-site"), "cross-site" | "same-site") {
            return Ok(());
        }
        let follows_a_link = (method == Method::GET || method == Method::HEAD)
            && told("sec-fetch-mode") == "navigate"
            && told("sec-fetch-dest") == "document";
        if follows_a_link { Ok(()) } else { Err(foreign("a page of another origin".to_owned())) }
    }

    fn lists(&self, name: &str) -> bool {
        self.names.iter().any(|known| known.eq_ignore_ascii_case(name.trim_end_matches('.')))
    }
}

/// The `Host` header; empty if there is none, more than one, or one that can't be read.
fn host(headers: &HeaderMap) -> &str {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().unwrap_or_default(),
        _ => "",
    }
}

/// What is before the port.
#[derive(Debug, PartialEq, Eq)]
enum Name<'a> {
    Address(IpAddr),
    Text(&'a str),
}

impl Name<'_> {
    /// Reads `name[:port]`; `None` if it is no such thing.
    fn parse(host: &str) -> Option<Name<'_>> {
        let (name, port) = match host.rsplit_once(':') {
            // `[::1]` has colons of its own.
            Some((name, port)) if !port.ends_with(']') => (name, port),
            _ => (host, "0"),
        };
        port.parse::<u16>().ok()?;
        if let Some(v6) = name.strip_prefix('[') {
            return Some(Name::Address(IpAddr::V6(v6.strip_suffix(']')?.parse().ok()?)));
        }
        if let Ok(v4) = name.parse() {
            return Some(Name::Address(IpAddr::V4(v4)));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        (!name.is_empty() && name.chars().all(fits)).then_some(Name::Text(name))
    }
}

/// The name as hosts are compared, of one that a user gave; `None` if it is no name or address.
pub fn host_name(text: &str) -> Option<String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    match Name::parse(text)? {
        Name::Text(name) if name.len() == text.len() => Some(name.trim_end_matches('.').to_ascii_lowercase()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn hosts(which: Which) -> Hosts {
        Hosts { which, names: vec!["tower.example".into(), "192.0.2.9".into()] }
    }

    fn answered(which: Which, host: &str) -> bool {
        hosts(which).check_host(&Uri::from_static("/"), &headers(&[("host", host)])).is_ok()
    }

    const LOOPBACK: &[&str] =
        &["localhost", "LocalHost:7070", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:7070"];
    const LISTED: &[&str] = &["tower.example", "Tower.Example:443", "tower.example.:7070", "192.0.2.9:1"];
    const ADDRESSES: &[&str] = &["10.0.0.1", "10.0.0.1:7070", "[2001:db8::1]:7070"];
    const FOREIGN: &[&str] = &[
        "",
        "evil.example",
        "evil.example:7070",
        "localhost.evil.example",
        "tower.example.evil.example",
        "127.0.0.1.nip.io",
        "[::2",
        "::1",
        "localhost:",
        "localhost:http",
        "127.0.0.1:99999",
        "[127.0.0.1]",
        "[::1",
        "evil[::1]",
        "evil.example@localhost",
        "evil.example localhost",
        "127.1",
        "0x7f000001",
    ];

    #[test]
    fn which_names_are_answered() {
        for host in LOOPBACK.iter().chain(LISTED) {
            assert!(
                [Which::Loopback, Which::Addresses, Which::Any].into_iter().all(|w| answered(w, host)),
                "{host}"
            );
        }
        for host in ADDRESSES {
            assert!(!answered(Which::Loopback, host) && answered(Which::Addresses, host), "{host}");
        }
        for host in FOREIGN {
            assert!(!answered(Which::Loopback, host) && !answered(Which::Addresses, host), "{host}");
            assert!(answered(Which::Any, host), "{host}");
        }
        let two = {
            let mut two = headers(&[("host", "localhost")]);
            two.append("host", "evil.example".parse().unwrap());
            two
        };
        assert!(
            hosts(Which::Loopback).check_host(&Uri::from_static("/"), &two).is_err(),
            "which of them does a proxy look at?"
        );
        assert!(hosts(Which::Addresses).check_host(&Uri::from_static("/"), &HeaderMap::new()).is_err());
        let proxied = |uri| {
            hosts(Which::Any)
                .check_host(&Uri::from_static(uri), &headers(&[("host", "localhost:7070")]))
                .is_ok()
        };
        assert!(
            proxied("http://localhost:7070/")
                && !proxied("http://evil.example/")
                && !proxied("evil.example:80")
        );
    }

    #[test]
    fn which_pages_may_ask() {
        let host = ("host", "localhost:7070");
        let navigate = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        let get = |pairs: &[(&'static str, &str)]| {
            hosts(Which::Any).check_origin(&Method::GET, &headers(pairs)).is_ok()
        };
        assert!(get(&[host]), "a program");
        for origin in [
            "http://localhost:7070",
            "https://localhost:7070",
            "https://tower.example",
            "http://192.0.2.9:80",
        ] {
            assert!(get(&[host, ("origin", origin)]), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://localhost",
            "http://localhost:8080",
            "https://evil.example",
            "http://",
            "localhost:7070",
        ] {
            assert!(!get(&[host, ("origin", origin)]), "{origin}");
        }
        assert!(!get(&[("host", ""), ("origin", "http://")]), "no host is nobody's origin");
        for site in ["none", "same-origin"] {
            assert!(get(&[host, ("sec-fetch-site", site)]), "{site}");
        }
        for site in ["cross-site", "same-site"] {
            let link = [host, ("sec-fetch-site", site), navigate[0], navigate[1]];
            assert!(get(&link), "a link");
            assert!(hosts(Which::Any).check_origin(&Method::POST, &headers(&link)).is_err(), "a form");
            let frame = [host, ("sec-fetch-site", site), navigate[0], ("sec-fetch-dest", "iframe")];
            assert!(!get(&frame) && !get(&[host, ("sec-fetch-site", site), ("sec-fetch-mode", "no-cors")]));
        }
    }

    #[test]
    fn names_that_a_user_gives() {
        for (text, name) in [
            ("Tower.Example", "tower.example"),
            ("tower.", "tower"),
            ("10.0.0.1", "10.0.0.1"),
            ("::1", "::1"),
            ("[::1]", "::1"),
        ] {
            assert_eq!(host_name(text).as_deref(), Some(name));
        }
        for text in ["", "a:80", "http://a", "[::1]:80", "10.0.0.1:80", "a b", "*.example", "a/b"] {
            assert_eq!(host_name(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_sent_is_ours_or_not(host: Vec<u8>, origin: Vec<u8>, site in ".*") {
            let mut sent = HeaderMap::new();
            for (name, value) in [("host", &host[..]), ("origin", &origin[..]), ("sec-fetch-site", site.as_bytes())] {
                if let Ok(value) = axum::http::HeaderValue::from_bytes(value) {
                    sent.insert(name, value);
                }
            }
            let hosts = hosts(Which::Addresses);
            if hosts.check_host(&Uri::from_static("/"), &sent).is_ok() {
                let text = std::str::from_utf8(&host).unwrap();
                assert!(Name::parse(text).is_some(), "{text}");
            }
            let _ = hosts.check_origin(&Method::GET, &sent);
            let _ = host_name(&site);
        }
    }
}
