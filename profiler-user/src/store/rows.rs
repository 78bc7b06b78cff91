//! Rows of the store's two tables, as values: between a window or a file's columns, and the columns of another file.
//!
//! Texts are kept as they are stored, frames' kinds too: what a later version wrote goes through a merge unchanged. It
//! must not know columns, files, nor what a row's text means.

use std::cmp::Ordering;
use std::sync::Arc;

use super::schema::SERIES_TEXTS;

/// Names a stack by its content: see [`encode`](super::encode).
pub type StackHash = [u8; 16];

/// What a row of `samples` is about, apart from its time and stack. The order is that of the table's rows, but for
/// `interpreter` and `labels`, which come after time and stack there: see [`SampleRow`].
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
    /// The order of the table's rows: by the texts of the series, pid, tid, time and stack, as files say that they are
    /// sorted; then by all else that keeps two rows apart.
    pub fn compare(&self, other: &SampleRow) -> Ordering {
        self.compare_thread(other)
            .then_with(|| (self.time, &self.stack).cmp(&(other.time, &other.stack)))
            .then_with(|| self.window.cmp(&other.window))
            .then_with(|| self.compare_rest(other))
    }

    /// By the columns before `time`.
    pub fn compare_thread(&self, other: &SampleRow) -> Ordering {
        if Arc::ptr_eq(&self.series, &other.series) {
            return Ordering::Equal;
        }
        let (left, right) = (&self.series, &other.series);
        left.texts.cmp(&right.texts).then_with(|| (left.pid, left.tid).cmp(&(right.pid, right.tid)))
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
    /// See [`encode::module`](super::encode::module).
    pub module: Arc<str>,
}

/// A row of `stacks`, but for the columns of its partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackRow {
    /// Its name.
    pub stack: StackHash,
    /// Root first.
    pub frames: Vec<FrameRow>,
}
