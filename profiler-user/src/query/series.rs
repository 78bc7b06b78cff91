//! How much was used over time, apart by labels. It must not know how a chart is drawn.

use std::sync::Arc;

use super::NANOSECONDS;
use crate::model::Weight;
use crate::model::select::{Select, Selected};

/// Seconds of steps that people read easily.
const STEPS: [u64; 16] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21_600, 86_400];

/// Weights by step, for each group of labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeSeries {
    /// Unix nanoseconds at which the first step begins.
    pub start: u64,
    /// Nanoseconds of a step; the last one may be cut off by the end of the range.
    pub step: u64,
    /// The groups that used most, the largest first.
    pub lines: Vec<Line>,
    /// How many groups there are besides.
    pub others: usize,
    /// What those come to; empty if there are none.
    pub others_weights: Vec<Weight>,
    /// Unix nanoseconds from which on nothing is missing.
    pub complete_since: u64,
}

/// One group over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its values of the labels, in the order in which they were asked for.
    pub values: Vec<Arc<str>>,
    /// One for each step.
    pub weights: Vec<Weight>,
}

/// The least step, nanoseconds, that people read easily, is a multiple of `resolution`, and gives at most `points` steps
/// in a range of so many nanoseconds.
pub fn step_for(range: u64, points: u64, resolution: u64) -> u64 {
    let least = range.div_ceil(points.max(1)).max(1);
    let resolution = resolution.max(NANOSECONDS);
    let nice = STEPS.iter().map(|seconds| seconds * NANOSECONDS);
    let fits = |step: &u64| *step >= least && step.is_multiple_of(resolution);
    nice.into_iter().find(fits).unwrap_or_else(|| least.div_ceil(resolution) * resolution)
}

/// The series of an answer to `select`, which had a [`Select::step`]. At most `limit` groups are apart.
pub fn time_series(selected: &Selected, select: &Select, limit: usize) -> TimeSeries {
    let step = select.step.unwrap_or(select.until - select.since).max(1);
    let steps = (select.until - select.since).div_ceil(step) as usize;
    let none = || vec![Weight::default(); steps];
    let mut lines: Vec<Line> =
        selected.groups.iter().map(|values| Line { values: values.clone(), weights: none() }).collect();
    for row in &selected.rows {
        // An answer of another step than was asked for is the answerer's mistake, not worth a panic.
        if let Some(weight) = lines[row.group as usize].weights.get_mut(row.step as usize) {
            *weight += row.weight;
        }
    }
    let sum = |line: &Line| line.weights.iter().map(|weight| weight.nanoseconds).sum::<u64>();
    lines.sort_by_cached_key(|line| (std::cmp::Reverse(sum(line)), line.values.clone()));
    let rest = lines.split_off(limit.min(lines.len()));
    let mut others_weights = if rest.is_empty() { Vec::new() } else { none() };
    for line in &rest {
        for (sum, weight) in others_weights.iter_mut().zip(&line.weights) {
            *sum += *weight;
        }
    }
    TimeSeries {
        start: select.since,
        step,
        lines,
        others: rest.len(),
        others_weights,
        complete_since: selected.complete_since,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::select::SelectedRow;

    #[test]
    fn steps_are_easy_to_read_and_not_finer_than_what_there_is() {
        let step = |range, points, resolution| {
            step_for(range * NANOSECONDS, points, resolution * NANOSECONDS) / NANOSECONDS
        };
        for (range, points, resolution, seconds) in [
            (60, 60, 1, 1),
            (60, 59, 1, 2),
            (900, 200, 1, 5),
            (900, 900, 10, 10),
            (900, 300, 60, 60),
            (86_400, 500, 10, 300),
            (86_400 * 365, 2, 60, 15_768_000),
            (0, 0, 0, 1),
        ] {
            assert_eq!(step(range, points, resolution), seconds, "{range} {points} {resolution}");
        }
    }

    #[test]
    fn the_largest_groups_are_apart_and_the_rest_is_summed() {
        let row = |step, group, samples| SelectedRow {
            step,
            group,
            stack: None,
            weight: Weight { samples, nanoseconds: samples * 10 },
        };
        let selected = Selected {
            groups: ["a", "b", "c"].map(|name| vec![name.into()]).to_vec(),
            rows: vec![row(0, 0, 1), row(0, 1, 5), row(1, 2, 2), row(2, 0, 2)],
            complete_since: 7,
            ..Selected::default()
        };
        let select = Select { since: 0, until: 25, step: Some(10), ..Select::default() };
        let series = time_series(&selected, &select, 1);
        let samples = |weights: &[Weight]| weights.iter().map(|weight| weight.samples).collect::<Vec<_>>();
        assert_eq!((&*series.lines[0].values[0], samples(&series.lines[0].weights)), ("b", vec![5, 0, 0]));
        assert_eq!((series.others, samples(&series.others_weights)), (2, vec![1, 2, 2]));
        let all = time_series(&selected, &select, 9);
        assert_eq!((all.lines.len(), all.others, all.others_weights.len()), (3, 0, 0));
    }
}
