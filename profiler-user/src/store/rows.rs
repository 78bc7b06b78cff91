//! Rows of the store's two tables, as values: between a window or a file's columns, and the columns of another file.
//!
//! Texts are kept as they are stored, frames' kinds too: what a later version wrote goes through a merge unchanged. It
//! must not know columns, files, nor what a row's text means.

use std::cmp::Ordering;
use std::sync::Arc;

use super::schema::SERIES_TEXTS;

/// Where the thread's name is in [`SERIES_TEXTS`].
pub const THREAD: usize = 7;

/// Names a stack by its content: see [`encode`](super::encode).
pub type StackHash = [u8; 16];

/// What a row of `samples` is about, apart from its time and stack. In which order rows are says [`SampleRow::compare`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeriesKey {
    /// In the order of [`SERIES_TEXTS`].
    pub texts: [Arc<str>; SERIES_TEXTS.len()],
    /// The process; 0 for what stands for several.
    pub pid: i32,
    /// The thread.
    pub tid: i32,
    /// Number of the interpreter within the process, if known.
    pub interpreter: Option<i64>,
    /// `cpu`, or a sample type of a later version.
    pub sample_type: Arc<str>,
    /// (name, value), sorted by name.
    pub labels: Vec<(Arc<str>, Arc<str>)>,
}

/// A row of `samples`, but for the columns of its partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleRow {
    /// Shared by the rows of a series.
    pub series: Arc<SeriesKey>,
    /// When the window began, Unix milliseconds.
    pub time: i64,
    /// How long it is, milliseconds.
    pub window: i32,
    /// The stack.
    pub stack: StackHash,
    /// For `cpu`: nanoseconds.
    pub value: i64,
    /// What `value` was summed from.
    pub samples: i64,
}

impl SampleRow {
    /// The order of the table's rows: by the texts of the process, pid, stack, then thread, tid and time, as files say that
    /// they are sorted; then by all else that keeps two rows apart.
    ///
    /// The stack before thread and time: an id is 16 bytes that no compression makes smaller, and its number in the
    /// dictionary is most of a row. So both are written once for all threads and windows that have it, which takes a quarter
    /// less room than rows by time, and whoever sums them has long runs.
    pub fn compare(&self, other: &SampleRow) -> Ordering {
        self.compare_thread(other)
            .then_with(|| (self.time, self.window).cmp(&(other.time, other.window)))
            .then_with(|| self.compare_rest(other))
    }

    /// By the columns before `time`.
    pub fn compare_thread(&self, other: &SampleRow) -> Ordering {
        if Arc::ptr_eq(&self.series, &other.series) {
            return self.stack.cmp(&other.stack);
        }
        let (left, right) = (&self.series, &other.series);
        left.texts[..THREAD]
            .cmp(&right.texts[..THREAD])
            .then_with(|| left.texts[THREAD + 1..].cmp(&right.texts[THREAD + 1..]))
            .then_with(|| (left.pid, &self.stack).cmp(&(right.pid, &other.stack)))
            .then_with(|| (&left.texts[THREAD], left.tid).cmp(&(&right.texts[THREAD], right.tid)))
    }

    fn compare_rest(&self, other: &SampleRow) -> Ordering {
        if Arc::ptr_eq(&self.series, &other.series) {
            return Ordering::Equal;
        }
        let (left, right) = (&self.series, &other.series);
        (left.interpreter, &left.sample_type, &left.labels).cmp(&(
            right.interpreter,
            &right.sample_type,
            &right.labels,
        ))
    }
}

/// A frame as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameRow {
    /// The qualified name; for `unknown` the label of the reason.
    pub function: Arc<str>,
    /// As the interpreter has it; may be empty.
    pub file: Arc<str>,
    /// From 1; 0: none, or not known.
    pub line: i32,
    /// From 1; 0: none, or not known.
    pub first_line: i32,
    /// `python`, `kernel`, `unknown` or `truncated`.
    pub kind: Arc<str>,
    /// By the path of its file: `docs/store.md` has the rule.
    pub module: Arc<str>,
}

impl StackRow {
    /// The order of the table's rows: stacks that begin with the same frames lie together, which takes a fifth less room
    /// than rows by id. Rows of the same id are neighbours, as these are equal.
    pub fn compare(&self, other: &StackRow) -> Ordering {
        let mut frames = self.frames.iter().zip(&other.frames).map(|(left, right)| left.compare(right));
        let first = frames.find(|order| order.is_ne()).unwrap_or(Ordering::Equal);
        first
            .then_with(|| self.frames.len().cmp(&other.frames.len()))
            .then_with(|| self.stack.cmp(&other.stack))
    }
}

impl FrameRow {
    fn compare(&self, other: &FrameRow) -> Ordering {
        // Most are the same text at the same place.
        let text = |left: &Arc<str>, right: &Arc<str>| {
            if Arc::ptr_eq(left, right) { Ordering::Equal } else { left.cmp(right) }
        };
        text(&self.function, &other.function)
            .then_with(|| text(&self.file, &other.file))
            .then_with(|| (self.first_line, self.line).cmp(&(other.first_line, other.line)))
            .then_with(|| text(&self.kind, &other.kind))
    }
}

/// A row of `stacks`, but for the columns of its partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackRow {
    /// Its name.
    pub stack: StackHash,
    /// Root first.
    pub frames: Vec<FrameRow>,
}
