//! Lets a function be the same on both sides of a comparison where its first line has moved, as it does with every change of
//! what stands above it in its file, and where one side was read from a format that does not tell what kind of function it is.
//! It must not know what is compared.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::model::{Frame, FrameKind, Profile};

/// What may differ between the sides.
type Loose = (FrameKind, u32);

/// Both profiles with the same first lines and kinds for the same functions. Where a side has several functions of one name in
/// a file, lambdas for example, they stay apart if both sides have the same ones, and else are one.
pub(super) fn aligned<'a>(left: &'a Profile, right: &'a Profile) -> (Cow<'a, Profile>, Cow<'a, Profile>) {
    let mut seen: FxHashMap<Frame, (BTreeSet<Loose>, BTreeSet<Loose>)> = FxHashMap::default();
    for frame in left.stacks.frames() {
        seen.entry(bare(frame)).or_default().0.insert((frame.kind, frame.first_line));
    }
    for frame in right.stacks.frames() {
        seen.entry(bare(frame)).or_default().1.insert((frame.kind, frame.first_line));
    }
    // What is on one side only has no counterpart to differ from.
    seen.retain(|_, (left, right)| left != right && !left.is_empty() && !right.is_empty());
    if seen.is_empty() {
        return (Cow::Borrowed(left), Cow::Borrowed(right));
    }
    let now: FxHashMap<Frame, Loose> = seen
        .into_iter()
        .map(|(frame, (left, right))| {
            // The later side is the one whose source is at hand; a format without first lines has 0.
            let mut all = right.iter().chain(&left);
            let line = all.clone().map(|(_, line)| *line).find(|line| *line > 0).unwrap_or(0);
            let known = all.find(|(kind, _)| *kind != FrameKind::Other);
            let kind = known.map_or(FrameKind::Other, |(kind, _)| *kind);
            (frame, (kind, line))
        })
        .collect();
    let renamed = |profile: &Profile| {
        profile.shaped(|frame| match now.get(&bare(frame)) {
            Some(&(kind, first_line)) => Frame { kind, first_line, ..frame.clone() },
            None => frame.clone(),
        })
    };
    (Cow::Owned(renamed(left)), Cow::Owned(renamed(right)))
}

/// A frame without what may differ.
fn bare(frame: &Frame) -> Frame {
    let kind = if frame.kind == FrameKind::Other { FrameKind::Python } else { frame.kind };
    Frame { kind, first_line: 0, ..frame.clone() }
}
