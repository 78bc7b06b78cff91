//! Folded stacks: a line for each stack, `root;…;leaf COUNT`, the format of `flamegraph.pl` and of every tool since.
//!
//! It must not know how the stacks are drawn later.

use std::io::Write as _;

use super::RenderError;
use super::tree::Tree;
use crate::model::Profile;

/// The folded stacks of a profile, counts in samples; UTF-8, sorted frame by frame, each line ends with a newline.
/// Texts: [`frame_text`](super::frame_text).
pub fn render(profile: &Profile) -> Result<Vec<u8>, RenderError> {
    let tree = Tree::new(profile);
    if tree.nodes[0].total.samples == 0 {
        return Err(RenderError::empty(profile));
    }
    let mut folded = Vec::new();
    tree.paths(|path, node| {
        if node.own.samples > 0 {
            // Writing to a Vec can't fail.
            let _ = writeln!(folded, "{path} {}", node.own.samples);
        }
    });
    Ok(folded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{profile, python};
    use super::*;
    use crate::model::{Frame, FrameKind, Reason};

    #[test]
    fn a_line_for_each_stack_sorted() {
        let module = python("<module>", "/srv/app.py", 30);
        let profile = profile(&[
            (
                &[
                    module.clone(),
                    python("work", "/srv/app.py", 12),
                    Frame::bare(FrameKind::Kernel, "clear_page_erms"),
                ],
                3,
            ),
            (&[Frame::unknown(Reason::NotPythonThread)], 4),
            (&[module.clone(), python("work", "/srv/app.py", 12)], 9),
        ]);
        assert_eq!(
            String::from_utf8(render(&profile).unwrap()).unwrap(),
            "<module> (/srv/app.py:30);work (/srv/app.py:12) 9\n\
             <module> (/srv/app.py:30);work (/srv/app.py:12);clear_page_erms_[k] 3\n\
             [not a Python thread] 4\n"
        );
    }

    #[test]
    fn an_empty_profile_is_an_error_that_says_so() {
        let error = render(&profile(&[])).unwrap_err();
        assert!(error.to_string().starts_with("no samples of python app.py (pid 4242) in 60 s"), "{error}");
    }

    proptest! {
        /// Whatever the names are, each line splits into the frames and the count that went in.
        #[test]
        fn any_name_survives_the_format(
            stacks in prop::collection::vec((prop::collection::vec((".*", ".*", 0u32..3), 1..5), 1u64..100), 1..8)
        ) {
            let stacks: Vec<(Vec<Frame>, u64)> = stacks
                .into_iter()
                .map(|(frames, samples)| {
                    (frames.into_iter().map(|(name, file, line)| python(&name, &file, line)).collect(), samples)
                })
                .collect();
            let borrowed: Vec<(&[Frame], u64)> = stacks.iter().map(|(f, n)| (f.as_slice(), *n)).collect();
            let folded = String::from_utf8(render(&profile(&borrowed)).unwrap()).unwrap();
            let mut sum = 0;
            let mut seen = std::collections::HashSet::new();
            for line in folded.lines() {
                prop_assert!(!line.chars().any(char::is_control));
                let (path, count) = line.rsplit_once(' ').unwrap();
                prop_assert!(seen.insert(path.to_owned()));
                prop_assert!(stacks.iter().any(|(frames, _)| frames.len() == path.split(';').count()));
                sum += count.parse::<u64>().unwrap();
            }
            prop_assert_eq!(sum, stacks.iter().map(|(_, samples)| samples).sum::<u64>());
        }
    }
}
