//! A dump as text for people. Pure.

use super::json::state;
use crate::dump::{Dump, Frames, Stack, Thread, Why};
use crate::model::{Frame, FrameKind};
use crate::python::threads::Holds;

/// The process, then each thread and its frames, innermost first.
pub(super) fn render(dump: &Dump) -> String {
    let mut lines = vec![
        format!("Process {}: {}", dump.pid, dump.command),
        format!("Python {} ({})", dump.python, dump.interpreter.display()),
    ];
    if let Some(executable) = &dump.executable
        && *executable != dump.interpreter
    {
        lines.push(format!("Executable {}", executable.display()));
    }
    if dump.list_moves {
        lines.push("Threads come and go faster than they can be listed: some may be missing".to_owned());
    }
    if dump.ended > 0 {
        lines.push(format!("Threads that ended meanwhile: {}", dump.ended));
    }
    for thread in &dump.threads {
        lines.push(String::new());
        lines.push(headline(thread));
        lines.extend(stack_lines(&thread.stack).into_iter().map(|line| format!("    {line}")));
    }
    lines.iter().map(|line| clean(line) + "\n").collect()
}

/// `Thread 4243 (running, gil): "worker"`, by Python's name where that is known, else by the kernel's.
fn headline(thread: &Thread) -> String {
    let mut about = Vec::new();
    about.extend(thread.task.as_ref().map(|known| state(known).to_owned()));
    match thread.gil {
        Holds::Yes => about.push("gil".to_owned()),
        Holds::NoGil => about.push("free-threaded".to_owned()),
        Holds::Unknown => about.push("gil unknown".to_owned()),
        Holds::No => {}
    }
    if thread.interpreter != 0 {
        about.push(format!("interpreter {}", thread.interpreter));
    }
    let id = match &thread.task {
        Some(known) => known.tid.to_string(),
        None => {
            about.push("no thread of the process is known to be this one".to_owned());
            format!("{:#x}", thread.thread_id)
        }
    };
    let name = thread.name.as_ref().or(thread.task.as_ref().map(|known| &known.name));
    let name = name.map(|name| format!(": \"{name}\"")).unwrap_or_default();
    format!("Thread {id} ({}){name}", about.join(", "))
}

fn stack_lines(stack: &Stack) -> Vec<String> {
    let whole = |frames: &Frames| {
        let cut = frames.truncated.then(|| "[truncated: the outermost frames are left out]".to_owned());
        frames.frames.iter().map(frame).chain(cut).collect()
    };
    match stack {
        Stack::Exact(frames) => whole(frames),
        Stack::Agreed(frames) => {
            let mut lines = vec!["[it may have run while it was read; two readings agree]".to_owned()];
            lines.extend::<Vec<String>>(whole(frames));
            lines
        }
        Stack::Missing(Why::Moving) => vec!["[moving: another stack each time it was read]".to_owned()],
        Stack::Missing(Why::Reason(reason)) => vec![format!("[{}]", reason.text())],
    }
}

fn frame(frame: &Frame) -> String {
    match (frame.kind, frame.line) {
        (FrameKind::Unknown(reason), _) => format!("[{}]", reason.text()),
        (_, 0) => format!("{} ({})", frame.function, frame.file),
        (_, line) => format!("{} ({}:{line})", frame.function, frame.file),
    }
}

/// Without control characters, which a process could use to write to the terminal, or a line of its own.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::Known;
    use crate::model::{Pid, Reason, Tid};

    fn dump(gil: Holds, stack: Stack) -> String {
        let known = Known { tid: Tid(43), name: "work\ner".into(), state: 'R' };
        let thread = Thread { task: Some(known), thread_id: 0x7f00, name: None, interpreter: 0, gil, stack };
        let unknown = Thread { task: None, interpreter: 2, ..thread.clone() };
        let text = render(&Dump {
            pid: Pid(42),
            command: "python app.py".into(),
            executable: Some("/usr/bin/python3".into()),
            python: "3.12.1".to_owned(),
            interpreter: "/usr/bin/python3".into(),
            threads: vec![thread, unknown],
            ended: 0,
            list_moves: false,
        });
        let (head, rest) = text.split_at(text.find("\nThread").expect("a thread") + 1);
        assert_eq!(head, "Process 42: python app.py\nPython 3.12.1 (/usr/bin/python3)\n\n");
        rest.to_owned()
    }

    fn frames(truncated: bool) -> Frames {
        let function = Frame {
            file: "a.py".into(),
            line: 7,
            ..Frame::bare(FrameKind::Python, "f\nThread 1 (sleeping): \x1b[2J")
        };
        Frames { frames: vec![function, Frame::unknown(Reason::CodeReplaced)], truncated }
    }

    #[test]
    fn a_name_can_neither_forge_a_line_nor_write_to_the_terminal() {
        let text = dump(Holds::Yes, Stack::Exact(frames(true)));
        let expected = "Thread 43 (running, gil): \"work er\"\n    f Thread 1 (sleeping):  [2J (a.py:7)\n    \
                        [code object replaced]\n    [truncated: the outermost frames are left out]\n\nThread 0x7f00 \
                        (gil, interpreter 2, no thread of the process is known to be this one)\n";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn pythons_name_comes_before_the_kernels() {
        let known = Known { tid: Tid(43), name: "python3".into(), state: 'S' };
        let thread = Thread {
            task: Some(known),
            thread_id: 0x7f00,
            name: Some("w\u{f6}rker\n".into()),
            interpreter: 0,
            gil: Holds::No,
            stack: Stack::Missing(Why::Moving),
        };
        assert_eq!(clean(&headline(&thread)), "Thread 43 (sleeping): \"w\u{f6}rker \"");
        let unknown = headline(&Thread { task: None, ..thread });
        assert!(
            unknown.starts_with("Thread 0x7f00 (") && unknown.ends_with("): \"w\u{f6}rker\n\""),
            "{unknown}"
        );
    }

    #[test]
    fn what_is_not_certain_says_so() {
        let text = dump(Holds::NoGil, Stack::Agreed(frames(false)));
        assert!(
            text.starts_with("Thread 43 (running, free-threaded): \"work er\"\n    [it may have run"),
            "{text}"
        );
        let text = dump(Holds::No, Stack::Missing(Why::Moving));
        assert!(text.starts_with("Thread 43 (running): \"work er\"\n    [moving: "), "{text}");
        let text = dump(Holds::Unknown, Stack::Missing(Why::Reason(Reason::NoPythonFrame)));
        assert!(
            text.starts_with("Thread 43 (running, gil unknown): \"work er\"\n    [no Python frame]"),
            "{text}"
        );
    }
}
