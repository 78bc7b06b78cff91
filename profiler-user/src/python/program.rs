//! What a process runs, by its command line: the script or module, and never `python`.
//!
//! A pure function of words that the process chose. It must not know where they come from, nor environments.

use std::path::Path;

/// What is known of a process's start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start<'a> {
    /// Its arguments; the first is what it was called as.
    pub arguments: &'a [String],
    /// The path of its executable; empty if that is not known.
    pub executable: &'a str,
    /// The folder it works in, for paths that are relative; empty if that is not known.
    pub folder: &'a str,
}

/// What a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// What it is called: `celery`, `shop/manage.py`, `-c` for code on the command line, `-` for code from standard input,
    /// piped or typed.
    Named(String),
    /// A helper that the module `multiprocessing` started anew: part of what its parent runs.
    OfParent,
    /// There are no words to tell by, as for a kernel thread.
    Unknown,
}

/// File names that say nothing without their folder.
const GENERIC: &[&str] = &[
    "__init__",
    "__main__",
    "api",
    "app",
    "application",
    "asgi",
    "bot",
    "cli",
    "consumer",
    "daemon",
    "entrypoint",
    "handler",
    "index",
    "job",
    "launch",
    "main",
    "manage",
    "run",
    "runner",
    "scheduler",
    "script",
    "server",
    "service",
    "start",
    "task",
    "tasks",
    "test",
    "web",
    "worker",
    "wsgi",
];

/// Options of `python` that take a value: from the next argument if there is nothing left in their own. `-Q` up to 2.7.
const WITH_VALUE: &[char] = &['W', 'X', 'Q'];
/// The one long option that takes its value from the next argument.
const LONG_WITH_VALUE: &str = "--check-hash-based-pycs";

/// How `multiprocessing` starts processes that do not begin as a fork: what `-c` is given begins with one of these.
const HELPERS: &[&str] = &[
    "from multiprocessing.spawn import",
    "from multiprocessing.forkserver import",
    "from multiprocessing.resource_tracker import",
    "from multiprocessing.semaphore_tracker import",
];

/// What the process runs.
pub fn program(start: &Start<'_>) -> Program {
    // A title that was written over the arguments leaves zeros behind.
    let last = start.arguments.iter().rposition(|argument| !argument.is_empty()).map_or(0, |last| last + 1);
    let arguments: Vec<&str> = start.arguments[..last].iter().map(String::as_str).collect();
    // What the kernel appends to the path of a file that was replaced.
    let executable = start.executable.strip_suffix(" (deleted)").unwrap_or(start.executable);
    let executable = file_name(executable).or(arguments.first().and_then(|called| file_name(called)));
    match (executable, arguments.as_slice()) {
        (None, _) => Program::Unknown,
        (Some(executable), _) if !is_interpreter(executable) => Program::Named(executable.to_owned()),
        (Some(_), []) => Program::Unknown,
        (Some(_), [title]) if !file_name(title).is_some_and(is_interpreter) => titled(title, start.folder),
        (Some(_), [_, rest @ ..]) => by_arguments(rest, start.folder),
    }
}

/// What Python runs with these arguments: Python/getopt.c and Modules/main.c.
fn by_arguments(arguments: &[&str], folder: &str) -> Program {
    let mut rest = arguments.iter().copied();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            return rest.next().map_or(Program::Named("-".to_owned()), |path| script(path, folder));
        }
        if argument == LONG_WITH_VALUE {
            rest.next();
            continue;
        }
        if argument.starts_with("--") {
            continue;
        }
        let Some(letters) = argument.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            return script(argument, folder);
        };
        let Some(at) = letters.find(|c| WITH_VALUE.contains(&c) || ['c', 'm'].contains(&c)) else { continue };
        let (option, value) = (&letters[at..=at], &letters[at + 1..]);
        let value = if value.is_empty() { rest.next().unwrap_or_default() } else { value };
        match option {
            "c" if HELPERS.iter().any(|helper| value.trim_start().starts_with(helper)) => {
                return Program::OfParent;
            }
            "c" => return Program::Named("-c".to_owned()),
            "m" => return module(value),
            _ => {}
        }
    }
    Program::Named("-".to_owned())
}

fn module(name: &str) -> Program {
    let name = name.trim();
    // A package's `__main__` is what runs if the package is named.
    let name = name.strip_suffix(".__main__").unwrap_or(name);
    if name.is_empty() { Program::Unknown } else { Program::Named(name.to_owned()) }
}

/// A script, a folder or an archive: its name, and where that says nothing that of its folder before it.
fn script(path: &str, folder: &str) -> Program {
    if path == "-" {
        return Program::Named("-".to_owned());
    }
    let whole = Path::new(folder).join(path);
    // Without `.` and `..`: what a link means is not looked up.
    let mut names: Vec<&str> = Vec::new();
    for component in whole.components() {
        match component {
            std::path::Component::Normal(name) => names.push(name.to_str().unwrap_or_default()),
            std::path::Component::ParentDir => {
                names.pop();
            }
            _ => {}
        }
    }
    match names[..] {
        [.., above, name] if is_generic(name) => Program::Named(format!("{above}/{name}")),
        [.., name] => Program::Named(name.to_owned()),
        // The root, or a relative path whose beginning is not known.
        [] => Program::Unknown,
    }
}

fn is_generic(file: &str) -> bool {
    let stem = [".py", ".pyc"].iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(file);
    stem != file && GENERIC.contains(&stem)
}

/// What a title says, that a program has written over its arguments: `gunicorn: worker [app]`, `[celeryd: a@b:Main]`,
/// `ray::IDLE`, `airflow scheduler`.
fn titled(title: &str, folder: &str) -> Program {
    let mut words = title.split_whitespace();
    if words.next().and_then(file_name).is_some_and(is_interpreter) {
        return by_arguments(&words.collect::<Vec<_>>(), folder);
    }
    let title = title.trim_start_matches(['[', '(', '-', ' ']);
    let end = title.find(|c: char| c == ':' || c.is_whitespace()).unwrap_or(title.len());
    let name = file_name(&title[..end]).map(|name| name.trim_end_matches([']', ')']));
    match name {
        Some(name) if !name.is_empty() => Program::Named(name.to_owned()),
        _ => Program::Unknown,
    }
}

/// The last name of a path.
fn file_name(path: &str) -> Option<&str> {
    path.rsplit('/').next().filter(|name| !name.is_empty())
}

/// Whether a file of this name is the interpreter: `python`, `python3.13t`, `python3-dbg`, `pypy3`, `.python3.11-wrapped`.
fn is_interpreter(file: &str) -> bool {
    let name = file.strip_prefix('.').unwrap_or(file);
    let Some(rest) = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy")) else { return false };
    let rest = ["-wrapped", "-dbg", "-debug"].iter().find_map(|end| rest.strip_suffix(end)).unwrap_or(rest);
    // Then a version, then the flags of its ABI.
    let flags = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    flags.chars().all(|c| "dmtu".contains(c))
}

#[cfg(test)]
mod tests;
