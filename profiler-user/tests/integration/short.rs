//! Processes that live 50 ms, forked or executed: they get their Python stacks like any other.

use crate::each::each_version;
use crate::folded;
use crate::pythons::{fixture, python};
use crate::running::run;

/// How many `short.py` starts.
const STARTED: usize = 40;

fn seen_at_work(minor: &str, start: &str) {
    let (python, program) = (python(minor), fixture("short.py"));
    let (python, program) = (python.to_str().expect("UTF-8"), program.to_str().expect("UTF-8"));
    let finished = run(["record", "-F", "199", "--subprocesses", "--", python, program, start]);
    assert_eq!(finished.code, 0, "Python {minor}: {}", finished.stderr);
    let processes = folded::by_process(&folded::parse(&finished.stdout));
    let at_work = processes.values().filter(|lines| folded::with(lines, "work") > 0).count();
    assert!(10 * at_work >= 9 * STARTED, "Python {minor}, {start}: {at_work} at work: {}", finished.stderr);
}

fn processes_of_50_ms_have_their_stacks(minor: &str) {
    seen_at_work(minor, "fork");
    seen_at_work(minor, "exec");
}
each_version!(processes_of_50_ms_have_their_stacks);
