//! Where a Python is started from and what becomes of its files: virtual environments, links and copies under any name,
//! and files that are deleted or replaced while they run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::folded;
use crate::program::Program;
use crate::pythons::{Process, fixture, python, shared, with_own_library};
use crate::recording::{assert_exact, of_process, record, start, start_recording};
use crate::running::{Running, firetower};
use crate::service::Service;

/// How many exact stacks a process must have: those of many share the CPUs for a second.
const ENOUGH: u64 = 20;

/// Records processes that run `shares.py`, each with its Python and a word for what it is.
fn assert_all(processes: &[(String, &str, Process)]) {
    let pids: Vec<_> = processes.iter().map(|(_, _, process)| process.pid()).collect();
    let lines = record(&pids, &[]);
    for (minor, what, process) in processes {
        let (program, lines) = (Program::of("shares.py", minor), of_process(&lines, process.pid()));
        assert_exact(&format!("Python {minor}, {what}"), &program, &lines, ENOUGH);
    }
}

/// The interpreters of `python -m venv`, that 2.7 does not have.
fn environments(minor: &str, folder: &Path) -> Vec<(&'static str, Command)> {
    let make = |name: &str, how: &str| {
        let at = folder.join(name);
        let made = Command::new(python(minor)).args(["-m", "venv", "--without-pip", how]).arg(&at).status();
        assert!(made.expect("it starts").success());
        Command::new(at.join("bin/python"))
    };
    match minor {
        "2.7" => Vec::new(),
        _ => vec![("venv", make("links", "--symlinks")), ("venv with copies", make("copies", "--copies"))],
    }
}

#[test]
fn virtual_environments_links_and_copies_under_any_name() {
    let (folder, mut processes) = (tempfile::tempdir().expect("a folder"), Vec::new());
    for minor in shared() {
        let folder = folder.path().join(&minor);
        fs::create_dir(&folder).expect("a folder of our own");
        let (link, copy) = (folder.join("a link"), folder.join("worker"));
        symlink(python(&minor), &link).expect("a link");
        fs::copy(python(&minor), &copy).expect("a copy");
        let mut commands = environments(&minor, &folder);
        commands.extend([("link", Command::new(link)), ("copy", Command::new(copy))]);
        for (what, mut command) in commands {
            processes.push((minor.clone(), what, start(command.arg(fixture("shares.py")))));
        }
    }
    assert_all(&processes);
}

/// What an upgrade does: another file takes the name.
fn replace(file: &Path) {
    let new = file.with_extension("new");
    fs::write(&new, "another file").expect("a folder of our own");
    fs::rename(new, file).expect("a folder of our own");
}

#[test]
fn files_that_were_deleted_or_replaced_before() {
    let (folder, mut processes) = (tempfile::tempdir().expect("a folder"), Vec::new());
    let script = fixture("shares.py");
    for minor in shared() {
        let [deleted, replaced, executable] = ["deleted", "replaced", "executable"].map(|name| {
            let folder = folder.path().join(format!("{minor} {name}"));
            fs::create_dir(&folder).expect("a folder of our own");
            folder
        });
        let (mut first, first_library) = with_own_library(&minor, &deleted);
        let (mut second, second_library) = with_own_library(&minor, &replaced);
        let copy = executable.join("app");
        fs::copy(python(&minor), &copy).expect("a copy");
        processes.push((minor.clone(), "library deleted", start(first.arg(&script))));
        processes.push((minor.clone(), "library replaced", start(second.arg(&script))));
        processes.push((minor, "executable deleted", start(Command::new(&copy).arg(&script))));
        fs::remove_file(first_library).expect("a copy");
        replace(&second_library);
        fs::remove_file(copy).expect("a copy");
    }
    assert_all(&processes);
}

#[test]
fn a_library_that_is_replaced_while_it_is_recorded() {
    for minor in ["3.8", "3.12"] {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut command, library) = with_own_library(minor, folder.path());
        let process = start(command.arg(fixture("shares.py")));
        let pid = process.pid().to_string();
        let mut recording = start_recording(&mut firetower(["record", "-p", &pid, "-F", "999", "--lines"]));
        recording.wait_until_it_has_seen(process.pid(), Duration::from_millis(100));
        replace(&library);
        recording.wait_until_it_has_seen(process.pid(), Duration::from_millis(100));
        recording.signal(Signal::SIGINT);
        let finished = recording.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        let lines = folded::parse(&finished.stdout);
        assert_exact(&format!("Python {minor}"), &Program::of("shares.py", minor), &lines, 100);
    }
}

#[test]
fn a_program_whose_first_act_is_to_delete_its_library() {
    for minor in shared() {
        let folder = tempfile::tempdir().expect("a folder");
        let (with_library, library) = with_own_library(&minor, folder.path());
        let mut command = firetower(["record", "--lines", "-F", "999", "--"]);
        command.arg(with_library.get_program()).arg(fixture("unlinks.py")).arg("0.3").arg(&library);
        let finished = Running::start(command.env("LD_LIBRARY_PATH", folder.path())).finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        assert!(!library.exists(), "it was deleted");
        let lines = folded::parse(&finished.stdout);
        let program = Program::of("unlinks.py", &minor);
        // What comes before `main` is the start of an interpreter.
        let main = format!("main ({}:", program.file.display());
        let main = lines.into_iter().filter(|line| line.frames.iter().any(|frame| frame.starts_with(&main)));
        assert_exact(&format!("Python {minor}"), &program, &main.collect::<Vec<_>>(), 200);
    }
}

#[test]
fn a_service_knows_a_process_whose_library_was_deleted_before_and_after_its_own_start() {
    let minor = "3.11";
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let [before, after] = folders.each_ref().map(|folder| with_own_library(minor, folder.path()));
    let start = |(mut command, library): (Command, _)| {
        let process = start(command.arg(fixture("shares.py")));
        fs::remove_file::<std::path::PathBuf>(library).expect("a copy");
        process
    };
    let before = start(before);
    // Without the capabilities that a service drops.
    let service = Service::start(&["-F", "199"]);
    let after = start(after);
    for process in [&before, &after] {
        service.exact_stacks(minor, process.pid().0);
    }
}
