//! A dump as JSON. This is the documented shape: fields are added, never renamed or removed.

use serde::Serialize;

use crate::cli::exit::{Exit, Failure};
use crate::dump::{self, Dump, Known, Stack, Why};
use crate::model::{Frame, FrameKind, Reason};
use crate::python::threads::Holds;

/// A process.
#[derive(Serialize)]
struct Process<'a> {
    /// Its id.
    pid: u32,
    /// Its command line, shortened.
    command: &'a str,
    /// Its executable; null where the kernel does not tell.
    executable: Option<String>,
    /// `3.11.7`.
    python: &'a str,
    /// The file that holds the interpreter.
    interpreter: String,
    /// Threads that ended meanwhile and are left out.
    ended: usize,
    /// Whether threads came and went so fast that some may be missing.
    threads_move: bool,
    /// Main interpreter first, in it the oldest thread first.
    threads: Vec<Thread<'a>>,
}

/// A thread in an interpreter.
#[derive(Serialize)]
struct Thread<'a> {
    /// Its id; null if it is not known which thread of the process it is, as are `name` and `state`.
    tid: Option<u32>,
    /// The kernel's name of it.
    name: Option<&'a str>,
    /// `threading.Thread.name`; null if Python's `threading` does not know the thread, or it could not be read.
    python_name: Option<&'a str>,
    /// `running` (or ready to), `sleeping`, `disk sleep`, `stopped`, `tracing stop`, `idle`.
    state: Option<&'static str>,
    /// `threading.get_ident()`.
    ident: u64,
    /// The interpreter's id; 0 is the main one.
    interpreter: i64,
    /// `held`, `not held`, `none` (free-threaded), `unknown`.
    gil: &'static str,
    /// `exact`: the thread did not run while it was read. `agreed`: it may have, but two readings agree. `none`: it
    /// runs no Python function. `unknown`: see `reason`.
    stack: &'static str,
    /// Why the stack is not known: `moving`, or a reason's label as in metrics.
    reason: Option<&'static str>,
    /// Whether the root end is missing.
    truncated: bool,
    /// Innermost first.
    frames: Vec<Function<'a>>,
}

/// A frame.
#[derive(Serialize)]
struct Function<'a> {
    /// Its name, qualified where the version has that; null if it could not be read.
    function: Option<&'a str>,
    /// As the interpreter has it.
    file: Option<&'a str>,
    /// The line being run; null if it has none.
    line: Option<u32>,
    /// Why it has no name: a reason's label as in metrics.
    reason: Option<&'static str>,
}

/// The dump, with a newline at its end.
pub(super) fn render(dump: &Dump) -> Result<String, Failure> {
    let process = Process {
        pid: dump.pid.0,
        command: &dump.command,
        executable: dump.executable.as_ref().map(|path| path.to_string_lossy().into_owned()),
        python: &dump.python,
        interpreter: dump.interpreter.to_string_lossy().into_owned(),
        ended: dump.ended,
        threads_move: dump.list_moves,
        threads: dump.threads.iter().map(thread).collect(),
    };
    let json = serde_json::to_string_pretty(&process);
    Ok(json.map_err(|error| Failure::new(Exit::Internal, format!("can't write JSON: {error}")))? + "\n")
}

fn thread(thread: &dump::Thread) -> Thread<'_> {
    let known = thread.task.as_ref();
    let (stack, reason, frames) = match &thread.stack {
        Stack::Exact(frames) => ("exact", None, Some(frames)),
        Stack::Agreed(frames) => ("agreed", None, Some(frames)),
        Stack::Missing(Why::Reason(Reason::NoPythonFrame)) => ("none", None, None),
        Stack::Missing(Why::Reason(reason)) => ("unknown", Some(reason.label()), None),
        Stack::Missing(Why::Moving) => ("unknown", Some("moving"), None),
    };
    Thread {
        tid: known.map(|known| known.tid.0),
        name: known.map(|known| &*known.name),
        python_name: thread.name.as_deref(),
        state: known.map(state),
        ident: thread.thread_id,
        interpreter: thread.interpreter,
        gil: match thread.gil {
            Holds::Yes => "held",
            Holds::No => "not held",
            Holds::NoGil => "none",
            Holds::Unknown => "unknown",
        },
        stack,
        reason,
        truncated: frames.is_some_and(|frames| frames.truncated),
        frames: frames.map(|frames| frames.frames.iter().map(function).collect()).unwrap_or_default(),
    }
}

fn function(frame: &Frame) -> Function<'_> {
    match frame.kind {
        FrameKind::Unknown(reason) => {
            Function { function: None, file: None, line: None, reason: Some(reason.label()) }
        }
        _ => Function {
            function: Some(&frame.function),
            file: Some(&frame.file),
            line: (frame.line != 0).then_some(frame.line),
            reason: None,
        },
    }
}

/// A thread's state in the kernel's words: proc_pid_status(5).
pub(super) fn state(known: &Known) -> &'static str {
    match known.state {
        'R' => "running",
        'S' => "sleeping",
        'D' => "disk sleep",
        'T' => "stopped",
        't' => "tracing stop",
        'I' => "idle",
        _ => "in another state",
    }
}
