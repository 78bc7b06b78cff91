//! What ran slice by slice of time: what a flame chart is drawn of.
//!
//! A slice is a second at least, so which of its stacks came first is not known: memory sums seconds and the store windows.
//! To keep the stack with each millisecond in memory was rejected: it would tell the order for the last minutes only, and
//! at 19 samples a second the order of samples is not that of calls. It must not know how a chart is drawn.

use std::sync::Arc;

use super::profile::{View, shape};
use super::prune::prune;
use crate::model::select::{Select, SelectError, Selected};
use crate::model::{Profile, Weight};

/// A profile, apart by slices of time.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// All slices together; the same stack in two slices is two samples. The labels of a sample are its slice, as `slice`.
    pub profile: Profile,
    /// Unix nanoseconds at which the first slice begins.
    pub start: u64,
    /// Nanoseconds of a slice; the last one may be cut off by the end of the range.
    pub step: u64,
    /// By time, also those in which nothing ran.
    pub slices: Vec<Slice>,
    /// Unix nanoseconds from which on nothing is missing.
    pub complete_since: u64,
}

/// What ran in one slice of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// Indices in the samples of [`Chart::profile`], in no order that means anything.
    pub samples: Vec<usize>,
    /// What they come to.
    pub total: Weight,
}

/// The chart of an answer to `select`, which had a [`Select::step`] and [`View::labels`]. Its tree has at most `max_nodes`
/// nodes, none deeper than `depth`; what is left out becomes frames that say so, in each slice.
///
/// # Errors
/// [`SelectError::Cancelled`].
pub fn chart(
    selected: &Selected,
    select: &Select,
    view: View,
    (max_nodes, depth): (usize, Option<usize>),
) -> Result<Chart, SelectError> {
    let length = select.until - select.since;
    let step = select.step.unwrap_or(length).max(1);
    let mut slices = vec![Slice::default(); length.div_ceil(step) as usize];
    let mut profile = shape(selected, select, view, |row| Some(row.step))?;
    let name: Arc<str> = "slice".into();
    profile.labels.sets =
        (0..slices.len()).map(|number| vec![(name.clone(), number.to_string().into())]).collect();
    let profile = prune(profile, max_nodes, depth);
    for (index, (slice, (_, weight))) in profile.labels.of.iter().zip(&profile.samples).enumerate() {
        // An answer of another step than was asked for is the answerer's mistake, not worth a panic.
        if let Some(slice) = slices.get_mut(*slice as usize) {
            slice.samples.push(index);
            slice.total += *weight;
        }
    }
    Ok(Chart { profile, start: select.since, step, slices, complete_since: selected.complete_since })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::select::SelectedRow;
    use crate::model::{Frame, FrameKind};

    /// Of each slice `root;leaf samples`, sorted.
    fn shown(chart: &Chart) -> Vec<Vec<String>> {
        let sample = |&index: &usize| {
            let (stack, weight) = chart.profile.samples[index];
            let frames = chart.profile.stacks.root_first(stack);
            let names: Vec<&str> = frames.iter().map(|frame| &*frame.function).collect();
            format!("{} {}", names.join(";"), weight.samples)
        };
        let slice = |slice: &Slice| {
            let mut all: Vec<String> = slice.samples.iter().map(sample).collect();
            all.sort();
            all
        };
        chart.slices.iter().map(slice).collect()
    }

    fn answer() -> (Selected, Select) {
        let mut selected =
            Selected { groups: vec![vec!["".into()], vec!["1".into()]], ..Selected::default() };
        let python = |name: &str| Frame { line: 3, ..Frame::bare(FrameKind::Python, name) };
        let stacks = [&["main", "a"][..], &["main", "b"], &["main"]]
            .map(|names| selected.stacks.intern(names.iter().map(|name| python(name))));
        for (step, group, stack, samples) in
            [(0, 0, 0, 3), (0, 0, 1, 2), (0, 1, 0, 1), (2, 0, 0, 4), (2, 0, 2, 1)]
        {
            let weight = Weight { samples, nanoseconds: samples * 10 };
            selected.rows.push(SelectedRow { step, group, stack: stacks[stack], weight });
        }
        let by = View::default().labels();
        let select = Select { since: 100, until: 125, step: Some(10), stacks: true, by, ..Select::default() };
        (selected, select)
    }

    #[test]
    fn each_slice_has_its_stacks_and_an_empty_one_is_there() {
        let (selected, select) = answer();
        let chart = chart(&selected, &select, View::default(), (1000, None)).unwrap();
        assert_eq!((chart.start, chart.step), (100, 10));
        assert_eq!(
            shown(&chart),
            [
                vec!["interpreter 1 (sub-interpreter);main;a 1", "main;a 3", "main;b 2"],
                vec![],
                vec!["main 1", "main;a 4"]
            ]
        );
        let totals: Vec<u64> = chart.slices.iter().map(|slice| slice.total.samples).collect();
        assert_eq!((totals, chart.profile.total().samples), (vec![6, 0, 5], 11));
        assert_eq!(*chart.profile.labels.of_sample(chart.slices[2].samples[0])[0].1, *"2");
    }

    #[test]
    fn what_is_left_out_is_said_in_each_slice() {
        let (selected, select) = answer();
        let chart = chart(&selected, &select, View::default(), (1000, Some(1))).unwrap();
        assert_eq!(
            shown(&chart),
            [
                vec!["interpreter 1 (sub-interpreter);pruned: 2 functions 1", "main;pruned: 2 functions 5"],
                vec![],
                vec!["main 1", "main;pruned: 2 functions 4"]
            ]
        );
    }
}
