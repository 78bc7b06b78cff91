//! The processed format of the [Firefox Profiler](https://profiler.firefox.com), which opens it from a disk, with nothing
//! uploaded.
//!
//! Of its two formats the processed one: the other is what Firefox itself writes, and is converted to this one in ways that
//! fit a browser. Version 60, the first in which all threads share their tables: the site and the command line tool bring a
//! profile of any earlier version up to their own, and older copies of them know this one longer than the latest. The
//! facts are from its `src/types/profile.ts` and `docs-developer/CHANGELOG-formats.md`
//! (<https://github.com/firefox-devtools/profiler>).
//!
//! A profile keeps no time of its samples. They lie one after another, as long as the CPU time that they stand for, each
//! thread from 0, those that share their root end side by side: the stack chart is a flame graph, and what the timeline
//! shows is CPU time rather than time of day. There is a track for each thread if the labels of samples are kept, else
//! one. At the end of a track lies an empty sample of no weight, so that the last one has a length. Weights are in samples. Categories are [`Origin`]s. It must not know where the file goes.

use serde::Serialize;
use serde_json::{Value, json};

use super::tables::{Strings, Tables, Thread, function_name};
use super::{Origin, RenderError, visible};
use crate::model::Profile;

/// The version of the format.
const VERSION: u32 = 60;
/// What the front end calls its processes and threads if nothing is known of them.
const NOBODY: &str = "0";
const NANOSECONDS_IN_MS: f64 = 1e6;

/// Categories in the order of their indices, with their colours: what each origin's is called. The first grey one is what a
/// frame without a category would have.
const CATEGORIES: [(Origin, &str, &str); 6] = [
    (Origin::Label, "Other", "grey"),
    (Origin::Own, "Own code", "green"),
    (Origin::Package, "Packages", "blue"),
    (Origin::Library, "Standard library", "lightblue"),
    (Origin::Kernel, "Kernel", "orange"),
    (Origin::Unknown, "Unknown", "darkgrey"),
];

fn category(origin: Origin) -> usize {
    CATEGORIES.iter().position(|(known, _, _)| *known == origin).unwrap_or(0)
}

/// A table of stacks.
#[derive(Serialize)]
struct StackTable {
    frame: Vec<u32>,
    prefix: Vec<Option<u32>>,
    length: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FrameTable {
    /// -1: none.
    address: Vec<i32>,
    inline_depth: Vec<u32>,
    category: Vec<usize>,
    subcategory: Vec<u32>,
    func: Vec<u32>,
    native_symbol: Vec<Option<u32>>,
    #[serde(rename = "innerWindowID")]
    inner_window_id: Vec<u32>,
    line: Vec<Option<u32>>,
    column: Vec<Option<u32>>,
    length: usize,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct FuncTable {
    name: Vec<usize>,
    #[serde(rename = "isJS")]
    is_js: Vec<bool>,
    #[serde(rename = "relevantForJS")]
    relevant_for_js: Vec<bool>,
    /// -1: none.
    resource: Vec<i32>,
    source: Vec<Option<usize>>,
    line_number: Vec<Option<u32>>,
    column_number: Vec<Option<u32>>,
    length: usize,
}

/// A table of source files: indices of texts.
#[derive(Default, Serialize)]
struct Sources {
    uuid: Vec<Option<String>>,
    filename: Vec<usize>,
    length: usize,
}

/// The profile as the Firefox Profiler's JSON.
///
/// # Errors
/// [`RenderError::Empty`]: there is no track without samples.
pub fn render(profile: &Profile) -> Result<Vec<u8>, RenderError> {
    let tables = Tables::new(profile);
    if tables.samples.is_empty() {
        return Err(RenderError::empty(profile));
    }
    let mut strings = Strings::new();
    let (functions, sources) = functions(&tables, &mut strings);
    let subject = visible(&profile.about.subject);
    let interval = interval(profile);
    let threads = tables.threads();
    let file = json!({
        "meta": meta(profile, interval, &subject),
        "libs": [],
        "shared": {
            "stackTable": stacks(&tables),
            "frameTable": frames(&tables),
            "funcTable": functions,
            "resourceTable": { "length": 0, "lib": [], "name": [], "host": [], "type": [] },
            "nativeSymbols": { "length": 0, "libIndex": [], "address": [], "name": [], "functionSize": [] },
            "sources": sources,
            "stringArray": strings.into_vec(),
        },
        "threads": threads.iter().map(|thread| track(thread, interval, &subject)).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_vec(&file).expect("numbers and texts are JSON, and a Vec takes them"))
}

/// Milliseconds of CPU time that a sample stands for; 1 if nobody knows, as it may not be 0.
fn interval(profile: &Profile) -> f64 {
    let total = profile.total();
    match (profile.about.frequency, total.nanoseconds) {
        (0, 0) => 1.0,
        (0, nanoseconds) => nanoseconds as f64 / NANOSECONDS_IN_MS / total.samples.max(1) as f64,
        (frequency, _) => 1000.0 / f64::from(frequency),
    }
}

fn meta(profile: &Profile, interval: f64, subject: &str) -> Value {
    let categories = CATEGORIES.map(|(_, name, color)| {
        // The first subcategory stands for the category itself.
        json!({ "name": name, "color": color, "subcategories": ["Other"] })
    });
    json!({
        "interval": interval,
        "startTime": profile.about.start as f64 / NANOSECONDS_IN_MS,
        "processType": 0,
        "categories": categories,
        "product": subject,
        "importedFrom": concat!("firetower ", env!("CARGO_PKG_VERSION")),
        "stackwalk": 1,
        // Of the format that Firefox writes: none.
        "version": 0,
        "preprocessedProfileVersion": VERSION,
        "symbolicated": true,
        "markerSchema": [],
        "sampleUnits": { "time": "ms", "eventDelay": "ms", "threadCPUDelta": "ns" },
        // Python has one kind of stack, and its source is not in Firefox's repository.
        "usesOnlyOneStackType": true,
        "sourceCodeIsNotOnSearchfox": true,
    })
}

fn stacks(tables: &Tables) -> StackTable {
    StackTable {
        frame: tables.stacks.iter().map(|node| node.frame).collect(),
        prefix: tables.stacks.iter().map(|node| node.parent).collect(),
        length: tables.stacks.len(),
    }
}

fn frames(tables: &Tables) -> FrameTable {
    let length = tables.frames.len();
    let origin = |function: u32| Origin::of(tables.functions[function as usize]);
    FrameTable {
        address: vec![-1; length],
        inline_depth: vec![0; length],
        category: tables.frames.iter().map(|place| category(origin(place.function))).collect(),
        subcategory: vec![0; length],
        func: tables.frames.iter().map(|place| place.function).collect(),
        native_symbol: vec![None; length],
        inner_window_id: vec![0; length],
        line: tables.frames.iter().map(|place| (place.line > 0).then_some(place.line)).collect(),
        column: vec![None; length],
        length,
    }
}

fn functions(tables: &Tables, strings: &mut Strings) -> (FuncTable, Sources) {
    let mut files = Strings::new();
    let mut table = FuncTable::default();
    for function in &tables.functions {
        table.name.push(strings.intern(function_name(function)));
        table.is_js.push(false);
        table.relevant_for_js.push(false);
        table.resource.push(-1);
        // The first text is that of no file, and no row.
        table.source.push(files.intern(visible(&function.file)).checked_sub(1));
        table.line_number.push((function.first_line > 0).then_some(function.first_line));
        table.column_number.push(None);
        table.length += 1;
    }
    let filename: Vec<usize> =
        files.into_vec().into_iter().skip(1).map(|file| strings.intern(file)).collect();
    let length = filename.len();
    (table, Sources { uuid: vec![None; length], filename, length })
}

/// The track of a thread.
fn track(thread: &Thread, interval: f64, subject: &str) -> Value {
    let or_nobody = |id: &str| if id.is_empty() { NOBODY.to_owned() } else { visible(id) };
    let (pid, tid) = (or_nobody(thread.pid), or_nobody(thread.tid));
    let known = thread.title().is_some();
    let length = thread.rows.len() + 1;
    let (mut stack, mut weight) = (Vec::with_capacity(length), Vec::with_capacity(length));
    let (mut time, mut cpu) = (Vec::with_capacity(length), Vec::with_capacity(length));
    let (mut elapsed, mut since_last) = (0.0, 0);
    for row in &thread.rows {
        stack.push(Some(row.stack));
        weight.push(row.weight.samples);
        time.push(elapsed);
        cpu.push(since_last);
        since_last = match row.weight.nanoseconds {
            0 => (row.weight.samples as f64 * interval * NANOSECONDS_IN_MS) as u64,
            nanoseconds => nanoseconds,
        };
        elapsed += since_last as f64 / NANOSECONDS_IN_MS;
    }
    stack.push(None);
    weight.push(0);
    time.push(elapsed);
    cpu.push(since_last);
    json!({
        "name": if known { visible(thread.name) } else { subject.to_owned() },
        "processName": if thread.command.is_empty() { subject.to_owned() } else { visible(thread.command) },
        "isMainThread": pid == tid,
        "pid": pid,
        "tid": tid,
        "processType": "default",
        "processStartupTime": 0,
        "processShutdownTime": null,
        "registerTime": 0,
        "unregisterTime": elapsed,
        "pausedRanges": [],
        "samples": {
            "stack": stack,
            "time": time,
            "weight": weight,
            "weightType": "samples",
            // Of the time since the sample before.
            "threadCPUDelta": cpu,
            "length": length,
        },
        "markers": {
            "data": [], "name": [], "startTime": [], "endTime": [], "phase": [], "category": [], "length": 0,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{labelled, profile, python};
    use super::*;
    use crate::model::{Frame, FrameKind, Reason};

    fn file(profile: &Profile) -> Value {
        serde_json::from_slice(&render(profile).expect("samples")).expect("JSON")
    }

    #[test]
    fn threads_are_tracks_that_share_their_tables() {
        let f = Frame { first_line: 3, ..python("f", "/srv/x.py", 5) };
        let read = Frame::bare(FrameKind::Kernel, "vfs_read");
        let file = file(&labelled(&[
            (
                &[f.clone(), read],
                2,
                &[("pid", "7"), ("tid", "7"), ("thread", "main"), ("command", "python app.py")],
            ),
            (
                std::slice::from_ref(&f),
                3,
                &[("pid", "7"), ("tid", "7"), ("thread", "main"), ("command", "python app.py")],
            ),
            (
                &[f.clone(), f.clone()],
                1,
                &[("pid", "7"), ("tid", "8"), ("thread", "worker"), ("command", "python app.py")],
            ),
        ]));
        let shared = &file["shared"];
        assert_eq!(shared["stackTable"], json!({ "frame": [0, 1, 0], "prefix": [null, 0, 0], "length": 3 }));
        assert_eq!(shared["stringArray"], json!(["", "f", "vfs_read_[k]", "/srv/x.py"]));
        assert_eq!(shared["frameTable"]["line"], json!([5, null]));
        assert_eq!(shared["frameTable"]["category"], json!([1, 4]));
        assert_eq!(shared["funcTable"]["source"], json!([0, null]));
        assert_eq!(shared["funcTable"]["lineNumber"], json!([3, null]));
        assert_eq!(shared["sources"], json!({ "uuid": [null], "filename": [3], "length": 1 }));
        let [main, worker] = &file["threads"].as_array().expect("a list")[..] else { panic!("{file}") };
        assert_eq!(
            main["samples"],
            json!({
                "stack": [0, 1, null], "time": [0.0, 30.0, 50.0], "weight": [3, 2, 0], "weightType": "samples",
                "threadCPUDelta": [0, 30_000_000, 20_000_000], "length": 3,
            })
        );
        assert_eq!((&main["name"], &main["isMainThread"]), (&json!("main"), &json!(true)));
        assert_eq!(
            (&worker["pid"], &worker["tid"], &worker["isMainThread"]),
            (&json!("7"), &json!("8"), &json!(false))
        );
        assert_eq!(worker["processName"], "python app.py");
    }

    #[test]
    fn every_origin_has_a_category_and_the_first_grey_one_is_the_default() {
        let origins =
            [Origin::Own, Origin::Package, Origin::Library, Origin::Kernel, Origin::Label, Origin::Unknown];
        let mut indices = origins.map(category);
        indices.sort_unstable();
        assert_eq!(indices, [0, 1, 2, 3, 4, 5]);
        assert_eq!(CATEGORIES.iter().position(|(_, _, colour)| *colour == "grey"), Some(0));
    }

    #[test]
    fn an_unlabelled_profile_is_one_track() {
        let file = file(&profile(&[(&[Frame::unknown(Reason::NotPython)], 4)]));
        assert_eq!(file["threads"].as_array().expect("a list").len(), 1);
        assert_eq!(file["threads"][0]["name"], "python app.py (pid 4242)");
    }
}
