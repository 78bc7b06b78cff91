//! Makes the recordings: `cargo xtask recordings` runs this, nothing else does. It needs the interpreters.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use firetower::process::live::LiveProcess;
use firetower::process::view::ProcessView;
use firetower::recording::{RecordedFrame, RecordedProcess, Recorder, Recording, minimise};

use super::{examine, facts, folder, frames, interpreter, just_started, name_of, symbolize};
use crate::pythons::{Process, build, builds, fixture};
use crate::target::{text, wait_until_reading_input};

/// Runs the fixture under a name that has no folder of this machine in it.
const PROGRAM: &str = "exec(compile(open('recorded.py', 'rb').read(), 'recorded.py', 'exec'))";
/// Where the recordings say that the interpreter was installed.
const INSTALLED: &str = "/opt/python";

/// Names the builds to record, separated by spaces; all if there is none.
const WHICH: &str = "FIRETOWER_RECORD";

/// What the program said of itself.
struct Said {
    version: String,
    interpreter: String,
    thread: u64,
    /// Function, file and line, leaf first.
    frames: Vec<(String, String, u32)>,
}

fn listen(process: &mut Process) -> Said {
    let mut frames = Vec::new();
    loop {
        let line = process.line().expect("the program says READY");
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["FRAME", function, file, line] => {
                frames.push((text(function), text(file), line.parse().expect("a line")));
            }
            ["READY", version, interpreter, thread] => {
                let thread = thread.parse().expect("an ident");
                let interpreter = text(interpreter).replace('\n', " ");
                return Said { version: version.to_owned(), interpreter, thread, frames };
            }
            _ => panic!("{line}"),
        }
    }
}

/// Records one build; the process lives only while it is recorded.
fn record(name: &str, python: &Path) -> Recording {
    let mut command = Command::new(python);
    command.args(["-W", "ignore", "-c", PROGRAM]).current_dir(fixture(""));
    let mut target = Process::start(&mut command);
    let said = listen(&mut target);
    wait_until_reading_input(target.pid());

    let live = LiveProcess::new(target.pid());
    let recorder = Recorder::new(&live);
    let found = interpreter(name, &recorder);
    let raw = frames(recorder.memory(), &found, said.thread);
    let symbolized = symbolize(&recorder, &found, raw.clone());
    assert_eq!(symbolized.reason, None, "{name}");
    assert_eq!(raw.len(), said.frames.len(), "{name}");
    let stack = raw.iter().zip(said.frames).map(|(raw, (function, file, line))| RecordedFrame {
        code: raw.code(),
        instr: raw.instr,
        fingerprint: raw.fingerprint,
        entry: raw.is_entry(),
        function,
        file,
        line,
    });
    let stack = stack.collect();

    let mut process = recorder.finish().unwrap_or_else(|error| panic!("{name}: {error}"));
    let installed = python.canonicalize().expect("an interpreter");
    let installed = installed.parent().and_then(Path::parent).expect("bin/python").to_str();
    process.relocate(installed.expect("UTF-8"), INSTALLED);
    // Both the interpreter and what leads to it: an executable that is linked to it.
    let outcome =
        |process: &RecordedProcess| format!("{:?}", [examine(process), examine(&just_started(process))]);
    let whole = outcome(&process);
    minimise(&mut process, &|process| outcome(process) == whole);
    Recording {
        interpreter: said.interpreter,
        version: said.version,
        runtime: found.runtime,
        layout: facts(&found.layout),
        thread: said.thread,
        stack,
        process,
    }
}

#[test]
#[ignore = "makes the recordings anew: run `cargo xtask recordings`"]
fn make() {
    let folder = folder();
    fs::create_dir_all(&folder).expect("a folder");
    let asked = std::env::var(WHICH).unwrap_or_default();
    let asked: Vec<&str> = asked.split_whitespace().collect();
    let all = || builds().map(|(known, python)| (known.name, python)).collect();
    let which: Vec<(&str, PathBuf)> =
        if asked.is_empty() { all() } else { asked.into_iter().map(|name| (name, build(name))).collect() };
    for (name, python) in which {
        let name = name_of(name);
        let json = record(&name, &python).to_json().expect("JSON");
        println!("{name}: {} bytes, {}", json.len(), python.display());
        fs::write(folder.join(format!("{name}.json")), json).expect("a file");
    }
}
