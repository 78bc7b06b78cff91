//! The functions that use most. It must not know how a table is shown.

use std::cmp::{Ordering, Reverse};

use crate::model::{Frame, FrameKind, Profile, Weight};

/// One function, or one line of one where the profile is by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// What it is; also a reason why something is not known, which is no function.
    pub frame: Frame,
    /// In it alone.
    pub own: Weight,
    /// In it and what it calls; a recursion counts once.
    pub total: Weight,
}

/// What functions are sorted by, the largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// [`Function::own`].
    Own,
    /// [`Function::total`].
    Total,
}

/// The first functions of a profile, and what the others come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Top {
    /// The largest first.
    pub functions: Vec<Function>,
    /// How many there are besides.
    pub others: usize,
    /// What those use themselves. There is no sum of their totals: they call each other.
    pub others_own: Weight,
}

/// The functions of a profile.
pub fn top(profile: &Profile, by: Order, limit: usize) -> Top {
    let mut functions = functions(profile);
    let key = |function: &Function| match by {
        Order::Own => (function.own.nanoseconds, function.total.nanoseconds),
        Order::Total => (function.total.nanoseconds, function.own.nanoseconds),
    };
    functions.sort_by(|left, right| {
        Reverse(key(left)).cmp(&Reverse(key(right))).then_with(|| order(&left.frame, &right.frame))
    });
    let rest = functions.split_off(limit.min(functions.len()));
    let mut others_own = Weight::default();
    for function in &rest {
        others_own += function.own;
    }
    Top { functions, others: rest.len(), others_own }
}

/// All functions of a profile that have weight, in no particular order. Frames for processes, threads and interpreters
/// are none.
pub(super) fn functions(profile: &Profile) -> Vec<Function> {
    let stacks = &profile.stacks;
    let mut own = vec![Weight::default(); stacks.node_count()];
    for (stack, weight) in &profile.samples {
        own[stack.index()] += *weight;
    }
    let mut total = own.clone();
    let nodes: Vec<_> = stacks.nodes().collect();
    for &(id, parent, _) in nodes.iter().rev() {
        if let Some(parent) = parent {
            let weight = total[id.index()];
            total[parent.index()] += weight;
        }
    }
    let mut functions: Vec<Function> = stacks
        .frames()
        .map(|frame| Function { frame: frame.clone(), own: Weight::default(), total: Weight::default() })
        .collect();
    for &(id, parent, frame) in &nodes {
        let function = &mut functions[frame.index()];
        function.own += own[id.index()];
        let mut below = parent;
        let mut is_first = true;
        while let Some(node) = below {
            let (parent, other) = stacks.node(node);
            is_first &= other != frame;
            below = parent.filter(|_| is_first);
        }
        if is_first {
            function.total += total[id.index()];
        }
    }
    functions.retain(|function| {
        let label =
            matches!(function.frame.kind, FrameKind::Process | FrameKind::Thread | FrameKind::Interpreter);
        !label && function.total != Weight::default()
    });
    functions
}

/// Some order, always the same.
pub(super) fn order(left: &Frame, right: &Frame) -> Ordering {
    let key = |frame: &'_ Frame| (frame.line, frame.first_line, frame.kind);
    let texts = left.function.cmp(&right.function).then_with(|| left.file.cmp(&right.file));
    texts.then_with(|| key(left).cmp(&key(right)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(stacks: &[(&[&str], u64)], by: Order, limit: usize) -> (Vec<String>, usize, u64) {
        let mut profile = Profile::default();
        for (names, samples) in stacks {
            let process = Frame::bare(FrameKind::Process, "process 1 (app)");
            let frames = names.iter().map(|name| Frame::bare(FrameKind::Python, *name));
            let stack = profile.stacks.intern([process].into_iter().chain(frames)).unwrap();
            profile.samples.push((stack, Weight { samples: *samples, nanoseconds: samples * 10 }));
        }
        let top = top(&profile, by, limit);
        let line = |f: &Function| format!("{} {}/{}", f.frame.function, f.own.samples, f.total.samples);
        (top.functions.iter().map(line).collect(), top.others, top.others_own.samples)
    }

    #[test]
    fn by_self_and_by_total_with_the_rest() {
        let stacks: &[(&[&str], u64)] = &[(&["main", "work"], 5), (&["main"], 1), (&["main", "rest"], 2)];
        assert_eq!(shown(stacks, Order::Own, 1), (vec!["work 5/5".into()], 2, 3));
        assert_eq!(shown(stacks, Order::Total, 2), (vec!["main 1/8".into(), "work 5/5".into()], 1, 2));
    }

    #[test]
    fn a_recursion_counts_once() {
        let stacks: &[(&[&str], u64)] = &[(&["fib", "fib", "fib"], 5), (&["fib", "add", "fib"], 2)];
        assert_eq!(shown(stacks, Order::Total, 9), (vec!["fib 7/7".into(), "add 0/2".into()], 0, 0));
    }
}
