//! Profiles of every format as the tests read them, into one shape: for each thread, the samples of each stack. Each reader
//! holds what its format asks for.

use std::collections::BTreeMap;

use firetower::model::Reason;
use firetower::render::Format;
use serde_json::Value;

use crate::{folded, pprof};

/// Samples by stack: the texts of its frames as folded stacks have them, root first, joined by `;`.
pub type Stacks = BTreeMap<String, u64>;
/// By thread id; of a format or profile that has no threads, all are of one without a name.
pub type Threads = BTreeMap<String, Stacks>;

/// Reads a profile. `period`: nanoseconds of each of its samples.
pub fn read(format: Format, bytes: &[u8], period: u64) -> Threads {
    let json = || serde_json::from_slice(bytes).expect("JSON");
    match format {
        Format::Folded => folded(std::str::from_utf8(bytes).expect("UTF-8")),
        Format::Pprof => of_pprof(&pprof::parse(bytes), period),
        Format::Speedscope => speedscope(&json(), period),
        Format::Gecko => gecko(&json()),
        Format::Json => plain(&json(), period),
        Format::Html => call_tree(&html(std::str::from_utf8(bytes).expect("UTF-8"))),
        Format::Svg => panic!("a picture"),
    }
}

/// All samples.
pub fn total(threads: &Threads) -> u64 {
    threads.values().flat_map(BTreeMap::values).sum()
}

/// All threads together.
pub fn together(threads: &Threads) -> Stacks {
    let mut sum = Stacks::new();
    for (stack, count) in threads.values().flatten() {
        *sum.entry(stack.clone()).or_default() += count;
    }
    sum
}

fn add(threads: &mut Threads, thread: &str, frames: &[String], count: u64) {
    *threads.entry(thread.to_owned()).or_default().entry(frames.join(";")).or_default() += count;
}

/// The profile inside a page.
fn html(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"firetower-profile\">").expect("an element");
    let (json, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(json).expect("JSON")
}

/// A call tree as the API has it.
fn call_tree(file: &Value) -> Threads {
    let nodes = &file["nodes"];
    let (mut threads, mut paths) = (Threads::new(), Vec::<Vec<String>>::new());
    for (index, frame) in list(&nodes["frame"]).iter().enumerate() {
        let mut path = paths.get(number(&nodes["parent"][index]) as usize).cloned().unwrap_or_default();
        if !frame.is_null() {
            path.push(string(&at(&file["frames"], frame)["text"]).to_owned());
        }
        match number(&nodes["self"][index]) {
            0 => {}
            own => add(&mut threads, "", &path, own),
        }
        paths.push(path);
    }
    threads
}

/// Folded stacks without thread frames.
fn folded(text: &str) -> Threads {
    let mut threads = Threads::new();
    for line in text.lines() {
        let (stack, count) = line.rsplit_once(' ').expect("a count");
        add(&mut threads, "", &[stack.to_owned()], count.parse().expect("a count"));
    }
    threads
}

/// Folded stacks that stand on thread frames.
pub fn folded_by_thread(text: &str) -> Threads {
    let mut threads = Threads::new();
    for line in folded::parse(text) {
        assert!(line.frames[0].starts_with("thread "), "{line:?}");
    }
    for (stack, count) in folded(text).into_values().flatten() {
        let (thread, stack) = stack.split_once(';').expect("more than a thread");
        let tid = thread.split(' ').nth(1).expect("thread TID (name)");
        add(&mut threads, tid, &[stack.to_owned()], count);
    }
    threads
}

/// A frame's text from its name and file.
fn text(name: &str, file: &str) -> String {
    if file.is_empty() { name.to_owned() } else { format!("{name} ({file})") }
}

fn of_pprof(profile: &pprof::Profile, period: u64) -> Threads {
    assert_eq!(profile.period, period);
    assert!(profile.duration > 0);
    let mut threads = Threads::new();
    for sample in &profile.samples {
        assert_eq!(sample.nanoseconds, sample.samples * period, "{sample:?}");
        let frames: Vec<String> = sample.frames.iter().map(|(name, file, _)| text(name, file)).collect();
        let tid = sample.labels.get("tid").map_or("", String::as_str);
        add(&mut threads, tid, &frames, sample.samples);
    }
    threads
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number from 0"))
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// The element that an index names.
fn at<'a>(table: &'a Value, index: &Value) -> &'a Value {
    list(table).get(number(index) as usize).unwrap_or_else(|| panic!("{index} is out of range"))
}

fn speedscope(file: &Value, period: u64) -> Threads {
    let frames = &file["shared"]["frames"];
    let profiles = list(&file["profiles"]);
    let shown = at(&file["profiles"], &file["activeProfileIndex"]);
    let mut threads = Threads::new();
    for profile in profiles {
        assert_eq!((string(&profile["type"]), string(&profile["unit"])), ("sampled", "nanoseconds"));
        let (samples, weights) = (list(&profile["samples"]), list(&profile["weights"]));
        assert_eq!(samples.len(), weights.len());
        assert_eq!(number(&profile["endValue"]), weights.iter().map(number).sum::<u64>());
        assert!(number(&profile["endValue"]) <= number(&shown["endValue"]), "the heaviest is shown");
        // `name (thread TID of process PID, command)`
        let name = string(&profile["name"]);
        let tid = name.split_once(" (thread ").map_or("", |(_, rest)| rest.split(' ').next().unwrap_or(""));
        for (sample, weight) in samples.iter().zip(weights) {
            assert_eq!(number(weight) % period, 0, "whole samples");
            let frames = list(sample).iter().map(|index| {
                let frame = at(frames, index);
                text(string(&frame["name"]), frame["file"].as_str().unwrap_or(""))
            });
            add(&mut threads, tid, &frames.collect::<Vec<_>>(), number(weight) / period);
        }
    }
    threads
}

/// Holds that every column of a table has as many rows as the table says, and that those named refer to rows of others, or
/// to none.
fn check_table(table: &Value, references: &[(&str, usize)]) {
    let length = number(&table["length"]) as usize;
    for (name, column) in table.as_object().expect("a table") {
        if let Some(column) = column.as_array() {
            assert_eq!(column.len(), length, "{name}");
        }
    }
    for (name, rows) in references {
        for index in list(&table[*name]) {
            assert!(index.is_null() || (number(index) as usize) < *rows, "{name}: {index} of {rows}");
        }
    }
}

/// Processed profiles of the Firefox Profiler, version 60.
fn gecko(file: &Value) -> Threads {
    let (meta, shared) = (&file["meta"], &file["shared"]);
    assert_eq!(meta["preprocessedProfileVersion"], 60);
    assert!(meta["interval"].as_f64().is_some_and(|interval| interval > 0.0), "{meta}");
    let categories = list(&meta["categories"]);
    assert!(categories.iter().any(|category| category["color"] == "grey"), "the default category");
    assert!(categories.iter().all(|category| category["subcategories"][0] == "Other"), "{meta}");
    let rows = |table: &str| number(&shared[table]["length"]) as usize;
    let texts = list(&shared["stringArray"]).len();
    check_table(&shared["stackTable"], &[("frame", rows("frameTable")), ("prefix", rows("stackTable"))]);
    check_table(
        &shared["frameTable"],
        &[("func", rows("funcTable")), ("category", categories.len()), ("subcategory", 1)],
    );
    check_table(&shared["funcTable"], &[("name", texts), ("source", rows("sources"))]);
    check_table(&shared["sources"], &[("filename", texts)]);
    check_table(&shared["resourceTable"], &[]);
    check_table(&shared["nativeSymbols"], &[]);
    for (index, prefix) in list(&shared["stackTable"]["prefix"]).iter().enumerate() {
        assert!(prefix.is_null() || number(prefix) < index as u64, "parents come before their children");
    }
    let mut threads = Threads::new();
    for thread in list(&file["threads"]) {
        let samples = &thread["samples"];
        check_table(samples, &[("stack", rows("stackTable"))]);
        check_table(&thread["markers"], &[]);
        let time: Vec<f64> = list(&samples["time"]).iter().map(|time| time.as_f64().expect("ms")).collect();
        assert!(time.windows(2).all(|pair| pair[0] <= pair[1]), "in order");
        let tid = thread["tid"].as_str().expect("a text");
        assert_eq!(thread["isMainThread"], thread["pid"] == thread["tid"]);
        for (stack, weight) in list(&samples["stack"]).iter().zip(list(&samples["weight"])) {
            if stack.is_null() {
                assert_eq!(number(weight), 0, "an empty sample has no weight");
                continue;
            }
            add(&mut threads, tid, &gecko_frames(shared, stack), number(weight));
        }
    }
    threads
}

fn gecko_frames(shared: &Value, stack: &Value) -> Vec<String> {
    let (mut frames, mut next) = (Vec::new(), stack);
    while !next.is_null() {
        let function = at(&shared["frameTable"]["func"], at(&shared["stackTable"]["frame"], next));
        let name = string(at(&shared["stringArray"], at(&shared["funcTable"]["name"], function)));
        let source = at(&shared["funcTable"]["source"], function);
        let file = match source.is_null() {
            true => "",
            false => string(at(&shared["stringArray"], at(&shared["sources"]["filename"], source))),
        };
        frames.push(text(name, file));
        next = at(&shared["stackTable"]["prefix"], next);
    }
    frames.reverse();
    frames
}

fn plain(file: &Value, period: u64) -> Threads {
    let mut threads = Threads::new();
    for stack in list(&file["stacks"]) {
        assert_eq!(number(&stack["nanoseconds"]), number(&stack["samples"]) * period, "{stack}");
        let frames = list(&stack["frames"]).iter().map(|index| plain_frame(at(&file["frames"], index)));
        let tid = stack["labels"]["tid"].as_str().unwrap_or("");
        add(&mut threads, tid, &frames.collect::<Vec<_>>(), number(&stack["samples"]));
    }
    assert_eq!(total(&threads), number(&file["total"]["samples"]));
    threads
}

fn plain_frame(frame: &Value) -> String {
    match string(&frame["kind"]) {
        "python" => text(string(&frame["function"]), string(&frame["file"])),
        "kernel" => format!("{}_[k]", string(&frame["function"])),
        "truncated" => "[truncated]".to_owned(),
        "unknown" => {
            let label = string(&frame["reason"]);
            let reason = Reason::ALL.iter().find(|reason| reason.label() == label).expect("a reason");
            format!("[{}]", reason.text())
        }
        "process" | "thread" | "interpreter" => string(&frame["function"]).to_owned(),
        kind => panic!("{kind} is no kind"),
    }
}
