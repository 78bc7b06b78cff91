//! Samples a process tick by tick until the time is over, the process has exited, or a signal comes; then prints.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use indexmap::IndexMap;

use super::Args;
use super::output::Output;
use crate::cli::exit::{Exit, Failure};
use crate::cli::launch::Launched;
use crate::cli::say;
use crate::cli::signals::Signals;
use crate::dump::{Attached, DumpError, Why};
use crate::model::{Pid, Reason, StackId, Stacks};
use crate::render::pyflame::{self as render, Counts, Moment};
use crate::wall::{Due, Over, Sampler, Seen, Ticks};

/// How often a new command is looked at until it runs Python: in the beginning, and later on.
const SOON: Duration = Duration::from_micros(500);
const LATER: Duration = Duration::from_millis(20);
/// How long that beginning is, and how long a Python may make no sense while it starts.
const BEGINNING: Duration = Duration::from_secs(1);

/// What was seen so far.
pub(super) struct Recording<'a> {
    args: &'a Args,
    signals: &'a Signals,
    command: Option<Launched>,
    ticks: Ticks,
    stacks: Stacks,
    counts: IndexMap<Seen, u64>,
    /// Stacks, and moments without one.
    taken: u64,
    agreed: u64,
}

/// A why in words.
pub(super) fn text(why: Why) -> &'static str {
    match why {
        Why::Moving => "stack changed while it was read",
        Why::Reason(reason) => reason.text(),
    }
}

/// Waits until a new command runs Python, however many programs execute each other before.
pub(super) fn attach_when_it_runs(command: &mut Launched, signals: &Signals) -> Result<Attached, Failure> {
    let (begin, pid) = (Instant::now(), command.pid());
    loop {
        match Attached::to(pid) {
            Ok(process) => return Ok(process.by_plain_names()),
            Err(DumpError::Gone | DumpError::NotPython) => {}
            Err(DumpError::Broken { reason: Reason::InterpreterNotRunning, .. }) => {}
            Err(DumpError::Broken { .. }) if begin.elapsed() < BEGINNING => {}
            Err(error) => return Err(crate::cli::dump::failure(pid, &error)),
        }
        if command.has_exited()? {
            return Err(Failure::new(Exit::NotPython, format!("{} ended and ran no Python", command.name()))
                .hint(
                    "name a command that becomes Python itself: processes that it starts are not sampled",
                ));
        }
        if signals.received() > 0 {
            return Err(Failure::new(
                Exit::NotPython,
                format!("{} has run no Python so far", command.name()),
            ));
        }
        thread::sleep(if begin.elapsed() < BEGINNING { SOON } else { LATER });
    }
}

impl<'a> Recording<'a> {
    /// Begins: the first tick is now.
    pub(super) fn new(
        args: &'a Args,
        signals: &'a Signals,
        command: Option<Launched>,
    ) -> Result<Recording<'a>, Failure> {
        Ok(Recording {
            args,
            signals,
            command,
            ticks: Ticks::start(args.rate, args.count()).map_err(no_clock)?,
            stacks: Stacks::default(),
            counts: IndexMap::new(),
            taken: 0,
            agreed: 0,
        })
    }

    /// Samples, prints, and answers the exit code.
    pub(super) fn run(mut self, process: Attached, mut output: Output) -> Result<u8, Failure> {
        let pid = process.pid;
        let sampled = self.sample(process, &mut output);
        // What was seen before a failure is worth having.
        output.write(&if self.args.flamechart { String::new() } else { self.folded() })?;
        self.note(pid);
        sampled.map(|()| Exit::Ok.code())
    }

    fn sample(&mut self, first: Attached, output: &mut Output) -> Result<(), Failure> {
        let pid = first.pid;
        let mut next = Ok(first);
        loop {
            match next {
                Ok(process) => match self.execution(&process, output)? {
                    Some(Over::Replaced) => {}
                    Some(over) => return ended(pid, over),
                    None => return Ok(()),
                },
                Err(DumpError::Gone) => return Ok(()),
                Err(error) => {
                    let Some(_) = self.due()? else { return Ok(()) };
                    self.add(&[Seen::Failed(Why::Reason(unattached(&error)))], output)?;
                }
            }
            next = Attached::to(pid).map(Attached::by_plain_names);
        }
    }

    /// Samples one execution of a program; `None`: the recording is over.
    fn execution(&mut self, process: &Attached, output: &mut Output) -> Result<Option<Over>, Failure> {
        let mut sampler = Sampler::new(process, self.args.which());
        let over = loop {
            let Some((until, late)) = self.due()? else { break None };
            if late > self.args.rate {
                sampler.release();
            }
            match sampler.take(&mut self.stacks, until) {
                Ok(seen) => self.add(&seen, output)?,
                Err(over) => break Some(over),
            }
        };
        self.agreed += sampler.agreed();
        Ok(over)
    }

    /// Waits for the next tick; until when it goes, and by how much it is late. `None`: there is none.
    fn due(&mut self) -> Result<Option<(Instant, Duration)>, Failure> {
        loop {
            let over = match &mut self.command {
                Some(command) => command.has_exited()?,
                None => false,
            };
            if over || self.signals.received() > 0 {
                return Ok(None);
            }
            match self.ticks.wait().map_err(no_clock)? {
                Due::Now { until, late } => return Ok(Some((until, late))),
                Due::Interrupted => {}
                Due::Over => return Ok(None),
            }
        }
    }

    fn add(&mut self, seen: &[Seen], output: &mut Output) -> Result<(), Failure> {
        let lines = self.args.lines();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        for seen in seen {
            self.taken += 1;
            *self.counts.entry(*seen).or_default() += 1;
            if !self.args.flamechart {
                continue;
            }
            let moment = match *seen {
                Seen::Idle if self.args.exclude_idle => continue,
                Seen::Idle => Moment::Idle,
                Seen::Failed(why) => Moment::Failed(text(why)),
                Seen::Stack(stack) => Moment::Stack(&self.stacks, stack),
            };
            output.add(&render::moment(since.as_micros() as u64, moment, lines))?;
        }
        Ok(())
    }

    fn folded(&self) -> String {
        let idle = self.counts.get(&Seen::Idle).copied().unwrap_or(0);
        let seen: Vec<(StackId, u64)> = self.counted(|seen| match seen {
            Seen::Stack(stack) => Some(stack),
            _ => None,
        });
        let counts = Counts {
            idle: if self.args.exclude_idle { 0 } else { idle },
            failed: &self.failed(),
            stacks: &self.stacks,
            seen: &seen,
        };
        render::folded(&counts, self.args.lines())
    }

    /// Why stacks could not be read, and how many; in the order of their kinds.
    fn failed(&self) -> Vec<(&'static str, u64)> {
        let mut failed: Vec<(Why, u64)> = self.counted(|seen| match seen {
            Seen::Failed(why) => Some(why),
            _ => None,
        });
        failed.sort();
        failed.into_iter().map(|(why, count)| (text(why), count)).collect()
    }

    /// How often what `which` picks was seen.
    fn counted<T>(&self, which: impl Fn(Seen) -> Option<T>) -> Vec<(T, u64)> {
        self.counts.iter().filter_map(|(seen, count)| Some((which(*seen)?, *count))).collect()
    }

    /// Says what the output can't: what was missed, and what is not certain. Nothing if all is well.
    fn note(&self, pid: Pid) {
        let missed = self.ticks.missed();
        if missed > 0 {
            say(&format!(
                "{missed} of {} ticks were missed, as sampling process {pid} took longer than -r {} or the \
                 machine was busy; their time is in no stack",
                self.ticks.passed(),
                self.args.rate.as_secs_f64()
            ));
        }
        let failed = self.failed();
        if !failed.is_empty() {
            let sum: u64 = failed.iter().map(|(_, count)| count).sum();
            let reasons: Vec<String> = failed.iter().map(|(why, count)| format!("{count} {why}")).collect();
            say(&format!(
                "{sum} of {} samples have no stack, shown as (failed): {}",
                self.taken,
                reasons.join(", ")
            ));
        }
        if self.agreed > 0 {
            say(&format!(
                "{} of {} samples are by two readings that agree, which is no proof: the thread is not known, or \
                 runs on a CPU that firetower may not use",
                self.agreed, self.taken
            ));
        }
    }
}

/// What is said of a sample of a process that can't be attached to.
fn unattached(error: &DumpError) -> Reason {
    match error {
        DumpError::NotPython => Reason::NotPython,
        DumpError::Broken { reason, .. } => *reason,
        DumpError::Denied => Reason::MemoryFault,
        DumpError::Gone => Reason::ProcessExited,
    }
}

/// What an end before the time means.
fn ended(pid: Pid, over: Over) -> Result<(), Failure> {
    match over {
        // What was seen until then is all that there is.
        Over::Exited | Over::Replaced => Ok(()),
        Over::Denied => Err(crate::cli::dump::failure(pid, &DumpError::Denied)),
        Over::Untold => Err(Failure::new(
            Exit::NotPython,
            format!("process {pid}: this build of Python does not tell who holds the GIL"),
        )
        .hint("take every thread: --threads")),
    }
}

fn no_clock(error: nix::errno::Errno) -> Failure {
    Failure::new(Exit::Internal, format!("can't wait for the next sample: {error}"))
}
