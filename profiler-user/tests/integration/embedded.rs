//! Programs that an interpreter was linked into: with all of their symbols, and stripped of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use firetower::model::Reason;
use firetower::process::memory::LiveMemory;
use firetower::python::detect::Outcome;

use crate::detection::{broken, find_thread, walk};
use crate::pythons::{Process, fixture, python};
use crate::target::{examine, wait_until_reading_input};

/// Where pyenv's build of this version is.
fn prefix(minor: &str) -> PathBuf {
    let python = python(minor);
    python.parent().and_then(Path::parent).expect("bin/python").to_owned()
}

/// The first path below `folder` that fits, by its name's start and end.
fn below(folder: &Path, start: &str, end: &str) -> PathBuf {
    let entries = std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok);
    let fits = |name: &str| name.starts_with(start) && name.ends_with(end);
    let found = entries
        .map(|entry| entry.path())
        .find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(fits));
    found.unwrap_or_else(|| panic!("no {start}…{end} in {}", folder.display()))
}

/// Links `embedded.c` with the static library of this version.
fn link(minor: &str, into: &Path) -> PathBuf {
    let prefix = prefix(minor);
    let library = below(&prefix.join("lib").join(format!("python{minor}")), "config-", "");
    let program = into.join("program");
    let mut command = Command::new("cc");
    command.arg("-I").arg(below(&prefix.join("include"), &format!("python{minor}"), ""));
    command.arg(fixture("embedded.c")).arg("-o").arg(&program).arg(below(&library, "libpython", ".a"));
    command.args(["-lpthread", "-ldl", "-lutil", "-lm"]);
    let output = command.output().expect("the C compiler that Rust links with");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    program
}

/// Waits for the end of its input in line 7. No module of it is a library, which would find nothing exported.
const SCRIPT: &str = "\
import sys, _thread
lock = _thread.allocate_lock()
lock.acquire()
_thread.start_new_thread(lock.acquire, ())

def wait():
    sys.stdin.read()

print('%d.%d.%d' % sys.version_info[:3], _thread.get_ident(), flush=True)
wait()
";

/// The program, running that with the standard library of its version; the version and the main thread's ident.
fn start(minor: &str, program: &Path) -> (Process, String, u64) {
    let mut command = Command::new(program);
    command.env("PYTHONHOME", prefix(minor)).args(["-c", SCRIPT]);
    let mut process = Process::start(&mut command);
    let said = process.line().expect("its version");
    let (version, ident) = said.split_once(' ').expect("two words");
    wait_until_reading_input(process.pid());
    (process, version.to_owned(), ident.parse().expect("an ident"))
}

/// Holds that it is read as what it is.
fn check(minor: &str, program: &Path) {
    let (process, version, ident) = start(minor, program);
    let interpreter = match examine(process.pid()) {
        Outcome::Python(interpreter) => *interpreter,
        other => panic!("Python {minor}: {other:?}"),
    };
    assert_eq!(interpreter.file, program, "Python {minor}");
    let found = interpreter.version.to_string();
    assert!(found == version || found == minor, "{found} is {version}");
    assert_eq!(interpreter.current_tstate == 0, ["3.12", "3.13"].contains(&minor), "Python {minor}");
    let memory = LiveMemory::new(process.pid());
    let (frames, _) = walk(&memory, &interpreter, find_thread(&memory, &interpreter, ident));
    let frames: Vec<(&str, u32)> = frames.iter().map(|(name, line)| (name.as_str(), *line)).collect();
    assert_eq!(frames, [("wait", 7), ("<module>", 10)], "Python {minor}");
}

fn strip(program: &Path) {
    assert!(Command::new("strip").arg(program).status().expect("binutils' strip").success());
}

#[test]
fn an_interpreter_is_found_by_symbols_that_are_not_exported() {
    for minor in ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"] {
        let folder = tempfile::tempdir().unwrap();
        check(minor, &link(minor, folder.path()));
    }
}

#[test]
fn one_without_symbols_is_found_by_its_section_and_tells_its_version() {
    for minor in ["3.10", "3.13"] {
        let folder = tempfile::tempdir().unwrap();
        let program = link(minor, folder.path());
        strip(&program);
        check(minor, &program);
    }
}

#[test]
fn one_without_symbols_that_does_not_tell_its_version_says_so() {
    for minor in ["3.11", "3.12"] {
        let folder = tempfile::tempdir().unwrap();
        let program = link(minor, folder.path());
        strip(&program);
        let (process, ..) = start(minor, &program);
        let (reason, detail) = broken(examine(process.pid()));
        assert_eq!(reason, Reason::UnsupportedPython, "Python {minor}: {detail}");
        assert!(detail.contains("unknown version"), "Python {minor}: {detail}");
    }
}

#[test]
fn one_that_left_no_trace_is_no_python() {
    let folder = tempfile::tempdir().unwrap();
    let program = link("3.8", folder.path());
    strip(&program);
    let (process, ..) = start("3.8", &program);
    let outcome = examine(process.pid());
    assert!(matches!(outcome, Outcome::NotPython), "{outcome:?}");
}
