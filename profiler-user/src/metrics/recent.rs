//! How much there was of something lately: a sum in which what is a minute old counts half.
//!
//! It must not know of what.

use std::time::{Duration, Instant};

/// After this long a weight counts half.
const HALF_LIFE: Duration = Duration::from_secs(60);

/// The sum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    sum: f64,
    at: Instant,
}

impl Recent {
    /// Nothing so far.
    pub fn new(now: Instant) -> Recent {
        Recent { sum: 0.0, at: now }
    }

    /// Adds to it.
    pub fn add(&mut self, amount: f64, now: Instant) {
        self.sum = self.at(now) + amount;
        self.at = self.at.max(now);
    }

    /// The sum, as of now.
    pub fn at(&self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.at).as_secs_f64();
        self.sum * (-age / HALF_LIFE.as_secs_f64()).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_halves_each_minute() {
        let start = Instant::now();
        let mut recent = Recent::new(start);
        recent.add(8.0, start);
        assert!((recent.at(start + HALF_LIFE) - 4.0).abs() < 1e-9);
        recent.add(1.0, start + HALF_LIFE * 2);
        assert!((recent.at(start + HALF_LIFE * 2) - 3.0).abs() < 1e-9);
    }
}
