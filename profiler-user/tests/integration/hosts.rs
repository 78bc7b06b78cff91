//! Python inside another program: linked to libpython or with the interpreter in its own file, exported or not, stripped
//! or not, and called anything but python. What can't be read says why.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folded;
use crate::program::Program;
use crate::pythons::{Process, fixture, python, shared};
use crate::recording::{CPU, assert_each, assert_exact, of_process, record, record_while_busy, start};
use crate::running::{Finished, firetower};

/// How many exact stacks each must have.
const ENOUGH: u64 = 20;

/// How a program has its Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Linked {
    /// In libpython.
    Shared,
    /// In its own file, exported as extension modules need it.
    Exported,
    /// In its own file, exporting nothing.
    Hidden,
}

/// The folder that a Python is installed in.
fn prefix(minor: &str) -> PathBuf {
    python(minor).parent().and_then(Path::parent).expect("bin/python").to_owned()
}

/// The one entry of a folder whose name starts so: `python3.7m` and the like.
fn entry(folder: &Path, start: &str) -> PathBuf {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    let found =
        paths.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start)));
    found.unwrap_or_else(|| panic!("no {start}* in {}", folder.display()))
}

/// Compiles `embed.c`.
fn build(minor: &str, linked: Linked, define: &str, into: &Path) {
    let prefix = prefix(minor);
    let libraries = prefix.join("lib");
    let mut command = Command::new("cc");
    command.args(["-O1", "-w", define, "-o"]).arg(into).arg(fixture("embed.c"));
    command.arg("-I").arg(entry(&prefix.join("include"), &format!("python{minor}")));
    if linked == Linked::Shared {
        let library = entry(&libraries, &format!("libpython{minor}"));
        command.arg(library).arg(format!("-Wl,-rpath,{}", libraries.display()));
    } else {
        let config = entry(
            &libraries.join(format!("python{minor}")),
            if minor == "2.7" { "config" } else { "config-" },
        );
        command.arg(entry(&config, &format!("libpython{minor}")));
    }
    if linked == Linked::Exported {
        command.arg("-rdynamic");
    }
    let output = command.args(["-lm", "-ldl", "-lutil", "-lpthread"]).output().expect("the C compiler");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn strip(file: &Path) {
    assert!(Command::new("strip").arg(file).status().expect("binutils' strip").success());
}

/// A program that runs a fixture.
fn run_inside(minor: &str, program: &Path, script: &str) -> Process {
    // Without `site`, which loads extension modules: in 2.7 these bring a libpython with them.
    let options: &[&str] = if program.to_string_lossy().contains("string") { &[] } else { &["-S"] };
    let home = prefix(minor);
    start(Command::new(program).args(options).arg(fixture(script)).env("PYTHONHOME", home))
}

#[test]
fn programs_with_python_inside() {
    let (folder, mut processes) = (tempfile::tempdir().expect("a folder"), Vec::new());
    for minor in shared() {
        for linked in [Linked::Shared, Linked::Exported, Linked::Hidden] {
            // An executable of 2.7 that hides its Python aborts when an extension module brings another one.
            if minor == "2.7" && linked == Linked::Hidden {
                continue;
            }
            let program = folder.path().join(format!("app{minor}{linked:?}"));
            build(&minor, linked, "-DRUN_MAIN", &program);
            let process = run_inside(&minor, &program, "embedded.py");
            processes.push((format!("Python {minor}, {linked:?}"), minor.clone(), process));
        }
        let program = folder.path().join(format!("app{minor}stripped"));
        fs::copy(folder.path().join(format!("app{minor}{:?}", Linked::Exported)), &program).expect("a copy");
        strip(&program);
        // `interp_head`, that 2.7 starts from, is no symbol that it exports.
        if minor != "2.7" {
            let process = run_inside(&minor, &program, "embedded.py");
            processes.push((format!("Python {minor}, stripped"), minor.clone(), process));
        }
    }
    let pids: Vec<_> = processes.iter().map(|(_, _, process)| process.pid()).collect();
    let lines = record(&pids, &[]);
    for (what, minor, process) in &processes {
        let program = Program::of("embedded.py", minor);
        assert_exact(what, &program, &of_process(&lines, process.pid()), ENOUGH);
    }
}

#[test]
fn a_string_that_a_program_runs() {
    let (folder, mut processes) = (tempfile::tempdir().expect("a folder"), Vec::new());
    for minor in shared() {
        let program = folder.path().join(format!("string{minor}"));
        build(&minor, Linked::Shared, "-DRUN_STRING", &program);
        processes.push((run_inside(&minor, &program, "embedded.py"), minor));
    }
    let pids: Vec<_> = processes.iter().map(|(process, _)| process.pid()).collect();
    let lines = record(&pids, &[]);
    for (process, minor) in &processes {
        let program = Program::of("embedded.py", minor);
        assert_each(&format!("Python {minor}"), &of_process(&lines, process.pid()), ENOUGH, |stack| {
            let (string, rest) = stack.split_first().ok_or("no frame")?;
            if (string.function.as_str(), string.file.as_str(), string.line) != ("<module>", "<string>", 1) {
                return Err(format!("starts at {string:?}"));
            }
            program.check(rest)
        });
    }
}

/// What a recording of a process says.
fn what_is_said(process: &Process) -> Finished {
    let mut command = firetower(["record", "-F", "999", "-p", &process.pid().to_string()]);
    record_while_busy(&mut command, &[process.pid()], CPU)
}

#[test]
fn a_program_that_is_stripped_and_exports_nothing_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    // Without a symbol 3.11 is known by its section, but not its version.
    let cases = [
        ("3.8", "has no symbols: it was stripped", "[interpreter not readable]"),
        ("3.11", "is a CPython of unknown version", "[unsupported Python version]"),
    ];
    for (minor, said, reason) in cases {
        let program = folder.path().join(format!("app{minor}"));
        build(minor, Linked::Hidden, "-DRUN_MAIN", &program);
        strip(&program);
        let process = run_inside(minor, &program, "embedded.py");
        let finished = what_is_said(&process);
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
        let lines = folded::parse(&finished.stdout);
        assert!(folded::total(&lines) > 0, "{}{}", finished.stdout, finished.stderr);
        assert!(lines.iter().all(|line| line.frames == [reason]), "{lines:#?}");
    }
}

#[test]
fn of_an_interpreter_inside_and_a_library_that_does_not_run_the_first_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("app");
    build("2.7", Linked::Exported, "-DRUN_MAIN", &program);
    // Stripped, it is found by a function that it exports.
    strip(&program);
    // It loads extension modules, which are linked to libpython.
    let process = run_inside("2.7", &program, "shares.py");
    let maps = fs::read_to_string(format!("/proc/{}/maps", process.pid())).expect("it runs");
    assert!(maps.contains("libpython2.7.so"), "{maps}");
    let lines = record(&[process.pid()], &[]);
    assert_exact("Python 2.7", &Program::of("shares.py", "2.7"), &lines, ENOUGH);
}
