//! A window of the aggregate as rows and batches of both tables.
//!
//! **The id of a stack** is the first 16 bytes of the SHA-256 of its frames, so that the same stack has the same id on
//! every node and on every day. What is hashed is, with all numbers as 4 bytes, least significant first, and each text as
//! the number of its bytes followed by its bytes:
//!
//! > the number of frames; then of each frame, root first: the text of `kind`, of `function` and of `file`, the numbers
//! > `line` and `first_line`
//!
//! as the table `stacks` has them. `module` follows from them and is left out. It must not know files.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use super::build::{SamplesBuilder, StacksBuilder, date_of};
use super::rows::{FrameRow, SampleRow, SeriesKey, StackHash, StackRow};
use crate::aggregate::Window;
use crate::model::labels::NAMES;
use crate::model::{Frame, FrameId, FrameKind, Series, StackId};

/// The sample type of CPU time: `value` is nanoseconds.
pub const CPU: &str = "cpu";

/// A window as both tables have it.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Rows of `samples`, sorted as the table is.
    pub samples: RecordBatch,
    /// Rows of `stacks` that were asked for, sorted as the table is; may be empty.
    pub stacks: RecordBatch,
    /// The ids of these.
    pub hashes: Vec<StackHash>,
    /// The day of all rows, days since 1970.
    pub date: i32,
    /// Samples in it.
    pub weight: u64,
}

/// A window's rows: all samples, and those stacks that `wanted` says yes to.
pub fn encode(window: &Window, node: &str, wanted: impl Fn(i32, &StackHash) -> bool) -> Encoded {
    let time = milliseconds(window.start);
    let date = date_of(time);
    let mut frames: FxHashMap<FrameId, FrameRow> = FxHashMap::default();
    let mut known: FxHashMap<StackId, StackHash> = FxHashMap::default();
    let mut stacks: HashMap<StackHash, StackRow> = HashMap::new();
    for row in &window.rows {
        known.entry(row.stack).or_insert_with(|| {
            let stack = stack_row(window, row.stack, &mut frames);
            let hash = stack.stack;
            if wanted(date, &hash) {
                stacks.insert(hash, stack);
            }
            hash
        });
    }
    let series: Vec<Arc<SeriesKey>> =
        window.series.iter().map(|series| Arc::new(series_key(series))).collect();
    let length = i32::try_from(window.length / 1_000_000).unwrap_or(i32::MAX);
    let mut rows: Vec<SampleRow> = window
        .rows
        .iter()
        .map(|row| SampleRow {
            series: series[row.series as usize].clone(),
            time,
            window: length,
            stack: known[&row.stack],
            value: clamp(row.weight.nanoseconds),
            samples: clamp(row.weight.samples),
        })
        .collect();
    rows.sort_by(SampleRow::compare);
    let mut samples = SamplesBuilder::new(node);
    rows.iter().for_each(|row| samples.push(row));
    let mut sorted: Vec<StackRow> = stacks.into_values().collect();
    sorted.sort_unstable_by(StackRow::compare);
    let mut builder = StacksBuilder::new(node, date);
    sorted.iter().for_each(|row| builder.push(row));
    Encoded {
        samples: samples.finish(),
        stacks: builder.finish(),
        hashes: sorted.iter().map(|row| row.stack).collect(),
        date,
        weight: window.rows.iter().map(|row| row.weight.samples).sum(),
    }
}

/// Unix milliseconds of Unix nanoseconds.
pub fn milliseconds(time: u64) -> i64 {
    clamp(time / 1_000_000)
}

fn clamp(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn series_key(series: &Series) -> SeriesKey {
    let labels = &series.labels;
    let number = |id: u32| i32::try_from(id).unwrap_or(i32::MAX);
    SeriesKey {
        texts: [
            &labels.service,
            &labels.namespace,
            &labels.pod,
            &labels.container,
            &labels.unit,
            &labels.user,
            &series.command,
            &series.thread,
            &series.python,
        ]
        .map(Arc::clone),
        pid: number(series.pid.0),
        tid: number(series.tid.0),
        interpreter: series.interpreter.map(clamp),
        sample_type: CPU.into(),
        // By the contract of `Labels` none has such a name; if one had, it would hide a column.
        labels: labels.extra.iter().filter(|(name, _)| !NAMES.contains(&&**name)).cloned().collect(),
    }
}

fn stack_row(window: &Window, stack: StackId, frames: &mut FxHashMap<FrameId, FrameRow>) -> StackRow {
    let mut root_first = Vec::new();
    let mut next = Some(stack);
    while let Some(id) = next {
        let (parent, frame) = window.stacks.node(id);
        let row = frames.entry(frame).or_insert_with(|| frame_row(window.stacks.frame(frame)));
        root_first.push(row.clone());
        next = parent;
    }
    root_first.reverse();
    StackRow { stack: hash(&root_first), frames: root_first }
}

fn frame_row(frame: &Frame) -> FrameRow {
    let (kind, function) = match frame.kind {
        FrameKind::Python => ("python", frame.function.clone()),
        FrameKind::Kernel => ("kernel", frame.function.clone()),
        FrameKind::Unknown(reason) => ("unknown", reason.label().into()),
        FrameKind::Truncated => ("truncated", frame.function.clone()),
        // The aggregate has none of these: they are what a query puts below a stack.
        FrameKind::Process => ("process", frame.function.clone()),
        FrameKind::Thread => ("thread", frame.function.clone()),
        FrameKind::Interpreter => ("interpreter", frame.function.clone()),
    };
    let number = |line: u32| i32::try_from(line).unwrap_or(i32::MAX);
    FrameRow {
        function,
        file: frame.file.clone(),
        line: number(frame.line),
        first_line: number(frame.first_line),
        kind: kind.into(),
        module: module(frame.kind, &frame.file).into(),
    }
}

/// The id of a stack by its frames, root first.
pub fn hash(frames: &[FrameRow]) -> StackHash {
    let mut hasher = Sha256::new();
    let number = |hasher: &mut Sha256, value: u32| hasher.update(value.to_le_bytes());
    number(&mut hasher, frames.len() as u32);
    for frame in frames {
        for text in [&frame.kind, &frame.function, &frame.file] {
            number(&mut hasher, text.len() as u32);
            hasher.update(text.as_bytes());
        }
        number(&mut hasher, frame.line as u32);
        number(&mut hasher, frame.first_line as u32);
    }
    let whole: [u8; 32] = hasher.finalize().into();
    std::array::from_fn(|at| whole[at])
}

/// The Python module that a file is, as far as its path tells: `kernel` for kernel frames. Below `site-packages`,
/// `dist-packages` or `lib/python3.11` the dotted name, without `__init__`; of any other file the name without its
/// ending, as where its package begins is not in the path. Empty for what has no file, and for `<string>` and the like.
pub fn module(kind: FrameKind, file: &str) -> String {
    match kind {
        FrameKind::Kernel => return "kernel".to_owned(),
        FrameKind::Python => {}
        _ => return String::new(),
    }
    // `<frozen importlib._bootstrap>` says which module it is.
    if let Some(frozen) = file.strip_prefix("<frozen ").and_then(|rest| rest.strip_suffix('>')) {
        return frozen.to_owned();
    }
    if file.starts_with('<') {
        return String::new();
    }
    let parts: Vec<&str> = file.split('/').filter(|part| !part.is_empty()).collect();
    let below = (1..parts.len()).rev().find(|&at| is_library(&parts[..at])).unwrap_or(parts.len().max(1) - 1);
    let mut names: Vec<&str> = parts.get(below..).unwrap_or_default().to_vec();
    if let Some(last) = names.last_mut() {
        *last = last.split_once('.').map_or(*last, |(stem, _)| stem);
    }
    if names.len() > 1 && names.last() == Some(&"__init__") {
        names.pop();
    }
    names.join(".")
}

/// Whether a folder holds packages: its path ends in one of the names that do.
fn is_library(folder: &[&str]) -> bool {
    match folder {
        [.., "site-packages" | "dist-packages"] => true,
        // `lib-dynload` is of the same library.
        [.., "lib" | "lib64", version, "lib-dynload"] | [.., "lib" | "lib64", version] => is_python(version),
        _ => false,
    }
}

/// `python3.11`, `python3.13t`, `python2.7`, `python3`.
fn is_python(folder: &str) -> bool {
    let version = folder.strip_prefix("python").or_else(|| folder.strip_prefix("pypy"));
    version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Int32Type, Int64Type};

    use super::*;
    use crate::aggregate::WindowRow;
    use crate::model::{Labels, Pid, Reason, Stacks, Tid, Weight};
    use crate::store::schema::{SAMPLES, STACKS, VERSION, frame_fields};

    const CONTRACT: &str = include_str!("../../../docs/store.md");

    fn frame(function: &str, line: u32) -> Frame {
        let file = "/app/main.py".into();
        Frame { kind: FrameKind::Python, function: function.into(), file, line, first_line: 1 }
    }

    fn series(service: &str, pid: u32) -> Series {
        let labels =
            Labels { service: service.into(), extra: vec![("team".into(), "a".into())], ..Labels::default() };
        Series {
            pid: Pid(pid),
            command: "python main.py".into(),
            labels: Arc::new(labels),
            tid: Tid(pid),
            thread: "main".into(),
            python: "3.11.7".into(),
            interpreter: None,
        }
    }

    fn window() -> Window {
        let mut stacks = Stacks::default();
        let deep = stacks.intern([frame("main", 7), frame("work", 9)]).expect("frames");
        let flat = stacks.intern([Frame::unknown(Reason::NotPython)]).expect("a frame");
        let row = |series, stack, samples| WindowRow {
            series,
            stack,
            weight: Weight { samples, nanoseconds: samples * 10 },
        };
        Window {
            start: 1_700_000_010_000_000_000,
            length: 10_000_000_000,
            series: vec![series("web", 8), series("api", 9)],
            rows: vec![row(0, deep, 3), row(1, flat, 2), row(1, deep, 1)],
            stacks,
        }
    }

    #[test]
    fn rows_are_sorted_and_keep_their_weights() {
        let encoded = encode(&window(), "node", |_, _| true);
        let samples = &encoded.samples;
        let pids = samples["pid"].as_primitive::<Int32Type>();
        assert_eq!(pids.values(), &[9, 9, 8]);
        let services = samples["service"].as_dictionary::<Int32Type>();
        let names = services.values().as_string::<i32>();
        let named: Vec<&str> =
            services.keys().values().iter().map(|&key| names.value(key as usize)).collect();
        assert_eq!(named, ["api", "api", "web"]);
        let values = samples["value"].as_primitive::<Int64Type>();
        assert_eq!(values.values().iter().sum::<i64>(), 60);
        assert_eq!((encoded.weight, encoded.stacks.num_rows(), encoded.date), (6, 2, 19675));
        let ids = encoded.stacks["stack_id"].as_binary::<i32>();
        assert_eq!([ids.value(0), ids.value(1)], [&encoded.hashes[0][..], &encoded.hashes[1]]);
        // `main` is before `not_python`.
        assert_eq!(encoded.stacks["frames"].as_list::<i32>().value_length(0), 2);
        assert_eq!(samples["labels"].as_map().value_length(0), 1);
        assert!(samples["interpreter"].is_null(0));
    }

    #[test]
    fn only_wanted_stacks_are_encoded() {
        let all = encode(&window(), "node", |_, _| true);
        let some = encode(&window(), "node", |date, hash| date == 19675 && *hash == all.hashes[1]);
        assert_eq!(some.hashes, all.hashes[1..]);
        assert_eq!(some.samples, all.samples);
    }

    /// The worked example of docs/store.md: changing it changes every id.
    #[test]
    fn the_hash_is_the_documented_one() {
        let rows = [frame_row(&frame("main", 7)), frame_row(&Frame::unknown(Reason::NotPython))];
        assert_eq!(hex::encode(hash(&rows)), "fd45f9c9b0bf31cf475b311fcb1be61b");
        assert!(CONTRACT.contains(&format!("its id is `{}`", hex::encode(hash(&rows)))));
    }

    #[test]
    fn the_contract_has_every_column() {
        let columns =
            [SAMPLES.fields(), STACKS.fields()].into_iter().flatten().map(|field| field.name().clone());
        let frames = frame_fields().iter().map(|field| format!(".{}", field.name())).collect::<Vec<_>>();
        for name in columns.chain(frames) {
            assert!(CONTRACT.contains(&format!("`{name}`")), "docs/store.md does not have `{name}`");
        }
        assert!(CONTRACT.contains(&format!("version `{VERSION}`")));
    }

    #[test]
    fn texts_do_not_run_into_one_another() {
        let of = |function: &str, file: &str| {
            let frame = Frame { file: file.into(), ..frame(function, 1) };
            hash(&[frame_row(&frame)])
        };
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_ne!(hash(&[]), hash(&[frame_row(&frame("", 0))]));
    }

    #[test]
    fn modules_follow_from_paths() {
        for (file, expected) in [
            ("/usr/lib/python3.11/json/decoder.py", "json.decoder"),
            ("/usr/lib/python3.11/json/__init__.py", "json"),
            ("/usr/lib/python3.11/site-packages/django/db/models/query.py", "django.db.models.query"),
            ("/usr/lib/python3/dist-packages/apt/cache.py", "apt.cache"),
            ("/usr/lib/python3.11/lib-dynload/_json.so", "_json"),
            ("/srv/app/handlers/orders.py", "orders"),
            ("/srv/app/handlers/__init__.py", "__init__"),
            ("main.py", "main"),
            ("<frozen importlib._bootstrap>", "importlib._bootstrap"),
            ("<string>", ""),
            ("", ""),
            ("/", ""),
            ("/usr/lib/python3.11/site-packages", "site-packages"),
        ] {
            assert_eq!(module(FrameKind::Python, file), expected, "{file}");
        }
        assert_eq!(module(FrameKind::Kernel, ""), "kernel");
        assert_eq!(module(FrameKind::Unknown(Reason::Idle), "/usr/lib/python3.11/json.py"), "");
    }
}
