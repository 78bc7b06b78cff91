//! When within each second samples were taken: a column is a second, a row a part of it.
//!
//! Bursts, pauses and what happens every so often are seen at once in such a picture, and in no sum. It must not know how
//! it is drawn.

use crate::aggregate::Tick;

/// Samples by second and part of a second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heatmap {
    /// Unix second of the first column.
    pub start: u64,
    /// For each second from `start` on, the samples in each part of it, from its beginning on.
    pub columns: Vec<Vec<u64>>,
}

/// The heat map of ticks from one Unix second up to but not including another, each second in so many parts (a divisor of
/// 1000). What lies outside is left out.
pub fn heatmap(ticks: &[Tick], since: u64, until: u64, parts: u64) -> Heatmap {
    let seconds = until.saturating_sub(since);
    let mut columns = vec![vec![0; parts as usize]; seconds as usize];
    for tick in ticks {
        let second = tick.millisecond / 1000;
        let part = tick.millisecond % 1000 * parts / 1000;
        let column = second.checked_sub(since).and_then(|column| columns.get_mut(column as usize));
        if let Some(column) = column {
            column[part as usize] += tick.weight.samples;
        }
    }
    Heatmap { start: since, columns }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Weight;

    #[test]
    fn each_tick_is_in_its_second_and_part() {
        let tick = |millisecond| Tick { millisecond, weight: Weight { samples: 1, nanoseconds: 10 } };
        let ticks = [5_000, 5_249, 5_250, 6_999, 6_000, 4_999, 7_000].map(tick);
        let map = heatmap(&ticks, 5, 7, 4);
        assert_eq!(map, Heatmap { start: 5, columns: vec![vec![2, 1, 0, 0], vec![1, 0, 0, 1]] });
        assert_eq!(heatmap(&ticks, 7, 7, 4).columns.len(), 0);
    }
}
