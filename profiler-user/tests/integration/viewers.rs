//! Many viewers and heavy queries at once, of an agent that profiles real programs: no sample is lost to them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::http::ask;
use crate::pythons::{Process, fixture, python, supported};
use crate::running::wait_for;
use crate::service::Service;

/// Browsers that have the live page open.
const VIEWERS: usize = 200;
/// Clients that ask for as much as they can, one request after the other.
const HEAVY: usize = 8;
/// How long they go on.
const WHILE: Duration = Duration::from_secs(10);

/// One connection that is kept for several requests.
struct Client {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
}

impl Client {
    fn new(host: SocketAddr) -> Client {
        let stream = TcpStream::connect(host).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        Client { stream: BufReader::new(stream), host }
    }

    /// The status of an answer that is read to its end.
    fn get(&mut self, path: &str) -> u16 {
        let (status, length) = self.begin(path);
        let mut body = vec![0; length.expect("its answers have a length")];
        self.stream.read_exact(&mut body).expect("the whole body");
        status
    }

    /// Counts the events of a live stream until it is told to stop; `false` if there is no room for another stream.
    fn live(&mut self, events: &AtomicU64, stop: &AtomicBool) -> bool {
        let (status, length) = self.begin("/api/v1/live?seconds=60");
        if status != 200 {
            assert_eq!(status, 503);
            let mut body = vec![0; length.expect("it says how long its reason is")];
            self.stream.read_exact(&mut body).expect("the reason");
            return false;
        }
        let mut line = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            line.clear();
            assert!(self.stream.read_until(b'\n', &mut line).expect("events") > 0, "it was cut off");
            events.fetch_add(u64::from(line.starts_with(b"event: ")), Ordering::SeqCst);
        }
        true
    }

    /// Asks, and reads the head of the answer: its status, and its length if it has one.
    fn begin(&mut self, path: &str) -> (u16, Option<usize>) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(request.as_bytes()).expect("sent");
        let mut line = String::new();
        let mut next = |stream: &mut BufReader<TcpStream>| {
            line.clear();
            stream.read_line(&mut line).expect("a line of the head");
            assert!(line.ends_with("\r\n"), "the connection has ended: {line:?}");
            line.trim_end().to_owned()
        };
        let first = next(&mut self.stream);
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut length = None;
        loop {
            let line = next(&mut self.stream);
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            }
        }
        (status, length)
    }
}

/// Answers by status.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<BTreeMap<u16, u64>>>);

impl Answers {
    fn count(&self, status: u16) {
        *self.0.lock().expect("no panic here").entry(status).or_default() += 1;
    }

    /// How many there were with a profile so far.
    fn fine(&self) -> u64 {
        self.0.lock().expect("no panic there").get(&200).copied().unwrap_or(0)
    }

    fn take(&self) -> BTreeMap<u16, u64> {
        std::mem::take(&mut self.0.lock().expect("no panic there"))
    }
}

/// The sum of a metric's series.
fn metric(metrics: &str, series: &str) -> f64 {
    let values = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(series)?;
        let named = rest.starts_with(['{', ' ']);
        named.then(|| rest.rsplit_once(' ').expect("a value").1.parse::<f64>().expect("a number"))
    });
    values.sum()
}

#[test]
fn viewers_cost_no_sample() {
    let service = Service::start(&["-F", "499", "--metrics-listen", "127.0.0.1:0"]);
    let start = |minor: String| Process::start(Command::new(python(&minor)).arg(fixture("races.py")));
    let mut busy: Vec<Process> = supported().map(start).collect();
    for process in &mut busy {
        assert_eq!(process.line().as_deref(), Some("READY"));
    }
    let (viewed, heavy, stop) = (Answers::default(), Answers::default(), Arc::new(AtomicBool::new(false)));
    let address = service.address;
    let until_stopped = |answers: &Answers, paths: Vec<String>, pause: Duration| {
        let (answers, stop) = (answers.clone(), stop.clone());
        std::thread::spawn(move || {
            let mut client = Client::new(address);
            while !stop.load(Ordering::SeqCst) {
                for path in &paths {
                    answers.count(client.get(path));
                }
                std::thread::sleep(pause);
            }
        })
    };
    let page = ["/api/v1/processes", "/api/v1/profile?seconds=60"].map(str::to_owned);
    let events = Arc::new(AtomicU64::new(0));
    // Each wants the live stream; who finds no room there asks every second.
    let viewer = || {
        let (events, stop, viewed) = (events.clone(), stop.clone(), viewed.clone());
        let page = page.clone();
        std::thread::spawn(move || {
            let mut client = Client::new(address);
            if client.live(&events, &stop) {
                return;
            }
            while !stop.load(Ordering::SeqCst) {
                for path in &page {
                    viewed.count(client.get(path));
                }
                std::thread::sleep(Duration::from_secs(1));
            }
        })
    };
    let viewers: Vec<_> = (0..VIEWERS).map(|_| viewer()).collect();
    let much = ["/flamegraph.folded", "/flamegraph.svg", "/api/v1/profile"];
    let much = much.map(|path| format!("{path}?seconds=900&lines=1&threads=1&processes=1"));
    let asking: Vec<_> = (0..HEAVY).map(|_| until_stopped(&heavy, much.to_vec(), Duration::ZERO)).collect();
    let metrics_at = service.metrics_address();
    let scrape = || {
        let answer = ask(metrics_at, "GET", "/metrics", "localhost");
        assert_eq!(answer.status, 200, "the metrics are answered whatever else is asked");
        answer.body
    };
    // The load goes on for a while, until each kind of client has been answered; and in it metrics are answered.
    let end = Instant::now() + WHILE;
    let mut scrapes = 0;
    let open = wait_for("the load to be over", || {
        let metrics = scrape();
        scrapes += 1;
        let answered =
            viewed.fine() > VIEWERS as u64 && heavy.fine() > 0 && events.load(Ordering::SeqCst) > 4;
        (answered && Instant::now() >= end).then_some(metric(&metrics, "firetower_http_connections"))
    });
    stop.store(true, Ordering::SeqCst);
    for client in viewers.into_iter().chain(asking) {
        client.join().expect("each got its answers");
    }
    let (viewed, heavy) = (viewed.take(), heavy.take());
    let events = events.load(Ordering::SeqCst);
    println!("{events} events, viewers {viewed:?}, heavy {heavy:?}, {scrapes} scrapes");
    assert!(open >= (VIEWERS + HEAVY) as f64, "{open} connections");
    for answers in [&viewed, &heavy] {
        assert!(answers.keys().all(|status| [200, 404, 503].contains(status)), "{answers:?}");
    }
    drop(busy);
    let last = wait_for("every sample that fired to be booked", || {
        let metrics = scrape();
        let sums =
            ["firetower_samples_fired_total", "firetower_samples_total"].map(|name| metric(&metrics, name));
        (sums[0] == sums[1]).then_some(metrics)
    });
    assert!(metric(&last, "firetower_samples_total{outcome=\"attributed\",reason=\"\"}") > 1000.0, "{last}");
    assert_eq!(metric(&last, "firetower_ring_buffer_lost_total"), 0.0, "{last}");
    assert_eq!(metric(&last, "firetower_http_panics_total"), 0.0, "{last}");
}
