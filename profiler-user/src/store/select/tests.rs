//! Answers from real batches and files, beside the plainest way to compute them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::types::TimestampMillisecondType;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use super::*;
use crate::aggregate::{Window, WindowRow, WindowTicks};
use crate::model::select::Cancelled;
use crate::model::selector::{Comparison, Matcher, Selector};
use crate::model::{Frame, FrameKind, Labels, Pid, Reason, Series, Stacks, Tid, Weight};
use crate::store::encode::encode;
use crate::store::schema::{VERSION, VERSION_KEY};

pub(super) const SECOND: u64 = 1_000_000_000;
/// Twenty seconds before midnight, UTC.
pub(super) const START: u64 = (19_700 * 86_400 - 20) * SECOND;

fn frame(function: &str, line: u32) -> Frame {
    Frame { kind: FrameKind::Python, function: function.into(), file: "app.py".into(), line, first_line: 1 }
}

fn series(number: u32) -> Series {
    let extra = match number % 3 {
        0 => vec![],
        1 => vec![("sample_type".into(), "x".into()), ("team".into(), "a".into())],
        _ => vec![("team".into(), "b".into())],
    };
    let service = ["", "web", "api"][number as usize % 3].into();
    Series {
        // No process has 0: it stands for several.
        pid: Pid(number / 2),
        command: format!("python app{}.py", number / 2).into(),
        labels: Arc::new(Labels { service, extra, ..Labels::default() }),
        tid: Tid(number),
        thread: ["main", "worker"][number as usize % 2].into(),
        python: "3.12.1".into(),
        interpreter: [None, Some(0), Some(2)][number as usize % 3],
    }
}

/// Some windows of 10 s: of each (window, series, stack, samples).
pub(super) fn windows(rows: &[(u64, u32, u32, u64)]) -> Vec<Window> {
    let mut windows: BTreeMap<u64, Window> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for &(window, number, stack, samples) in rows {
        if !seen.insert((window, number, stack)) {
            continue;
        }
        let window = windows.entry(window).or_insert_with(|| Window {
            start: START + window * 10 * SECOND,
            length: 10 * SECOND,
            ..Window::default()
        });
        let kernel = Frame::bare(FrameKind::Kernel, "read");
        let frames = match stack {
            0 => vec![Frame::unknown(Reason::NotPython)],
            1 => vec![Frame::bare(FrameKind::Truncated, ""), frame("leaf", 1), kernel],
            _ => vec![frame("main", 1), frame("work", stack / 2), frame("leaf", stack)],
        };
        let stack = window.stacks.intern(frames).expect("frames");
        let series = series(number);
        let at = window.series.iter().position(|known| *known == series).unwrap_or_else(|| {
            window.series.push(series);
            let at = window.series.len() - 1;
            window.ticks.push(WindowTicks { series: at as u32, offsets: Vec::new() });
            at
        });
        let weight = Weight { samples, nanoseconds: samples * 1000 + 1 };
        window.rows.push(WindowRow { series: at as u32, stack, weight });
        window.ticks[at].offsets.extend((0..samples as u32).map(|n| (number * 1000 + n * 777) % 10_000));
    }
    windows.into_values().collect()
}

/// A file as other tests and the store write it: several row groups, dictionaries, statistics.
pub(super) fn parquet(batches: &[RecordBatch]) -> Vec<u8> {
    let version = KeyValue::new(VERSION_KEY.to_owned(), VERSION.to_owned());
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(7))
        .set_key_value_metadata(Some(vec![version]))
        .build();
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, batches[0].schema(), Some(properties)).expect("a writer");
    for batch in batches {
        writer.write(batch).expect("written");
    }
    writer.close().expect("closed");
    bytes
}

pub(super) struct Store {
    _directory: tempfile::TempDir,
    pub(super) objects: Objects,
    pub(super) sources: Sources,
}

fn times(batches: &[RecordBatch]) -> Range<i64> {
    let times = batches.iter().flat_map(|batch| {
        columns::numbers::<TimestampMillisecondType>(batch, "time").expect("times").iter().copied()
    });
    let times: Vec<i64> = times.collect();
    *times.iter().min().expect("rows")..times.iter().max().expect("rows") + 1
}

impl Store {
    fn empty() -> Store {
        let directory = tempfile::tempdir().expect("a directory");
        let objects = Objects::local(directory.path()).expect("objects");
        Store { _directory: directory, objects, sources: Sources::default() }
    }

    /// The first windows in so many files, two in each, the others in memory.
    pub(super) fn of(windows: &[Window], files: usize) -> Store {
        let mut store = Store::empty();
        for (number, pair) in windows.chunks(2).enumerate() {
            let encoded = pair.iter().map(|window| encode(window, "node", |_, _| true));
            let (samples, (stacks, ticks)): (Vec<_>, (Vec<_>, Vec<_>)) =
                encoded.map(|encoded| (encoded.samples, (encoded.stacks, encoded.ticks))).unzip();
            let times = times(&samples);
            let source = |name: &str, batches: Vec<RecordBatch>| {
                let file = || store.put(&format!("{name}{number}"), parquet(&batches));
                let content = if number < files { file() } else { Content::Batches(batches) };
                Source { content, times: times.clone() }
            };
            let (samples, stacks) = (source("samples", samples), source("stacks", stacks));
            store.sources.ticks.push(source("ticks", ticks));
            store.sources.samples.push(samples);
            store.sources.stacks.push(stacks);
        }
        store
    }

    fn put(&self, name: &str, bytes: Vec<u8>) -> Content {
        let (path, size) = (Path::from(name), bytes.len() as u64);
        self.objects.put(&path, bytes.into()).expect("written");
        Content::Object { path, size }
    }

    fn ask(&self, question: &Select) -> Result<Selected, ReadError> {
        select(&self.objects, &self.sources, question)
    }
}

pub(super) fn everything() -> Select {
    Select { since: 0, until: u64::MAX, ..Select::default() }
}

/// Every row: step, values of labels, stack by its frames; sorted.
type Rows = BTreeMap<(u32, Vec<String>, String), Weight>;

fn stack_text(stacks: &Stacks, stack: crate::model::StackId) -> String {
    let text = |frame: &Frame| format!("{:?} {}:{}", frame.kind, frame.function, frame.line);
    stacks.root_first(stack).into_iter().map(text).collect::<Vec<_>>().join(";")
}

fn rows(selected: &Selected) -> Rows {
    let mut rows = Rows::new();
    let mut last = None;
    for row in &selected.rows {
        let key = (row.step, row.group, row.stack);
        assert!(last < Some(key), "sorted, each once");
        last = Some(key);
        let group = selected.groups[row.group as usize].iter().map(|text| text.to_string()).collect();
        let stack = row.stack.map_or(String::new(), |stack| stack_text(&selected.stacks, stack));
        assert!(rows.insert((row.step, group, stack), row.weight).is_none());
    }
    rows
}

/// The answer as it should be, computed row by row.
fn expected(windows: &[Window], question: &Select) -> Rows {
    let mut rows = Rows::new();
    for window in windows.iter().filter(|window| (question.since..question.until).contains(&window.start)) {
        for row in &window.rows {
            let series = &window.series[row.series as usize];
            if !question.selector.accepts(series) {
                continue;
            }
            let step = question.step.map_or(0, |step| ((window.start - question.since) / step) as u32);
            let group = question.by.iter().map(|name| series.label(name).into_owned()).collect();
            let stack = if question.stacks { stack_text(&window.stacks, row.stack) } else { String::new() };
            *rows.entry((step, group, stack)).or_default() += row.weight;
        }
    }
    rows
}

pub(super) fn any_windows() -> impl Strategy<Value = Vec<Window>> {
    proptest::collection::vec((0..5u64, 0..9u32, 0..12u32, 1..4u64), 1..60).prop_map(|rows| windows(&rows))
}

pub(super) fn any_question() -> impl Strategy<Value = Select> {
    let label = prop::sample::select(vec![
        "service",
        "command",
        "pid",
        "tid",
        "thread",
        "interpreter",
        "team",
        "sample_type",
        "nothing",
        "unit",
    ]);
    let comparison = prop::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Matches,
        Comparison::NotMatches,
    ]);
    let value = prop::sample::select(vec![
        "",
        "web",
        "a",
        "b",
        "0",
        "2",
        "x",
        ".+",
        "web|api",
        "main",
        "python app[12].py",
    ]);
    let matcher = (label.clone(), comparison, value)
        .prop_map(|(name, comparison, value)| Matcher::new(name, comparison, value).expect("a pattern"));
    let offset = prop::sample::select(vec![0, 1, 10 * SECOND, 15 * SECOND, 20 * SECOND, 60 * SECOND]);
    (
        (offset.clone(), offset),
        proptest::collection::vec(matcher, 0..3),
        proptest::collection::vec(label, 0..3),
        prop::option::of(prop::sample::select(vec![SECOND, 10 * SECOND, 25 * SECOND])),
        any::<bool>(),
    )
        .prop_map(|((since, length), matchers, by, step, stacks)| Select {
            since: START + since,
            until: START + since + length,
            selector: Selector { matchers },
            by: by.into_iter().map(Arc::from).collect(),
            step,
            stacks,
            cancelled: Cancelled::default(),
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever is asked, from files, memory or both: the answer is what looking at every row gives.
    #[test]
    fn answers_are_right(windows in any_windows(), files in 0..4usize, question in any_question()) {
        let store = Store::of(&windows, files);
        let selected = store.ask(&question).expect("an answer");
        prop_assert_eq!(rows(&selected), expected(&windows, &question));
        prop_assert_eq!(selected.complete_since, question.since);
    }
}

#[test]
fn the_same_question_has_the_same_answer() {
    let many: Vec<_> = (0..2000).map(|n| (n % 40, (n * 7 % 9) as u32, (n * 13 % 200) as u32, 1)).collect();
    let store = Store::of(&windows(&many), 20);
    let question = Select { stacks: true, by: vec!["pid".into()], ..everything() };
    let first = store.ask(&question).expect("an answer");
    for _ in 0..5 {
        let again = store.ask(&question).expect("an answer");
        assert_eq!((&again.rows, &again.groups), (&first.rows, &first.groups));
        assert_eq!(rows(&again), rows(&first));
    }
}

#[test]
fn a_stack_that_no_file_has_is_a_frame_that_says_so() {
    let windows = windows(&[(0, 0, 5, 2), (0, 0, 6, 3), (1, 1, 5, 4)]);
    let mut store = Store::of(&windows, 2);
    store.sources.stacks.truncate(0);
    let selected = store.ask(&Select { stacks: true, ..everything() }).expect("an answer");
    let rows = rows(&selected);
    let (_, _, stack) = rows.keys().next().expect("a row");
    assert_eq!((rows.len(), &**stack), (1, "Unknown(StackUnknown) :0"));
    assert_eq!(rows.values().next().expect("a row").samples, 9);
}

#[test]
fn a_stack_is_found_in_any_file() {
    let windows = windows(&[(0, 0, 5, 2), (1, 1, 6, 4), (2, 1, 7, 4)]);
    let mut store = Store::of(&windows, 2);
    store.sources.stacks.reverse();
    let question = Select { stacks: true, ..everything() };
    assert_eq!(rows(&store.ask(&question).expect("an answer")), expected(&windows, &question));
}

#[test]
fn a_file_that_is_gone_is_told_from_one_that_is_broken() {
    let store = Store::of(&windows(&[(0, 0, 5, 2), (2, 0, 5, 2), (4, 0, 5, 2)]), 2);
    let question = Select { stacks: true, ..everything() };
    for name in ["samples1", "stacks0"] {
        let path = Path::from(name);
        let bytes = store.objects.get(&path).expect("read");
        store.objects.delete(&path).expect("deleted");
        let error = store.ask(&question).expect_err("a file is missing");
        assert!(matches!(&error, ReadError::Gone { path } if path == name), "{error}");
        store.objects.put(&path, vec![7; bytes.len()].into()).expect("written");
        let error = store.ask(&question).expect_err("a file is broken");
        let ReadError::Failed(SelectError::Store(message)) = &error else { panic!("{error:?}") };
        assert!(message.starts_with(name), "{message}");
        store.objects.put(&path, bytes).expect("written");
    }
    assert!(store.ask(&question).is_ok());
    // What is not needed is not missed.
    store.objects.delete(&Path::from("stacks0")).expect("deleted");
    assert!(store.ask(&everything()).is_ok());
}

/// A file of which nothing but the footer is left shows what is read: it answers what its bounds rule out.
#[test]
fn what_bounds_rule_out_is_not_read() {
    let windows = windows(&[(0, 1, 5, 2), (0, 4, 5, 2)]);
    let mut store = Store::empty();
    let encoded = encode(&windows[0], "node", |_, _| true);
    let mut bytes = parquet(std::slice::from_ref(&encoded.samples));
    let end = bytes.len();
    let footer = u32::from_le_bytes(bytes[end - 8..end - 4].try_into().expect("4 bytes")) as usize;
    bytes[4..end - 8 - footer].fill(0xff);
    store.sources.samples.push(Source { content: store.put("f", bytes), times: 0..i64::MAX });
    let with = |name: &str, value: &str| {
        let matchers = vec![Matcher::new(name, Comparison::Equal, value).expect("no pattern")];
        store.ask(&Select { selector: Selector { matchers }, ..everything() })
    };
    for (name, value) in [("service", "api"), ("service", ""), ("pid", "7"), ("pid", "x"), ("tid", "")] {
        assert!(with(name, value).expect("nothing to read").rows.is_empty(), "{name}={value}");
    }
    for question in [Select { until: START, ..everything() }, Select { since: START + 1, ..everything() }] {
        assert!(store.ask(&question).expect("nothing to read").rows.is_empty());
    }
    assert!(with("service", "web").is_err() && with("pid", "2").is_err() && with("team", "x").is_err());
    assert!(store.ask(&everything()).is_err());
}

#[test]
fn a_file_of_another_version_is_refused() {
    let mut store = Store::empty();
    let encoded = encode(&windows(&[(0, 0, 5, 2)])[0], "node", |_, _| true);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, encoded.samples.schema(), None).expect("a writer");
    writer.write(&encoded.samples).expect("written");
    writer.close().expect("closed");
    store.sources.samples.push(Source { content: store.put("f", bytes), times: 0..i64::MAX });
    let error = store.ask(&everything()).expect_err("no version");
    assert_eq!(
        error.to_string(),
        "stored samples could not be read: f: its firetower.schema is None, and this firetower reads 1"
    );
}

#[test]
fn a_withdrawn_question_has_no_answer() {
    let store = Store::of(&windows(&[(0, 0, 5, 2)]), 1);
    let question = everything();
    question.cancelled.cancel();
    assert!(matches!(store.ask(&question), Err(ReadError::Failed(SelectError::Cancelled))));
}

#[test]
fn an_answer_is_bounded() {
    let store = Store::of(&windows(&[(0, 0, 5, 2)]), 0);
    let too_many_steps = Select { step: Some(1), ..everything() };
    let error = store.ask(&too_many_steps).expect_err("more steps than can be counted");
    assert!(matches!(error, ReadError::Failed(SelectError::TooLarge { what: "rows", .. })), "{error}");
}

/// Rows that no writer writes: other sample types are not added up, less than nothing is refused.
#[test]
fn only_what_makes_sense_is_added_up() {
    let encoded = encode(&windows(&[(0, 0, 5, 2)])[0], "node", |_, _| true);
    let with = |name: &str, column: arrow_array::ArrayRef| {
        let mut columns = encoded.samples.columns().to_vec();
        columns[encoded.samples.schema().index_of(name).expect("a column")] = column;
        let batch = RecordBatch::try_new(encoded.samples.schema(), columns).expect("a batch");
        let mut store = Store::empty();
        let content = Content::Batches(vec![batch]);
        store.sources.samples.push(Source { content, times: 0..i64::MAX });
        store.ask(&everything())
    };
    let texts: arrow_array::DictionaryArray<arrow_array::types::Int32Type> = ["wall"].into_iter().collect();
    assert!(with("sample_type", Arc::new(texts)).expect("an answer").rows.is_empty());
    let error = with("value", Arc::new(arrow_array::Int64Array::from(vec![-1]))).expect_err("negative");
    assert!(error.to_string().ends_with("a row weighs less than nothing"), "{error}");
}
