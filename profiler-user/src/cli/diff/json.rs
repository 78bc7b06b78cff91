//! A comparison as JSON: `docs/diff.md` has every field. Fields are added, none is renamed or removed. Pure.

use serde::Serialize;

use super::Report;
use super::conditions::Outcome;
use super::sides::Side;
use crate::cli::exit::{Exit, Failure};
use crate::query::{Change, Judged, Order, Pair, Unit};
use crate::render::jsonl::LineFrame;

/// The level of all intervals.
const LEVEL: f64 = 0.95;

#[derive(Serialize)]
struct Document<'a> {
    firetower: &'static str,
    before: WireSide<'a>,
    after: WireSide<'a>,
    normalised: bool,
    /// Of `before`, `after`, `change`, `low` and `high`.
    unit: &'static str,
    lines: bool,
    sort: &'static str,
    confidence_level: f64,
    functions: Vec<WireFunction<'a>>,
    other_functions: usize,
    conditions: Vec<WireCondition<'a>>,
}

#[derive(Serialize)]
struct WireSide<'a> {
    name: &'a str,
    format: Option<&'static str>,
    samples: Option<u64>,
    nanoseconds: Option<u64>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct WireFunction<'a> {
    #[serde(flatten)]
    frame: LineFrame<'a>,
    own: WireChange,
    total: WireChange,
}

#[derive(Serialize)]
struct WireChange {
    before: f64,
    after: f64,
    change: f64,
    before_samples: Option<u64>,
    after_samples: Option<u64>,
    low: Option<f64>,
    high: Option<f64>,
    p: Option<f64>,
    p_corrected: Option<f64>,
    verdict: Option<&'static str>,
}

#[derive(Serialize)]
struct WireCondition<'a> {
    condition: &'a str,
    holds: bool,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    before: f64,
    after: f64,
    functions: &'a [String],
}

/// The document, with a line end.
///
/// # Errors
/// If the library fails, which it should not.
pub(super) fn render(report: &Report, outcomes: &[Outcome]) -> Result<String, Failure> {
    let comparing = report.diff.comparing;
    let document = Document {
        firetower: env!("CARGO_PKG_VERSION"),
        before: WireSide::new(report.before),
        after: WireSide::new(report.after),
        normalised: comparing.normalised,
        unit: match (comparing.normalised, comparing.units.1) {
            (true, _) => "share",
            (false, Unit::Samples) => "samples",
            (false, Unit::Nanoseconds) => "nanoseconds",
        },
        lines: report.lines,
        sort: match comparing.order {
            Order::Own => "own",
            Order::Total => "total",
        },
        confidence_level: LEVEL,
        functions: report.rows.iter().map(|row| WireFunction::new(report, row)).collect(),
        other_functions: report.hidden,
        conditions: outcomes.iter().map(WireCondition::new).collect(),
    };
    let json = serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::new(Exit::Internal, format!("the comparison is no JSON: {error}")))?;
    Ok(json + "\n")
}

impl WireSide<'_> {
    fn new(side: &Side) -> WireSide<'_> {
        let total = side.profile.total();
        WireSide {
            name: &side.name,
            format: side.format,
            samples: side.samples.then_some(total.samples),
            nanoseconds: side.nanoseconds.then_some(total.nanoseconds),
            notes: &side.notes,
        }
    }
}

impl<'a> WireFunction<'a> {
    fn new(report: &Report<'a>, row: &Change) -> WireFunction<'a> {
        WireFunction {
            frame: LineFrame::new(&report.diff.frames[row.frame]),
            own: WireChange::new(report, row.own, row.own_judged),
            total: WireChange::new(report, row.total, row.total_judged),
        }
    }
}

impl WireChange {
    fn new(report: &Report, pair: Pair, judged: Option<Judged>) -> WireChange {
        let (before, after) = report.values(pair);
        let difference = judged.map(|judged| judged.difference);
        WireChange {
            before,
            after,
            change: after - before,
            before_samples: report.before.samples.then_some(pair.left.samples),
            after_samples: report.after.samples.then_some(pair.right.samples),
            low: difference.map(|difference| difference.low),
            high: difference.map(|difference| difference.high),
            p: difference.map(|difference| difference.p),
            p_corrected: judged.map(|judged| judged.corrected),
            verdict: judged.map(|judged| judged.verdict.name()),
        }
    }
}

impl WireCondition<'_> {
    fn new(outcome: &Outcome) -> WireCondition<'_> {
        let (low, high) = outcome.interval.unzip();
        WireCondition {
            condition: &outcome.text,
            holds: outcome.holds,
            value: outcome.value,
            low,
            high,
            before: outcome.shares.0,
            after: outcome.shares.1,
            functions: &outcome.functions,
        }
    }
}
