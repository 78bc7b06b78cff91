//! The values that a label has. It must not know which labels there are.

use std::sync::Arc;

use crate::model::Weight;
use crate::model::select::Selected;

/// Values of one label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelValues {
    /// Each with what was used under it, the largest first. An empty value is an absent label, and none of these.
    pub values: Vec<(Arc<str>, Weight)>,
    /// How many there are besides.
    pub others: usize,
    /// What those come to.
    pub others_weight: Weight,
    /// What was used by series that have no such label.
    pub without: Weight,
}

/// The values in an answer that was asked for apart by one label and nothing else. At most `limit`.
pub fn label_values(selected: &Selected, limit: usize) -> LabelValues {
    let mut weights = vec![Weight::default(); selected.groups.len()];
    for row in &selected.rows {
        weights[row.group as usize] += row.weight;
    }
    let mut found = LabelValues::default();
    for (group, weight) in selected.groups.iter().zip(weights) {
        match group.first() {
            Some(value) if !value.is_empty() => found.values.push((value.clone(), weight)),
            _ => found.without += weight,
        }
    }
    found.values.sort_by(|(left, left_weight), (right, right_weight)| {
        right_weight.nanoseconds.cmp(&left_weight.nanoseconds).then_with(|| left.cmp(right))
    });
    let rest = found.values.split_off(limit.min(found.values.len()));
    found.others = rest.len();
    for (_, weight) in rest {
        found.others_weight += weight;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::select::SelectedRow;

    #[test]
    fn values_by_use_with_the_rest_and_what_has_none() {
        let weight = |samples| Weight { samples, nanoseconds: samples * 10 };
        let row = |group, samples| SelectedRow { step: 0, group, stack: None, weight: weight(samples) };
        let selected = Selected {
            groups: ["", "a", "b", "c"].map(|value| vec![value.into()]).to_vec(),
            rows: vec![row(0, 7), row(1, 1), row(2, 5), row(3, 1)],
            ..Selected::default()
        };
        let values = label_values(&selected, 2);
        assert_eq!(values.values, [("b".into(), weight(5)), ("a".into(), weight(1))]);
        assert_eq!((values.others, values.others_weight, values.without), (1, weight(1), weight(7)));
    }
}
