//! The HTTP service over real sockets.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use firetower::clock::Clock;
use firetower::http::{self, Access, Listeners, Live, LiveSettings, ProcessInfo, Readiness};
use firetower::model::{Frame, FrameKind, Labels, Pid, Reason, Series, Tid, Weight};
use serde_json::Value;

/// A service on a port of its own, until it is dropped.
pub struct Service {
    pub address: SocketAddr,
    pub metrics: SocketAddr,
    pub live: Arc<Live>,
    runtime: tokio::runtime::Runtime,
    shutdown: Option<tokio::sync::oneshot::Sender<()>>,
    server: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
}

impl Service {
    fn start() -> Service {
        Service::listening("127.0.0.1:0", Access::default())
    }

    /// A service on a port of this address, with metrics alone on another of loopback.
    pub fn listening(on: &str, access: Access) -> Service {
        Service::of_live(Service::new_live(), on, access)
    }

    /// What a service shares with an agent that has collected for two minutes.
    pub fn new_live() -> Live {
        let clock = Clock::new().expect("the time");
        let started = clock.now() - 120_000_000_000;
        Live::new(LiveSettings { frequency: 100, retention: 900, started, clock })
    }

    /// A service of this, on loopback.
    pub fn of(live: Live) -> Service {
        Service::of_live(live, "127.0.0.1:0", Access::default())
    }

    fn of_live(live: Live, on: &str, access: Access) -> Service {
        let live = Arc::new(live);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let bind = |on: &str| runtime.block_on(tokio::net::TcpListener::bind(on)).expect("a free port");
        let (main, others) = (bind(on), bind("127.0.0.1:0"));
        let address = main.local_addr().expect("an address");
        let metrics = others.local_addr().expect("an address");
        let listeners = Listeners { main, metrics: Some(others) };
        let (shutdown, stopped) = tokio::sync::oneshot::channel();
        let server = runtime.spawn(http::serve(listeners, live.clone(), access, async {
            // Dropping the sender stops the service as well.
            let _ = stopped.await;
        }));
        Service { address, metrics, live, runtime, shutdown: Some(shutdown), server: Some(server) }
    }

    /// A service that knows two processes: 4242 has samples, 4300 can't be profiled.
    pub fn filled() -> Service {
        let service = Service::start();
        service.live.set_readiness(Readiness::Ready);
        service.live.set_processes(vec![
            process(4242, "profiled", None),
            process(4300, "unsupported", Some(Reason::UnsupportedPython)),
        ]);
        let main = python("<module>", 30);
        service.add(4242, 4242, vec![main.clone(), python("work", 11)], 30);
        service.add(4242, 4243, vec![main.clone(), python("work", 12)], 60);
        service.add(4242, 4243, vec![Frame::unknown(Reason::NotPythonThread)], 10);
        service.add(5000, 5000, vec![Frame::unknown(Reason::ProcessPending)], 1);
        service
    }

    /// Adds samples that were taken 5 s ago.
    pub fn add(&self, pid: u32, tid: u32, frames: Vec<Frame>, samples: u64) {
        self.add_at(self.live.settings().clock.now() - 5_000_000_000, (pid, tid), frames, samples);
    }

    /// Adds samples that were taken at a time, Unix nanoseconds.
    pub fn add_at(&self, time: u64, (pid, tid): (u32, u32), frames: Vec<Frame>, samples: u64) {
        let mut aggregate = self.live.aggregate();
        let series = aggregate.series(&Series {
            pid: Pid(pid),
            command: "python app.py".into(),
            labels: labels(),
            tid: Tid(tid),
            thread: "worker".into(),
            python: "3.12.1".into(),
            interpreter: Some(0),
        });
        let stack = aggregate.intern(frames);
        assert_eq!(
            aggregate.add(time, series, stack, Weight { samples, nanoseconds: samples * 10_000_000 }),
            None
        );
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "localhost")
    }

    fn ask(&self, method: &str, path: &str, host: &str) -> Answer {
        ask(self.address, method, path, host)
    }
}

fn labels() -> Arc<Labels> {
    let extra = vec![("team".into(), "shop".into())];
    Arc::new(Labels { service: "checkout".into(), user: "www-data".into(), extra, ..Labels::default() })
}

fn process(pid: u32, state: &'static str, reason: Option<Reason>) -> ProcessInfo {
    ProcessInfo {
        pid: Pid(pid),
        parent: Some(Pid(if pid == 4300 { 4242 } else { 1 })),
        execution: None,
        executing_since: 1_700_000_000_000_000_000,
        command: "python app.py".into(),
        labels: labels(),
        python: Some("3.12.1".into()),
        state,
        reason,
        threads: 2,
        samples: 100,
        cpu_seconds: 1.0,
        since: 1_700_000_000_000_000_000,
    }
}

pub fn python(name: &str, line: u32) -> Frame {
    Frame { file: "/srv/app.py".into(), line, first_line: 1, ..Frame::bare(FrameKind::Python, name) }
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value.trim())
    }
}

pub fn ask(address: SocketAddr, method: &str, path: &str, host: &str) -> Answer {
    send(address, &format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
}

/// The answer to a request as it is on the wire; it must close the connection.
pub fn send(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("the service listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

#[test]
fn the_flame_graph_of_a_process() {
    let answer = Service::filled().get("/flamegraph.svg?seconds=60&pid=4242&lines=1");
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/svg+xml; charset=utf-8"));
    assert!(answer.body.contains("firetower: python app.py (pid 4242), 60 s at 100 Hz, 100 samples"));
    assert!(answer.body.contains("work (/srv/app.py:12) (60 samples, 60.00%)"));
    assert!(answer.body.contains("10.0 % not attributed: 10.0 % not a Python thread"));
    assert!(answer.header("content-security-policy").starts_with("sandbox allow-scripts"));
    assert!(!answer.header("content-security-policy").contains("allow-same-origin"));
}

#[test]
fn folded_stacks_by_function_line_thread_and_process() {
    let service = Service::filled();
    let folded = |query: &str| service.get(&format!("/flamegraph.folded?{query}")).body;
    assert_eq!(
        folded("pid=4242"),
        "<module> (/srv/app.py);work (/srv/app.py) 90\n[not a Python thread] 10\n"
    );
    assert_eq!(
        folded("pid=4242&lines=1"),
        "<module> (/srv/app.py:30);work (/srv/app.py:11) 30\n\
         <module> (/srv/app.py:30);work (/srv/app.py:12) 60\n[not a Python thread] 10\n"
    );
    assert_eq!(
        folded("pid=4242&threads=1"),
        "thread 4242 (worker);<module> (/srv/app.py);work (/srv/app.py) 30\n\
         thread 4243 (worker);<module> (/srv/app.py);work (/srv/app.py) 60\n\
         thread 4243 (worker);[not a Python thread] 10\n"
    );
    assert_eq!(
        folded("seconds=30"),
        "process 4242 (python app.py);<module> (/srv/app.py);work (/srv/app.py) 90\n\
         process 4242 (python app.py);[not a Python thread] 10\n\
         process 5000 (python app.py);[process not examined yet] 1\n"
    );
    assert_eq!(folded("pid=5000&pid=9,10&processes=0"), "[process not examined yet] 1\n");
}

#[test]
fn only_the_seconds_asked_for() {
    let answer = Service::filled().get("/flamegraph.folded?seconds=2");
    assert_eq!(answer.status, 404, "the samples are 5 s old");
}

#[test]
fn the_call_tree_as_json() {
    let tree = Service::filled().get("/api/v1/profile?pid=4242&seconds=60").json();
    assert_eq!(tree["total"]["samples"], 100);
    assert_eq!(tree["total"]["cpu_seconds"], 1.0);
    assert_eq!(tree["unattributed"]["reasons"][0]["reason"], "not_python_thread");
    assert_eq!(tree["duration_seconds"], 60.0);
    assert_eq!(tree["nodes"]["total"], serde_json::json!([100, 90, 90, 10]));
    assert_eq!(tree["nodes"]["self"], serde_json::json!([0, 0, 90, 10]));
}

#[test]
fn a_known_process_without_samples_is_an_empty_tree_and_an_unknown_one_an_error() {
    let service = Service::filled();
    let known = service.get("/api/v1/profile?pid=4300");
    assert_eq!((known.status, known.json()["total"]["samples"].as_u64()), (200, Some(0)));
    let unknown = service.get("/api/v1/profile?pid=77");
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.json()["error"], "no samples of pid 77 in the last 60 s");
}

#[test]
fn a_process_without_samples_says_why() {
    let service = Service::filled();
    let error = service.get("/flamegraph.svg?pid=4300").json();
    assert_eq!(error["hint"], "process 4300 is unsupported: unsupported Python version");
    let unknown = service.get("/flamegraph.svg?pid=77");
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["hint"].as_str().is_some_and(|hint| hint.contains("/api/v1/processes")));
}

#[test]
fn the_list_of_processes() {
    let list = Service::filled().get("/api/v1/processes").json();
    assert_eq!(list["status"], "ready");
    assert_eq!(list["retention_seconds"], 900);
    assert_eq!(list["processes"][0]["python_version"], "3.12.1");
    assert_eq!(list["processes"][0]["service"], "checkout");
    assert_eq!(list["processes"][0]["user"], "www-data");
    assert_eq!(list["processes"][0]["unit"], Value::Null);
    assert_eq!(list["processes"][0]["container"], Value::Null);
    assert_eq!(list["processes"][0]["reason"], Value::Null);
    assert_eq!(list["processes"][1]["reason_text"], "unsupported Python version");
}

#[test]
fn what_is_absurd_is_refused() {
    let service = Service::filled();
    for path in [
        "/flamegraph.svg?seconds=0",
        "/flamegraph.folded?seconds=9999",
        "/api/v1/profile?pid=x",
        "/flamegraph.svg?second=1",
    ] {
        let answer = service.get(path);
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.json()["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{path}");
    }
    assert_eq!(service.get("/nothing").status, 404);
    let post = service.ask("POST", "/flamegraph.svg", "localhost");
    assert_eq!((post.status, post.header("allow")), (405, "GET,HEAD"));
    assert!(post.json()["error"].is_string());
}

#[test]
fn readiness_follows_the_agent() {
    let service = Service::start();
    assert_eq!(service.get("/healthz").status, 200);
    assert_eq!(service.get("/readyz").status, 503);
    service.live.set_readiness(Readiness::Ready);
    assert_eq!(service.get("/readyz").status, 200);
    assert!(service.get("/metrics").body.contains("\nfiretower_ready 1\n"));
    service.live.set_readiness(Readiness::Failed("the perf event could not be opened".into()));
    let failed = service.get("/readyz");
    assert_eq!(
        (failed.status, failed.json()["error"].as_str()),
        (503, Some("the perf event could not be opened"))
    );
    assert!(service.get("/metrics").body.contains("\nfiretower_ready 0\n"));
    assert_eq!(service.get("/healthz").status, 200);
}

#[test]
fn metrics_are_prometheus_text() {
    let answer = Service::filled().get("/metrics");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    assert!(answer.body.contains("firetower_processes{python_version=\"3.12.1\",state=\"unsupported\"} 1"));
    assert!(answer.body.contains("firetower_aggregate_table_entries{table=\"entries\"} 4"));
}

#[test]
fn a_foreign_host_is_turned_away_on_loopback() {
    let service = Service::filled();
    let foreign = service.ask("GET", "/api/v1/processes", "evil.example:7070");
    assert_eq!(foreign.status, 421);
    assert!(foreign.json()["hint"].as_str().is_some_and(|hint| hint.contains("localhost")));
    let port = service.address.port();
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        assert_eq!(service.ask("GET", "/api/v1/processes", &host).status, 200, "{host}");
    }
}

#[test]
fn the_page_may_do_nothing_but_its_own() {
    let service = Service::filled();
    let page = service.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"),
        "{policy}"
    );
    for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "same-origin")] {
        assert_eq!(page.header(name), value);
    }
    // Inline script and style would not run under this policy; everything that the page names must be there.
    assert!(
        !page.body.contains("<style") && !page.body.contains(" style=") && !page.body.contains("javascript:")
    );
    let mut named = 0;
    for attribute in ["src=\"", "href=\""] {
        for rest in page.body.split(attribute).skip(1) {
            let path = rest.split('"').next().expect("a closing quote");
            if path.starts_with("data:") {
                continue;
            }
            assert_eq!(service.get(path).status, 200, "{path}");
            named += 1;
        }
    }
    assert!(named >= 3, "a style sheet and two scripts");
}

#[test]
fn too_many_renders_are_turned_away() {
    let service = Service::filled();
    let statuses: Vec<u16> = {
        // While the aggregate is held, renders can't go on.
        let aggregate = service.live.aggregate();
        let address = service.address;
        let requests: Vec<_> = (0..3)
            .map(|_| {
                std::thread::spawn(move || ask(address, "GET", "/flamegraph.folded", "localhost").status)
            })
            .collect();
        while !requests.iter().any(|request| request.is_finished()) {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(aggregate);
        requests.into_iter().map(|request| request.join().expect("an answer")).collect()
    };
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2, "{statuses:?}");
    assert!(
        service
            .get("/metrics")
            .body
            .contains("\nfiretower_http_requests_rejected_total{reason=\"busy\"} 1\n")
    );
}

#[test]
fn the_shutdown_waits_for_nobody_for_long() {
    let mut service = Service::filled();
    let mut stuck = TcpStream::connect(service.address).expect("the service listens");
    stuck.write_all(b"GET /metrics HTTP/1.1\r\nHost: local").expect("half a request");
    assert_eq!(service.get("/healthz").status, 200, "the half request has been accepted before this one");
    let begun = Instant::now();
    drop(service.shutdown.take());
    let server = service.server.take().expect("not stopped yet");
    service.runtime.block_on(server).expect("no panic").expect("no error");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(TcpStream::connect(service.address).is_err(), "nobody listens any more");
}
