//! A profile as tables: functions, frames, stacks and samples that refer to each other by index. Formats that machines
//! read are tables of this kind, under names of their own.
//!
//! Only what a sample uses is in them. It must not know any of the formats.

use std::borrow::Cow;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::{frame_text, visible};
use crate::model::{Frame, FrameKind, Profile, StackId, Weight};

/// The tables of a profile. Every index is below the length of the table that it is of.
pub(super) struct Tables<'a> {
    profile: &'a Profile,
    /// A frame of each function: what is equal but for the line is one function.
    pub(super) functions: Vec<&'a Frame>,
    /// Distinct (function, line), in the order of first use.
    pub(super) frames: Vec<Place>,
    /// Distinct stacks, parents before children.
    pub(super) stacks: Vec<Node>,
    /// The samples that have a weight. Those of a stack follow those of its parent, depth first, so that what shares its
    /// root end is side by side: in a chart over samples, frames that are alike make one box.
    pub(super) samples: Vec<Row>,
}

/// A line of a function, or the function as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Index of the function.
    pub(super) function: u32,
    /// The line, from 1; 0: not known, or none.
    pub(super) line: u32,
}

/// A stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Index of the stack below it.
    pub(super) parent: Option<u32>,
    /// Index of its leaf frame.
    pub(super) frame: u32,
}

/// A sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Index of its stack.
    pub(super) stack: u32,
    /// Its own weight.
    pub(super) weight: Weight,
    /// Index in [`Profile::samples`], for its labels.
    pub(super) index: usize,
}

impl<'a> Tables<'a> {
    /// The tables of a profile.
    pub(super) fn new(profile: &'a Profile) -> Tables<'a> {
        let rank = ranks(profile);
        let mut functions: IndexMap<Frame, &Frame, FxBuildHasher> = IndexMap::default();
        let mut frames: IndexSet<Place, FxBuildHasher> = IndexSet::default();
        let mut stacks: Vec<Node> = Vec::new();
        let mut stack_of: FxHashMap<StackId, u32> = FxHashMap::default();
        for (stack, parent, frame) in profile.stacks.nodes() {
            if rank[stack.index()].is_none() {
                continue;
            }
            let frame = profile.stacks.frame(frame);
            let function = functions.insert_full(frame.by_function(), frame).0 as u32;
            let frame = frames.insert_full(Place { function, line: frame.line }).0 as u32;
            stack_of.insert(stack, stacks.len() as u32);
            // What a sample uses, its parents are used by too.
            stacks.push(Node { parent: parent.and_then(|parent| stack_of.get(&parent).copied()), frame });
        }
        let mut samples: Vec<(Option<u32>, Row)> = Vec::new();
        for (index, (stack, weight)) in profile.samples.iter().enumerate() {
            if *weight != Weight::default() {
                let row = Row { stack: stack_of[stack], weight: *weight, index };
                samples.push((rank[stack.index()], row));
            }
        }
        samples.sort_by_key(|(rank, row)| (*rank, row.index));
        Tables {
            profile,
            functions: functions.into_values().collect(),
            frames: frames.into_iter().collect(),
            stacks,
            samples: samples.into_iter().map(|(_, row)| row).collect(),
        }
    }

    /// The frames of a stack, leaf first.
    pub(super) fn leaf_first(&self, stack: u32) -> impl Iterator<Item = u32> {
        let mut next = Some(stack);
        std::iter::from_fn(move || {
            let node = self.stacks[next? as usize];
            next = node.parent;
            Some(node.frame)
        })
    }

    /// The frames of a stack, root first.
    pub(super) fn root_first(&self, stack: u32) -> Vec<u32> {
        let mut frames: Vec<u32> = self.leaf_first(stack).collect();
        frames.reverse();
        frames
    }

    /// The value of a sample's label; empty if it has none of that name.
    pub(super) fn label(&self, row: &Row, name: &str) -> &'a str {
        let labels = self.profile.labels.of_sample(row.index);
        labels.iter().find(|(known, _)| **known == *name).map_or("", |(_, value)| value)
    }

    /// The samples of each thread, in the order of its first one; all together where no sample has a `tid`.
    pub(super) fn threads(&self) -> Vec<Thread<'a>> {
        let mut threads: IndexMap<[&str; 3], Thread, FxBuildHasher> = IndexMap::default();
        for row in &self.samples {
            let key = ["pid", "tid", "thread"].map(|name| self.label(row, name));
            let [pid, tid, name] = key;
            let new = || Thread { pid, tid, name, command: self.label(row, "command"), rows: Vec::new() };
            threads.entry(key).or_insert_with(new).rows.push(*row);
        }
        threads.into_values().collect()
    }
}

/// The samples of a thread.
pub(super) struct Thread<'a> {
    /// Labels, each empty if not known: `pid`, `tid`, `thread`, `command`.
    pub(super) pid: &'a str,
    pub(super) tid: &'a str,
    pub(super) name: &'a str,
    pub(super) command: &'a str,
    /// They, in the order of [`Tables::samples`].
    pub(super) rows: Vec<Row>,
}

impl Thread<'_> {
    /// What a person calls it: `worker (thread 4243 of process 4242, python app.py)`; `None` if nothing is known.
    pub(super) fn title(&self) -> Option<String> {
        if self.pid.is_empty() && self.tid.is_empty() {
            return None;
        }
        let or_unknown = |text: &str| if text.is_empty() { "?".to_owned() } else { visible(text) };
        let [name, tid, pid, command] = [self.name, self.tid, self.pid, self.command].map(or_unknown);
        Some(format!("{name} (thread {tid} of process {pid}, {command})"))
    }
}

/// A function's name as formats have it that keep name, file and line apart: that of Python without its file, else the
/// frame's text.
pub(super) fn function_name(frame: &Frame) -> String {
    match frame.kind {
        FrameKind::Python if frame.function.is_empty() => "?".to_owned(),
        FrameKind::Python => visible(&frame.function),
        _ => frame_text(frame),
    }
}

/// Texts, each once, by the order of first use. The first is the empty one.
pub(super) struct Strings {
    texts: IndexSet<String, FxBuildHasher>,
}

impl Strings {
    pub(super) fn new() -> Strings {
        Strings { texts: IndexSet::from_iter([String::new()]) }
    }

    /// The index of a text.
    pub(super) fn intern<'a>(&mut self, text: impl Into<Cow<'a, str>>) -> usize {
        let text = text.into();
        match self.texts.get_index_of(&*text) {
            Some(index) => index,
            None => self.texts.insert_full(text.into_owned()).0,
        }
    }

    /// All of them.
    pub(super) fn into_vec(self) -> Vec<String> {
        self.texts.into_iter().collect()
    }
}

/// The place of each stack in a walk through the tree of stacks, depth first, children in the order of their ids; `None`
/// for stacks that no sample with a weight uses.
fn ranks(profile: &Profile) -> Vec<Option<u32>> {
    let nodes: Vec<Option<StackId>> = profile.stacks.nodes().map(|(_, parent, _)| parent).collect();
    // Samples in or above each node tell what is used, and how many nodes a subtree has tells where the next one starts.
    let mut sizes = vec![0u32; nodes.len()];
    for (stack, weight) in &profile.samples {
        if *weight != Weight::default() {
            sizes[stack.index()] = 1;
        }
    }
    for (index, parent) in nodes.iter().enumerate().rev() {
        let Some(parent) = parent else { continue };
        if sizes[index] > 0 {
            // The parent itself, if no sample has counted it yet.
            sizes[parent.index()] = sizes[parent.index()].max(1) + sizes[index];
        }
    }
    let mut ranks: Vec<Option<u32>> = vec![None; nodes.len()];
    // Where the next child of each node goes.
    let mut free = vec![0u32; nodes.len()];
    let mut free_root = 0;
    for (index, parent) in nodes.iter().enumerate() {
        if sizes[index] == 0 {
            continue;
        }
        let next = parent.map_or(&mut free_root, |parent| &mut free[parent.index()]);
        let rank = *next;
        *next += sizes[index];
        ranks[index] = Some(rank);
        free[index] = rank + 1;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::super::tests::{profile, python};
    use super::*;

    fn f(name: &str, line: u32) -> Frame {
        python(name, "x.py", line)
    }

    fn path(tables: &Tables, stack: u32) -> String {
        let frames = tables.root_first(stack).into_iter().map(|frame| {
            let place = tables.frames[frame as usize];
            format!("{}:{}", tables.functions[place.function as usize].function, place.line)
        });
        frames.collect::<Vec<_>>().join(";")
    }

    #[test]
    fn samples_that_share_their_root_end_are_side_by_side() {
        let profile = profile(&[
            (&[f("a", 1), f("b", 1)], 1),
            (&[f("z", 1)], 2),
            (&[f("a", 1), f("c", 1)], 3),
            (&[f("a", 1)], 4),
            (&[f("a", 1), f("b", 1), f("d", 1)], 5),
        ]);
        let tables = Tables::new(&profile);
        let seen: Vec<(String, u64)> =
            tables.samples.iter().map(|row| (path(&tables, row.stack), row.weight.samples)).collect();
        let expected = [("a:1", 4), ("a:1;b:1", 1), ("a:1;b:1;d:1", 5), ("a:1;c:1", 3), ("z:1", 2)];
        assert_eq!(seen, expected.map(|(path, count)| (path.to_owned(), count)));
    }

    #[test]
    fn lines_of_a_function_are_frames_of_one_function() {
        let profile = profile(&[(&[f("a", 1)], 1), (&[f("a", 2), f("a", 1)], 2)]);
        let tables = Tables::new(&profile);
        assert_eq!((tables.functions.len(), tables.frames.len(), tables.stacks.len()), (1, 2, 3));
    }

    #[test]
    fn what_no_sample_uses_is_not_there() {
        let mut profile = profile(&[(&[f("a", 1), f("b", 1)], 1), (&[f("gone", 1)], 0)]);
        profile.stacks.intern([f("a", 1), f("unused", 1)]);
        let tables = Tables::new(&profile);
        assert_eq!((tables.functions.len(), tables.frames.len(), tables.stacks.len()), (2, 2, 2));
        assert_eq!(tables.samples.len(), 1);
    }

    #[test]
    fn an_unlabelled_profile_is_one_thread_without_a_name() {
        let profile = profile(&[(&[f("a", 1)], 1), (&[f("b", 1)], 2)]);
        let tables = Tables::new(&profile);
        let threads = tables.threads();
        assert_eq!((threads.len(), threads[0].rows.len(), threads[0].title()), (1, 2, None));
    }
}
