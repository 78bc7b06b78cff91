//! Only what runs in or below one function. It must not know how a function was chosen.

use crate::model::{Frame, Profile};

/// The stacks that go through a function, whole: with its callers, and with what it calls.
///
/// It is named by its qualified name, or by `name (file)` where several have the name. If there is no such function, the
/// profile is empty.
pub fn focus(mut profile: Profile, function: &str) -> Profile {
    let is_it: Vec<bool> = profile.stacks.frames().map(|frame| is_named(frame, function)).collect();
    // Parents come before their children.
    let mut goes_through: Vec<bool> = Vec::with_capacity(profile.stacks.node_count());
    for (_, parent, frame) in profile.stacks.nodes() {
        goes_through.push(is_it[frame.index()] || parent.is_some_and(|parent| goes_through[parent.index()]));
    }
    let goes: Vec<bool> = profile.samples.iter().map(|(stack, _)| goes_through[stack.index()]).collect();
    retain(&mut profile.samples, &goes);
    retain(&mut profile.labels.of, &goes);
    profile
}

/// Keeps the items that are to be kept. Labels need not be there: of none, none are kept.
fn retain<T>(items: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    items.retain(|_| keep.next().copied().unwrap_or(false));
}

fn is_named(frame: &Frame, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(&*frame.function).filter(|_| !frame.function.is_empty()) else {
        return false;
    };
    let file = rest.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')'));
    rest.is_empty() || file.is_some_and(|file| !file.is_empty() && *file == *frame.file)
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::lines;
    use super::*;
    use crate::model::{FrameKind, Weight};

    #[test]
    fn stacks_through_a_function_are_kept_whole() {
        let mut profile = Profile::default();
        for stack in [&["main", "work", "sum"][..], &["main", "idle"], &["other", "work"], &["worker"]] {
            let frames = stack
                .iter()
                .map(|name| Frame { file: "a.py".into(), ..Frame::bare(FrameKind::Python, *name) });
            let id = profile.stacks.intern(frames).unwrap();
            profile.samples.push((id, Weight { samples: 1, nanoseconds: 1 }));
        }
        let through = |name: &str| lines(&focus(profile.clone(), name));
        let work = ["main:0;work:0;sum:0 1", "other:0;work:0 1"];
        assert_eq!(through("work"), work);
        assert_eq!(through("work (a.py)"), work);
        for nobody in ["wor", "", "work (b.py)", "work ()", "work (a.py"] {
            assert_eq!(through(nobody), [] as [&str; 0], "{nobody:?}");
        }
    }
}
