//! Bounds of label values: how long one is, and how many different ones there are. It must not know where they come from.
//!
//! Every value that is met makes a series, and processes choose what they say. What finds no room is called
//! [`OTHER`] and counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

/// Most characters of a value, and of a label's name.
pub const MAX_CHARACTERS: usize = 128;
/// Most different values of one label at a time.
pub const MAX_VALUES: usize = 500;
/// Most different labels at a time that processes name themselves.
pub const MAX_NAMES: usize = 50;
/// The value of a label whose own found no room; in [`Values::overflow`] also the name of a label that found none.
pub const OTHER: &str = "other";

/// A value as it is shown: without control characters, and if it is too long cut, which shows.
pub fn text(value: &str) -> String {
    let shown: String = value.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let shown = shown.trim();
    match shown.char_indices().nth(MAX_CHARACTERS) {
        Some(_) => {
            let cut: String = shown.chars().take(MAX_CHARACTERS - 1).collect();
            format!("{cut}…")
        }
        None => shown.to_owned(),
    }
}

/// The values that are in use, by label.
#[derive(Debug, Default)]
pub struct Values {
    known: FxHashMap<Arc<str>, FxHashSet<Arc<str>>>,
    overflow: BTreeMap<Arc<str>, u64>,
}

impl Values {
    /// The one copy of a label's name that a process has chosen. `None`: there are too many, which is counted.
    pub fn name(&mut self, name: &str) -> Option<Arc<str>> {
        if let Some((known, _)) = self.known.get_key_value(name) {
            return Some(known.clone());
        }
        if self.known.len() >= MAX_NAMES {
            for values in self.known.values_mut() {
                drop_unused(values);
            }
            self.known.retain(|_, values| !values.is_empty());
        }
        if self.known.len() >= MAX_NAMES {
            self.count(OTHER.into());
            return None;
        }
        let name: Arc<str> = name.into();
        self.known.insert(name.clone(), FxHashSet::default());
        Some(name)
    }

    /// The one copy of a value, or [`OTHER`] where there are too many of them. What no process and no series has any
    /// more makes room.
    pub fn keep(&mut self, label: &str, value: String) -> Arc<str> {
        let values = match self.known.get_mut(label) {
            Some(values) => values,
            // A label that every process has: it is not among those that find no room.
            None => self.known.entry(label.into()).or_default(),
        };
        if let Some(known) = values.get(value.as_str()) {
            return known.clone();
        }
        if values.len() >= MAX_VALUES {
            drop_unused(values);
        }
        if values.len() >= MAX_VALUES {
            self.count(label.into());
            return OTHER.into();
        }
        let value: Arc<str> = value.into();
        values.insert(value.clone());
        value
    }

    fn count(&mut self, label: Arc<str>) {
        // Labels come and go, their counters stay: past a bound they are counted together.
        let is_known = self.overflow.contains_key(&label) || self.overflow.len() < MAX_NAMES;
        *self.overflow.entry(if is_known { label } else { OTHER.into() }).or_default() += 1;
    }

    /// How often there was no room, by label.
    pub fn overflow(&self) -> impl Iterator<Item = (&str, u64)> {
        self.overflow.iter().map(|(label, &count)| (&**label, count))
    }
}

/// Drops what nobody but this table has.
fn drop_unused(values: &mut FxHashSet<Arc<str>>) {
    values.retain(|value| Arc::strong_count(value) > 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_and_show_it() {
        assert_eq!(text(" a\tb\n"), "a b");
        assert_eq!(text(&"é".repeat(MAX_CHARACTERS)), "é".repeat(MAX_CHARACTERS));
        let cut = text(&"é".repeat(MAX_CHARACTERS + 1));
        assert_eq!((cut.chars().count(), cut.ends_with("é…")), (MAX_CHARACTERS, true));
    }

    #[test]
    fn past_the_bound_values_are_other_and_counted() {
        let mut values = Values::default();
        let held: Vec<Arc<str>> =
            (0..MAX_VALUES).map(|number| values.keep("service", number.to_string())).collect();
        assert_eq!(*values.keep("service", "one more".to_owned()), *OTHER);
        assert_eq!(*values.keep("service", "7".to_owned()), *"7");
        assert_eq!(*values.keep("zone", "one more".to_owned()), *"one more");
        assert_eq!(values.overflow().collect::<Vec<_>>(), [("service", 1)]);
        drop(held);
        assert_eq!(*values.keep("service", "one more".to_owned()), *"one more");
    }

    #[test]
    fn past_the_bound_there_are_no_more_labels_until_some_are_not_used() {
        let mut values = Values::default();
        let mut held = Vec::new();
        for number in 0..MAX_NAMES {
            let name = values.name(&format!("n{number}")).unwrap();
            held.push(values.keep(&name, "v".to_owned()));
        }
        assert_eq!(values.name("one_more"), None);
        assert_eq!(values.name("n7").as_deref(), Some("n7"));
        assert_eq!(values.overflow().collect::<Vec<_>>(), [(OTHER, 1)]);
        drop(held);
        assert_eq!(values.name("one_more").as_deref(), Some("one_more"));
    }
}
