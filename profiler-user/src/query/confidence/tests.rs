//! Intervals and p-values against the papers that they are of, and against simulated truth. They must not know what uses them.

use proptest::prelude::*;

use super::*;

/// SplitMix64: the same numbers on every machine, so that a simulation never fails by chance.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to but not including 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Hits in so many samples of which each hits with this chance.
    fn hits(&mut self, of: u64, chance: f64) -> u64 {
        (0..of).filter(|_| self.unit() < chance).count() as u64
    }
}

fn seen(hits: u64, of: u64) -> Seen {
    Seen { hits, of }
}

fn near(found: f64, expected: f64, by: f64) -> bool {
    (found - expected).abs() <= by
}

#[test]
fn the_intervals_are_those_of_the_papers() {
    // Newcombe 1998, "Interval estimation for the difference between independent proportions", table II, method 10.
    for (after, before, low, high) in [
        (seen(56, 70), seen(48, 80), 0.0524, 0.3339),
        (seen(9, 10), seen(3, 10), 0.1705, 0.8090),
        (seen(6, 7), seen(2, 7), 0.0582, 0.8062),
        (seen(5, 56), seen(0, 29), -0.0381, 0.1926),
        (seen(0, 10), seen(0, 20), -0.1611, 0.2775),
        (seen(0, 10), seen(0, 10), -0.2775, 0.2775),
        (seen(10, 10), seen(0, 20), 0.6791, 1.0),
        (seen(10, 10), seen(0, 10), 0.6075, 1.0),
    ] {
        let found = shares(before, after).unwrap();
        assert!(
            near(found.low, low, 5e-5) && near(found.high, high, 5e-5),
            "{before:?} {after:?}: {found:?}"
        );
    }
    // Wilson's interval, as Newcombe's paper on one proportion has it (1998, table I, method 3).
    for (of, low, high) in
        [(seen(81, 263), 0.2553, 0.3662), (seen(15, 148), 0.0624, 0.1605), (seen(0, 20), 0.0, 0.1611)]
    {
        let found = of.interval().unwrap();
        assert!(near(found.0, low, 5e-5) && near(found.1, high, 5e-5), "{of:?}: {found:?}");
    }
}

#[test]
fn p_values_are_those_of_the_textbooks() {
    // Fisher's tea: 3 of 4 and 1 of 4.
    assert!(near(shares(seen(1, 4), seen(3, 4)).unwrap().p, 34.0 / 70.0, 1e-9));
    // Nothing twice, and everything twice.
    for side in [seen(0, 9), seen(9, 9)] {
        assert!(near(shares(side, side).unwrap().p, 1.0, 1e-9));
    }
    // z = 2.6502 by Pearson's, with 149 of 150: 2.6413.
    let found = shares(seen(48, 80), seen(56, 70)).unwrap().p;
    assert!(near(found, 0.008_258, 2e-6), "{found}");
    // 8 of 8 on one side: twice 1/256.
    let one = |samples| Amount { samples, each: 1.0 };
    assert!(near(amounts(one(0), one(8)).p, 2.0 / 256.0, 1e-9));
    assert!(near(amounts(one(0), one(0)).p, 1.0, 1e-9));
    // Twice as many that are worth half: no change.
    let found = amounts(Amount { samples: 100, each: 2.0 }, Amount { samples: 200, each: 1.0 });
    assert!(near(found.p, 1.0, 1e-9) && near(found.seen, 0.0, 1e-9), "{found:?}");
}

#[test]
fn p_values_are_corrected_for_how_many_there_are() {
    let found = corrected(&[0.01, 0.04, 0.03, 0.005]);
    for (found, expected) in found.iter().zip([0.02, 0.04, 0.04, 0.02]) {
        assert!(near(*found, expected, 1e-12), "{found} {expected}");
    }
    assert_eq!(corrected(&[]), [] as [f64; 0]);
}

#[test]
fn nothing_can_not_be_compared() {
    assert_eq!(shares(seen(0, 0), seen(1, 2)), None);
    assert_eq!((seen(0, 0).share(), seen(0, 0).interval()), (None, None));
}

#[test]
fn more_than_can_be_counted_keeps_its_share() {
    let found = shares(seen(0, 500), seen(u64::MAX / 4, u64::MAX / 2)).unwrap();
    assert!(near(found.seen, 0.5, 1e-9) && near(found.low, 0.4924, 1e-3) && found.high < 0.501, "{found:?}");
    let many = Amount { samples: u64::MAX / 4, each: 1.0 };
    let found = amounts(many, many);
    assert!(near(found.seen, 0.0, 1e-9) && found.low < 0.0 && found.high > 0.0, "{found:?}");
}

/// How often the interval has the true difference, in a simulation.
fn coverage(simulate: impl Fn(&mut Random) -> (Difference, f64)) -> f64 {
    const TIMES: u32 = 2000;
    let mut random = Random(1);
    let covered = (0..TIMES).filter(|_| {
        let (found, truth) = simulate(&mut random);
        found.low <= truth && truth <= found.high
    });
    covered.count() as f64 / f64::from(TIMES)
}

#[test]
fn intervals_of_shares_have_the_truth_as_often_as_they_say() {
    for ((left, left_of), (right, right_of)) in [
        ((0.3, 500), (0.3, 500)),
        ((0.3, 500), (0.4, 300)),
        ((0.02, 1000), (0.05, 1000)),
        ((0.01, 300), (0.01, 1500)),
        ((0.0, 400), (0.03, 400)),
        ((0.9, 200), (0.97, 800)),
        ((0.5, 30), (0.2, 30)),
    ] {
        let found = coverage(|random| {
            let before = seen(random.hits(left_of, left), left_of);
            let after = seen(random.hits(right_of, right), right_of);
            (shares(before, after).unwrap(), right - left)
        });
        assert!((0.93..=0.995).contains(&found), "{left} of {left_of}, {right} of {right_of}: {found}");
    }
}

#[test]
fn intervals_of_amounts_have_the_truth_as_often_as_they_say() {
    for (left, right, each) in [(50.0, 50.0, 1.0), (20.0, 60.0, 0.5), (5.0, 5.0, 1.0)] {
        let found = coverage(|random| {
            // Rare hits of many trials are Poisson's.
            let mut amount = |mean: f64, each| Amount { samples: random.hits(1000, mean / 1000.0), each };
            (amounts(amount(left, each), amount(right, 1.0)), right - left * each)
        });
        assert!((0.93..=0.995).contains(&found), "{left} × {each} and {right}: {found}");
    }
}

proptest! {
    #[test]
    fn a_difference_is_in_its_interval_and_turned_around_it_is_the_same(
        left_of in 1_u64..5000, right_of in 1_u64..5000, left in 0.0..=1.0, right in 0.0..=1.0,
    ) {
        let side = |of: u64, share: f64| seen((of as f64 * share) as u64, of);
        let (before, after) = (side(left_of, left), side(right_of, right));
        let there = shares(before, after).unwrap();
        let back = shares(after, before).unwrap();
        prop_assert!(there.low <= there.seen && there.seen <= there.high, "{there:?}");
        prop_assert!(there.low >= -1.0 - 1e-9 && there.high <= 1.0 + 1e-9, "{there:?}");
        prop_assert!((0.0..=1.0).contains(&there.p), "{there:?}");
        prop_assert!(near(there.low, -back.high, 1e-9) && near(there.p, back.p, 1e-9), "{there:?} {back:?}");
    }

    #[test]
    fn corrected_values_keep_their_order_and_are_no_smaller(p in prop::collection::vec(0.0..=1.0, 0..40)) {
        let corrected = corrected(&p);
        for (at, one) in p.iter().enumerate() {
            prop_assert!(corrected[at] >= one * (1.0 - 1e-12) && corrected[at] <= 1.0);
            for (other, value) in p.iter().enumerate() {
                prop_assert!(one > value || corrected[at] <= corrected[other]);
            }
        }
    }
}
