//! Puts a profile together, within bounds. It must not know any format.

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::ImportError;
use crate::model::{Frame, FrameId, Profile, StackId, Stacks, Weight};

/// Frames of one stack, at most.
pub(super) const MAX_DEPTH: usize = 10_000;
/// Distinct stacks and root ends of stacks, at most.
const MAX_NODES: usize = 10_000_000;
/// The sum of all counts, at most: whatever is added up later can't overflow.
const MAX_TOTAL: u64 = i64::MAX as u64;

/// A profile in the making.
#[derive(Default)]
pub(super) struct Builder {
    stacks: Stacks,
    in_order: Vec<(StackId, Weight)>,
    total: Weight,
    pub(super) about: crate::model::About,
}

impl Builder {
    /// The id of a frame.
    pub(super) fn frame(&mut self, frame: Frame) -> FrameId {
        self.stacks.intern_frame(frame)
    }

    /// The id of a stack of these frames, root first; `None` if there are none.
    pub(super) fn stack(
        &mut self,
        root_first: impl IntoIterator<Item = FrameId>,
    ) -> Result<Option<StackId>, ImportError> {
        let mut stack = None;
        for (depth, frame) in root_first.into_iter().enumerate() {
            if depth >= MAX_DEPTH {
                return Err(ImportError::TooMuch { what: "frames in one stack", most: MAX_DEPTH });
            }
            stack = Some(self.stacks.push(stack, frame));
        }
        if self.stacks.node_count() > MAX_NODES {
            return Err(ImportError::TooMuch { what: "distinct stacks", most: MAX_NODES });
        }
        Ok(stack)
    }

    /// The id of a stack whose frames stand there as texts, root first, with the depth of each; `known` remembers them.
    pub(super) fn stack_of<'a>(
        &mut self,
        texts: impl Iterator<Item = &'a str>,
        known: &mut FxHashMap<&'a str, FrameId>,
        frame_of: impl Fn(&str, usize) -> Frame,
    ) -> Result<Option<StackId>, ImportError> {
        let ids: Vec<FrameId> = texts
            .enumerate()
            .map(|(depth, text)| *known.entry(text).or_insert_with(|| self.frame(frame_of(text, depth))))
            .collect();
        self.stack(ids)
    }

    /// Adds to a stack's own weight.
    pub(super) fn add(&mut self, stack: StackId, weight: Weight) -> Result<(), ImportError> {
        let sum = |sum: u64, more: u64| {
            let sum = sum.checked_add(more).filter(|sum| *sum <= MAX_TOTAL);
            sum.ok_or(ImportError::TooMuch { what: "samples or nanoseconds", most: MAX_TOTAL as usize })
        };
        self.total.samples = sum(self.total.samples, weight.samples)?;
        self.total.nanoseconds = sum(self.total.nanoseconds, weight.nanoseconds)?;
        if weight != Weight::default() {
            self.in_order.push((stack, weight));
        }
        Ok(())
    }

    /// The profile, and its samples in the order in which they came.
    pub(super) fn finish(self) -> (Profile, Vec<(StackId, Weight)>) {
        let mut samples: IndexMap<StackId, Weight, FxBuildHasher> = IndexMap::default();
        for (stack, weight) in &self.in_order {
            *samples.entry(*stack).or_default() += *weight;
        }
        let samples = samples.into_iter().collect();
        let profile = Profile { stacks: self.stacks, samples, about: self.about, ..Profile::default() };
        (profile, self.in_order)
    }
}
