//! The rule by which services are named: sources in the order in which they are asked. It must not know processes.

use std::fmt;
use std::str::FromStr;

/// Where a service's name may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The environment: `OTEL_SERVICE_NAME`, `SERVICE_NAME`, `service.name` of `OTEL_RESOURCE_ATTRIBUTES`.
    Env,
    /// The systemd unit, without `.service`.
    Unit,
    /// The container's id, the first 12 characters.
    Container,
    /// The script or module that Python runs; another program's file name.
    Script,
    /// The file name that the process was called as.
    Command,
}

impl Source {
    const ALL: [(&str, Source); 5] = [
        ("env", Source::Env),
        ("unit", Source::Unit),
        ("container", Source::Container),
        ("script", Source::Script),
        ("command", Source::Command),
    ];

    fn name(self) -> &'static str {
        Source::ALL.iter().find(|(_, source)| *source == self).map_or("", |(name, _)| name)
    }
}

/// Sources, each at most once, at least one: the first that has a name gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule(Vec<Source>);

impl Rule {
    /// The sources in their order.
    pub fn sources(&self) -> &[Source] {
        &self.0
    }
}

impl Default for Rule {
    fn default() -> Rule {
        Rule(vec![Source::Env, Source::Script])
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|source| source.name()).collect::<Vec<_>>().join(","))
    }
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A word that names no source.
    #[error(
        "`{0}` is no source of names: write some of env, unit, container, script, command, separated by commas"
    )]
    Unknown(String),
    /// A source is there twice.
    #[error("`{0}` is there twice, and the second can never be asked")]
    Twice(&'static str),
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Rule, RuleError> {
        let mut sources = Vec::new();
        for word in text.split(',').map(str::trim) {
            let found = Source::ALL.iter().find(|(name, _)| *name == word);
            let (name, source) = *found.ok_or_else(|| RuleError::Unknown(word.to_owned()))?;
            if sources.contains(&source) {
                return Err(RuleError::Twice(name));
            }
            sources.push(source);
        }
        Ok(Rule(sources))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_in_their_order_each_once() {
        let rule: Rule = "unit, env,script".parse().unwrap();
        assert_eq!(rule.sources(), [Source::Unit, Source::Env, Source::Script]);
        assert_eq!(rule.to_string(), "unit,env,script");
        assert_eq!("env,script".parse(), Ok(Rule::default()));
        assert_eq!("env,env".parse::<Rule>(), Err(RuleError::Twice("env")));
        for bad in ["", "env,", "Env", "env;unit", "pod"] {
            assert!(matches!(bad.parse::<Rule>(), Err(RuleError::Unknown(_))), "{bad}");
        }
    }
}
