//! What folded stacks say of one function. It must not know where they come from.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Samples of a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// All of them.
    pub all: u64,
    /// Those with the function on the stack, once however often it is there.
    pub with: u64,
}

impl Samples {
    /// Reads a file of folded stacks.
    ///
    /// # Errors
    /// If it can't be read, or a line has no count.
    pub fn read(file: &Path, function: &str) -> Result<Samples> {
        let text = fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
        Samples::parse(&text, function).with_context(|| file.display().to_string())
    }

    fn parse(folded: &str, function: &str) -> Result<Samples> {
        let mut samples = Samples::default();
        for line in folded.lines() {
            let (stack, count) = line.rsplit_once(' ').with_context(|| format!("no count in {line:?}"))?;
            let count: u64 = count.parse().with_context(|| format!("no count in {line:?}"))?;
            samples.all += count;
            let is_there = |frame: &str| {
                // `Class.function (file)` where the version has qualified names.
                let name = frame.split(" (").next().unwrap_or_default();
                name.rsplit('.').next() == Some(function)
            };
            if stack.split(';').any(is_there) {
                samples.with += count;
            }
        }
        Ok(samples)
    }

    /// The share of those with the function; 0 of none.
    pub fn share(&self) -> f64 {
        if self.all == 0 { 0.0 } else { self.with as f64 / self.all as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_counts_once_a_stack_and_only_under_its_own_name() {
        let folded = "run (a b.py);get_endpoint (c.py);get_endpoint (d.py) 3\nrun (a b.py);Session.get_endpoint (c.py) 2\n\
                      run (a b.py);get_endpoint_data (c.py);x (get_endpoint) 5\n";
        let samples = Samples::parse(folded, "get_endpoint").expect("folded stacks");
        assert_eq!(samples, Samples { all: 10, with: 5 });
        assert!(Samples::parse("run (a.py)\n", "run").is_err());
    }
}
