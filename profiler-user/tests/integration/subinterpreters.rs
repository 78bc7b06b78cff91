//! Sub-interpreters: a thread that runs in one has its frames there, under its number, and not those of the interpreter
//! that called it.

use std::process::Command;

use crate::each::each_version;
use crate::folded;
use crate::pythons::{Process, fixture, python};
use crate::running::run;

/// Versions that have no module to make sub-interpreters with.
const WITHOUT: &[&str] = &["2.7", "3.6", "3.7"];

fn a_sub_interpreters_frames_stand_under_its_number(minor: &str) {
    let mut process = Process::start(Command::new(python(minor)).arg(fixture("subinterpreters.py")));
    let ready = process.line();
    if WITHOUT.contains(&minor) {
        assert_eq!(ready.as_deref(), Some("NONE"), "Python {minor}");
        return;
    }
    assert_eq!(ready.as_deref(), Some("READY 1 2"), "Python {minor}");
    let pid = process.pid().to_string();
    let finished = run(["record", "-p", &pid, "-d", "1.5", "-F", "499"]);
    assert_eq!(finished.code, 0, "Python {minor}: {}", finished.stderr);
    let lines = folded::parse(&finished.stdout);
    for number in 0..3 {
        let burn = format!("burn_{number}");
        let mut seen = 0;
        // The code that an interpreter is given to run is freed when it is done: then its name may come too late.
        for line in lines.iter().filter(|line| line.has(&burn) && line.unknown().is_none()) {
            let (root, frames) = line.frames.split_first().expect("a frame");
            let frames = if number == 0 {
                assert!(root.starts_with("<module> ("), "Python {minor}: {line:#?}");
                frames
            } else {
                let label = format!("interpreter {number} (sub-interpreter)");
                assert_eq!(*root, label, "Python {minor}: {line:#?}");
                assert!(frames[0].starts_with("<module> (<"), "Python {minor}: {line:#?}");
                &frames[1..]
            };
            assert!(frames.len() == 1 && frames[0].starts_with(&burn), "Python {minor}: {line:#?}");
            seen += line.count;
        }
        assert!(10 * seen > folded::total(&lines), "Python {minor}: {burn} {seen}: {lines:#?}");
    }
}
each_version!(a_sub_interpreters_frames_stand_under_its_number);
