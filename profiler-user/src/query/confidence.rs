//! What two counts of samples tell, and what is noise: intervals, p-values, and their correction for many functions.
//!
//! Samples are counts. Of a share, the interval is Wilson's; of a difference of two shares Newcombe's, which is made of
//! Wilson's two (method 10 of his paper of 1998) and holds where a share is 0, too. The p-value is that of the chi-squared
//! test with N − 1, and Fisher's exact one where counts are small. Where not shares are compared but amounts, counts are
//! Poisson's: the interval is made of two in the same way, and the p-value is that of the binomial test on their sum.
//!
//! All of this takes samples for independent. `docs/diff.md` says what it means that they are not quite. Pure; it must not
//! know what was counted.

use libm::{erfc, lgamma};

/// The two-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// An error that is accepted: one row in twenty of those that are said to have changed, if none has.
pub const ALPHA: f64 = 0.05;
/// Below so many expected counts in a cell the exact test is taken.
const SMALL: f64 = 5.0;
/// Most samples of a side: of more the same share is taken of so many, so that sums have room and an exact test ends. Years
/// of a large machine.
const MOST: u64 = 1 << 40;
/// Most tables that an exact test sums up. One side would need millions of samples and the other a handful.
const MOST_TABLES: u64 = 10_000;
/// What is taken for as probable as what was seen, in spite of rounding.
const AS_PROBABLE: f64 = 1.0 + 1e-7;

/// So many of so many samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Samples that have it. At most `of`.
    pub hits: u64,
    /// All samples.
    pub of: u64,
}

/// Samples, and what each of them stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount {
    /// Samples.
    pub samples: u64,
    /// What one is worth, in any unit: more than 0.
    pub each: f64,
}

/// A difference, after less before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// As it was seen.
    pub seen: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How probable it is to see as much or more, if nothing has changed.
    pub p: f64,
}

impl Difference {
    /// Whether the interval leaves no room for no change. Of one function that was chosen before; of many some do so by
    /// chance, and [`verdict`] is for them.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// What is to be thought of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// There is more of it.
    Grew,
    /// There is less of it.
    Shrank,
    /// At this number of samples it may be chance.
    Noise,
}

impl Verdict {
    /// In one word, as tables and the API have it.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Grew => "grew",
            Verdict::Shrank => "shrank",
            Verdict::Noise => "noise",
        }
    }
}

impl Seen {
    /// The same share of no more than can be counted: files may say anything.
    fn bounded(self) -> Seen {
        let hits = self.hits.min(self.of);
        if self.of <= MOST {
            return Seen { hits, ..self };
        }
        let hits = u128::from(hits) * u128::from(MOST) / u128::from(self.of);
        Seen { hits: hits as u64, of: MOST }
    }

    /// The share, from 0 to 1. `None`: of nothing.
    pub fn share(self) -> Option<f64> {
        (self.of > 0).then(|| self.hits.min(self.of) as f64 / self.of as f64)
    }

    /// Wilson's 95 % interval of the share. `None`: of nothing.
    pub fn interval(self) -> Option<(f64, f64)> {
        let (share, of) = (self.share()?, self.of as f64);
        let square = Z * Z / of;
        let middle = (share + square / 2.0) / (1.0 + square);
        let reach = Z / (1.0 + square) * (share * (1.0 - share) / of + square / (4.0 * of)).sqrt();
        // What can't be is not left to rounding: with no hit the interval begins at 0.
        let low = if self.hits == 0 { 0.0 } else { (middle - reach).max(0.0) };
        let high = if self.hits >= self.of { 1.0 } else { (middle + reach).min(1.0) };
        Some((low, high))
    }
}

/// What became of a share. `None`: one side has no samples.
pub fn shares(before: Seen, after: Seen) -> Option<Difference> {
    let (before, after) = (before.bounded(), after.bounded());
    let (left, right) = (before.share()?, after.share()?);
    let (left_interval, right_interval) = (before.interval()?, after.interval()?);
    let hits = before.hits + after.hits;
    let margin = hits.min(before.of + after.of - hits).min(before.of).min(after.of);
    let p = match expected(before, after) {
        least if least < SMALL && margin <= MOST_TABLES => fisher(before, after),
        _ => chi_squared(before, after),
    };
    Some(moved((left, left_interval), (right, right_interval), p))
}

/// What became of an amount, where both sides were watched for as long.
pub fn amounts(before: Amount, after: Amount) -> Difference {
    let bounded = |amount: Amount| match amount.samples {
        samples if samples <= MOST => amount,
        samples => Amount { samples: MOST, each: amount.each * (samples as f64 / MOST as f64) },
    };
    let (before, after) = (bounded(before), bounded(after));
    let scaled = |amount: Amount| {
        let samples = amount.samples as f64;
        // The score interval of a Poisson count.
        let (middle, reach) = (samples + Z * Z / 2.0, Z * (samples + Z * Z / 4.0).sqrt());
        let low = if amount.samples == 0 { 0.0 } else { (middle - reach).max(0.0) };
        (samples * amount.each, (low * amount.each, (middle + reach) * amount.each))
    };
    moved(scaled(before), scaled(after), binomial(before, after))
}

/// Newcombe's way to make an interval of a difference of those of its two sides.
fn moved(left: (f64, (f64, f64)), right: (f64, (f64, f64)), p: f64) -> Difference {
    let seen = right.0 - left.0;
    let down = (right.0 - right.1.0).hypot(left.1.1 - left.0);
    let up = (right.1.1 - right.0).hypot(left.0 - left.1.0);
    Difference { seen, low: seen - down, high: seen + up, p }
}

/// The least count that a cell of the table would have if nothing had changed.
fn expected(before: Seen, after: Seen) -> f64 {
    let all = (before.of + after.of) as f64;
    let hits = (before.hits + after.hits) as f64;
    before.of.min(after.of) as f64 * hits.min(all - hits) / all
}

/// Two-sided: Pearson's test with N − 1 for N, which errs less often where there are few counts.
fn chi_squared(before: Seen, after: Seen) -> f64 {
    let (left, right) = (before.of as f64, after.of as f64);
    let all = left + right;
    let pooled = (before.hits + after.hits) as f64 / all;
    let difference = after.hits as f64 / right - before.hits as f64 / left;
    let variance = pooled * (1.0 - pooled) * (1.0 / left + 1.0 / right) * all / (all - 1.0);
    two_sided(difference, variance)
}

fn two_sided(difference: f64, variance: f64) -> f64 {
    if variance <= 0.0 { 1.0 } else { erfc((difference * difference / variance / 2.0).sqrt()).min(1.0) }
}

/// Two-sided: the sum over all tables with these margins that are no more probable than the one that was seen. As an
/// expected count is small, one margin is, and with it the number of tables.
fn fisher(before: Seen, after: Seen) -> f64 {
    let (hits, of, all) = (before.hits + after.hits, after.of, before.of + after.of);
    let first = hits.saturating_sub(before.of);
    let last = hits.min(of);
    let whole = choose(all, hits);
    let probability = |k: u64| (choose(of, k) + choose(before.of, hits - k) - whole).exp();
    no_more_probable(first..=last, after.hits, probability)
}

/// Two-sided: how samples of both sides fall on them, if each is worth the same to both.
fn binomial(before: Amount, after: Amount) -> f64 {
    let all = before.samples + after.samples;
    // A sample that is worth less comes more often.
    let chance = before.each / (before.each + after.each);
    let mean = all as f64 * chance;
    if mean.min(all as f64 - mean) >= SMALL {
        return two_sided(after.samples as f64 - mean, mean * (1.0 - chance));
    }
    if all == 0 || chance <= 0.0 || chance >= 1.0 || all > MOST_TABLES {
        return 1.0;
    }
    let probability =
        |k: u64| (choose(all, k) + k as f64 * chance.ln() + (all - k) as f64 * (1.0 - chance).ln()).exp();
    no_more_probable(0..=all, after.samples, probability)
}

fn no_more_probable(all: std::ops::RangeInclusive<u64>, seen: u64, probability: impl Fn(u64) -> f64) -> f64 {
    let most = probability(seen) * AS_PROBABLE;
    all.map(probability).filter(|probability| *probability <= most).sum::<f64>().min(1.0)
}

/// The logarithm of how many ways there are to choose `k` of `n`.
fn choose(n: u64, k: u64) -> f64 {
    let ln_factorial = |n: u64| lgamma(n as f64 + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// p-values corrected for how many there are, after Benjamini and Hochberg: of those that are at most [`ALPHA`] then, at
/// most one in twenty is expected to be by chance.
pub fn corrected(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&left, &right| p[right].total_cmp(&p[left]));
    let mut corrected = vec![1.0; p.len()];
    let mut least: f64 = 1.0;
    for (from_end, &at) in order.iter().enumerate() {
        let rank = p.len() - from_end;
        least = least.min(p[at] * p.len() as f64 / rank as f64);
        corrected[at] = least;
    }
    corrected
}

/// What to think of a difference whose p-value, corrected, is `corrected`. Both must speak against chance.
pub fn verdict(difference: &Difference, corrected: f64) -> Verdict {
    match difference {
        _ if corrected > ALPHA => Verdict::Noise,
        Difference { low, .. } if *low > 0.0 => Verdict::Grew,
        Difference { high, .. } if *high < 0.0 => Verdict::Shrank,
        _ => Verdict::Noise,
    }
}

#[cfg(test)]
pub(super) mod tests;
