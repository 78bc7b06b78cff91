//! The API over real sockets: what it answers, what may be kept, what is refused, and that its description is true.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Service, python};

const NANOSECONDS: u64 = 1_000_000_000;

/// Status, head and body, as bytes, of a request with headers of its own.
pub fn ask(service: &Service, path: &str, headers: &[&str]) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(service.address).expect("the service listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
        .expect("sent");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).expect("UTF-8");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_lowercase(), bytes[end + 4..].to_vec())
}

pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// A service with samples of two threads at two fixed seconds, which are over for good; and those seconds.
fn settled() -> (Service, u64) {
    let live = Service::new_live();
    let second = live.settings().clock.now() / NANOSECONDS - 110;
    // Collected since long before, so that the range is whole.
    let settings = firetower::http::LiveSettings { started: (second - 100) * NANOSECONDS, ..live.settings() };
    let live = firetower::http::Live::new(settings);
    let service = Service::of(live);
    for (after, tid, line, samples) in [(0, 1, 11, 3), (1, 1, 12, 2), (1, 2, 12, 5)] {
        let time = (second - 90 + after) * NANOSECONDS + 250_000_000;
        service.add_at(time, (1, tid), vec![python("<module>", 30), python("work", line)], samples);
    }
    (service, second - 90)
}

#[test]
fn labels_and_their_values() {
    let service = Service::filled();
    let labels = service.get("/api/v1/labels").json();
    let names: Vec<(&str, bool)> = labels["labels"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|label| (label["name"].as_str().expect("a name"), label["standard"] == true))
        .collect();
    assert!(names.contains(&("service", true)) && names.contains(&("team", false)), "{names:?}");
    let values = service.get("/api/v1/labels/tid/values?query=checkout&limit=1").json();
    assert_eq!(values["values"], json!([{"value": "4243", "samples": 70, "cpu_seconds": 0.7}]));
    assert_eq!(values["other"], json!({"values": 2, "samples": 31, "cpu_seconds": 0.31}));
    let none = service.get("/api/v1/labels/pod/values").json();
    assert_eq!((&none["values"], &none["without"]["samples"]), (&json!([]), &json!(101)));
    assert_eq!(service.get("/api/v1/labels/no%20label/values").status, 404);
}

#[test]
fn cpu_time_over_time_by_labels() {
    let (service, second) = settled();
    let path = format!("/api/v1/series?from={second}&until={}&by=tid&step=1s&groups=1", second + 3);
    let series = service.get(&path).json();
    assert_eq!((&series["points"], &series["step_seconds"]), (&json!(3), &json!(1.0)));
    let group = &series["groups"][0];
    assert_eq!((&group["labels"], &group["samples"]), (&json!({"tid": "1"}), &json!([3, 2, 0])));
    assert_eq!(group["cpu_seconds"], json!([0.03, 0.02, 0.0]));
    assert_eq!((&series["other"]["groups"], &series["other"]["samples"]), (&json!(1), &json!([0, 5, 0])));
}

#[test]
fn the_functions_that_use_most() {
    let top = Service::filled().get("/api/v1/top?lines=1&limit=2").json();
    let shown: Vec<(&str, &Value)> = top["functions"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|function| (function["frame"]["text"].as_str().expect("a text"), &function["self"]["samples"]))
        .collect();
    assert_eq!(shown, [("work (/srv/app.py:12)", &json!(60)), ("work (/srv/app.py:11)", &json!(30))]);
    assert_eq!((&top["other"]["functions"], &top["other"]["self"]["samples"]), (&json!(3), &json!(11)));
    let by_total = Service::filled().get("/api/v1/top?sort=total&limit=2").json();
    let totals = by_total["functions"].as_array().expect("an array").iter();
    let totals: Vec<(&Value, &Value)> =
        totals.map(|function| (&function["frame"]["name"], &function["total"]["samples"])).collect();
    assert_eq!(totals, [(&json!("work"), &json!(90)), (&json!("<module>"), &json!(90))]);
}

#[test]
fn selectors_focus_depth_and_pruning() {
    let service = Service::filled();
    let samples = |query: &str| {
        let answer = service.get(&format!("/api/v1/profile?least_share=0&{query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        answer.json()
    };
    assert_eq!(samples("query=%7Btid%3D%224243%22%7D")["total"]["samples"], 70);
    assert_eq!(samples("query=checkout%7Bteam%3D~%22s.*%22%7D")["total"]["samples"], 101);
    assert_eq!(samples("query=nobody")["total"]["samples"], 0);
    assert_eq!(samples("focus=work")["total"]["samples"], 90);
    assert_eq!(samples("focus=work%20(/srv/app.py)")["total"]["samples"], 90);
    for query in ["processes=0&depth=1", "processes=0&max_nodes=2"] {
        let tree = samples(query);
        assert_eq!(tree["total"]["samples"], 101, "{query}");
        let frames = tree["frames"].as_array().expect("frames");
        let pruned = frames.iter().find(|frame| frame["kind"] == "pruned").expect("a frame that says so");
        let text = pruned["text"].as_str().expect("a text");
        assert!(text.starts_with("[pruned: ") && text.contains(" function"), "{text}");
    }
}

#[test]
fn processes_and_threads_are_labels_like_any_other() {
    let service = Service::filled();
    let selector = |name: &str, value: u32| format!("%7B{name}%3D%22{value}%22%7D");
    let ranges = "left_from=now-1m&left_until=now&right_from=now-1m&right_until=now";
    let sides = format!("left_query={}&right_query={}", selector("pid", 4242), selector("pid", 5000));
    let diff = service.get(&format!("/api/v1/diff?{ranges}&{sides}")).json();
    let samples = ["left", "right"].map(|side| diff[side]["total"]["samples"].as_u64());
    assert_eq!(samples, [Some(100), Some(1)]);
    let values = |path: &str| -> Vec<(String, Option<u64>)> {
        let answer = service.get(path).json();
        let values = answer["values"].as_array().expect("values").iter();
        values
            .map(|value| (value["value"].as_str().expect("a text").to_owned(), value["samples"].as_u64()))
            .collect()
    };
    let pid = |pid: &str, samples| (pid.to_owned(), Some(samples));
    assert_eq!(values("/api/v1/labels/pid/values"), [pid("4242", 100), pid("5000", 1)]);
    let of_process = format!("/api/v1/labels/tid/values?query={}", selector("pid", 4242));
    assert_eq!(values(&of_process), [pid("4243", 70), pid("4242", 30)]);
    let series = service.get("/api/v1/series?by=pid,thread").json();
    let labels: Vec<&Value> =
        series["groups"].as_array().expect("groups").iter().map(|group| &group["labels"]).collect();
    assert_eq!(
        labels,
        [&json!({"pid": "4242", "thread": "worker"}), &json!({"pid": "5000", "thread": "worker"})]
    );
}

#[test]
fn two_ranges_are_compared() {
    let (service, second) = settled();
    let range = |name: &str, from: u64| format!("{name}_from={from}&{name}_until={}", from + 1);
    let path = format!("/api/v1/diff?lines=1&{}&{}", range("left", second), range("right", second + 1));
    let diff = service.get(&path).json();
    assert_eq!(
        (&diff["left"]["total"]["samples"], &diff["right"]["total"]["samples"]),
        (&json!(3), &json!(7))
    );
    assert_eq!(
        (&diff["nodes"]["left_total"][0], &diff["nodes"]["right_total"][0]),
        (&json!(0.03), &json!(0.07))
    );
    let first = &diff["functions"][0];
    let frame = &diff["frames"][first["frame"].as_u64().expect("an index") as usize];
    assert_eq!(
        (&frame["line"], &first["left_self"], &first["right_self"]),
        (&json!(12), &json!(0.0), &json!(0.07))
    );
    let normalised = service.get(&format!("{path}&normalise=1")).json();
    let factor = normalised["left_factor"].as_f64().expect("a number");
    assert!((factor - 7.0 / 3.0).abs() < 1e-9, "{factor}");
    let sides = |side: &str| normalised["nodes"][side][0].as_f64().expect("a number");
    assert!((sides("left_total") - sides("right_total")).abs() < 1e-9);
}

#[test]
fn the_heat_map_knows_milliseconds() {
    let (service, second) = settled();
    let path = format!("/api/v1/heatmap?from={second}&until={}&parts=10", second + 2);
    let map = service.get(&path).json();
    assert_eq!(map["columns"], json!([[0, 0, 3, 0, 0, 0, 0, 0, 0, 0], [0, 0, 7, 0, 0, 0, 0, 0, 0, 0]]));
    assert_eq!(
        (&map["samples"], &map["most"], &map["part_milliseconds"]),
        (&json!(10), &json!(7), &json!(100))
    );
    let other = service.get(&format!("{path}&pid=77")).json();
    assert_eq!((&other["samples"], other["columns"].as_array().map(Vec::len)), (&json!(0), Some(2)));
    assert_eq!(service.get("/api/v1/heatmap?from=now-2h").status, 200);
    for too_much in ["from=now-3h", "from=now-2h&parts=100"] {
        let refused = service.get(&format!("/api/v1/heatmap?{too_much}"));
        assert!(refused.status == 400 && refused.body.contains("at most"), "{too_much}: {}", refused.body);
    }
}

#[test]
fn a_flame_chart_is_what_a_thread_ran_slice_by_slice() {
    let (service, second) = settled();
    let range = format!("from={second}&until={}", second + 3);
    let chart = service.get(&format!("/api/v1/chart?{range}&pid=1&tid=1&lines=1")).json();
    assert_eq!(
        (&chart["start_unix_seconds"], &chart["step_seconds"]),
        (&json!(second as f64), &json!(1.0)),
        "{chart}"
    );
    // Root, `<module>`, and `work` on two lines.
    assert_eq!(chart["nodes"], json!({"frame": [null, 0, 1, 2], "parent": [0, 0, 1, 1]}));
    let texts: Vec<&Value> =
        chart["frames"].as_array().expect("frames").iter().map(|frame| &frame["text"]).collect();
    assert_eq!(texts, ["<module> (/srv/app.py:30)", "work (/srv/app.py:11)", "work (/srv/app.py:12)"]);
    let amount = |samples: u64| json!({"samples": samples, "cpu_seconds": samples as f64 / 100.0});
    assert_eq!(
        chart["slices"],
        json!([
            {"node": [2], "samples": [3], "total": amount(3)},
            {"node": [3], "samples": [2], "total": amount(2)},
            {"node": [], "samples": [], "total": amount(0)},
        ])
    );
    // Both threads, by function, in one slice.
    let whole = service.get(&format!("/api/v1/chart?{range}&points=1")).json();
    assert_eq!((&whole["total"], &whole["step_seconds"]), (&amount(10), &json!(5.0)));
    assert_eq!(whole["slices"], json!([{"node": [2], "samples": [10], "total": amount(10)}]));
    assert_eq!(service.get(&format!("/api/v1/chart?{range}&tid=77")).json()["total"], amount(0));
    for absurd in ["tid=1,2", "tid=-1", "points=0", "step=1ms", "depth=0"] {
        assert_eq!(service.get(&format!("/api/v1/chart?{absurd}")).status, 400, "{absurd}");
    }
    assert_eq!(service.get("/api/v1/chart?from=now-1d&step=1s").status, 400);
}

#[test]
fn processes_are_a_tree_with_labels_and_their_share() {
    let list = Service::filled().get("/api/v1/processes").json();
    let [parent, child] = [0, 1].map(|index| &list["processes"][index]);
    assert_eq!((&parent["children"], &child["parent_pid"]), (&json!([4300]), &json!(4242)));
    assert_eq!(parent["labels"], json!({"service": "checkout", "user": "www-data", "team": "shop"}));
    // 100 samples of 10 ms, 5 s ago, over 10 s.
    assert_eq!((&parent["cpu_share"], &child["cpu_share"]), (&json!(0.1), &json!(0.0)));
}

#[test]
fn the_status_says_what_there_is() {
    let status = Service::filled().get("/api/v1/status").json();
    assert_eq!((&status["status"], &status["store"]), (&json!("ready"), &Value::Null));
    assert_eq!((&status["memory"]["entries"], &status["frequency_hertz"]), (&json!(4), &json!(100)));
    assert!(status["limits"]["range_seconds"].as_u64() > Some(0));
}

#[test]
fn what_is_over_for_good_may_be_kept_and_is_not_sent_twice() {
    let (service, second) = settled();
    let range = format!("from={second}&until={}", second + 2);
    for path in ["profile", "top", "series", "heatmap", "chart", "labels/tid/values"] {
        let path = format!("/api/v1/{path}?{range}");
        let (status, head, body) = ask(&service, &path, &[]);
        assert_eq!(status, 200, "{path}");
        assert!(
            !body.is_empty() && header(&head, "cache-control").is_some_and(|rule| rule.contains("immutable")),
            "{head}"
        );
        let tag = header(&head, "etag").expect("a tag").replace("w/", "W/");
        let (status, head, body) = ask(&service, &path, &[&format!("If-None-Match: {tag}")]);
        assert_eq!((status, body.len()), (304, 0), "{head}");
    }
    for path in
        ["/api/v1/profile?seconds=60", "/api/v1/profile?from=now-10s", "/api/v1/processes", "/api/v1/status"]
    {
        let (_, head, _) = ask(&service, path, &[]);
        assert_eq!(
            (header(&head, "cache-control"), header(&head, "etag")),
            (Some("no-store"), None),
            "{path}"
        );
    }
    // Of what was before the service nobody knows whether it is whole.
    let (status, head, body) =
        ask(&service, &format!("/api/v1/profile?from={}&until={}", second - 500, second + 2), &[]);
    assert_eq!((status, header(&head, "cache-control")), (200, Some("no-store")));
    let tree: Value = serde_json::from_slice(&body).expect("JSON");
    let complete = tree["complete_since_unix_seconds"].as_f64().expect("a time");
    assert!(complete > (second - 500) as f64 && complete <= second as f64, "{complete}");
}

#[test]
fn answers_are_compressed_for_who_takes_that() {
    let service = Service::filled();
    let (_, head, body) = ask(&service, "/api/v1/profile", &["Accept-Encoding: gzip"]);
    assert_eq!(header(&head, "content-encoding"), Some("gzip"));
    // As there is no length, the body comes in chunks; the first one begins after its size.
    let begin = body.windows(2).position(|window| window == b"\r\n").expect("a size") + 2;
    assert_eq!(&body[begin..begin + 2], [0x1f, 0x8b], "gzip's magic");
    let (_, head, _) = ask(&service, "/api/v1/profile", &[]);
    assert_eq!(header(&head, "content-encoding"), None);
}

#[test]
fn what_nobody_takes_is_not_made() {
    let service = Service::filled();
    let (status, _, body) = ask(&service, "/api/v1/profile", &["Accept: text/html"]);
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert!(
        status == 406 && body["hint"].as_str().is_some_and(|hint| hint.contains("application/json")),
        "{body}"
    );
    assert_eq!(ask(&service, "/api/v1/profile?format=svg", &["Accept: image/*"]).0, 200);
}

#[test]
fn absurd_input_is_400_with_a_hint_whatever_the_route() {
    let service = Service::filled();
    let document = service.get("/api/v1/openapi.json").json();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let path = path.replace("{name}", "service");
        for parameter in item["get"]["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            // Any text is a function that may be, and a stream of it would not end.
            let endless = path == "/api/v1/live" && name == "focus";
            if parameter["in"] == "path" || ["x", "y", "s"].contains(&name) || endless {
                continue;
            }
            let long = "%27".repeat(5000);
            let mut absurd = vec![&*long, "%FF%00"];
            if name != "focus" {
                absurd.extend(["-1", "1e999", "{", "99999999999999999999999", "%F0%9F%94%A5"]);
            }
            for value in absurd {
                let answer = service.get(&format!("{path}?{name}={value}"));
                let fine = answer.status == 400 || (name == "focus" && [200, 404].contains(&answer.status));
                assert!(fine, "{path}?{name}={value}: {} {}", answer.status, answer.body);
                if answer.status == 400 {
                    let body = answer.json();
                    assert!(body["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{body}");
                    assert!(body["error"].as_str().is_some_and(|error| error.len() < 2000), "{body}");
                }
                asked += 1;
            }
        }
        if path.starts_with("/api/v1/") {
            assert_eq!(service.get(&format!("{path}?nonsense=1")).status, 400, "{path}");
        }
    }
    assert!(asked > 300, "{asked}");
}

#[test]
fn the_description_is_served_and_each_of_its_routes_is_there() {
    let service = Service::filled();
    let answer = service.get("/api/v1/openapi.json");
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let document = answer.json();
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 12, "{}", paths.len());
    for (path, item) in paths {
        if path == "/api/v1/live" || path == "/debug/pprof/profile" {
            continue;
        }
        let answer = service.get(&path.replace("{name}", "service"));
        if path == "/api/v1/source" {
            // It is about a file of a process, which a description does not name: see `source_files`.
            assert_eq!(answer.status, 400, "{path}: {}", answer.body);
            continue;
        }
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let kind = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
        assert!(item["get"]["responses"]["200"]["content"][&kind].is_object(), "{path}: {kind}");
    }
}
