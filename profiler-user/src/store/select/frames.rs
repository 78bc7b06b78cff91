//! The frames of stored stacks: from the table `stacks` into [`Stacks`].
//!
//! It must not know samples.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, StringArray, StructArray};
use rustc_hash::FxHashMap;

use super::columns::{self, Repeated};
use crate::model::{Frame, FrameId, FrameKind, Reason, StackId, Stacks};

/// What a frame is whose kind or reason only a later version knows: one such frame shall not hide all others.
const NEWER: Reason = Reason::StackUnknown;

/// Reads frames batch by batch.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) stacks: Stacks,
    /// The dictionaries that `known` speaks of; held, so that no others are at their addresses.
    dictionaries: Vec<ArrayRef>,
    /// Frames by what they are in the columns.
    known: FxHashMap<[i32; 5], FrameId>,
    /// The last stack, root first: the next one often begins as it does.
    last: Vec<(FrameId, StackId)>,
}

/// The columns of a batch's frames.
struct Columns<'a> {
    lists: &'a ListArray,
    function: Texts<'a>,
    file: Texts<'a>,
    kind: Texts<'a>,
    line: &'a [i32],
    first_line: &'a [i32],
}

struct Texts<'a> {
    column: &'a Repeated,
    texts: &'a StringArray,
}

impl Reader {
    /// Reads rows of a batch with the column `frames`. Calls `stack` with the number that each has; `None`: its list has
    /// no frame.
    pub(super) fn read(
        &mut self,
        batch: &RecordBatch,
        rows: &[(usize, u32)],
        mut stack: impl FnMut(u32, Option<StackId>),
    ) -> Result<(), String> {
        let columns = Columns::of(batch)?;
        let dictionaries =
            [&columns.function, &columns.file, &columns.kind].map(|texts| texts.column.values());
        let same = |(known, new): (&ArrayRef, &&ArrayRef)| Arc::ptr_eq(known, new);
        if self.dictionaries.len() != dictionaries.len()
            || !self.dictionaries.iter().zip(&dictionaries).all(same)
        {
            self.dictionaries = dictionaries.into_iter().cloned().collect();
            self.known.clear();
        }
        for &(row, number) in rows {
            let frames = if columns.lists.is_null(row) { None } else { self.stack(&columns, row)? };
            stack(number, frames);
        }
        Ok(())
    }

    fn stack(&mut self, columns: &Columns<'_>, row: usize) -> Result<Option<StackId>, String> {
        let offsets = columns.lists.value_offsets();
        let mut depth = 0;
        for at in offsets[row] as usize..offsets[row + 1] as usize {
            let frame = self.frame(columns, at)?;
            if self.last.get(depth).is_none_or(|(known, _)| *known != frame) {
                self.last.truncate(depth);
                let parent = self.last.last().map(|(_, stack)| *stack);
                self.last.push((frame, self.stacks.push(parent, frame)));
            }
            depth += 1;
        }
        self.last.truncate(depth);
        Ok(self.last.last().map(|(_, stack)| *stack))
    }

    fn frame(&mut self, columns: &Columns<'_>, at: usize) -> Result<FrameId, String> {
        let Columns { function, file, kind, line, first_line, .. } = columns;
        let key = [function.key(at), file.key(at), kind.key(at), line[at], first_line[at]];
        if let Some(&known) = self.known.get(&key) {
            return Ok(known);
        }
        let number =
            |number: i32| u32::try_from(number).map_err(|_| format!("a frame has the line {number}"));
        let kind = FrameKind::named(kind.text(at)).unwrap_or_else(|| {
            let is_unknown = kind.text(at) == FrameKind::Unknown(NEWER).name();
            let reason = Reason::ALL.iter().find(|reason| is_unknown && reason.label() == function.text(at));
            FrameKind::Unknown(reason.copied().unwrap_or(NEWER))
        });
        let frame = match kind {
            FrameKind::Unknown(reason) => Frame::unknown(reason),
            _ => Frame {
                kind,
                function: function.text(at).into(),
                file: file.text(at).into(),
                line: number(line[at])?,
                first_line: number(first_line[at])?,
            },
        };
        let id = self.stacks.intern_frame(frame);
        self.known.insert(key, id);
        Ok(id)
    }
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Columns<'a>, String> {
        let lists: &ListArray = columns::required(batch, "frames")?;
        let frames: &StructArray = columns::typed(lists.values(), "frames")?;
        let column = |name: &str| frames.column_by_name(name).ok_or_else(|| columns::missing(name));
        let texts = |name: &str| -> Result<Texts<'a>, String> {
            let column = columns::typed(column(name)?, name)?;
            Ok(Texts { column, texts: columns::values(column, name)? })
        };
        let numbers = |name: &str| -> Result<&'a [i32], String> {
            let numbers: &arrow_array::PrimitiveArray<Int32Type> = columns::typed(column(name)?, name)?;
            columns::no_nulls(numbers, name)?;
            Ok(numbers.values())
        };
        Ok(Columns {
            lists,
            function: texts("function")?,
            file: texts("file")?,
            kind: texts("kind")?,
            line: numbers("line")?,
            first_line: numbers("first_line")?,
        })
    }
}

impl<'a> Texts<'a> {
    /// -1: none.
    fn key(&self, at: usize) -> i32 {
        columns::key(self.column, at).map_or(-1, |key| key as i32)
    }

    fn text(&self, at: usize) -> &'a str {
        let key = columns::key(self.column, at).filter(|&key| self.texts.is_valid(key));
        key.map_or("", |key| self.texts.value(key))
    }
}
