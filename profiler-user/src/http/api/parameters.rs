//! Every parameter of the API, once: what it is called, what it may be, what it is for. Requests are read by this table
//! and the API's description is made of it, so that neither can say what the other does not do.
//!
//! It must not know which route takes which.

use serde_json::{Value, json};

use super::{formats, selector, time};

/// Most processes that one request may name.
pub(super) const MAX_PIDS: usize = 64;
/// Largest process id: that of the kernel's type.
pub(super) const MAX_PID: u64 = i32::MAX as u64;
/// Most labels to group by.
pub(super) const MAX_BY: usize = 4;
/// Longest name of a label, and of a function, in bytes.
pub(super) const MAX_TEXT: usize = 1000;
/// Longest name of a file, in bytes: as Linux has it.
pub(super) const MAX_PATH: usize = 4095;
/// Most seconds of the shorthand `seconds`: 31 days.
pub(super) const MAX_SECONDS: u64 = 31 * 86_400;

/// One parameter of a query string.
#[derive(Debug)]
pub(in crate::http) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) kind: Kind,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Integer {
        least: u64,
        most: u64,
        default: Option<u64>,
    },
    Number {
        least: f64,
        most: f64,
        default: f64,
    },
    Switch,
    Word {
        words: fn() -> Vec<&'static str>,
        default: &'static str,
    },
    Moment {
        default: &'static str,
    },
    Length,
    Selector,
    Text,
    Pids,
    /// The name of a file as a process has it.
    Path,
    LabelNames,
    /// Accepted and not looked at.
    Ignored,
}

macro_rules! parameters {
    ($($name:ident = $text:literal, $kind:expr, $about:literal;)*) => {
        $(pub(in crate::http) static $name: Parameter =
            Parameter { name: $text, about: $about, kind: $kind };)*
    };
}

const fn integer(least: u64, most: u64, default: u64) -> Kind {
    Kind::Integer { least, most, default: Some(default) }
}

const fn integer_or_none(most: u64) -> Kind {
    Kind::Integer { least: 0, most, default: None }
}

parameters! {
    FROM = "from", Kind::Moment { default: "now-60s" },
        "From this moment on; begins with the whole second.";
    UNTIL = "until", Kind::Moment { default: "now" },
        "Up to but not including this moment; the second that is running is left out.";
    SECONDS = "seconds", Kind::Integer { least: 1, most: MAX_SECONDS, default: None },
        "The last so many seconds, instead of from and until. Without a store no more than memory keeps.";
    QUERY = "query", Kind::Selector,
        "Which series, as Prometheus selects them: {service=\"checkout\",thread=~\"w.*\"}. A bare name is a service. Without: all.";
    PID = "pid", Kind::Pids,
        "Only these processes, besides what query selects; separated by commas or repeated.";
    TID = "tid", integer_or_none(MAX_PID),
        "Only this thread, besides what query and pid select: its id, as the label tid.";
    PROCESS = "pid", Kind::Integer { least: 1, most: MAX_PID, default: None },
        "The process.";
    FILE = "file", Kind::Path,
        "The file, as the frames of a profile name it.";
    LINES = "lines", Kind::Switch,
        "Lines of a function apart. Without: together.";
    THREADS = "threads", Kind::Switch,
        "Each stack on a frame for its thread.";
    PROCESSES = "processes", Kind::Switch,
        "Each stack on a frame for its process. Without: unless exactly one is named by pid.";
    FOCUS = "focus", Kind::Text,
        "Only stacks through this function: its qualified name, or name (file).";
    DEPTH = "depth", Kind::Integer { least: 1, most: 2000, default: None },
        "Most frames of a stack from the root on; what is deeper becomes one frame [pruned: N functions].";
    MAX_NODES = "max_nodes", integer(1, 200_000, 20_000),
        "Most nodes of the tree, the heaviest; what is left out becomes frames [pruned: N functions] with its weight.";
    LEAST_SHARE = "least_share", Kind::Number { least: 0.0, most: 1.0, default: 0.0005 },
        "Share of all samples that a node of the JSON tree must have; lighter ones are left out of it, their weight stays in the totals below.";
    FORMAT = "format", Kind::Word { words: formats::names, default: "json" },
        "What the answer is: a call tree as JSON, or a file.";
    DIFF_FORMAT = "format", Kind::Word { words: || vec!["json", "html"], default: "json" },
        "What the answer is: JSON, or the viewer with the comparison inside as a file.";
    BY = "by", Kind::LabelNames,
        "Apart by the values of these labels, at most 4, separated by commas or repeated.";
    STEP = "step", Kind::Length,
        "Length of a step. Without: the least that gives no more than points, and that samples of that age are kept in.";
    POINTS = "points", integer(1, 2000, 300),
        "Most steps.";
    GROUPS = "groups", integer(1, 200, 20),
        "Most groups, the largest; the rest is summed.";
    LIMIT = "limit", integer(1, 10_000, 100),
        "Most entries, the largest; the rest is summed or counted.";
    SORT = "sort", Kind::Word { words: || vec!["self", "total"], default: "self" },
        "What is largest: by what a function uses itself, or with what it calls.";
    LEFT_FROM = "left_from", Kind::Moment { default: "now-10m" },
        "The left side, before: from this moment on.";
    LEFT_UNTIL = "left_until", Kind::Moment { default: "now-5m" },
        "The left side: up to but not including this moment.";
    LEFT_QUERY = "left_query", Kind::Selector,
        "The left side: which series.";
    RIGHT_FROM = "right_from", Kind::Moment { default: "now-5m" },
        "The right side, after: from this moment on.";
    RIGHT_UNTIL = "right_until", Kind::Moment { default: "now" },
        "The right side: up to but not including this moment.";
    RIGHT_QUERY = "right_query", Kind::Selector,
        "The right side: which series.";
    NORMALISE = "normalise", Kind::Switch,
        "The left side is scaled so that both weigh the same: shows what changed its share, not that there was more load.";
    PARTS = "parts", Kind::Word { words: || vec!["10", "20", "25", "50", "100"], default: "50" },
        "Into how many parts each second is divided.";
    INTERVAL = "interval", Kind::Number { least: 0.2, most: 60.0, default: 1.0 },
        "Seconds between two pictures.";
    COLLECT = "seconds", integer(1, 300, 30),
        "The next so many seconds: the answer comes when they are over.";
    ZOOM_X = "x", Kind::Ignored,
        "Not looked at: the flame graph's own script keeps its zoom here.";
    ZOOM_Y = "y", Kind::Ignored,
        "Not looked at: the flame graph's own script keeps its zoom here.";
    SEARCH = "s", Kind::Ignored,
        "Not looked at: the flame graph's own script keeps its search here.";
}

impl Parameter {
    /// What it may be, as JSON Schema.
    pub(super) fn schema(&self) -> Value {
        match self.kind {
            Kind::Integer { least, most, default: None } => {
                json!({"type": "integer", "minimum": least, "maximum": most})
            }
            Kind::Integer { least, most, default: Some(default) } => {
                json!({"type": "integer", "minimum": least, "maximum": most, "default": default})
            }
            Kind::Number { least, most, default } => {
                json!({"type": "number", "minimum": least, "maximum": most, "default": default})
            }
            Kind::Switch => json!({"type": "string", "enum": ["0", "1", "false", "true", ""]}),
            Kind::Word { words, default } => json!({"type": "string", "enum": words(), "default": default}),
            Kind::Moment { default } => json!({
                "anyOf": [
                    {"type": "string", "format": "date-time"},
                    {"type": "string", "pattern": time::moments_pattern()},
                ],
                "default": default,
            }),
            Kind::Length => json!({"type": "string", "pattern": time::lengths_pattern()}),
            Kind::Selector => json!({"type": "string", "minLength": 1, "maxLength": selector::MAX_BYTES}),
            Kind::Text => json!({"type": "string", "minLength": 1, "maxLength": MAX_TEXT}),
            Kind::Path => {
                json!({"type": "string", "minLength": 1, "maxLength": MAX_PATH, "pattern": "^[^\\u0000]+$"})
            }
            Kind::Pids => json!({
                "type": "array",
                "items": {"type": "integer", "minimum": 0, "maximum": MAX_PID},
                "maxItems": MAX_PIDS,
            }),
            Kind::LabelNames => json!({
                "type": "array",
                "items": {"type": "string", "pattern": label_pattern()},
                "maxItems": MAX_BY,
            }),
            Kind::Ignored => json!({"type": "string"}),
        }
    }

    /// What it may be, for people.
    pub(super) fn allowed(&self) -> String {
        match self.kind {
            Kind::Integer { least, most, .. } => format!("a whole number from {least} to {most}"),
            Kind::Number { least, most, .. } => format!("a number from {least} to {most}"),
            Kind::Switch => "1 or 0".to_owned(),
            Kind::Word { words, .. } => format!("one of {}", words().join(", ")),
            Kind::Moment { .. } => time::MOMENTS.to_owned(),
            Kind::Length => time::LENGTHS.to_owned(),
            Kind::Selector => selector::HINT.to_owned(),
            Kind::Text => format!("a text of 1 to {MAX_TEXT} characters"),
            Kind::Path => format!("the name of a file of 1 to {MAX_PATH} bytes, none of which is zero"),
            Kind::Pids => format!(
                "at most {MAX_PIDS} process ids as /api/v1/processes lists them, separated by commas or repeated"
            ),
            Kind::LabelNames => {
                format!(
                    "at most {MAX_BY} names as /api/v1/labels lists them, separated by commas or repeated"
                )
            }
            Kind::Ignored => "anything".to_owned(),
        }
    }

    /// Whether there is no answer without it.
    pub(super) fn is_required(&self) -> bool {
        [&PROCESS, &FILE].into_iter().any(|required| std::ptr::eq(required, self))
    }

    /// Whether it is a list: several values, separated by commas or repeated.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.kind, Kind::Pids | Kind::LabelNames)
    }
}

/// A regular expression for names of labels.
pub(super) fn label_pattern() -> String {
    "^[a-zA-Z_][a-zA-Z0-9_./-]{0,99}$".to_owned()
}

/// Whether a label can have this name: as [`label_pattern`] says.
pub(super) fn is_label_name(name: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(begins)
        && name.len() <= 100
        && name.chars().all(|c| begins(c) || c.is_ascii_digit() || matches!(c, '.' | '/' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_labels() {
        let pattern = regex::Regex::new(&label_pattern()).unwrap();
        let long = "a".repeat(101);
        for name in ["service", "_x", "k8s.io/team-name", "", "7", "a b", "ü", &long, &long[1..], "a,b"] {
            assert_eq!(is_label_name(name), pattern.is_match(name), "{name}");
        }
    }
}
