//! A window of the aggregate as rows and batches of all tables.
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
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use super::build::{SamplesBuilder, StacksBuilder, date_of};
use super::rows::{FrameRow, SampleRow, SeriesKey, StackHash, StackRow};
use super::ticks::{TickRow, TicksBuilder};
use crate::aggregate::{Window, WindowTicks};
use crate::model::labels::NAMES;
use crate::model::{Frame, FrameId, FrameKind, Series, StackId, modules};

/// The sample type of CPU time: `value` is nanoseconds.
pub const CPU: &str = "cpu";

/// A window as the tables have it.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Rows of `samples`, sorted as the table is.
    pub samples: RecordBatch,
    /// Rows of `ticks`, sorted as the table is; may be empty.
    pub ticks: RecordBatch,
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
    let mut frames = Frames::new(window);
    let mut known: FxHashMap<StackId, StackHash> = FxHashMap::default();
    let mut stacks: HashMap<StackHash, StackRow> = HashMap::new();
    for row in &window.rows {
        known.entry(row.stack).or_insert_with(|| {
            let hash = frames.hash(row.stack);
            // Most are known, so their rows are not even made.
            if wanted(date, &hash) {
                stacks.insert(hash, StackRow { stack: hash, frames: frames.rows() });
            }
            hash
        });
    }
    let series: Vec<Arc<SeriesKey>> =
        window.series.iter().map(|series| Arc::new(series_key(series))).collect();
    let length = length_of(window);
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
    let ticks = ticks(window, &series, node);
    let mut sorted: Vec<StackRow> = stacks.into_values().collect();
    sorted.sort_unstable_by(StackRow::compare);
    let mut builder = StacksBuilder::new(node, date);
    sorted.iter().for_each(|row| builder.push(row));
    Encoded {
        samples: samples.finish(),
        ticks,
        stacks: builder.finish(),
        hashes: sorted.iter().map(|row| row.stack).collect(),
        date,
        weight: window.rows.iter().map(|row| row.weight.samples).sum(),
    }
}

/// The window's rows of `ticks`; `series` are its series.
fn ticks(window: &Window, series: &[Arc<SeriesKey>], node: &str) -> RecordBatch {
    let (time, length) = (milliseconds(window.start), length_of(window));
    let offset = |&offset: &u32| i32::try_from(offset).unwrap_or(i32::MAX);
    let row = |ticks: &WindowTicks| TickRow {
        series: series[ticks.series as usize].clone(),
        time,
        window: length,
        offsets: ticks.offsets.iter().map(offset).collect(),
    };
    let mut rows: Vec<TickRow> = window.ticks.iter().map(row).collect();
    rows.sort_by(TickRow::compare);
    let mut builder = TicksBuilder::new(node);
    rows.iter().for_each(|row| builder.push(row));
    builder.finish()
}

/// Milliseconds of a window.
fn length_of(window: &Window) -> i32 {
    i32::try_from(window.length / 1_000_000).unwrap_or(i32::MAX)
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

/// The frames of a window, each encoded once.
struct Frames<'a> {
    window: &'a Window,
    /// What is hashed of each frame, one after the other.
    bytes: Vec<u8>,
    /// Where in `bytes` it is.
    places: FxHashMap<FrameId, Range<usize>>,
    rows: FxHashMap<FrameId, FrameRow>,
    /// The frames of the stack that was hashed last, root first.
    stack: Vec<FrameId>,
    /// What was hashed of it.
    hashed: Vec<u8>,
}

impl<'a> Frames<'a> {
    fn new(window: &'a Window) -> Frames<'a> {
        let (places, rows) = (FxHashMap::default(), FxHashMap::default());
        Frames { window, bytes: Vec::new(), places, rows, stack: Vec::new(), hashed: Vec::new() }
    }

    /// The id of a stack.
    fn hash(&mut self, stack: StackId) -> StackHash {
        self.stack.clear();
        let mut next = Some(stack);
        while let Some(id) = next {
            let (parent, frame) = self.window.stacks.node(id);
            self.stack.push(frame);
            next = parent;
        }
        self.stack.reverse();
        self.hashed.clear();
        self.hashed.extend((self.stack.len() as u32).to_le_bytes());
        for &id in &self.stack {
            let bytes = &mut self.bytes;
            let place = self.places.entry(id).or_insert_with(|| {
                let start = bytes.len();
                encode_frame(self.window.stacks.frame(id), bytes);
                start..bytes.len()
            });
            self.hashed.extend_from_slice(&bytes[place.clone()]);
        }
        let whole: [u8; 32] = Sha256::digest(&self.hashed).into();
        std::array::from_fn(|at| whole[at])
    }

    /// The frames of the stack that was hashed last.
    fn rows(&mut self) -> Vec<FrameRow> {
        let row = |&id: &FrameId| {
            let row = self.rows.entry(id).or_insert_with(|| frame_row(self.window.stacks.frame(id)));
            row.clone()
        };
        self.stack.iter().map(row).collect()
    }
}

/// What is hashed of a frame.
fn encode_frame(frame: &Frame, bytes: &mut Vec<u8>) {
    let (kind, function) = kind_and_function(frame);
    for text in [kind, function, &frame.file] {
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.extend(line(frame.line).to_le_bytes());
    bytes.extend(line(frame.first_line).to_le_bytes());
}

fn frame_row(frame: &Frame) -> FrameRow {
    let (kind, function) = kind_and_function(frame);
    FrameRow {
        function: function.into(),
        file: frame.file.clone(),
        line: line(frame.line),
        first_line: line(frame.first_line),
        kind: kind.into(),
        module: modules::module(frame.kind, &frame.file).into(),
    }
}

fn kind_and_function(frame: &Frame) -> (&'static str, &str) {
    let function = match frame.kind {
        FrameKind::Unknown(reason) => reason.label(),
        _ => &frame.function,
    };
    (frame.kind.name(), function)
}

fn line(line: u32) -> i32 {
    i32::try_from(line).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Int32Type, Int64Type};

    use super::*;
    use crate::aggregate::WindowRow;
    use crate::model::{Labels, Pid, Reason, Stacks, Tid, Weight};
    use crate::store::schema::{SAMPLES, STACKS, TICKS, VERSION, frame_fields};

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
            ticks: [(0, vec![0, 5, 9_999]), (1, vec![7, 7, 8])]
                .map(|(series, offsets)| WindowTicks { series, offsets })
                .to_vec(),
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
        // `api` is before `web` here too.
        let ticks = encoded.ticks["offsets"].as_list::<i32>();
        assert_eq!(ticks.value(0).as_primitive::<Int32Type>().values(), &[7, 7, 8]);
        assert_eq!(ticks.value(1).as_primitive::<Int32Type>().values(), &[0, 5, 9_999]);
        assert_eq!(encoded.ticks["pid"].as_primitive::<Int32Type>().values(), &[9, 8]);
    }

    #[test]
    fn only_wanted_stacks_are_encoded() {
        let all = encode(&window(), "node", |_, _| true);
        let some = encode(&window(), "node", |date, hash| date == 19675 && *hash == all.hashes[1]);
        assert_eq!(some.hashes, all.hashes[1..]);
        assert_eq!(some.samples, all.samples);
    }

    fn hash(frames: &[Frame]) -> StackHash {
        let mut window = Window::default();
        let stack = window.stacks.intern(frames.iter().cloned()).expect("frames");
        Frames::new(&window).hash(stack)
    }

    /// The worked example of docs/store.md: changing it changes every id.
    #[test]
    fn the_hash_is_the_documented_one() {
        let hash = hex::encode(hash(&[frame("main", 7), Frame::unknown(Reason::NotPython)]));
        assert_eq!(hash, "fd45f9c9b0bf31cf475b311fcb1be61b");
        assert!(CONTRACT.contains(&format!("its id is `{hash}`")));
    }

    #[test]
    fn the_contract_has_every_column() {
        let columns = [SAMPLES.fields(), STACKS.fields(), TICKS.fields()]
            .into_iter()
            .flatten()
            .map(|field| field.name().clone());
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
            hash(&[frame])
        };
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_ne!(hash(&[frame("", 0)]), hash(&[frame("", 0), frame("", 0)]));
    }
}
