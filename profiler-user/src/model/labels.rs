//! What tells one series of samples from another: the labels of a process, and their names.
//!
//! The names are part of the API and of the store's files. It must not know where a value came from.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Pid, Series};

/// The labels that every series has, in the order in which they are listed; any other name is one of
/// [`Labels::extra`].
pub const NAMES: [&str; 12] = [
    "service",
    "namespace",
    "pod",
    "container",
    "unit",
    "user",
    "command",
    "pid",
    "thread",
    "tid",
    "python_version",
    "interpreter",
];

/// Labels as (name, value), each name once.
pub type LabelSet = Vec<(Arc<str>, Arc<str>)>;

/// Labels of a process besides its id, command line and Python version. A text is empty where there is none, or where it
/// is not known: an absent label and an empty one are the same, as in Prometheus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels {
    /// What the process is called by whoever runs it: `checkout`, `gunicorn`, `celery worker`.
    pub service: Arc<str>,
    /// The Kubernetes namespace.
    pub namespace: Arc<str>,
    /// The Kubernetes pod.
    pub pod: Arc<str>,
    /// The container's id, as its runtime has it.
    pub container: Arc<str>,
    /// The systemd unit: `nginx.service`.
    pub unit: Arc<str>,
    /// The name of the user that it runs as, or its number.
    pub user: Arc<str>,
    /// What the process says of itself besides: (name, value), sorted by name, each name once, none of [`NAMES`].
    pub extra: Vec<(Arc<str>, Arc<str>)>,
}

impl Labels {
    /// Those of a process of which nothing is known.
    pub fn none() -> Arc<Labels> {
        static NONE: std::sync::LazyLock<Arc<Labels>> = std::sync::LazyLock::new(Arc::default);
        NONE.clone()
    }
}

impl Series {
    /// Every label that has a value, in the order of [`NAMES`], the process's own ones last.
    pub fn all_labels(&self) -> LabelSet {
        let named = NAMES.into_iter().map(|name| (Arc::from(name), Arc::from(&*self.label(name))));
        named
            .chain(self.labels.extra.iter().cloned())
            .filter(|(_, value): &(_, Arc<str>)| !value.is_empty())
            .collect()
    }

    /// The value of a label; empty where it has none of that name.
    pub fn label(&self, name: &str) -> Cow<'_, str> {
        let labels = &*self.labels;
        match name {
            "service" => (&*labels.service).into(),
            "namespace" => (&*labels.namespace).into(),
            "pod" => (&*labels.pod).into(),
            "container" => (&*labels.container).into(),
            "unit" => (&*labels.unit).into(),
            "user" => (&*labels.user).into(),
            "command" => (&*self.command).into(),
            "pid" => match self.pid {
                // No process has it: it stands for several that found no room.
                Pid(0) => "".into(),
                pid => pid.to_string().into(),
            },
            "thread" => (&*self.thread).into(),
            "tid" => match self.tid.0 {
                0 => "".into(),
                tid => tid.to_string().into(),
            },
            "python_version" => (&*self.python).into(),
            "interpreter" => self.interpreter.map_or("".into(), |number| number.to_string().into()),
            _ => match labels.extra.binary_search_by(|(known, _)| (**known).cmp(name)) {
                Ok(at) => (&*labels.extra[at].1).into(),
                Err(_) => "".into(),
            },
        }
    }
}
