//! The API over real sockets: files in every format, and what takes long, too long, or is given up.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use firetower::aggregate::Window;
use firetower::model::select::{Select, SelectError, SelectTicks, Selected, SelectedTicks};
use firetower::query::{History, Snapshot};
use serde_json::Value;

use crate::http::{Service, python};
use crate::http_api::{ask, header};
use crate::running::wait_for;

const NANOSECONDS: u64 = 1_000_000_000;

#[test]
fn a_profile_comes_in_every_format() {
    let service = Service::filled();
    let document = service.get("/api/v1/openapi.json").json();
    let parameters = document["paths"]["/api/v1/profile"]["get"]["parameters"].as_array().expect("an array");
    let format = parameters.iter().find(|parameter| parameter["name"] == "format").expect("a parameter");
    let names: Vec<&str> =
        format["schema"]["enum"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
    assert_eq!(names, ["svg", "html", "folded", "pprof", "speedscope", "gecko", "json"]);
    for name in names {
        let (status, head, body) = ask(&service, &format!("/api/v1/profile?format={name}&threads=1"), &[]);
        assert_eq!(status, 200, "{name}");
        let beginning: &[u8] = match name {
            "svg" => b"<?xml",
            "html" => b"<!doctype html>",
            "folded" => b"process 4242",
            "pprof" => &[0x1f, 0x8b],
            _ => b"{",
        };
        assert!(body.starts_with(beginning), "{name}: {head}");
        assert_eq!(
            header(&head, "content-type").is_some_and(|kind| kind.contains("json")),
            beginning == b"{",
            "{head}"
        );
        let saved = header(&head, "content-disposition");
        assert_eq!(saved, (name == "html").then_some("attachment; filename=\"firetower.html\""), "{name}");
    }
    let (status, head, page) = ask(&service, "/api/v1/diff?format=html", &["Accept: text/html"]);
    assert_eq!((status, header(&head, "content-type")), (200, Some("text/html; charset=utf-8")));
    let page = String::from_utf8(page).expect("UTF-8");
    let (_, rest) = page.split_once("id=\"firetower-profile\">").expect("an element");
    let inside: Value = serde_json::from_str(rest.split_once("</script>").expect("its end").0).expect("JSON");
    assert!(inside["left"].is_object() && inside["nodes"]["right_total"].is_array(), "{inside}");
}

#[test]
fn the_next_seconds_as_pprof() {
    let service = Service::filled();
    let stop = AtomicBool::new(false);
    let (status, head, body) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let now = service.live.settings().clock.now();
                service.add_at(now, (4242, 4242), vec![python("now", 1)], 1);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let answer = ask(&service, "/debug/pprof/profile?seconds=1&pid=4242", &[]);
        stop.store(true, Ordering::SeqCst);
        answer
    });
    assert_eq!((status, header(&head, "content-type")), (200, Some("application/octet-stream")));
    let mut profile = Vec::new();
    flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut profile).expect("gzip");
    let has = |name: &[u8]| profile.windows(name.len()).any(|window| window == name);
    assert!(has(b"now") && !has(b"<module>"), "what was sampled before is not in it");
}

/// A history that answers nothing, until the question is withdrawn.
#[derive(Default)]
struct Slow {
    withdrawn: Arc<AtomicBool>,
}

impl History for Slow {
    fn snapshot(&self, _: Vec<Window>) -> Box<dyn Snapshot> {
        Box::new(Slow { withdrawn: self.withdrawn.clone() })
    }

    fn complete_since(&self) -> u64 {
        0
    }
}

impl Snapshot for Slow {
    fn select(&self, select: &Select) -> Result<Selected, SelectError> {
        while !select.cancelled.is_cancelled() {
            std::thread::yield_now();
        }
        self.withdrawn.store(true, Ordering::SeqCst);
        Err(SelectError::Cancelled)
    }

    fn ticks(&self, select: &SelectTicks) -> Result<SelectedTicks, SelectError> {
        self.select(&Select { cancelled: select.cancelled.clone(), ..Select::default() })?;
        Err(SelectError::Cancelled)
    }

    fn resolution(&self, _: u64) -> u64 {
        NANOSECONDS
    }
}

#[test]
fn what_takes_too_long_is_503_and_is_withdrawn() {
    let slow = Slow::default();
    let withdrawn = slow.withdrawn.clone();
    let live = Service::new_live().with_patience(Duration::from_millis(300));
    live.set_history(Arc::new(slow));
    let service = Service::of(live);
    let answer = service.get("/api/v1/profile?from=now-1h");
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{}", answer.body);
    wait_for("the work to end", || withdrawn.load(Ordering::SeqCst).then_some(()));
    // Memory answers for itself, and the turn is free again.
    assert_eq!(service.get("/api/v1/profile?seconds=60").status, 200);
}

#[test]
fn who_hangs_up_is_not_worked_for() {
    let slow = Slow::default();
    let withdrawn = slow.withdrawn.clone();
    let live = Service::new_live().with_patience(Duration::from_secs(600));
    live.set_history(Arc::new(slow));
    let service = Service::of(live);
    let mut stream = TcpStream::connect(service.address).expect("the service listens");
    write!(stream, "GET /api/v1/top?from=now-1h HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(500) && !withdrawn.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    assert!(!withdrawn.load(Ordering::SeqCst), "as long as somebody waits it goes on");
    drop(stream);
    wait_for("the work to end", || withdrawn.load(Ordering::SeqCst).then_some(()));
}
