//! Which rows of a batch are meant, and which of them belong together: the labels of a question against the columns of
//! `samples`.
//!
//! Rows are sorted by series, so that neighbours mostly have the same labels: runs of rows that are alike are found by
//! comparing keys and numbers, and only a run's first row is looked at. A text is compared with the matchers once, however
//! often it is there; it must not know stacks, time or weights.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{
    Array, ArrayRef, Int32Array, Int64Array, MapArray, PrimitiveArray, RecordBatch, StringArray,
};
use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::columns::{self, Repeated};
use super::file::File;
use crate::model::select::{Select, SelectError};
use crate::model::selector::{Comparison, Matcher};
use crate::store::schema::SERIES_TEXTS;

/// Most combinations of label values of an answer.
pub(super) const MAX_GROUPS: usize = 100_000;
/// What a sample's value must be of: to add up anything else would mean nothing.
const CPU: &str = "cpu";
/// A dictionary's value that was not looked at yet.
const UNSEEN: u32 = u32::MAX;

/// Where the values of a label are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A column of repeated texts.
    Texts(&'static str),
    /// A column of ids; 0: none.
    Ids(&'static str),
    /// A column of numbers; null: none.
    Numbers(&'static str),
    /// In the map of other labels.
    Extra,
}

impl Place {
    fn of(label: &str) -> Place {
        match label {
            "pid" => Place::Ids("pid"),
            "tid" => Place::Ids("tid"),
            "interpreter" => Place::Numbers("interpreter"),
            _ => SERIES_TEXTS.into_iter().find(|name| *name == label).map_or(Place::Extra, Place::Texts),
        }
    }

    fn column(self) -> &'static str {
        match self {
            Place::Texts(name) | Place::Ids(name) | Place::Numbers(name) => name,
            Place::Extra => "labels",
        }
    }
}

/// A label that the question speaks of, and what was learned of its values.
struct Label {
    name: Arc<str>,
    place: Place,
    matchers: Vec<Matcher>,
    /// Every value that was seen, and whether the matchers accept it.
    seen: IndexSet<Arc<str>, FxBuildHasher>,
    accepted: Vec<bool>,
    /// Number in `seen` of a value of the dictionary that is held.
    dictionary: Option<(ArrayRef, Vec<u32>)>,
    /// Number in `seen` of an id or number.
    numbers: FxHashMap<Option<i64>, u32>,
}

/// The values of a label in a batch.
enum Column<'a> {
    /// The column came later than the file.
    Absent,
    Texts(&'a Repeated, &'a StringArray),
    Ids(&'a Int32Array),
    Numbers(&'a Int64Array),
    Extra(&'a MapArray, &'a StringArray, &'a StringArray),
}

/// The labels of a question, and the groups that were found so far.
pub(super) struct Groups {
    labels: Vec<Label>,
    /// Which of `labels` make a group, in the order asked for.
    by: Vec<usize>,
    /// Numbers in [`Label::seen`], for each of `by`.
    groups: IndexSet<Box<[u32]>, FxBuildHasher>,
}

impl Groups {
    /// For a question.
    pub(super) fn new(select: &Select) -> Groups {
        let cpu = Matcher::new("sample_type", Comparison::Equal, CPU).expect("not a regular expression");
        let mut labels = vec![Label::new("sample_type".into(), Place::Texts("sample_type"))];
        labels[0].matchers.push(cpu);
        let mut number = |name: &str| {
            // From 1: a process may have a label that is called as the column is.
            let known = labels.iter().skip(1).position(|label| *label.name == *name);
            known.map_or_else(
                || {
                    labels.push(Label::new(name.into(), Place::of(name)));
                    labels.len() - 1
                },
                |at| at + 1,
            )
        };
        let by = select.by.iter().map(|name| number(name)).collect();
        let matched: Vec<_> =
            select.selector.matchers.iter().map(|matcher| (number(matcher.name()), matcher)).collect();
        for (label, matcher) in matched {
            labels[label].matchers.push(matcher.clone());
        }
        Groups { labels, by, groups: IndexSet::default() }
    }

    /// The columns that are needed.
    pub(super) fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.labels.iter().map(|label| label.place.column())
    }

    /// Whether a row group may have rows that are meant, as far as the bounds of its columns tell.
    pub(super) fn may_be_in(&self, file: &File<'_>, row_group: usize) -> bool {
        self.labels.iter().all(|label| {
            let mut values = label.matchers.iter().filter_map(Matcher::only);
            match label.place {
                Place::Texts(column) => file
                    .text_bounds(row_group, column)
                    .is_none_or(|bounds| values.all(|value| bounds.contains(&value.as_bytes()))),
                Place::Ids(column) => file.bounds(row_group, column).is_none_or(|bounds| {
                    // What is no number is no id, and is found nowhere; an empty one is 0.
                    let id = |value: &str| if value.is_empty() { Some(0) } else { value.parse().ok() };
                    values.all(|value| id(value).is_some_and(|id| bounds.contains(&id)))
                }),
                Place::Numbers(_) | Place::Extra => true,
            }
        })
    }

    /// Calls `run` for each run of rows that are meant and belong together, with the number of their group.
    pub(super) fn runs<E: From<SelectError> + From<String>>(
        &mut self,
        batch: &RecordBatch,
        mut run: impl FnMut(Range<usize>, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut columns = Vec::with_capacity(self.labels.len());
        for label in &mut self.labels {
            columns.push(label.column(batch)?);
        }
        let mut start = 0;
        while start < batch.num_rows() {
            let mut end = batch.num_rows();
            for (label, column) in self.labels.iter().zip(&columns) {
                end = column.same_until(&label.name, start, end);
            }
            if let Some(group) = self.group(&columns, start)? {
                run(start..end, group)?;
            }
            start = end;
        }
        Ok(())
    }

    /// The group of a row, if it is meant.
    fn group(&mut self, columns: &[Column<'_>], row: usize) -> Result<Option<u32>, SelectError> {
        let mut values = Vec::with_capacity(columns.len());
        for (label, column) in self.labels.iter_mut().zip(columns) {
            let value = label.value(column, row);
            if !label.accepted[value as usize] {
                return Ok(None);
            }
            values.push(value);
        }
        let group = self.by.iter().map(|&label| values[label]).collect();
        self.insert(group).map(Some)
    }

    /// Takes over the groups of another part of the answer: what the number of each is here.
    pub(super) fn merge(&mut self, other: &Groups) -> Result<Vec<u32>, SelectError> {
        other.texts().map(|texts| self.number(&texts)).collect()
    }

    fn number(&mut self, texts: &[Arc<str>]) -> Result<u32, SelectError> {
        let values = self.by.iter().zip(texts).map(|(&label, text)| self.labels[label].number_of(text));
        let values = values.collect();
        self.insert(values)
    }

    fn insert(&mut self, group: Box<[u32]>) -> Result<u32, SelectError> {
        let number = self.groups.insert_full(group).0;
        if number >= MAX_GROUPS {
            return Err(SelectError::TooLarge { what: "groups", limit: MAX_GROUPS });
        }
        Ok(number as u32)
    }

    /// The values of each group.
    pub(super) fn texts(&self) -> impl Iterator<Item = Vec<Arc<str>>> {
        let text = |(label, value): (&usize, &u32)| self.labels[*label].seen[*value as usize].clone();
        self.groups.iter().map(move |group| self.by.iter().zip(group).map(text).collect())
    }
}

impl Label {
    fn new(name: Arc<str>, place: Place) -> Label {
        Label {
            name,
            place,
            matchers: Vec::new(),
            seen: IndexSet::default(),
            accepted: Vec::new(),
            dictionary: None,
            numbers: FxHashMap::default(),
        }
    }

    fn column<'a>(&mut self, batch: &'a RecordBatch) -> Result<Column<'a>, String> {
        let name = self.place.column();
        Ok(match self.place {
            Place::Texts("sample_type") => self.texts(columns::required(batch, name)?)?,
            Place::Texts(_) => match columns::optional(batch, name)? {
                Some(column) => self.texts(column)?,
                None => Column::Absent,
            },
            Place::Ids(_) => columns::optional(batch, name)?.map_or(Column::Absent, Column::Ids),
            Place::Numbers(_) => columns::optional(batch, name)?.map_or(Column::Absent, Column::Numbers),
            Place::Extra => match columns::optional::<MapArray>(batch, name)? {
                Some(map) => {
                    Column::Extra(map, columns::typed(map.keys(), name)?, columns::typed(map.values(), name)?)
                }
                None => Column::Absent,
            },
        })
    }

    /// A column of repeated texts; forgets what was known of another dictionary's.
    fn texts<'a>(&mut self, column: &'a Repeated) -> Result<Column<'a>, String> {
        let values = column.values();
        // Held, so that no other is at its address.
        if !self.dictionary.as_ref().is_some_and(|(known, _)| Arc::ptr_eq(known, values)) {
            self.dictionary = Some((values.clone(), vec![UNSEEN; values.len()]));
        }
        Ok(Column::Texts(column, columns::values(column, self.place.column())?))
    }

    /// The number of a row's value.
    fn value(&mut self, column: &Column<'_>, row: usize) -> u32 {
        let number = match column {
            Column::Absent => return self.number_of(""),
            Column::Texts(column, texts) => {
                let Some(key) = columns::key(column, row) else { return self.number_of("") };
                let known = self.dictionary.as_ref().map_or(UNSEEN, |(_, numbers)| numbers[key]);
                if known != UNSEEN {
                    return known;
                }
                let text = if texts.is_null(key) { "" } else { texts.value(key) };
                let number = self.number_of(text);
                if let Some((_, numbers)) = &mut self.dictionary {
                    numbers[key] = number;
                }
                return number;
            }
            Column::Extra(map, keys, values) => {
                return self.number_of(extra(map, keys, values, &self.name, row));
            }
            Column::Ids(ids) => {
                Some(ids.value(row)).filter(|&id| id != 0 && ids.is_valid(row)).map(i64::from)
            }
            Column::Numbers(numbers) => Some(numbers.value(row)).filter(|_| numbers.is_valid(row)),
        };
        if let Some(&known) = self.numbers.get(&number) {
            return known;
        }
        let text = number.map_or(Cow::from(""), |number| number.to_string().into());
        let known = self.number_of(&text);
        self.numbers.insert(number, known);
        known
    }

    /// The number of a text.
    fn number_of(&mut self, text: &str) -> u32 {
        if let Some(known) = self.seen.get_index_of(text) {
            return known as u32;
        }
        self.accepted.push(self.matchers.iter().all(|matcher| matcher.accepts(text)));
        self.seen.insert_full(text.into()).0 as u32
    }
}

impl Column<'_> {
    /// The row below `end` from which on the value is not surely that of `start`.
    fn same_until(&self, name: &str, start: usize, end: usize) -> usize {
        match self {
            Column::Absent => end,
            Column::Texts(column, _) if column.keys().null_count() == 0 => {
                same_numbers(column.keys().values(), start, end)
            }
            Column::Ids(ids) if ids.null_count() == 0 => same_numbers(ids.values(), start, end),
            Column::Numbers(numbers) if numbers.null_count() == 0 => {
                same_numbers(numbers.values(), start, end)
            }
            Column::Texts(column, _) => same_values(column.keys(), start, end),
            Column::Ids(ids) => same_values(ids, start, end),
            Column::Numbers(numbers) => same_values(numbers, start, end),
            Column::Extra(map, keys, values) => {
                let value = |row| extra(map, keys, values, name, row);
                (start + 1..end).find(|&row| value(row) != value(start)).unwrap_or(end)
            }
        }
    }
}

/// The row below `end` from which on the number is not that of `start`.
pub(super) fn same_numbers<N: PartialEq + Copy>(numbers: &[N], start: usize, end: usize) -> usize {
    let first = numbers[start];
    numbers[start..end].iter().position(|&number| number != first).map_or(end, |length| start + length)
}

/// Of numbers among which are nulls.
fn same_values<T: ArrowPrimitiveType>(numbers: &PrimitiveArray<T>, start: usize, end: usize) -> usize {
    let value = |row| numbers.is_valid(row).then(|| numbers.value(row));
    (start + 1..end).find(|&row| value(row) != value(start)).unwrap_or(end)
}

/// The value of another label.
fn extra<'a>(map: &MapArray, keys: &StringArray, values: &'a StringArray, name: &str, row: usize) -> &'a str {
    if map.is_null(row) {
        return "";
    }
    let offsets = map.value_offsets();
    let mut entries = offsets[row] as usize..offsets[row + 1] as usize;
    let entry = entries.find(|&entry| keys.is_valid(entry) && keys.value(entry) == name);
    entry.filter(|&entry| values.is_valid(entry)).map_or("", |entry| values.value(entry))
}
