//! Who is let in, over real sockets: tokens, sessions, hosts, origins, and the address for metrics.

use std::net::SocketAddr;

use firetower::http::{Access, Limits, Token};

use crate::http::{Answer, Service, send};

const TOKEN: &str = "correct-horse-battery-staple";

fn with_token() -> Service {
    let token = Token::parse(TOKEN.as_bytes(), "here").expect("a good token");
    Service::listening("127.0.0.1:0", Access { token: Some(token), ..Access::default() })
}

/// A request with these headers and a body.
fn ask(address: SocketAddr, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request.push_str("Host: localhost\r\n");
    }
    if !body.is_empty() {
        request.push_str(&format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            body.len()
        ));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    send(address, &format!("{request}\r\n{body}"))
}

fn get(service: &Service, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask(service.address, &format!("GET {path}"), headers, "")
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// What a counter says, asked where no token is needed.
fn metric(service: &Service, series: &str) -> u64 {
    let metrics = ask(service.metrics, "GET /metrics", &[], "").body;
    let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{series} is not in {metrics}"))
}

#[test]
fn who_shows_what_is_let_in_or_not() {
    let service = with_token();
    let good = bearer(TOKEN);
    let lower = format!("bearer {TOKEN}");
    for authorization in [&good, &lower] {
        for path in ["/", "/metrics", "/api/v1/processes", "/viewer.js"] {
            assert_eq!(get(&service, path, &[("Authorization", authorization)]).status, 200, "{path}");
        }
    }
    let wrong = [
        bearer("correct-horse-battery-stapl"),
        bearer(&format!("{TOKEN}e")),
        bearer(""),
        "Bearer".to_owned(),
        TOKEN.to_owned(),
        format!("Basic {TOKEN}"),
        format!("Bearer {TOKEN} {TOKEN}"),
    ];
    for authorization in &wrong {
        let answer = get(&service, "/api/v1/processes", &[("Authorization", authorization)]);
        assert_eq!(answer.status, 401, "{authorization}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"firetower\"");
        assert_eq!(answer.json()["error"], "the token is not the right one");
    }
    assert_eq!(metric(&service, "firetower_http_failed_logins_total"), wrong.len() as u64);
    for path in ["/", "/metrics", "/api/v1/processes", "/flamegraph.svg", "/nothing", "/viewer.js", "//login"]
    {
        let answer = get(&service, path, &[]);
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (401, Some("this needs the token")),
            "{path}"
        );
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"firetower\"");
    }
    for path in ["/healthz", "/login", "/viewer.css"] {
        assert_eq!(get(&service, path, &[]).status, 200, "{path}");
    }
    assert_eq!(
        get(&service, "/readyz", &[]).status,
        503,
        "it says that it is not ready, not that it needs a token"
    );
}

#[test]
fn a_logout_ends_the_streams_of_its_session_and_no_others() {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let service = with_token();
    let log_in = || {
        let origin = ("Origin", "http://localhost");
        let entered = ask(service.address, "POST /login", &[origin], &format!("token={TOKEN}&next=/"));
        entered.header("set-cookie").split(';').next().expect("a name and a value").to_owned()
    };
    let open = |header: &str| {
        let mut stream = std::net::TcpStream::connect(service.address).expect("it listens");
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).expect("a timeout");
        let path = "/api/v1/live?interval=0.2";
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n").expect("sent");
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while !line.starts_with("event: profile") {
            line.clear();
            assert!(stream.read_line(&mut line).expect("a line") > 0, "it ended");
        }
        stream
    };
    let (mine, other) = (log_in(), log_in());
    let mut ended = open(&format!("Cookie: {mine}"));
    let going_on = [open(&format!("Cookie: {other}")), open(&format!("Authorization: {}", bearer(TOKEN)))];
    let origin = ("Origin", "http://localhost");
    let out = ask(service.address, "POST /logout", &[origin, ("Cookie", &mine)], "x=y");
    assert_eq!(out.status, 303);
    let mut rest = Vec::new();
    // Chunked: the connection may stay, so its last chunk is looked for.
    while !rest.ends_with(b"\r\n0\r\n\r\n") && !rest.ends_with(b"0\r\n\r\n") {
        let mut byte = [0];
        if ended.read(&mut byte).expect("it ends in time") == 0 {
            break;
        }
        rest.push(byte[0]);
    }
    for mut stream in going_on {
        let mut line = String::new();
        while !line.starts_with("event: delta") {
            line.clear();
            assert!(stream.read_line(&mut line).expect("a line") > 0, "it ended");
        }
    }
}

#[test]
fn a_browser_logs_in_and_out() {
    let service = with_token();
    let accept = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let sent = get(&service, "/?pid=7&lines=1", &[accept]);
    assert_eq!((sent.status, sent.header("location")), (303, "/login?next=/%3Fpid%3D7%26lines%3D1"));
    assert_eq!(get(&service, "/api/v1/processes", &[accept]).status, 401, "no page, whoever asks");
    let page = get(&service, sent.header("location"), &[accept]);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("name=\"next\" value=\"/?pid=7&amp;lines=1\""), "{}", page.body);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self'") && !policy.contains("script-src"), "{policy}");

    let origin = ("Origin", "http://localhost");
    let failed = ask(service.address, "POST /login", &[origin], "token=wrong-wrong-wrong-wrong&next=/");
    assert!(failed.status == 401 && failed.body.contains("This is not the token."), "{}", failed.body);
    assert_eq!(failed.header("set-cookie"), "");
    let form = format!("token={TOKEN}&next=%2F%3Fpid%3D7");
    let entered = ask(service.address, "POST /login", &[origin], &form);
    assert_eq!((entered.status, entered.header("location")), (303, "/?pid=7"));
    let set = entered.header("set-cookie");
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Strict", "; Max-Age=43200"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Domain") && !set.contains(TOKEN), "{set}");
    let cookie = ("Cookie", format!("theme=dark; {}", set.split(';').next().expect("a name and a value")));
    let cookie = (cookie.0, cookie.1.as_str());
    assert_eq!(get(&service, "/?pid=7", &[cookie, accept]).status, 200);
    assert_eq!(get(&service, "/api/v1/processes", &[cookie]).status, 200);
    let wrong = bearer("wrong-wrong-wrong-wrong");
    assert_eq!(
        get(&service, "/metrics", &[cookie, ("Authorization", &wrong)]).status,
        401,
        "the token is meant"
    );
    let on = get(&service, "/login?next=/metrics", &[cookie]);
    assert_eq!((on.status, on.header("location")), (303, "/metrics"));
    assert!(get(&service, "/login", &[cookie]).body.contains("action=\"/logout\""));

    assert_eq!(get(&service, "/logout", &[cookie]).status, 405, "a link ends no session");
    assert_eq!(get(&service, "/", &[cookie]).status, 200);
    let out = ask(service.address, "POST /logout", &[origin, cookie], "x=y");
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(get(&service, "/", &[cookie]).status, 401, "the session has ended, not only the cookie");
    let forged = format!("{}={}", set.split('=').next().expect("a name"), "0".repeat(64));
    assert_eq!(get(&service, "/", &[("Cookie", &forged)]).status, 401);
}

#[test]
fn a_link_from_another_site_finds_the_session() {
    let service = with_token();
    let link = [
        ("Accept", "text/html"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ];
    let sent = get(&service, "/?pid=7", &link);
    assert_eq!(sent.status, 303, "a cookie that is SameSite=Strict does not come with it");
    let again = get(&service, sent.header("location"), &link);
    assert_eq!((again.status, again.header("refresh")), (200, "0; url=/login?next=/%3Fpid%3D7"));
    let own = get(&service, "/login?next=/%3Fpid%3D7", &[("Sec-Fetch-Site", "same-origin")]);
    assert!(own.header("refresh").is_empty() && own.body.contains("type=\"password\""));
}

#[test]
fn a_login_leads_nowhere_else() {
    let service = with_token();
    for next in
        ["https://evil.example", "//evil.example", "/\\evil.example", "%2F%2Fevil.example", "/%0d%0aX:y"]
    {
        let entered = ask(service.address, "POST /login", &[], &format!("token={TOKEN}&next={next}"));
        assert_eq!(
            (entered.status, entered.header("location"), entered.header("x")),
            (303, "/", ""),
            "{next}"
        );
    }
    let page = get(&service, "/login?next=/%22%3E%3Cscript%3E", &[]);
    assert!(page.status == 200 && !page.body.contains("<script"), "{}", page.body);
}

#[test]
fn what_is_no_form_is_refused() {
    let service = with_token();
    let post = |headers: &str, body: &str| {
        let head = "POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        send(service.address, &format!("{head}{headers}\r\n\r\n{body}"))
    };
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(post("Content-Type: application/json\r\nContent-Length: 2", "{}").status, 415);
    assert_eq!(post(&format!("{form}Content-Length: 10000000"), "token=x").status, 413);
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", 40 << 10, "x".repeat(40 << 10));
    assert_eq!(post(&format!("{form}Transfer-Encoding: chunked"), &chunk).status, 413);
    let twice = post(&format!("{form}Content-Length: 15"), "token=a&token=b");
    assert!(twice.status == 422 && twice.json()["hint"].is_string(), "{}", twice.body);
    assert_eq!(metric(&service, "firetower_http_panics_total"), 0);
}

#[test]
fn wrong_tokens_are_not_tried_for_ever() {
    let service = with_token();
    let good = bearer(TOKEN);
    let entered = ask(service.address, "POST /login", &[], &format!("token={TOKEN}"));
    let cookie = entered.header("set-cookie").split(';').next().expect("a cookie");
    let statuses: Vec<u16> = (0..14)
        .map(|index| {
            let wrong = bearer(&format!("wrong-wrong-wrong-{index}"));
            get(&service, "/metrics", &[("Authorization", &wrong)]).status
        })
        .collect();
    let refused = statuses.iter().position(|status| *status == 429).expect("too many at last");
    assert!(statuses[..refused].iter().all(|status| *status == 401) && refused >= 10, "{statuses:?}");
    let right = get(&service, "/metrics", &[("Authorization", &good)]);
    assert_eq!(right.status, 429, "or the answer would tell a right guess");
    assert!(right.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=5).contains(&seconds)));
    let form = ask(service.address, "POST /login", &[], &format!("token={TOKEN}"));
    assert!(
        form.status == 429 && !form.header("retry-after").is_empty() && form.header("set-cookie").is_empty()
    );
    assert_eq!(get(&service, "/metrics", &[("Cookie", cookie)]).status, 200, "who is logged in goes on");
    let failed = statuses.iter().filter(|status| **status == 401).count() as u64;
    assert_eq!(metric(&service, "firetower_http_failed_logins_total"), failed);
    assert!(metric(&service, "firetower_http_requests_rejected_total{reason=\"login_rate\"}") >= 2);
}

#[test]
fn without_a_token_there_is_nothing_to_log_in_to() {
    let service = Service::listening("127.0.0.1:0", Access::default());
    assert_eq!(get(&service, "/", &[]).status, 200);
    for line in ["GET /login", "POST /login", "POST /logout"] {
        let answer = ask(service.address, line, &[], "token=x");
        assert!(answer.status == 404 && answer.json()["hint"].is_string(), "{line}");
    }
}

#[test]
fn a_page_whose_name_was_made_to_point_here_reads_nothing() {
    let names = vec!["tower.example".to_owned()];
    let host = |service: &Service, host: &str| get(service, "/metrics", &[("Host", host)]).status;
    let loopback = Service::listening("127.0.0.1:0", Access { hosts: names.clone(), ..Access::default() });
    let open = Service::listening("0.0.0.0:0", Access { hosts: names.clone(), ..Access::default() });
    let token = Token::parse(TOKEN.as_bytes(), "here").expect("a good token");
    let token = Access { token: Some(token), hosts: names, limits: Limits::default() };
    let token = Service::listening("0.0.0.0:0", token);
    for (name, on_loopback, without_token) in [
        ("localhost", 200, 200),
        ("127.0.0.1:7070", 200, 200),
        ("tower.example", 200, 200),
        ("192.0.2.7:7070", 421, 200),
        ("evil.example", 421, 421),
        ("evil.example:7070", 421, 421),
    ] {
        assert_eq!((host(&loopback, name), host(&open, name)), (on_loopback, without_token), "{name}");
        assert_eq!(host(&token, name), 401, "{name}: any name, and nothing without the token");
    }
    let two = ask(loopback.address, "GET http://evil.example/metrics", &[("Host", "localhost")], "");
    assert_eq!(two.status, 421, "a name in the address counts too");
    let refused = get(&loopback, "/", &[("Host", "evil.example")]);
    assert!(refused.json()["hint"].as_str().is_some_and(|hint| hint.contains("--allowed-host")));
    let rebound = ask(loopback.metrics, "GET /metrics", &[("Host", "evil.example")], "");
    assert_eq!(rebound.status, 421, "metrics have command lines");
    assert_eq!(metric(&loopback, "firetower_http_requests_rejected_total{reason=\"host\"}"), 6);
}

#[test]
fn other_origins_pages_may_not_ask() {
    let service = Service::listening("127.0.0.1:0", Access::default());
    let own = format!("localhost:{}", service.address.port());
    let origin = format!("http://{own}");
    let host = ("Host", own.as_str());
    assert_eq!(get(&service, "/api/v1/processes", &[host, ("Origin", &origin)]).status, 200);
    for foreign in ["https://evil.example", "null", "http://localhost:1"] {
        let answer = get(&service, "/api/v1/processes", &[host, ("Origin", foreign)]);
        assert_eq!(answer.status, 403, "{foreign}");
        assert!(answer.json()["error"].as_str().is_some_and(|error| error.contains(foreign)));
        assert_eq!(get(&service, "/healthz", &[host, ("Origin", foreign)]).status, 200);
    }
    let site = ("Sec-Fetch-Site", "cross-site");
    assert_eq!(get(&service, "/", &[host, site, ("Sec-Fetch-Mode", "no-cors")]).status, 403);
    let answer = get(&service, "/api/v1/processes", &[host]);
    assert!(!answer.head.to_ascii_lowercase().contains("access-control"), "{}", answer.head);
    assert_eq!(metric(&service, "firetower_http_requests_rejected_total{reason=\"origin\"}"), 4);
}

#[test]
fn every_answer_has_the_headers_of_safety() {
    let service = with_token();
    for path in ["/", "/login", "/healthz", "/nothing", "/logout"] {
        let answer = get(&service, path, &[]);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert!(answer.header("permissions-policy").contains("geolocation=()"), "{path}");
    }
}

#[test]
fn the_address_for_metrics_has_nothing_else() {
    let service = with_token();
    for (path, status) in [
        ("/metrics", 200),
        ("/healthz", 200),
        ("/readyz", 503),
        ("/", 404),
        ("/login", 404),
        ("/api/v1/processes", 404),
        ("/flamegraph.svg", 404),
    ] {
        let good = bearer(TOKEN);
        let answer = ask(service.metrics, &format!("GET {path}"), &[("Authorization", &good)], "");
        assert_eq!(answer.status, status, "{path}");
    }
}
