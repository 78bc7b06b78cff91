//! The live stream over real sockets: what a client puts together from it is what the API answers for the same time, and
//! who takes nothing is cut off.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::http::{Service, python};
use crate::running::wait_for;

/// Path of texts → (total, self).
type Shown = BTreeMap<String, (u64, u64)>;

/// Events as they come.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(service: &Service, query: &str) -> Events {
        let mut stream = TcpStream::connect(service.address).expect("the service listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        write!(stream, "GET /api/v1/live?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
        let mut events = Events(BufReader::new(stream));
        let mut head = String::new();
        while events.0.read_line(&mut head).expect("a head") > 2 {}
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
        events
    }

    /// Name and data of the next one. The sizes of chunks between are neither.
    fn next(&mut self) -> (String, Value) {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).expect("a line") > 0, "the stream ended");
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.trim().to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return (name, serde_json::from_str(data).expect("JSON"));
            }
        }
    }
}

/// What a client knows.
#[derive(Default)]
struct Client {
    frames: Vec<String>,
    /// By number: frame, parent, total, self.
    nodes: BTreeMap<u64, (Option<u64>, u64, u64, u64)>,
}

impl Client {
    fn apply(&mut self, event: &str, data: &Value) {
        match event {
            "profile" => *self = Client::default(),
            "delta" => {}
            _ => panic!("{event}: {data}"),
        }
        let texts = data["frames"].as_array().expect("frames").iter();
        self.frames.extend(texts.map(|frame| frame["text"].as_str().expect("a text").to_owned()));
        for removed in data["removed"].as_array().expect("numbers") {
            assert!(
                self.nodes.remove(&removed.as_u64().expect("a number")).is_some(),
                "{removed} was not there"
            );
        }
        let values = |name: &str| data["nodes"][name].as_array().expect("an array");
        for at in 0..values("id").len() {
            let number = |name: &str| values(name)[at].as_u64().expect("a number");
            let node = (values("frame")[at].as_u64(), number("parent"), number("total"), number("self"));
            self.nodes.insert(number("id"), node);
        }
    }

    fn shown(&self) -> Shown {
        let path = |mut id: u64| {
            let mut path = String::new();
            while let (Some(frame), parent, ..) = self.nodes[&id] {
                path = format!("/{}{path}", self.frames[frame as usize]);
                id = parent;
            }
            path
        };
        self.nodes.iter().map(|(&id, &(_, _, total, own))| (path(id), (total, own))).collect()
    }
}

/// The same of an answer of `/api/v1/profile`.
fn shown(tree: &Value) -> Shown {
    let values = |name: &str| tree["nodes"][name].as_array().expect("an array");
    let mut paths: Vec<String> = Vec::new();
    for (frame, parent) in values("frame").iter().zip(values("parent")) {
        paths.push(match frame.as_u64() {
            Some(frame) => {
                let text = tree["frames"][frame as usize]["text"].as_str().expect("a text");
                format!("{}/{text}", paths[parent.as_u64().expect("an index") as usize])
            }
            None => String::new(),
        });
    }
    let number = |value: &Value| value.as_u64().expect("a number");
    let numbers = values("total").iter().zip(values("self")).map(|(total, own)| (number(total), number(own)));
    paths.into_iter().zip(numbers).collect()
}

#[test]
fn the_pictures_are_what_the_api_answers_for_the_same_time() {
    let service = Service::filled();
    let mut events = Events::open(&service, "seconds=20&interval=0.2&least_share=0");
    let mut client = Client::default();
    let mut kinds = BTreeMap::<String, usize>::new();
    for round in 0..6 {
        // A picture may have been under way before the last samples were there.
        let data = loop {
            let (event, data) = events.next();
            client.apply(&event, &data);
            *kinds.entry(event).or_default() += 1;
            if data["total"]["samples"] == 101 + 10 * round {
                break data;
            }
        };
        let number = |name: &str| data[name].as_f64().expect("a number");
        let (from, seconds) = (number("start_unix_seconds"), number("duration_seconds"));
        let path = format!("/api/v1/profile?from={from}&until={}&least_share=0", from + seconds);
        let answer = service.get(&path).json();
        assert_eq!(client.shown(), shown(&answer), "round {round}: {data}");
        assert_eq!(data["total"], answer["total"]);
        // New functions, and more of a known one; of the past, so that the same second is asked for twice.
        let time = service.live.settings().clock.now() - 6_000_000_000;
        service.add_at(time, (4242, 4242), vec![python("<module>", 30), python(&format!("f{round}"), 1)], 7);
        service.add_at(time, (4242, 4242), vec![python("<module>", 30), python("work", 11)], 3);
    }
    assert!(kinds["profile"] == 1 && kinds["delta"] >= 5, "{kinds:?}");
}

#[test]
fn a_sample_is_seen_in_the_second_in_which_it_was_taken() {
    let service = Service::filled();
    let mut events = Events::open(&service, "seconds=20&interval=0.2&least_share=0");
    let mut expected = events.next().1["total"]["samples"].as_u64().expect("a number");
    // On a machine that is busy with other things a second may be over before its picture is made: then with the next.
    wait_for("a picture of the running second", || {
        let time = service.live.settings().clock.now();
        service.add_at(time, (4242, 4242), vec![python("now", 1)], 1);
        expected += 1;
        let data = loop {
            let data = events.next().1;
            if data["total"]["samples"].as_u64() >= Some(expected) {
                break data;
            }
        };
        let number = |name: &str| data[name].as_f64().expect("a number");
        let end = number("start_unix_seconds") + number("duration_seconds");
        ((time / 1_000_000_000) as f64 + 1.0 > end).then_some(())
    });
}

#[test]
fn who_takes_nothing_is_cut_off() {
    let service = Service::filled();
    let streams =
        |name: &str| service.get("/api/v1/status").json()["live_streams"][name].as_u64().expect("a number");
    let stuck = TcpStream::connect(service.address).expect("the service listens");
    (&stuck)
        .write_all(b"GET /api/v1/live?interval=0.2&least_share=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("sent");
    wait_for("the stream", || (streams("open") == 1).then_some(()));
    // Names that are more than what lies between takes, some megabytes; sent as they come. More of them for as long as it
    // goes on, but less than memory holds.
    let mut round = 0;
    wait_for("the end of the stream", || {
        round += 1;
        let time = service.live.settings().clock.now() - 3_000_000_000;
        for function in 0..if round < 100 || round % 50 == 0 { 8 } else { 0 } {
            let name = format!("{round}_{function}_{}", "x".repeat(30_000));
            service.add_at(time, (4242, 4242), vec![python(&name, 1)], 1);
        }
        (streams("open") == 0).then_some(())
    });
    // Where pictures take long, the connection is cut before there is one too many of them.
    let metrics = service.get("/metrics").body;
    let cut: u64 = metrics
        .lines()
        .filter(|line| line.starts_with("firetower_http_connections_cut_total{"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
        .sum();
    assert!(streams("cut_off") == 1 || cut > 0, "{metrics}");
    drop(stuck);
}

#[test]
fn who_hangs_up_makes_room() {
    let service = Service::filled();
    let open = || service.get("/api/v1/status").json()["live_streams"]["open"].as_u64().expect("a number");
    let mut events = Events::open(&service, "interval=0.2");
    assert_eq!((events.next().0, open()), ("profile".to_owned(), 1));
    drop(events);
    wait_for("room", || (open() == 0).then_some(()));
    assert_eq!(service.get("/api/v1/status").json()["live_streams"]["cut_off"], 0);
}

#[test]
fn there_is_a_bound_on_streams() {
    let service = Service::filled();
    let most = service.get("/api/v1/status").json()["limits"]["live_streams"].as_u64().expect("a number");
    let open: Vec<Events> = (0..most).map(|_| Events::open(&service, "interval=60")).collect();
    let refused = service.get("/api/v1/live");
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.json()["hint"].as_str().is_some_and(|hint| hint.contains("/api/v1/profile")));
    drop(open);
}
