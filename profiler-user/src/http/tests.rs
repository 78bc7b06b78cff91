//! What is around the routes, with routes that do what no real one should.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_stream::wrappers::IntervalStream;
use tower::ServiceExt as _;

use super::*;
use crate::clock::Clock;

fn app(limits: &Limits) -> App {
    let clock = Clock::new().unwrap();
    let settings = LiveSettings { frequency: 100, retention: 60, started: clock.now(), clock };
    let gate = Gate::new(Hosts { which: Which::Any, names: Vec::new() }, None, limits);
    App::new(Arc::new(Live::new(settings)), gate)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test)
}

fn metric(app: &App, series: &str) -> Option<u64> {
    app.live.metrics().render().lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[test]
fn a_route_that_panics_is_an_answer_and_a_count() {
    async fn panics() -> StatusCode {
        panic!("as it should not")
    }
    let app = app(&Limits::default());
    let router = layered(Router::new().route("/panics", get(panics)), app.clone());
    run(async {
        for panicked in 1..=2 {
            let request = Request::get("/panics").extension(buckets::Client::of([127, 0, 0, 1].into()));
            let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
            let body = axum::body::to_bytes(answer.into_body(), 1000).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert!(body["error"].is_string() && !body.to_string().contains("as it should not"), "{body}");
            assert_eq!(metric(&app, "firetower_http_panics_total"), Some(panicked));
        }
    });
    let counted = "firetower_http_requests_total{route=\"/panics\",status=\"500\"}";
    assert_eq!(metric(&app, counted), Some(2));
}

/// Events of this size, one after each interval, for ever.
fn events(size: usize, every: Duration) -> Router<App> {
    let event = move || {
        let ticks = IntervalStream::new(tokio::time::interval(every));
        let event = Bytes::from(format!("data: {}\n\n", "x".repeat(size)));
        async move { Body::from_stream(ticks.map(move |_| Ok::<_, Infallible>(event.clone()))) }
    };
    Router::new().route("/events", get(event))
}

/// A running server of these routes, a client that has asked it for `/events`, and what ends it when dropped.
async fn served(routes: Router<App>, limits: Limits) -> (App, TcpStream, tokio::sync::watch::Sender<bool>) {
    let app = app(&limits);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let server = Server { listener, router: layered(routes, app.clone()), limits, live: app.live.clone() };
    tokio::spawn(server.run(stopping));
    client.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    (app, client, stop)
}

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn events_may_be_rare_and_go_on_for_ever() {
    run(async {
        let limits = Limits { head: SHORT, stall: SHORT, ..Limits::default() };
        let (app, mut client, _stop) = served(events(10, SHORT * 3), limits).await;
        let (mut seen, mut bytes) = (0, [0; 4096]);
        while seen < 5 {
            let read = client.read(&mut bytes).await.unwrap();
            assert!(read > 0, "it was cut off");
            seen += String::from_utf8_lossy(&bytes[..read]).matches("data: x").count();
        }
        assert_eq!(metric(&app, "firetower_http_connections_cut_total{reason=\"stalled\"}"), Some(0));
        assert_eq!(metric(&app, "firetower_http_connections_cut_total{reason=\"head\"}"), Some(0));
    });
}

#[test]
fn who_does_not_read_its_events_is_cut_off() {
    run(async {
        let limits = Limits { stall: SHORT, ..Limits::default() };
        let (app, _client, _stop) = served(events(256 << 10, Duration::from_millis(1)), limits).await;
        let cut = || metric(&app, "firetower_http_connections_cut_total{reason=\"stalled\"}") == Some(1);
        let gone = || metric(&app, "firetower_http_connections ") == Some(0);
        let until_cut = async {
            while !cut() || !gone() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), until_cut).await.expect("it is cut off");
    });
}

#[test]
fn answers_that_nobody_takes_fill_no_memory() {
    let large = || async { Bytes::from(vec![b'x'; 50 << 20]) };
    let app = app(&Limits::default());
    let router = layered(Router::new().route("/large", get(large)), app.clone());
    let ask = || {
        let request = Request::get("/large").extension(buckets::Client::of([127, 0, 0, 1].into()));
        router.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    run(async {
        let kept = [ask().await.unwrap(), ask().await.unwrap()];
        assert!(kept.iter().all(|answer| answer.status() == StatusCode::OK));
        let refused = ask().await.unwrap();
        assert_eq!(
            (refused.status(), refused.headers()["retry-after"].to_str().unwrap()),
            (StatusCode::SERVICE_UNAVAILABLE, "1")
        );
        assert_eq!(metric(&app, "firetower_http_requests_rejected_total{reason=\"memory\"}"), Some(1));
        drop(kept);
        assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
    });
}
