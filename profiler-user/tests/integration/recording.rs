//! Recording processes of a test, and holding what was seen against the call graph of their program.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use firetower::model::Pid;
use nix::sys::signal::Signal;

use crate::folded::{self, Line};
use crate::program::{Program, Seen};
use crate::pythons::Process;
use crate::running::{Finished, Running, cpu_time, firetower, wait_for};

/// What is said of samples that fire while frames are being pushed, popped or switched.
pub const TORN: [&str; 3] =
    ["[frame chain inconsistent]", "[no Python frame]", "[process memory not readable]"];
/// Most samples of that kind: one in fifty.
const TORN_SHARE: f64 = 0.02;
/// A third of the CPU time that others get who want it: sched(7).
const NICE: i32 = 5;

/// Starts a fixture and waits until it is under way. It gives way to the profiler, which starts while many of them burn
/// what CPUs there are.
pub fn start(command: &mut Command) -> Process {
    // SAFETY: between fork and exec only a system call.
    unsafe {
        command.pre_exec(|| match libc::setpriority(libc::PRIO_PROCESS, 0, NICE) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        })
    };
    let mut process = Process::start(command);
    assert_eq!(process.line().as_deref(), Some("READY"), "{command:?}");
    process
}

/// CPU time of each process that a recording waits for, however busy the machine is; and samples in it, about 60.
pub const CPU: Duration = Duration::from_millis(60);
const FREQUENCY: &str = "999";

/// What is seen of these processes, with lines and `more` options, while each uses [`CPU`].
pub fn record(pids: &[Pid], more: &[&str]) -> Vec<Line> {
    record_often(pids, FREQUENCY, more)
}

/// The same with so many samples a second.
pub fn record_often(pids: &[Pid], frequency: &str, more: &[&str]) -> Vec<Line> {
    let numbers: Vec<String> = pids.iter().map(Pid::to_string).collect();
    let mut command = firetower(["record", "--lines", "-F", frequency]);
    command.args(more).args(numbers.iter().flat_map(|pid| ["-p", pid]));
    folded::parse(&record_while_busy(&mut command, pids, CPU).stdout)
}

/// Starts a command that records, and waits until it does.
pub fn start_recording(command: &mut Command) -> Running {
    let mut recording = Running::start(command.env("FIRETOWER_LOG", "warn,firetower::cli::record=info"));
    wait_for("the first sample", || {
        recording.assert_running();
        recording.stderr().contains("sampling has begun").then_some(())
    });
    recording
}

/// Runs a command that records until a signal, and gives it that when each of these processes has used so much CPU.
pub fn record_while_busy(command: &mut Command, busy: &[Pid], cpu: Duration) -> Finished {
    let recording = start_recording(command);
    let ends: Vec<Duration> = busy.iter().map(|&pid| cpu_time(pid) + cpu).collect();
    for (&pid, end) in busy.iter().zip(ends) {
        wait_for("CPU use", || (cpu_time(pid) >= end).then_some(()));
    }
    recording.signal(Signal::SIGINT);
    let finished = recording.finish();
    assert_eq!(finished.code, 0, "{command:?}: {}", finished.stderr);
    finished
}

/// The lines of one process, without its frame, out of a recording of several.
pub fn of_process(lines: &[Line], pid: Pid) -> Vec<Line> {
    let processes = folded::by_process(lines);
    processes.into_iter().filter(|((of, _), _)| *of == pid.0).flat_map(|(_, lines)| lines).collect()
}

/// Holds that each stack is accepted by `check`, but for the few samples that caught a change, and that there are at
/// least so many.
pub fn assert_each(
    whose: &str,
    lines: &[Line],
    at_least: u64,
    check: impl Fn(&[Seen]) -> Result<(), String>,
) {
    let (mut exact, mut torn) = (0, 0);
    for line in lines {
        if line.unknown().is_some_and(|reason| TORN.contains(&reason)) {
            torn += line.count;
            continue;
        }
        let stack = line.python().unwrap_or_else(|| panic!("{whose}: {line:#?}"));
        check(&stack).unwrap_or_else(|error| panic!("{whose}: {error}: {line:#?}"));
        exact += line.count;
    }
    assert!(exact >= at_least, "{whose}: {exact} exact stacks, {at_least} wanted: {lines:#?}");
    let bound = 3.0 + TORN_SHARE * exact as f64;
    assert!(torn as f64 <= bound, "{whose}: {torn} torn, {exact} exact: {:?}", folded::unknown(lines));
}

/// The same with the program's call graph from its `<module>` on.
pub fn assert_exact(whose: &str, program: &Program, lines: &[Line], at_least: u64) {
    assert_each(whose, lines, at_least, |stack| program.check(stack));
}
