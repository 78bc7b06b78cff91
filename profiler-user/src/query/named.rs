//! What functions of a name use together: a stack that has several of them counts once. It must not know how a name is
//! matched.

use crate::model::{Frame, FrameKind, Profile, Weight};

/// What the functions that were meant use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// In them alone.
    pub own: Weight,
    /// In them and what they call.
    pub total: Weight,
    /// Which these are, each by its name and file, sorted. Those without samples are not among them.
    pub functions: Vec<(String, String)>,
}

/// What all functions use for which `is_meant` holds. Only functions are asked about: no processes, threads or reasons.
pub fn named(profile: &Profile, is_meant: impl Fn(&Frame) -> bool) -> Named {
    let meant: Vec<bool> =
        profile.stacks.frames().map(|frame| is_function(frame) && is_meant(frame)).collect();
    // Parents come before their children.
    let mut through: Vec<bool> = Vec::with_capacity(profile.stacks.node_count());
    for (_, parent, frame) in profile.stacks.nodes() {
        through.push(meant[frame.index()] || parent.is_some_and(|parent| through[parent.index()]));
    }
    let mut named = Named::default();
    let mut weighs = vec![false; through.len()];
    for (stack, weight) in &profile.samples {
        if through[stack.index()] && *weight != Weight::default() {
            named.total += *weight;
            weighs[stack.index()] = true;
            if meant[profile.stacks.node(*stack).1.index()] {
                named.own += *weight;
            }
        }
    }
    for (stack, parent, _) in profile.stacks.nodes().collect::<Vec<_>>().into_iter().rev() {
        if let Some(parent) = parent.filter(|_| weighs[stack.index()]) {
            weighs[parent.index()] = true;
        }
    }
    let seen =
        profile.stacks.nodes().filter(|(stack, _, frame)| weighs[stack.index()] && meant[frame.index()]);
    let text = |frame: &Frame| (frame.function.to_string(), frame.file.to_string());
    named.functions = seen.map(|(_, _, frame)| text(profile.stacks.frame(frame))).collect();
    named.functions.sort();
    named.functions.dedup();
    named
}

/// Whether a frame stands for code that has a name.
pub fn is_function(frame: &Frame) -> bool {
    let is_none = matches!(
        frame.kind,
        FrameKind::Process
            | FrameKind::Thread
            | FrameKind::Interpreter
            | FrameKind::Unknown(_)
            | FrameKind::Truncated
    );
    !is_none && !frame.function.is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::of_names;
    use super::*;

    #[test]
    fn a_stack_with_several_of_them_counts_once() {
        let profile = of_names(&[
            (&["main", "fib", "fib", "add"], 5),
            (&["main", "fib"], 2),
            (&["main", "add"], 1),
            (&["idle"], 4),
        ]);
        let of = |names: &[&str]| {
            let found = named(&profile, |frame| names.contains(&&*frame.function));
            (found.own.samples, found.total.samples, found.functions.len())
        };
        assert_eq!(of(&["fib"]), (2, 7, 1));
        assert_eq!(of(&["fib", "add"]), (8, 8, 2));
        assert_eq!(of(&["main", "idle"]), (4, 12, 2));
        assert_eq!(of(&["nobody"]), (0, 0, 0));
    }
}
