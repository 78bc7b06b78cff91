//! Draws a [`Profile`], or a single sample: a profile in, bytes out, and the same profile gives the same bytes.
//!
//! This module has what all formats share: the text of a frame, where code comes from, the share that is not
//! attributed. It must not know where a profile came from, files, sockets or the time.

pub(crate) mod call_tree;
pub mod difference;
pub mod folded;
pub mod format;
pub mod gecko;
pub mod html;
pub mod json;
pub mod jsonl;
pub mod pprof;
pub mod pyflame;
pub mod speedscope;
pub mod svg;
mod tables;
pub mod tree;

pub use format::{Format, UnknownFormat, render};

use std::fmt::Write as _;

use crate::model::{Frame, FrameKind, Profile, Reason, Weight};

/// Text for HTML and XML, an attribute's value too.
pub fn markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Why a profile can't be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// It has no samples.
    #[error(
        "no samples of {subject} in {seconds:.0} s: nothing to draw (a process that sleeps or waits uses no CPU)"
    )]
    Empty {
        /// [`About::subject`](crate::model::About::subject).
        subject: String,
        /// Seconds that the profile covers.
        seconds: f64,
    },
    /// The flame graph library refused the stacks.
    #[error("the flame graph could not be drawn: {0}")]
    Svg(#[from] std::io::Error),
}

impl RenderError {
    /// The error for a profile without samples.
    pub fn empty(profile: &Profile) -> RenderError {
        RenderError::Empty {
            subject: visible(&profile.about.subject),
            seconds: profile.about.duration as f64 / 1e9,
        }
    }
}

/// Where a frame's code comes from: what colours tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The program's own code: Python that is none of the next two.
    Own,
    /// A package that was installed: below `site-packages` or `dist-packages`.
    Package,
    /// Python's standard library.
    Library,
    /// The kernel.
    Kernel,
    /// No code: a process or thread.
    Label,
    /// Not known, or cut off.
    Unknown,
}

impl Origin {
    /// The origin of a frame, for Python by the path of its file.
    pub fn of(frame: &Frame) -> Origin {
        match frame.kind {
            FrameKind::Python | FrameKind::Other => Origin::of_file(&frame.file),
            FrameKind::Kernel => Origin::Kernel,
            FrameKind::Process | FrameKind::Thread | FrameKind::Interpreter => Origin::Label,
            FrameKind::Unknown(_) | FrameKind::Truncated => Origin::Unknown,
        }
    }

    fn of_file(file: &str) -> Origin {
        // `lib/python3.12/…`, `lib/pypy3.10/…`, `lib64/python3.9/…`, `lib/python312.zip/…`: the directory's name
        // starts so and goes on with a digit. "/lib/python/" alone may be anybody's.
        let in_library = |marker: &str| {
            file.match_indices(marker)
                .any(|(at, _)| file[at + marker.len()..].starts_with(|c: char| c.is_ascii_digit()))
        };
        if file.contains("/site-packages/") || file.contains("/dist-packages/") {
            Origin::Package
        } else if file.starts_with("<frozen ") || in_library("/lib/python") || in_library("/lib64/python") {
            Origin::Library
        } else {
            Origin::Own
        }
    }

    /// A name for wire formats and style sheets.
    pub fn label(self) -> &'static str {
        match self {
            Origin::Own => "own",
            Origin::Package => "package",
            Origin::Library => "library",
            Origin::Kernel => "kernel",
            Origin::Label => "label",
            Origin::Unknown => "unknown",
        }
    }
}

/// A frame's text in every format: `qualname (file.py)`, `qualname (file.py:12)` if the frame has a line, `name_[k]`
/// for the kernel, the bare name where no file is known and it is not Python, `[reason]`, `[truncated]`, `[pruned: 3 functions]`, and the name of a process, thread or sub-interpreter.
///
/// The text has no `;`, newline or control character, does not start with white space or `#`, and does not end with
/// a number: `root;…;leaf COUNT` stays unambiguous whatever a target calls its functions.
pub fn frame_text(frame: &Frame) -> String {
    let mut text = visible(&frame.function);
    match frame.kind {
        FrameKind::Python => {
            let file = if frame.file.is_empty() { "?".to_owned() } else { visible(&frame.file) };
            // Writing to a String can't fail.
            let _ = match frame.line {
                0 => write!(text, " ({file})"),
                line => write!(text, " ({file}:{line})"),
            };
        }
        FrameKind::Kernel => text.push_str("_[k]"),
        FrameKind::Other if !frame.file.is_empty() => {
            let file = visible(&frame.file);
            let _ = match frame.line {
                0 => write!(text, " ({file})"),
                line => write!(text, " ({file}:{line})"),
            };
        }
        FrameKind::Other if text.is_empty() || ends_with_count(&text) => text.push_str(" (?)"),
        FrameKind::Other => {}
        FrameKind::Process | FrameKind::Thread | FrameKind::Interpreter if ends_with_count(&text) => {
            text.push_str(" (?)");
        }
        FrameKind::Process | FrameKind::Thread | FrameKind::Interpreter => {}
        FrameKind::Unknown(reason) => text = format!("[{}]", reason.text()),
        FrameKind::Truncated if text.is_empty() => text = "[truncated]".to_owned(),
        FrameKind::Truncated => text = format!("[{text}]"),
    }
    if text.starts_with(|c: char| c.is_whitespace() || c == '#') {
        text.insert(0, '\u{FFFD}');
    }
    text
}

/// Whether the last word is a number: behind white space, it could be taken for a count.
fn ends_with_count(text: &str) -> bool {
    let last = text.trim_end().rsplit_once(char::is_whitespace).map_or("", |(_, last)| last);
    last.starts_with(|c: char| c.is_ascii_digit()) && last.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Text of a target with everything replaced, visibly, that could break a format or deceive a reader: `;` becomes a
/// full-width one, control characters their pictures, and what XML 1.0 does not allow or what turns the direction of
/// writing the replacement character.
pub fn visible(text: &str) -> String {
    let replace = |c: char| match c {
        ';' => '；',
        '\0'..='\x1f' => char::from_u32(0x2400 + c as u32).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\x7f' => '\u{2421}',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        // Separators of lines, marks of direction, and non-characters.
        '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' => char::REPLACEMENT_CHARACTER,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        '\u{fffe}' | '\u{ffff}' => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(replace).collect()
}

/// The weight that is not attributed to whole, named stacks, by reason; the largest first.
///
/// A stack with several unknown frames counts once, for the one nearest to the leaf.
pub fn unattributed(profile: &Profile) -> Vec<(Reason, Weight)> {
    let mut reasons: Vec<Option<Reason>> = Vec::with_capacity(profile.stacks.node_count());
    for (_, parent, frame) in profile.stacks.nodes() {
        reasons.push(match profile.stacks.frame(frame).kind {
            FrameKind::Unknown(reason) => Some(reason),
            _ => parent.and_then(|parent| reasons[parent.index()]),
        });
    }
    let mut sums: Vec<(Reason, Weight)> = Vec::new();
    for (stack, weight) in &profile.samples {
        let Some(reason) = reasons[stack.index()] else { continue };
        match sums.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, sum)) => *sum += *weight,
            None => sums.push((reason, *weight)),
        }
    }
    sums.sort_by_key(|(reason, weight)| (std::cmp::Reverse(weight.samples), *reason));
    sums
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::About;

    pub(crate) fn python(function: &str, file: &str, line: u32) -> Frame {
        Frame { file: file.into(), line, ..Frame::bare(FrameKind::Python, function) }
    }

    /// A profile of stacks, root first, each with as many samples as its number says, 10 ms each.
    pub(crate) fn profile(stacks: &[(&[Frame], u64)]) -> Profile {
        let mut profile = Profile {
            about: About {
                start: 1_700_000_000_000_000_000,
                duration: 60_000_000_000,
                frequency: 99,
                subject: "python app.py (pid 4242)".into(),
            },
            ..Profile::default()
        };
        for (frames, samples) in stacks {
            let stack = profile.stacks.intern(frames.iter().cloned()).expect("a frame");
            profile.samples.push((stack, Weight { samples: *samples, nanoseconds: samples * 10_000_000 }));
        }
        profile
    }

    /// A stack with its samples and labels.
    pub(crate) type Labelled<'a> = (&'a [Frame], u64, &'a [(&'a str, &'a str)]);

    /// The same with labels: a set for each stack.
    pub(crate) fn labelled(stacks: &[Labelled]) -> Profile {
        let plain: Vec<(&[Frame], u64)> =
            stacks.iter().map(|(frames, samples, _)| (*frames, *samples)).collect();
        let mut profile = profile(&plain);
        for (index, (_, _, labels)) in stacks.iter().enumerate() {
            let set = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            profile.labels.sets.push(set);
            profile.labels.of.push(index as u32);
        }
        profile
    }

    #[test]
    fn texts_of_all_kinds() {
        let cases = [
            (python("Handler.get", "/srv/app/views.py", 0), "Handler.get (/srv/app/views.py)"),
            (python("Handler.get", "/srv/app/views.py", 12), "Handler.get (/srv/app/views.py:12)"),
            (python("<module>", "", 3), "<module> (?:3)"),
            (Frame::bare(FrameKind::Kernel, "do_syscall_64"), "do_syscall_64_[k]"),
            (Frame::unknown(Reason::NotPython), "[not a Python process]"),
            (Frame::bare(FrameKind::Truncated, ""), "[truncated]"),
            (Frame::bare(FrameKind::Truncated, "pruned: 3 functions"), "[pruned: 3 functions]"),
            (Frame::bare(FrameKind::Process, "process 1 (python)"), "process 1 (python)"),
            (Frame::bare(FrameKind::Thread, "thread 17"), "thread 17 (?)"),
        ];
        for (frame, text) in cases {
            assert_eq!(frame_text(&frame), text);
        }
    }

    #[test]
    fn hostile_names_become_visible() {
        assert_eq!(frame_text(&python("a;b\nc\x1b[0m", "x\u{202e}.py", 0)), "a；b␊c␛[0m (x\u{fffd}.py)");
        assert_eq!(frame_text(&python("# note 5", "x.py", 0)), "\u{fffd}# note 5 (x.py)");
        assert_eq!(visible("\u{85}\u{7f}\u{ffff}\u{2028}"), "\u{fffd}␡\u{fffd}\u{fffd}");
    }

    #[test]
    fn origins_by_path() {
        let cases = [
            ("/srv/app/views.py", Origin::Own),
            ("/srv/lib/python/mine.py", Origin::Own),
            ("<string>", Origin::Own),
            ("<frozen importlib._bootstrap>", Origin::Library),
            ("/usr/lib/python3.11/json/encoder.py", Origin::Library),
            ("/usr/lib64/python3.9/json/encoder.py", Origin::Library),
            ("/opt/lib/python312.zip/json/encoder.py", Origin::Library),
            ("/usr/lib/python3.11/site-packages/django/urls.py", Origin::Package),
            ("/usr/lib/python3/dist-packages/apt/cache.py", Origin::Package),
        ];
        for (file, origin) in cases {
            assert_eq!(Origin::of(&python("f", file, 0)), origin, "{file}");
        }
    }

    #[test]
    fn a_stack_with_an_unknown_frame_is_unattributed_once() {
        let unknown = |reason| Frame::unknown(reason);
        let profile = profile(&[
            (&[python("a", "x.py", 0)], 5),
            (&[unknown(Reason::NotPythonThread)], 2),
            (&[unknown(Reason::CodeUnreadable), python("a", "x.py", 0)], 1),
            (&[unknown(Reason::CodeUnreadable), unknown(Reason::CodeReplaced)], 3),
            (&[python("b", "x.py", 0), unknown(Reason::CodeReplaced)], 1),
        ]);
        let sums: Vec<_> =
            unattributed(&profile).into_iter().map(|(reason, weight)| (reason, weight.samples)).collect();
        assert_eq!(
            sums,
            [(Reason::CodeReplaced, 4), (Reason::NotPythonThread, 2), (Reason::CodeUnreadable, 1)]
        );
    }
}
