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

/// `Thread 4243 (running, gil): "worker"`.
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
    match &thread.task {
        Some(known) => format!("Thread {} ({}): \"{}\"", known.tid, about.join(", "), known.name),
        None => {
            about.push("no thread of the process is known to be this one".to_owned());
            format!("Thread {:#x} ({})", thread.thread_id, about.join(", "))
        }
    }
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
