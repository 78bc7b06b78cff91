//! A sample may fire at any instruction of the interpreter, also while it pushes, pops or switches frames. No stack that
//! the program can't have may come of it, and hardly any that is unknown.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::each::{each_version, interpreter};
use crate::folded;
use crate::program::Program;
use crate::pythons::{Process, fixture};
use crate::running::{Running, firetower};

/// Most samples that may be caught while frames are being changed. This program does nothing else: in 3.12 one in a
/// hundred finds a generator that has no caller yet, or not any more.
const UNKNOWN_SHARE: f64 = 0.02;

/// How much of it to see: about 4000 samples, however busy the machine is.
const CPU_TIME: Duration = Duration::from_millis(800);

fn never_impossible(minor: &str) {
    let mut process = Process::start(Command::new(interpreter(minor)).arg(fixture("races.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let pid = process.pid().to_string();
    let mut recording = Running::start(&mut firetower(["record", "-p", &pid, "-F", "4999", "--lines"]));
    recording.wait_until_it_has_seen(process.pid(), CPU_TIME);
    recording.signal(Signal::SIGINT);
    let finished = recording.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let lines = folded::parse(&finished.stdout);
    let program = Program::of("races.py", minor);
    let mut impossible: BTreeMap<String, u64> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.unknown().is_none()) {
        let stack = line.python().unwrap_or_else(|| panic!("{line:?}"));
        if let Err(error) = program.check(&stack) {
            *impossible.entry(error).or_default() += line.count;
        }
    }
    let (all, unknown) = (folded::total(&lines), folded::unknown(&lines));
    assert!(impossible.is_empty(), "Python {minor}, of {all} samples: {impossible:#?}");
    assert!(all > 1000, "{all} samples are too few to tell anything");
    let explained = ["[frame chain inconsistent]", "[process memory not readable]", "[no Python frame]"];
    assert!(unknown.keys().all(|reason| explained.contains(reason)), "Python {minor}: {unknown:?}");
    let share = unknown.values().sum::<u64>() as f64 / all as f64;
    assert!(share < UNKNOWN_SHARE, "Python {minor}: {share:.4} of {all} samples: {unknown:?}");
    for function in ["key", "add.<locals>.<lambda>", "numbers", "fail", "Number.plus", "three"] {
        assert!(folded::with(&lines, &program.name(function)) > 0, "{function} was never seen");
    }
}

each_version!(never_impossible);
