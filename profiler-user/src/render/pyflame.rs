//! What pyflame prints: folded stacks of `file:function:line`, stacks with their times, and dumps of all threads.
//!
//! The format is pyflame's to the letter, so that scripts which read it go on working. It must not know how samples were
//! taken. What was seen and could not be read is below pyflame's own word for that, `(failed)`, with the reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{frame_text, visible};
use crate::model::{Frame, FrameKind, StackId, Stacks};

/// What stands for a moment at which no Python code could run.
const IDLE: &str = "(idle)";
/// What stands for a stack that could not be read.
const FAILED: &str = "(failed)";

/// Which line of a function stands behind its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// The one that was run.
    Run,
    /// The function's first: all that was run in it is one frame.
    First,
    /// None.
    None,
}

/// How often what was seen.
#[derive(Debug)]
pub struct Counts<'a> {
    /// Moments without a stack.
    pub idle: u64,
    /// Why stacks could not be read, in words, and how many.
    pub failed: &'a [(&'a str, u64)],
    /// The frames and stacks that `seen` speaks of.
    pub stacks: &'a Stacks,
    /// Stacks.
    pub seen: &'a [(StackId, u64)],
}

/// What was seen at one moment.
#[derive(Clone, Copy, Debug)]
pub enum Moment<'a> {
    /// No stack.
    Idle,
    /// One that could not be read, and why.
    Failed(&'a str),
    /// A stack.
    Stack(&'a Stacks, StackId),
}

/// One thread of a dump.
#[derive(Debug)]
pub struct ThreadStack<'a> {
    /// `threading.get_ident()` in it.
    pub ident: u64,
    /// Whether it holds the GIL.
    pub holds_gil: bool,
    /// Its frames, leaf first, or why they could not be read.
    pub frames: Result<&'a [Frame], &'a str>,
    /// Whether the root end is missing.
    pub truncated: bool,
}

/// A line for each stack, root first: `file:function:line;…;file:function:line COUNT`; `(idle) COUNT` and
/// `(failed);[reason] COUNT` come before, if there are any. Sorted, each line once, UTF-8. Without
/// lines it is `file:function`.
pub fn folded(counts: &Counts, lines: Lines) -> String {
    let mut folded = String::new();
    if counts.idle > 0 {
        let _ = writeln!(folded, "{IDLE} {}", counts.idle); // Writing to a String can't fail.
    }
    for (reason, count) in counts.failed {
        let _ = writeln!(folded, "{FAILED};[{reason}] {count}");
    }
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (stack, count) in counts.seen {
        *sums.entry(path(counts.stacks, *stack, lines).join(";")).or_default() += count;
    }
    for (stack, count) in sums {
        let _ = writeln!(folded, "{stack} {count}");
    }
    folded
}

/// Two lines: microseconds of Unix time, and the stack, with a `;` after each frame.
pub fn moment(microseconds: u64, moment: Moment, lines: Lines) -> String {
    let stack = match moment {
        Moment::Idle => IDLE.to_owned(),
        Moment::Failed(reason) => format!("{FAILED};[{reason}];"),
        Moment::Stack(stacks, stack) => path(stacks, stack, lines).join(";") + ";",
    };
    format!("{microseconds}\n{stack}\n")
}

/// For each thread its ident, with a `*` if it holds the GIL, then a line for each frame, leaf first; an empty line between
/// two threads.
pub fn dump(threads: &[ThreadStack], lines: Lines) -> String {
    let texts = threads.iter().map(|thread| {
        let mut text = format!("{}{}:\n", thread.ident, if thread.holds_gil { "*" } else { "" });
        match thread.frames {
            Ok(frames) => frames.iter().for_each(|frame| text += &(frame_of(frame, lines) + "\n")),
            Err(reason) => text += &format!("{FAILED};[{reason}]\n"),
        }
        if thread.truncated {
            text += "[truncated]\n";
        }
        text
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn path(stacks: &Stacks, stack: StackId, lines: Lines) -> Vec<String> {
    stacks.root_first(stack).into_iter().map(|frame| frame_of(frame, lines)).collect()
}

fn frame_of(frame: &Frame, lines: Lines) -> String {
    if frame.kind != FrameKind::Python {
        return frame_text(frame);
    }
    let (file, function) = (visible(&frame.file), visible(&frame.function));
    match lines {
        Lines::Run => format!("{file}:{function}:{}", frame.line),
        Lines::First => format!("{file}:{function}:{}", frame.first_line),
        Lines::None => format!("{file}:{function}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::python;
    use super::*;
    use crate::model::Reason;

    fn stacks() -> (Stacks, Vec<(StackId, u64)>) {
        let mut stacks = Stacks::default();
        let module = python("<module>", "app.py", 30);
        let known = [
            (vec![module.clone(), python("work", "app.py", 12)], 9),
            (vec![module.clone(), python("work", "app.py", 13)], 2),
            (vec![module, Frame::unknown(Reason::CodeReplaced)], 1),
        ];
        let seen = known.map(|(frames, count)| (stacks.intern(frames).expect("a frame"), count)).to_vec();
        (stacks, seen)
    }

    #[test]
    fn folded_lines_are_root_first_with_idle_and_failed_before() {
        let (stacks, seen) = stacks();
        let failed = [("stack moving", 3)];
        let counts = Counts { idle: 4, failed: &failed, stacks: &stacks, seen: &seen };
        assert_eq!(
            folded(&counts, Lines::Run),
            "(idle) 4\n(failed);[stack moving] 3\napp.py:<module>:30;[code object replaced] 1\n\
             app.py:<module>:30;app.py:work:12 9\napp.py:<module>:30;app.py:work:13 2\n"
        );
        let counts = Counts { idle: 0, failed: &[], ..counts };
        assert_eq!(
            folded(&counts, Lines::None),
            "app.py:<module>;[code object replaced] 1\napp.py:<module>;app.py:work 11\n"
        );
        let mut stacks = Stacks::default();
        let at = |line| Frame { first_line: 4, ..python("work", "app.py", line) };
        let seen = [12, 13].map(|line| (stacks.intern([at(line)]).expect("a frame"), 3));
        let counts = Counts { idle: 0, failed: &[], stacks: &stacks, seen: &seen };
        assert_eq!(folded(&counts, Lines::First), "app.py:work:4 6\n");
    }

    #[test]
    fn a_moment_is_its_time_and_its_stack() {
        let (stacks, seen) = stacks();
        let stack = Moment::Stack(&stacks, seen[0].0);
        assert_eq!(
            moment(1_500_000_000_000_001, stack, Lines::Run),
            "1500000000000001\napp.py:<module>:30;app.py:work:12;\n"
        );
        assert_eq!(moment(7, stack, Lines::None), "7\napp.py:<module>;app.py:work;\n");
        assert_eq!(moment(7, Moment::Idle, Lines::Run), "7\n(idle)\n");
        assert_eq!(moment(7, Moment::Failed("stack moving"), Lines::Run), "7\n(failed);[stack moving];\n");
    }

    #[test]
    fn a_dump_is_leaf_first_with_empty_lines_between_threads() {
        let frames = [python("work", "app.py", 12), python("<module>", "app.py", 30)];
        let thread =
            |ident, holds_gil, frames, truncated| ThreadStack { ident, holds_gil, frames, truncated };
        let threads = [
            thread(139, true, Ok(&frames[..]), false),
            thread(7, false, Ok(&frames[..1]), true),
            thread(8, false, Err("stack moving"), false),
        ];
        assert_eq!(
            dump(&threads, Lines::Run),
            "139*:\napp.py:work:12\napp.py:<module>:30\n\n7:\napp.py:work:12\n[truncated]\n\n8:\n(failed);[stack moving]\n"
        );
        assert_eq!(dump(&[], Lines::Run), "");
    }

    #[test]
    fn names_can_not_break_a_line() {
        let mut stacks = Stacks::default();
        let stack = stacks.intern([python("a;b\nc", "x 1\n2.py", 3)]).expect("a frame");
        let counts = Counts { idle: 0, failed: &[], stacks: &stacks, seen: &[(stack, 5)] };
        assert_eq!(folded(&counts, Lines::Run), "x 1␊2.py:a；b␊c:3 5\n");
    }
}
