//! Which series are meant: matchers on labels, with the meaning that they have in Prometheus.
//!
//! It must not know how a selector is written, nor what holds the series.

use regex::{Regex, RegexBuilder};

use super::Series;

/// Longest regular expression, in bytes.
const MAX_PATTERN: usize = 1000;
/// Most memory that a compiled one may take, in bytes.
const MAX_COMPILED: usize = 256 << 10;

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`: the whole value matches the regular expression.
    Matches,
    /// `!~`
    NotMatches,
}

/// One condition on one label.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: String,
    comparison: Comparison,
    value: String,
    /// Only where the comparison has one.
    regex: Option<Regex>,
}

/// Why a matcher can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is no regular expression that can be used: {why}")]
pub struct PatternError {
    /// As it was given.
    pub pattern: String,
    /// In words.
    pub why: String,
}

impl Matcher {
    /// A condition on a label. An absent label has the value "".
    ///
    /// # Errors
    /// If a regular expression can't be read, or is too large.
    pub fn new(name: &str, comparison: Comparison, value: &str) -> Result<Matcher, PatternError> {
        let error = |why: String| PatternError { pattern: value.to_owned(), why };
        let regex = match comparison {
            Comparison::Equal | Comparison::NotEqual => None,
            _ if value.len() > MAX_PATTERN => {
                return Err(error(format!("it is longer than {MAX_PATTERN} bytes")));
            }
            _ => {
                let build = |pattern: &str| {
                    let built = RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build();
                    built.map_err(|failed| error(failed.to_string()))
                };
                // By itself first: one with unbalanced brackets could leave the anchors.
                build(value)?;
                // Anchored at both ends, as in Prometheus.
                Some(build(&format!("^(?s:{value})$"))?)
            }
        };
        Ok(Matcher { name: name.to_owned(), comparison, value: value.to_owned(), regex })
    }

    /// The label's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The only value that is accepted, if there is only one.
    pub fn only(&self) -> Option<&str> {
        (self.comparison == Comparison::Equal).then_some(&*self.value)
    }

    /// Whether a label with this value is meant.
    pub fn accepts(&self, value: &str) -> bool {
        let matches = || self.regex.as_ref().is_some_and(|regex| regex.is_match(value));
        match self.comparison {
            Comparison::Equal => value == self.value,
            Comparison::NotEqual => value != self.value,
            Comparison::Matches => matches(),
            Comparison::NotMatches => !matches(),
        }
    }
}

/// Series for which every matcher holds. Without matchers: all.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    /// All must hold.
    pub matchers: Vec<Matcher>,
}

impl Selector {
    /// Whether this series is meant.
    pub fn accepts(&self, series: &Series) -> bool {
        self.matchers.iter().all(|matcher| matcher.accepts(&series.label(matcher.name())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(comparison: Comparison, pattern: &str, value: &str) -> bool {
        Matcher::new("service", comparison, pattern).unwrap().accepts(value)
    }

    #[test]
    fn comparisons_mean_what_they_mean_in_prometheus() {
        assert!(accepts(Comparison::Equal, "a.c", "a.c") && !accepts(Comparison::Equal, "a.c", "abc"));
        assert!(accepts(Comparison::NotEqual, "a", "") && !accepts(Comparison::NotEqual, "", ""));
        assert!(accepts(Comparison::Matches, "a.c|d", "abc") && accepts(Comparison::Matches, "a|d", "d"));
        assert!(!accepts(Comparison::Matches, "b", "abc"), "the whole value must match");
        assert!(accepts(Comparison::NotMatches, "b", "abc") && !accepts(Comparison::NotMatches, ".*", "x"));
    }

    #[test]
    fn patterns_are_bounded() {
        assert!(Matcher::new("a", Comparison::Matches, "(").is_err());
        assert!(Matcher::new("a", Comparison::Matches, &"a".repeat(MAX_PATTERN + 1)).is_err());
        assert!(Matcher::new("a", Comparison::Matches, "(a{500}){500}").is_err());
        assert!(Matcher::new("a", Comparison::Matches, ")|(").is_err(), "it can't leave its anchors");
    }
}
