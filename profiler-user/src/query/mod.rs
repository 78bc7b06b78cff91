//! Questions about what was sampled, and the shapes of their answers: profile, series over time, table of functions,
//! values of labels, difference of two profiles, flame chart.
//!
//! [`Source`] decides who answers: memory or the store. It must not know any wire format, nor how an answer is drawn.

mod align;
mod chart;
pub mod confidence;
mod diff;
mod focus;
mod labels;
mod named;
mod profile;
mod prune;
mod series;
mod source;
mod stored;
mod top;

pub use chart::{Chart, Slice, chart};
pub use diff::{Change, Comparing, Diff, DiffNode, Judged, Unit, diff};
pub use focus::focus;
pub use labels::{LabelValues, label_values};
pub use named::{Named, is_function, named};
pub use profile::{View, every_label, labelled, profile, recorded};
pub use prune::{Pair, prune};
pub use series::{Line, TimeSeries, step_for, time_series};
pub use source::{History, Snapshot, Source};
pub use top::{Function, Order, Top, top};

/// Nanoseconds of a second.
const NANOSECONDS: u64 = 1_000_000_000;
/// How many items are looked at between two looks at whether anybody still wants the answer.
const LOOK_EVERY: usize = 1 << 14;
