//! Labels of a process: read once, when it is examined first after its exec, and shared by its series.
//!
//! A forked child has its parent's labels: the same environment, and the same control groups and user at that moment. One
//! that is moved to another group or gives up its user afterwards, without an exec, keeps the labels that it had; asking
//! again and again would cost more than such processes are worth. A process of which something can't be read has no label
//! for it, and [`Refusal`] counts why.
//!
//! It must not know samples.

mod rule;
mod values;

use std::fmt;
use std::fs;
use std::io;
use std::sync::Arc;

pub use rule::{Rule, RuleError, Source};
use values::{MAX_CHARACTERS, Values, text};

use crate::model::Pid;
use crate::model::labels::{Labels, NAMES};
use crate::process::cgroup::{self, Membership};
use crate::process::environment::{self, Environment};
use crate::process::identity;
use crate::process::user::{self, Status, Users};
use crate::python::program::{Program, Start, program};

/// Characters of a container's id in a service's name: as many as `docker ps` shows.
const SHORT_ID: usize = 12;

/// Why something of a process is no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its control groups could not be read: no container, no unit.
    CgroupUnreadable,
    /// Its environment could not be read: no names from it.
    EnvironmentUnreadable,
    /// Its environment is longer than what is read of one.
    EnvironmentTooLong,
    /// Its user could not be read.
    UserUnreadable,
    /// A member of `OTEL_RESOURCE_ATTRIBUTES` that is no `key=value`.
    MalformedAttribute,
    /// An attribute whose key can't be the name of a label.
    InvalidName,
    /// An attribute whose key is the name of another label.
    ReservedName,
    /// An attribute of a process that has too many of them.
    TooManyAttributes,
}

impl Refusal {
    /// Every one.
    pub const ALL: [Refusal; 8] = [
        Refusal::CgroupUnreadable,
        Refusal::EnvironmentUnreadable,
        Refusal::EnvironmentTooLong,
        Refusal::UserUnreadable,
        Refusal::MalformedAttribute,
        Refusal::InvalidName,
        Refusal::ReservedName,
        Refusal::TooManyAttributes,
    ];

    /// Its name in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Refusal::CgroupUnreadable => "cgroup_unreadable",
            Refusal::EnvironmentUnreadable => "environment_unreadable",
            Refusal::EnvironmentTooLong => "environment_too_long",
            Refusal::UserUnreadable => "user_unreadable",
            Refusal::MalformedAttribute => "malformed_attribute",
            Refusal::InvalidName => "invalid_name",
            Refusal::ReservedName => "reserved_name",
            Refusal::TooManyAttributes => "too_many_attributes",
        }
    }
}

/// Reads labels, and keeps the number of their values within bounds.
pub struct Labeller {
    rule: Rule,
    users: Users,
    values: Values,
    refused: [u64; Refusal::ALL.len()],
}

impl Labeller {
    /// One that names services by this rule.
    pub fn new(rule: Rule) -> Labeller {
        Labeller { rule, users: Users::default(), values: Values::default(), refused: [0; _] }
    }

    /// The labels of a process at this moment; `service_of` answers what its parent's service is.
    pub fn read(&mut self, pid: Pid, service_of: impl Fn(Pid) -> Option<Arc<str>>) -> Arc<Labels> {
        let status = self.known(pid, Refusal::UserUnreadable, user::status(pid));
        let membership = self.known(pid, Refusal::CgroupUnreadable, cgroup::read(pid)).unwrap_or_default();
        let environment =
            self.known(pid, Refusal::EnvironmentUnreadable, environment::read(pid)).unwrap_or_default();
        self.count(Refusal::EnvironmentTooLong, environment.is_cut.into());
        self.count(Refusal::MalformedAttribute, environment.malformed);
        self.count(Refusal::TooManyAttributes, environment.too_many);
        let service = self.service(pid, &membership, &environment, || service_of(status?.parent));
        let container = membership.container.unwrap_or_default();
        let user = match status {
            None => "".into(),
            // It has users of its own: this machine's name for the number may be somebody else's.
            Some(Status { uid, .. }) if !container.is_empty() => uid.to_string().into(),
            Some(Status { uid, .. }) => self.users.name(uid),
        };
        Arc::new(Labels {
            service,
            container: text(&container).into(),
            unit: text(&membership.unit.unwrap_or_default()).into(),
            user: text(&user).into(),
            extra: self.extra(&environment),
            ..Labels::default()
        })
    }

    /// The service's name by the first source that has one; empty if none has.
    fn service(
        &mut self,
        pid: Pid,
        membership: &Membership,
        environment: &Environment,
        of_parent: impl Fn() -> Option<Arc<str>>,
    ) -> Arc<str> {
        let name = self.rule.sources().iter().find_map(|source| {
            let name = match source {
                Source::Env => environment.service().map(str::to_owned),
                Source::Unit => membership.unit.as_deref().map(without_kind),
                Source::Container => {
                    membership.container.as_deref().map(|id| id.chars().take(SHORT_ID).collect())
                }
                Source::Script => match script(pid) {
                    Program::Named(name) => Some(name),
                    // If the parent has exited, or has no name: what Python was called with.
                    Program::OfParent => {
                        let parent = of_parent().filter(|name| !name.is_empty());
                        Some(parent.map_or_else(|| "-c".to_owned(), |name| name.to_string()))
                    }
                    Program::Unknown => None,
                },
                Source::Command => called(pid),
            };
            name.map(|name| text(&name)).filter(|name| !name.is_empty())
        });
        name.map_or_else(|| "".into(), |name| self.values.keep("service", name))
    }

    /// Labels from attributes of the environment.
    fn extra(&mut self, environment: &Environment) -> Vec<(Arc<str>, Arc<str>)> {
        let mut extra: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for (key, value) in &environment.attributes {
            let (name, value) = (key.replace('.', "_"), text(value));
            if key == "service.name" || value.is_empty() {
                continue;
            }
            if !is_name(&name) {
                self.count(Refusal::InvalidName, 1);
            } else if NAMES.contains(&name.as_str()) || extra.iter().any(|(known, _)| **known == *name) {
                self.count(Refusal::ReservedName, 1);
            } else if let Some(name) = self.values.name(&name) {
                let value = self.values.keep(&name, value);
                extra.push((name, value));
            }
        }
        extra.sort();
        extra
    }

    /// Processes whose value of a label, or whose label altogether, found no room: by the label's name, and `other` for
    /// labels that found none.
    pub fn overflow(&self) -> impl Iterator<Item = (&str, u64)> {
        self.values.overflow()
    }

    /// How often something was no label, and why.
    pub fn refused(&self) -> impl Iterator<Item = (Refusal, u64)> {
        Refusal::ALL.into_iter().zip(self.refused)
    }

    fn known<T>(&mut self, pid: Pid, refusal: Refusal, read: io::Result<T>) -> Option<T> {
        read.inspect_err(|error| {
            tracing::debug!(%pid, "{}: {error}", refusal.label());
            self.count(refusal, 1);
        })
        .ok()
    }

    fn count(&mut self, refusal: Refusal, number: u64) {
        self.refused[refusal as usize] += number;
    }
}

impl fmt::Debug for Labeller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Labeller").field("rule", &self.rule).finish_non_exhaustive()
    }
}

/// What the process runs. Links that can't be read leave less to tell by, and no words are no program.
fn script(pid: Pid) -> Program {
    let link = |name: &str| match fs::read_link(format!("/proc/{pid}/{name}")) {
        Ok(path) => path.to_string_lossy().into_owned(),
        Err(_) => String::new(),
    };
    let (executable, folder) = (link("exe"), link("cwd"));
    program(&Start { arguments: &identity::arguments(pid), executable: &executable, folder: &folder })
}

/// The file that the process was called as.
fn called(pid: Pid) -> Option<String> {
    let arguments = identity::arguments(pid);
    arguments.first()?.rsplit('/').next().map(str::to_owned)
}

/// A unit's name without its kind: `nginx`.
fn without_kind(unit: &str) -> String {
    unit.rsplit_once('.').map_or(unit, |(name, _)| name).to_owned()
}

/// Whether it can be a label's name, in Prometheus too: those that begin with two underscores are its own.
fn is_name(name: &str) -> bool {
    let is_fit = |(at, byte): (usize, u8)| {
        byte == b'_' || byte.is_ascii_alphabetic() || at > 0 && byte.is_ascii_digit()
    };
    !name.is_empty()
        && name.len() <= MAX_CHARACTERS
        && !name.starts_with("__")
        && name.bytes().enumerate().all(is_fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extra_of(list: &str) -> (Vec<String>, Labeller) {
        let mut labeller = Labeller::new(Rule::default());
        let environment = environment::parse(format!("OTEL_RESOURCE_ATTRIBUTES={list}\0").as_bytes());
        let extra = labeller.extra(&environment);
        (extra.iter().map(|(name, value)| format!("{name}={value}")).collect(), labeller)
    }

    fn refused(labeller: &Labeller, refusal: Refusal) -> u64 {
        labeller.refused().find(|(known, _)| *known == refusal).map_or(0, |(_, count)| count)
    }

    #[test]
    fn attributes_become_labels_in_the_order_of_their_names() {
        let (extra, labeller) = extra_of("service.name=a,z=1,deployment.environment=prod,a_b=2,empty=");
        assert_eq!(extra, ["a_b=2", "deployment_environment=prod", "z=1"]);
        assert!(labeller.refused().all(|(_, count)| count == 0));
    }

    #[test]
    fn what_can_be_no_label_is_refused_and_counted() {
        let (extra, labeller) = extra_of("pod=x,a-b=1,7=1,__name__=1,%C3%A9=1,a.b=1,a_b=2,ok=1");
        assert_eq!(extra, ["a_b=1", "ok=1"]);
        assert_eq!(refused(&labeller, Refusal::InvalidName), 4);
        assert_eq!(refused(&labeller, Refusal::ReservedName), 2);
    }

    #[test]
    fn values_are_texts_that_do_no_harm() {
        let (extra, _) = extra_of("a=x%0Ay%1B[31m;\"z\",b=%00,c=%FF");
        assert_eq!(extra, ["a=x y [31m;\"z\"", "c=\u{fffd}"]);
    }

    #[test]
    fn the_own_process_has_labels_and_one_that_is_not_there_none() {
        let mut labeller = Labeller::new(Rule::default());
        let own = labeller.read(Pid(std::process::id()), |_| None);
        assert!(!own.user.is_empty() && own.service.starts_with("firetower-"), "{own:?}");
        assert!(labeller.refused().all(|(_, count)| count == 0));
        assert_eq!(*labeller.read(Pid(u32::MAX), |_| None), Labels::default());
        let unreadable = [Refusal::CgroupUnreadable, Refusal::EnvironmentUnreadable, Refusal::UserUnreadable];
        assert_eq!(unreadable.map(|refusal| refused(&labeller, refusal)), [1, 1, 1]);
    }

    #[test]
    fn every_refusal_has_its_own_place() {
        for (at, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal as usize, at);
        }
    }
}
