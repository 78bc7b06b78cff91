//! What a frame's text says: function, file, line, and what it stands for.
//!
//! It must not know in which format the text stood.

use crate::model::{Frame, FrameKind, Reason};

/// Endings of Python's files, compiled and generated ones too.
const PYTHON: [&str; 7] = [".py", ".pyc", ".pyx", ".pxd", ".pyw", ".pyi", ".ipynb"];

/// A frame of folded text: `function (file:line)`, `function (file)`, `symbol_[k]`, `[reason]`, `[truncated]`, or a name
/// of any other kind, which stays as it is.
pub(super) fn folded(text: &str) -> Frame {
    if let Some((function, file, line)) = in_parentheses(text) {
        return named(function, file, line);
    }
    named(text, "", 0)
}

/// A frame whose function, file (empty: none) and line (0: none) are known apart.
pub(super) fn named(function: &str, file: &str, line: u32) -> Frame {
    if file.is_empty() {
        if let Some(label) = label(function) {
            return Frame::bare(label, function);
        }
        if let Some(symbol) = function.strip_suffix("_[k]") {
            return Frame { line, ..Frame::bare(FrameKind::Kernel, symbol) };
        }
        if let Some(inner) = function.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            if inner == "truncated" {
                return Frame::bare(FrameKind::Truncated, "");
            }
            if inner.starts_with("pruned: ") {
                return Frame::bare(FrameKind::Truncated, inner);
            }
            if let Some(reason) = Reason::ALL.iter().find(|reason| reason.text() == inner) {
                return Frame::unknown(*reason);
            }
        }
    }
    let kind = if is_python(file) { FrameKind::Python } else { FrameKind::Other };
    Frame { file: if file == "?" { "".into() } else { file.into() }, line, ..Frame::bare(kind, function) }
}

/// A frame of a profiler that sees nothing but Python: `file:function:line`, or `file:function`.
pub(super) fn with_colons(text: &str) -> Option<Frame> {
    let python = |function: &str, file: &str, line: u32| Frame {
        file: file.into(),
        line,
        ..Frame::bare(FrameKind::Python, function)
    };
    let (rest, last) = text.rsplit_once(':')?;
    match (rest.rsplit_once(':'), line_number(last)) {
        (Some((file, function)), Some(line)) => Some(python(function, file, line)),
        // `:GC:` of Austin: no function at all.
        (Some(("", name)), None) if last.is_empty() => Some(Frame::bare(FrameKind::Other, name)),
        _ if last.is_empty() => None,
        _ => Some(python(last, rest, 0)),
    }
}

/// Whether a text is a frame with colons beyond doubt, and no name that just has some (`std::sort`).
pub(super) fn surely_with_colons(text: &str) -> bool {
    with_colons(text).is_some_and(|frame| {
        let file = &*frame.file;
        let is_file = file.starts_with('<') && file.ends_with('>') || is_python(file);
        is_file || frame.line > 0 && file.starts_with('/')
    })
}

/// `process 7 (x)`, `thread 8 (y)` and the like: what stands for no code.
fn label(text: &str) -> Option<FrameKind> {
    let (word, rest) = text.split_once(' ')?;
    let numbered = rest.trim_start_matches('(').starts_with(|first: char| first.is_ascii_digit());
    match word {
        "process" if numbered => Some(FrameKind::Process),
        "thread" if numbered => Some(FrameKind::Thread),
        "interpreter" if rest.ends_with("(sub-interpreter)") => Some(FrameKind::Interpreter),
        _ => None,
    }
}

/// Function, file and line of `function (file:line)` or `function (file)`, if what is in parentheses is a file.
fn in_parentheses(text: &str) -> Option<(&str, &str, u32)> {
    let inner_end = text.strip_suffix(')')?.len();
    // The one that belongs to the last: a path may have some, too.
    let mut depth = 1_usize;
    let open = text[..inner_end].char_indices().rev().find_map(|(at, c)| {
        match c {
            ')' => depth += 1,
            '(' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    });
    let open = open.or_else(|| text.find(" (").map(|at| at + 1))?;
    let function = text[..open].strip_suffix(' ')?;
    let inner = &text[open + 1..inner_end];
    let (file, line) = match inner.rsplit_once(':').map(|(file, line)| (file, line_number(line))) {
        Some((file, Some(line))) => (file, line),
        _ => (inner, 0),
    };
    let is_file = line > 0 || file == "?" || file.contains(['/', '.']) || is_python(file);
    let is_whole = !function.is_empty() && !file.is_empty() && !is_label(function);
    (is_file && is_whole).then_some((function, file, line))
}

/// `process 7` and `thread 8`: what is in parentheses behind it is a name, whatever it looks like.
fn is_label(function: &str) -> bool {
    let number = function.strip_prefix("process ").or_else(|| function.strip_prefix("thread "));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn line_number(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Whether a file is Python's: by its ending, or `<frozen …>`, `<string>`, or the mark for a file that is not known.
fn is_python(file: &str) -> bool {
    file == "?"
        || file.starts_with('<') && file.ends_with('>')
        || PYTHON.iter().any(|ending| file.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(frame: &Frame) -> (&'static str, &str, &str, u32) {
        (frame.kind.name(), &frame.function, &frame.file, frame.line)
    }

    #[test]
    fn folded_frames() {
        for (text, expected) in [
            ("Work.run (/srv/a.py:3)", ("python", "Work.run", "/srv/a.py", 3)),
            ("f (/srv/a (b)/x.py:3)", ("python", "f", "/srv/a (b)/x.py", 3)),
            ("f (/srv/a.py)", ("python", "f", "/srv/a.py", 0)),
            ("f (?)", ("python", "f", "", 0)),
            ("<module> (<frozen site>:616)", ("python", "<module>", "<frozen site>", 616)),
            ("<module> (<string>)", ("python", "<module>", "<string>", 0)),
            ("work (libfoo.so.1)", ("other", "work", "libfoo.so.1", 0)),
            ("main (main.rs:12)", ("other", "main", "main.rs", 12)),
            ("vfs_read_[k]", ("kernel", "vfs_read", "", 0)),
            ("[truncated]", ("truncated", "", "", 0)),
            ("[not a Python thread]", ("unknown", "", "", 0)),
            ("[unknown]", ("other", "[unknown]", "", 0)),
            ("process 7 (x)", ("process", "process 7 (x)", "", 0)),
            ("process 7 (python app.py)", ("process", "process 7 (python app.py)", "", 0)),
            ("thread 8 (?)", ("thread", "thread 8 (?)", "", 0)),
            ("thread (20162)", ("thread", "thread (20162)", "", 0)),
            ("std::sort(int)", ("other", "std::sort(int)", "", 0)),
            ("f (anonymous namespace)", ("other", "f (anonymous namespace)", "", 0)),
            ("a)", ("other", "a)", "", 0)),
            (" (x.py:1)", ("other", " (x.py:1)", "", 0)),
            ("f (x.py:4294967296)", ("other", "f", "x.py:4294967296", 0)),
            ("", ("other", "", "", 0)),
        ] {
            assert_eq!(parts(&folded(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn frames_with_colons() {
        for (text, expected) in [
            ("/srv/a.py:f:3", Some(("python", "f", "/srv/a.py", 3))),
            ("/srv/a:b.py:f:3", Some(("python", "f", "/srv/a:b.py", 3))),
            ("/srv/a.py:f", Some(("python", "f", "/srv/a.py", 0))),
            (":GC:", Some(("other", "GC", "", 0))),
            ("x", None),
            ("", None),
            (":", None),
        ] {
            assert_eq!(with_colons(text).as_ref().map(parts), expected, "{text:?}");
        }
        for (text, sure) in [
            ("a.py:f:3", true),
            ("/usr/bin/pip:<module>:8", true),
            ("<frozen importlib._bootstrap>:f:3", true),
            ("a.py:f", true),
            ("std::sort", false),
            ("a:b:c", false),
            ("org/x/Main:::run", false),
        ] {
            assert_eq!(surely_with_colons(text), sure, "{text}");
        }
    }
}
