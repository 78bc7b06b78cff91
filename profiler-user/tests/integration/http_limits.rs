//! What the service takes from its clients, over real sockets: whoever is slow, silent, large or too many is turned away,
//! and the others are not held up.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use firetower::http::{Access, Limits, Rate, Token};
use firetower::model::{Frame, FrameKind};

use crate::http::{Service, send};
use crate::running::wait_for;

/// Deadlines that a test can wait for.
const SOON: Duration = Duration::from_millis(400);

fn limited(change: impl FnOnce(&mut Limits)) -> Service {
    let mut limits = Limits { head: SOON, stall: SOON, ..Limits::default() };
    change(&mut limits);
    Service::listening("127.0.0.1:0", Access { limits, ..Access::default() })
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the service listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
}

/// Waits until the service hangs up, and says what it sent before.
fn until_cut(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => all.extend_from_slice(&bytes[..read]),
            // What was on its way when it hung up makes it a reset.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("it was not cut off: {error}"),
        }
    }
    String::from_utf8(all).expect("UTF-8")
}

/// What the metrics on their own address say.
fn metric(service: &Service, series: &str) -> u64 {
    let metrics =
        send(service.metrics, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").body;
    let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{series} is not in {metrics}"))
}

fn cut(service: &Service, reason: &str) -> u64 {
    metric(service, &format!("firetower_http_connections_cut_total{{reason=\"{reason}\"}}"))
}

#[test]
fn who_sends_nothing_or_too_slowly_is_cut_off() {
    let service = limited(|_| {});
    let silent = connect(service.address);
    let mut half = connect(service.address);
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").expect("sent");
    let mut dripping = connect(service.address);
    let drips = std::thread::spawn({
        let mut drip = dripping.try_clone().expect("a second handle");
        move || {
            drip.write_all(b"GET /healthz HTTP/1.1\r\nX: ").expect("sent");
            // Until it is hung up on; each byte comes well before the deadline.
            while drip.write_all(b"x").is_ok() {
                std::thread::sleep(SOON / 8);
            }
        }
    });
    assert_eq!(until_cut(silent), "");
    assert_eq!(until_cut(half), "");
    let mut said = Vec::new();
    // A reset is as good as an end: a byte may have come after it hung up.
    let _ = dripping.read_to_end(&mut said);
    assert_eq!(String::from_utf8_lossy(&said), "");
    drips.join().expect("writing fails at last");
    wait_for("the connections to be counted", || (cut(&service, "head") == 3).then_some(()));
}

#[test]
fn who_stays_without_asking_is_hung_up_on_after_an_answer() {
    let service = limited(|_| {});
    let mut stream = connect(service.address);
    for _ in 0..2 {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).expect("an answer");
        assert!(bytes[..read].starts_with(b"HTTP/1.1 200"), "the connection is kept for a while");
    }
    assert_eq!(until_cut(stream), "");
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let token = Token::parse(b"correct-horse-battery-staple", "here").expect("a good token");
    let limits = Limits { head: SOON, stall: SOON, ..Limits::default() };
    let access = Access { token: Some(token), limits, ..Access::default() };
    let service = Service::listening("127.0.0.1:0", access);
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ntoken=";
    for (path, status) in [("/login", 408), ("/metrics", 401), ("/healthz", 405), ("/nothing", 401)] {
        let mut stream = connect(service.address);
        write!(stream, "POST {path} HTTP/1.1\r\nHost: localhost\r\n{form}").expect("sent");
        let said = until_cut(stream);
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {said}");
    }
}

/// Adds a profile whose folded stacks are some MB: more than the kernel's buffers hold.
fn add_much(service: &Service) {
    let name = "long_name_".repeat(100);
    for index in 0..12_000 {
        let frame = Frame { line: 1, ..Frame::bare(FrameKind::Python, format!("{name}{index}")) };
        service.add(7, 7, vec![frame], 1);
    }
}

#[test]
fn who_does_not_read_its_answer_is_cut_off() {
    let service = limited(|_| {});
    add_much(&service);
    let mut deaf = connect(service.address);
    deaf.write_all(b"GET /flamegraph.folded HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    wait_for("it to be cut off", || (cut(&service, "stalled") == 1).then_some(()));
    wait_for("its place to be free", || (metric(&service, "firetower_http_connections ") == 1).then_some(()));
    let whole = send(
        service.address,
        "GET /flamegraph.folded HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert!(whole.status == 200 && whole.body.len() > 8 << 20, "who reads gets all of it");
    assert_eq!(cut(&service, "stalled"), 1);
}

#[test]
fn heads_and_addresses_that_are_too_large_are_refused() {
    let service = limited(|limits| limits.head = Duration::from_secs(15));
    let long = |length| {
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "x".repeat(length))
    };
    let refused = send(service.address, &long(17 << 10));
    assert!(refused.status == 414 && refused.json()["hint"].is_string());
    assert_eq!(send(service.address, &long(15 << 10)).status, 404);
    let head = |headers: String| {
        let mut stream = connect(service.address);
        let request =
            format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        // It may hang up before it has all.
        let _ = stream.write_all(request.as_bytes());
        until_cut(stream)
    };
    assert!(head("X-Y: z\r\n".repeat(90)).starts_with("HTTP/1.1 200 "));
    assert!(head("X-Y: z\r\n".repeat(200)).starts_with("HTTP/1.1 431 "));
    let large = head(format!("X-Y: {}\r\n", "z".repeat(20 << 20)));
    assert!(large.is_empty() || large.starts_with("HTTP/1.1 431 "), "{large}");
    assert_eq!(metric(&service, "firetower_http_requests_rejected_total{reason=\"uri_too_long\"}"), 1);
}

#[test]
fn what_is_no_http_is_hung_up_on() {
    let service = limited(|limits| limits.head = Duration::from_secs(15));
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n"] {
        let mut stream = connect(service.address);
        stream.write_all(bytes).expect("sent");
        let said = until_cut(stream);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400 "), "{said}");
    }
    assert_eq!(send(service.address, "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").status, 200);
    wait_for("them to be counted", || (cut(&service, "broken") == 3).then_some(()));
}

#[test]
fn a_client_has_only_so_many_connections() {
    let service = limited(|limits| {
        limits.loopback.connections = 3;
        limits.head = Duration::from_secs(60);
    });
    let held: Vec<TcpStream> = (0..3).map(|_| connect(service.address)).collect();
    let further = until_cut(connect(service.address));
    assert!(further.starts_with("HTTP/1.1 429 ") && further.contains("Retry-After: 1\r\n"), "{further}");
    assert_eq!(metric(&service, "firetower_http_requests_rejected_total{reason=\"client_connections\"}"), 1);
    drop(held);
    wait_for("the places to be free", || {
        let mut stream = connect(service.address);
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        until_cut(stream).starts_with("HTTP/1.1 200 ").then_some(())
    });
}

#[test]
fn more_connections_wait_for_a_place() {
    let service = limited(|limits| limits.connections = 2);
    let held: Vec<TcpStream> = (0..2).map(|_| connect(service.address)).collect();
    // Answered once those that say nothing are cut off.
    assert_eq!(send(service.address, "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").status, 200);
    drop(held);
}

#[test]
fn a_client_asks_only_so_often() {
    let service = limited(|limits| limits.loopback.requests = Rate { burst: 5.0, per_second: 0.5 });
    let ask = || send(service.address, "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n");
    let answers: Vec<_> = (0..8).map(|_| ask()).collect();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert!(statuses[..5].iter().all(|status| *status == 200), "{statuses:?}");
    let refused = answers.iter().find(|answer| answer.status == 429).expect("too many at last");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=2).contains(&seconds)));
    assert!(refused.json()["hint"].as_str().is_some_and(|hint| hint.starts_with("try again in")));
    let counted = statuses.iter().filter(|status| **status == 429).count() as u64;
    assert_eq!(metric(&service, "firetower_http_requests_rejected_total{reason=\"client_rate\"}"), counted);
    let told = "firetower_http_requests_total{route=\"/healthz\",status=\"429\"}";
    assert_eq!(metric(&service, told), counted);
    wait_for("the client to be let in again", || (ask().status == 200).then_some(()));
}

#[test]
fn requests_are_counted_by_route_not_by_path() {
    let service = limited(|_| {});
    for path in ["/healthz", "/nothing/1", "/nothing/2", "/flamegraph.folded?seconds=1"] {
        send(service.address, &format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n"));
    }
    assert_eq!(metric(&service, "firetower_http_requests_total{route=\"/healthz\",status=\"200\"}"), 1);
    assert_eq!(
        metric(&service, "firetower_http_requests_total{route=\"/flamegraph.folded\",status=\"404\"}"),
        1
    );
    assert_eq!(metric(&service, "firetower_http_requests_total{route=\"other\",status=\"404\"}"), 2);
    // And those for the metrics themselves.
    assert!(metric(&service, "firetower_http_request_seconds_count") >= 7);
}
