//! The frames of stored stacks: from the table `stacks` into [`Stacks`], in two steps.
//!
//! [`Reader`] lists what is in batches, by the numbers that texts have in their columns, and can do so for several parts of
//! a table at once. [`Lists::add_to`] names it, one part after the other: each frame and each part of a stack is looked up
//! once in all. (To make a table of each part and to put those together looks everything up twice.) It must not know
//! samples.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, StringArray, StructArray};
use rustc_hash::FxHashMap;

use super::columns::{self, Repeated};
use crate::model::{Frame, FrameId, FrameKind, Reason, StackId, Stacks};

/// What a frame is whose kind or reason only a later version knows: one such frame shall not hide all others.
const NEWER: Reason = Reason::StackUnknown;

/// Stacks, in the order in which they were read.
#[derive(Default)]
pub(super) struct Lists {
    /// The frames that they have; may be there more than once.
    frames: Vec<Frame>,
    /// Of each stack those frames, as indices, in which it differs from the one before it.
    tops: Vec<u32>,
    stacks: Vec<Listed>,
}

struct Listed {
    /// What the caller calls it.
    number: u32,
    /// Frames, from the root on, that it has in common with the one before it.
    common: u32,
    /// How many of `tops` are its own.
    tops: u32,
}

/// Reads frames batch by batch.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) lists: Lists,
    /// Of [`Columns::texts`].
    dictionaries: [Dictionary; 3],
    /// Index of a frame by what it is in the columns, where texts are numbers of `dictionaries`.
    known: FxHashMap<Key, u32>,
    /// The last stack, root first: the next one often begins as it does, and then nothing has to be looked up.
    last: Vec<Key>,
}

/// A frame in the columns: function, file and kind, then line and first line.
type Key = [i32; 5];

/// A column's dictionary, and those of its texts that were needed.
#[derive(Default)]
struct Dictionary {
    /// Held, so that no other is at its address.
    values: Option<ArrayRef>,
    texts: Vec<Option<Arc<str>>>,
}

/// The columns of a batch's frames.
struct Columns<'a> {
    lists: &'a ListArray,
    /// Function, file, kind.
    texts: [Texts<'a>; 3],
    line: &'a [i32],
    first_line: &'a [i32],
}

struct Texts<'a> {
    column: &'a Repeated,
    texts: &'a StringArray,
    keys: &'a [i32],
}

impl Lists {
    /// Makes room in a table for what these add at most.
    pub(super) fn reserve(lists: &[Lists], table: &mut Stacks) {
        let frames = lists.iter().map(|lists| lists.frames.len()).sum();
        table.reserve(frames, lists.iter().map(|lists| lists.tops.len()).sum());
    }

    /// Gives the stacks their ids in a table. Calls `each` with the number of each; `None`: it has no frame.
    pub(super) fn add_to(&self, table: &mut Stacks, mut each: impl FnMut(u32, Option<StackId>)) {
        let frames: Vec<FrameId> =
            self.frames.iter().map(|frame| table.intern_frame(frame.clone())).collect();
        let mut tops = self.tops.iter();
        let mut last: Vec<StackId> = Vec::new();
        for stack in &self.stacks {
            last.truncate(stack.common as usize);
            for &top in tops.by_ref().take(stack.tops as usize) {
                last.push(table.push(last.last().copied(), frames[top as usize]));
            }
            each(stack.number, last.last().copied());
        }
    }
}

impl Reader {
    /// Reads rows of a batch with the column `frames`, each with the number that its stack gets.
    pub(super) fn read(&mut self, batch: &RecordBatch, rows: &[(usize, u32)]) -> Result<(), String> {
        let columns = Columns::of(batch)?;
        let mut known = self.dictionaries.iter().zip(&columns.texts);
        if !known.all(|(known, texts)| known.is_of(texts)) {
            self.dictionaries = columns.texts.each_ref().map(Dictionary::of);
            self.known.clear();
            self.last.clear();
        }
        rows.iter().try_for_each(|&(row, number)| self.stack(&columns, row, number))
    }

    fn stack(&mut self, columns: &Columns<'_>, row: usize, number: u32) -> Result<(), String> {
        let offsets = columns.lists.value_offsets();
        let is_null = columns.lists.is_null(row);
        let frames = if is_null { 0..0 } else { offsets[row] as usize..offsets[row + 1] as usize };
        let keys = || frames.clone().map(|at| columns.key(at));
        let common = keys().zip(&self.last).take_while(|(key, last)| key == *last).count();
        self.last.truncate(common);
        for key in keys().skip(common) {
            let frame = self.frame(columns, key)?;
            self.lists.tops.push(frame);
            self.last.push(key);
        }
        let (common, tops) = (common as u32, (self.last.len() - common) as u32);
        self.lists.stacks.push(Listed { number, common, tops });
        Ok(())
    }

    fn frame(&mut self, columns: &Columns<'_>, key: Key) -> Result<u32, String> {
        if let Some(&known) = self.known.get(&key) {
            return Ok(known);
        }
        let [function, file, kind, line, first_line] = key;
        let number =
            |number: i32| u32::try_from(number).map_err(|_| format!("a frame has the line {number}"));
        let texts = self.dictionaries.iter_mut().zip(&columns.texts).zip([function, file, kind]);
        let mut texts = texts.map(|((dictionary, texts), key)| dictionary.text(texts, key));
        let mut text = || texts.next().unwrap_or_default();
        let (function, file, kind) = (text(), text(), text());
        let kind = FrameKind::named(&kind).unwrap_or_else(|| {
            let is_unknown = *kind == *FrameKind::Unknown(NEWER).name();
            let reason = Reason::ALL.iter().find(|reason| is_unknown && reason.label() == &*function);
            FrameKind::Unknown(reason.copied().unwrap_or(NEWER))
        });
        let frame = match kind {
            FrameKind::Unknown(reason) => Frame::unknown(reason),
            _ => Frame { kind, function, file, line: number(line)?, first_line: number(first_line)? },
        };
        let index = self.lists.frames.len() as u32;
        self.lists.frames.push(frame);
        self.known.insert(key, index);
        Ok(index)
    }
}

impl Dictionary {
    fn of(texts: &Texts<'_>) -> Dictionary {
        let values = texts.column.values();
        Dictionary { values: Some(values.clone()), texts: vec![None; values.len()] }
    }

    fn is_of(&self, texts: &Texts<'_>) -> bool {
        self.values.as_ref().is_some_and(|values| Arc::ptr_eq(values, texts.column.values()))
    }

    /// The text with this number; empty if there is none.
    fn text(&mut self, texts: &Texts<'_>, key: i32) -> Arc<str> {
        let place =
            usize::try_from(key).ok().filter(|&key| key < self.texts.len() && texts.texts.is_valid(key));
        let Some(place) = place else { return "".into() };
        self.texts[place].get_or_insert_with(|| texts.texts.value(place).into()).clone()
    }
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Columns<'a>, String> {
        let lists: &ListArray = columns::required(batch, "frames")?;
        let frames: &StructArray = columns::typed(lists.values(), "frames")?;
        let column = |name: &str| frames.column_by_name(name).ok_or_else(|| columns::missing(name));
        let texts = |name: &str| -> Result<Texts<'a>, String> {
            let column = columns::typed(column(name)?, name)?;
            Ok(Texts { column, texts: columns::values(column, name)?, keys: column.keys().values() })
        };
        let numbers = |name: &str| -> Result<&'a [i32], String> {
            let numbers: &arrow_array::PrimitiveArray<Int32Type> = columns::typed(column(name)?, name)?;
            columns::no_nulls(numbers, name)?;
            Ok(numbers.values())
        };
        Ok(Columns {
            lists,
            texts: [texts("function")?, texts("file")?, texts("kind")?],
            line: numbers("line")?,
            first_line: numbers("first_line")?,
        })
    }

    fn key(&self, at: usize) -> Key {
        let [function, file, kind] = &self.texts;
        [function.key(at), file.key(at), kind.key(at), self.line[at], self.first_line[at]]
    }
}

impl Texts<'_> {
    /// The number of a frame's text; -1: none.
    fn key(&self, at: usize) -> i32 {
        if self.column.is_null(at) { -1 } else { self.keys[at] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::build::StacksBuilder;
    use crate::store::rows::{FrameRow, StackRow};

    /// Rows of these stacks; a function is at the line that is its length.
    fn batch(stacks: &[&[&str]]) -> RecordBatch {
        let frame = |function: &&str| FrameRow {
            function: (*function).into(),
            file: "a.py".into(),
            line: function.len() as i32,
            first_line: 1,
            kind: "python".into(),
            module: "a".into(),
        };
        let mut builder = StacksBuilder::new("node", 0);
        for stack in stacks {
            builder.push(&StackRow { stack: [0; 16], frames: stack.iter().map(frame).collect() });
        }
        builder.finish()
    }

    #[test]
    fn a_stack_has_one_id_whatever_it_follows_and_whichever_dictionary_it_is_in() {
        let mut reader = Reader::default();
        // Neither sorted nor each once; in the second batch the numbers of all texts are others.
        let first = batch(&[&["a", "bb"], &["a", "bb", "ccc"], &[], &["a"], &["a", "bb"]]);
        let second = batch(&[&["ccc"], &["a", "bb"], &["bb", "a"]]);
        reader.read(&first, &[(0, 10), (1, 11), (2, 12), (3, 13), (4, 14)]).expect("rows");
        reader.read(&second, &[(0, 20), (1, 21), (2, 22)]).expect("rows");
        let mut table = Stacks::default();
        let mut found = Vec::new();
        reader.lists.add_to(&mut table, |number, id| found.push((number, id)));
        let texts = |id: StackId| {
            table
                .root_first(id)
                .iter()
                .map(|f| format!("{}:{}", f.function, f.line))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let named: Vec<_> =
            found.iter().map(|(number, id)| (*number, id.map(texts).unwrap_or_default())).collect();
        let named: Vec<_> = named.iter().map(|(number, text)| (*number, &**text)).collect();
        let expected = [
            (10, "a:1 bb:2"),
            (11, "a:1 bb:2 ccc:3"),
            (12, ""),
            (13, "a:1"),
            (14, "a:1 bb:2"),
            (20, "ccc:3"),
            (21, "a:1 bb:2"),
            (22, "bb:2 a:1"),
        ];
        assert_eq!(named, expected);
        assert_eq!((found[0].1, found[2].1), (found[4].1, None));
        assert_eq!(found[0].1, found[6].1);
        assert_eq!((table.frame_count(), table.node_count()), (3, 6));
    }
}
