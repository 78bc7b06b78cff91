//! What folded stacks say of one function, and folded stacks without what is too small to be seen. It must not know where
//! they come from.

use std::collections::HashMap;
use std::fmt::Write;
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
            let (stack, count) = parts(line)?;
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

/// A line's stack and count.
fn parts(line: &str) -> Result<(&str, u64)> {
    let (stack, count) = line.rsplit_once(' ').with_context(|| format!("no count in {line:?}"))?;
    Ok((stack, count.parse().with_context(|| format!("no count in {line:?}"))?))
}

/// Two profiles in which frames that have less than this share of both together are cut off: their samples belong to their
/// callers. Both are cut at the same places, so that they still compare.
///
/// # Errors
/// If a line has no count.
pub fn prune(profiles: [&str; 2], least: f64) -> Result<[String; 2]> {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    let mut all = 0;
    for line in profiles.iter().flat_map(|profile| profile.lines()) {
        let (stack, count) = parts(line)?;
        all += count;
        ends(stack).for_each(|end| *counts.entry(&stack[..end]).or_default() += count);
    }
    let is_seen = |path: &str| counts[path] as f64 >= least * all as f64;
    let pruned = |profile: &str| -> Result<String> {
        let mut text = String::new();
        for line in profile.lines() {
            let (stack, count) = parts(line)?;
            let end = ends(stack).take_while(|end| is_seen(&stack[..*end])).last();
            // Of several lines with one stack the counts add up.
            writeln!(text, "{} {count}", end.map_or("[cut]", |end| &stack[..end]))?;
        }
        Ok(text)
    };
    Ok([pruned(profiles[0])?, pruned(profiles[1])?])
}

/// Where each frame of a stack ends, from its root on.
fn ends(stack: &str) -> impl Iterator<Item = usize> {
    stack.match_indices(';').map(|(at, _)| at).chain([stack.len()])
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
    #[test]
    fn both_profiles_are_cut_at_the_same_frames_and_lose_no_sample() {
        let pruned =
            prune(["a;b;c 1\na;b;d 60\nx 1\n", "a;b;c 2\na;b;d;e 36\n"], 0.05).expect("folded stacks");
        assert_eq!(pruned, ["a;b 1\na;b;d 60\n[cut] 1\n", "a;b 2\na;b;d;e 36\n"]);
    }
}
