//! Lets a function be the same on both sides of a comparison where its first line has moved, as it does with every change of
//! what stands above it in its file. It must not know what is compared.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::model::{Frame, Profile};

/// Of each function, by what it is but for its first line, its first lines on both sides.
type FirstLines = FxHashMap<Frame, (BTreeSet<u32>, BTreeSet<u32>)>;

/// Both profiles with the same first lines for the same functions. Where a side has several functions of one name in a file,
/// lambdas for example, they stay apart if both sides have the same ones, and else are one.
pub(super) fn aligned<'a>(left: &'a Profile, right: &'a Profile) -> (Cow<'a, Profile>, Cow<'a, Profile>) {
    let mut lines = FirstLines::default();
    for frame in left.stacks.frames() {
        lines.entry(without_line(frame)).or_default().0.insert(frame.first_line);
    }
    for frame in right.stacks.frames() {
        lines.entry(without_line(frame)).or_default().1.insert(frame.first_line);
    }
    // What is on one side only has no counterpart to differ from.
    let moved = |(left, right): &(BTreeSet<u32>, BTreeSet<u32>)| {
        left != right && !left.is_empty() && !right.is_empty()
    };
    lines.retain(|_, lines| moved(lines));
    if lines.is_empty() {
        return (Cow::Borrowed(left), Cow::Borrowed(right));
    }
    // The later side is the one whose source is at hand; a format without first lines has 0.
    let now: FxHashMap<Frame, u32> = lines
        .into_iter()
        .map(|(frame, (left, right))| {
            let known = right.iter().chain(&left).copied().find(|line| *line > 0);
            (frame, known.unwrap_or(0))
        })
        .collect();
    (Cow::Owned(renamed(left, &now)), Cow::Owned(renamed(right, &now)))
}

fn without_line(frame: &Frame) -> Frame {
    Frame { first_line: 0, ..frame.clone() }
}

fn renamed(profile: &Profile, now: &FxHashMap<Frame, u32>) -> Profile {
    profile.shaped(|frame| match now.get(&without_line(frame)) {
        Some(&first_line) => Frame { first_line, ..frame.clone() },
        None => frame.clone(),
    })
}
