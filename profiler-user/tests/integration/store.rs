//! What the tests of the store have in common: numbered windows, a process that submits them, and whether a store has
//! exactly those that it must have.
//!
//! The process that is killed is this test binary itself, running one of its tests that is ignored otherwise.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use firetower::aggregate::{Window, WindowRow, WindowTicks};
use firetower::model::select::{Select, SelectTicks};
use firetower::model::{Frame, FrameKind, Labels, Pid, Series, Stacks, Tid, Weight};
use firetower::store::{Intervals, Limits, Options, Snapshot, Status, Store};

/// When window 0 begins: midnight of a day, Unix nanoseconds.
pub const FIRST: u64 = 1_795_478_400_000_000_000;
/// From the beginning of one window to that of the next: ten minutes, so that days pass quickly.
pub const APART: u64 = 600_000_000_000;
/// How long a window is.
pub const LENGTH: u64 = 10_000_000_000;
/// How long windows are kept: 288 of them.
pub const KEPT: Duration = Duration::from_secs(2 * 24 * 3600);

/// How long after its end a day is rolled up.
const ROLL_UP: Duration = Duration::from_secs(6 * 3600);

/// Tells children where to work; the test that they run does nothing without it.
pub const DIRECTORY: &str = "FIRETOWER_TEST_STORE";

/// When a window begins.
pub fn start(number: u64) -> u64 {
    FIRST + number * APART
}

/// Samples of each of the two rows of a window.
pub fn samples(number: u64) -> u64 {
    number % 7 + 1
}

/// Window `number`: of a process of its own, with one stack that all have and one that some have.
pub fn window(number: u64) -> Window {
    let mut stacks = Stacks::default();
    let frame = |function: &str| Frame {
        file: "/srv/app/main.py".into(),
        line: 7,
        first_line: 3,
        ..Frame::bare(FrameKind::Python, function)
    };
    let everybody = stacks.intern([frame("main"), frame("everybody")]).expect("frames");
    let some = stacks.intern([frame("main"), frame(&format!("some_{}", number % 40))]).expect("frames");
    let series = Series {
        pid: Pid(number as u32 + 1),
        command: "python main.py".into(),
        labels: Arc::new(Labels { service: format!("service-{}", number % 5).into(), ..Labels::default() }),
        tid: Tid(1),
        thread: "main".into(),
        python: "3.13.0".into(),
        interpreter: Some(0),
    };
    let weight = Weight { samples: samples(number), nanoseconds: samples(number) * 10_000_000 };
    let rows = [everybody, some].map(|stack| WindowRow { series: 0, stack, weight });
    let mut offsets: Vec<u32> =
        (0..2 * samples(number)).map(|sample| moment(number, sample) as u32).collect();
    offsets.sort_unstable();
    let ticks = vec![WindowTicks { series: 0, offsets }];
    Window { start: start(number), length: LENGTH, series: vec![series], stacks, rows: rows.to_vec(), ticks }
}

/// When a sample of a window was taken, milliseconds from its begin on.
fn moment(number: u64, sample: u64) -> u64 {
    (number * 131 + sample * 1777) % (LENGTH / 1_000_000)
}

/// From when on milliseconds are kept at a time, both Unix nanoseconds: those of days that are to be rolled up are not.
pub fn moments_since(now: u64) -> u64 {
    let day = 24 * 3600 * 1_000_000_000;
    now.saturating_sub(ROLL_UP.as_nanos() as u64) / day * day
}

/// A store in which all that there is happens all the time. Its clock is in `now`.
pub fn options(directory: &Path, now: &Arc<AtomicU64>) -> Options {
    let now = now.clone();
    Options {
        intervals: Intervals {
            seal: Duration::from_millis(5),
            compact: Duration::from_millis(20),
            roll_up: ROLL_UP,
            retry: Duration::from_millis(5),
        },
        limits: Limits { max_age: KEPT, max_bytes: 1 << 30 },
        clock: Arc::new(move || now.load(Ordering::Relaxed)),
        ..Options::new(directory.to_owned(), "node".to_owned())
    }
}

/// Waits until a store is so.
pub fn until(store: &Store, what: impl Fn(&Status) -> bool) -> Status {
    let begun = Instant::now();
    loop {
        let status = store.status();
        if what(&status) {
            return status;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "it never came: {status:#?}");
        std::thread::sleep(Duration::from_micros(300));
    }
}

/// Runs one of this binary's tests in a process of its own.
pub fn child(test: &str, directory: &Path, environment: &[(&str, String)]) -> Child {
    let exe = std::env::current_exe().expect("this test's binary");
    let mut command = Command::new(exe);
    command.args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(DIRECTORY, directory).envs(environment.iter().map(|(name, value)| (*name, value)));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("this test's binary runs")
}

/// What a child has said: which windows it was going to submit, and which were committed.
#[derive(Debug, Default)]
pub struct Said {
    /// No window with this number or a higher one was submitted.
    pub submitted: u64,
    /// Windows with a lower number were committed.
    pub committed: u64,
}

impl Said {
    /// Reads to the end of what a child says.
    pub fn read(&mut self, child: &mut Child) {
        for line in BufReader::new(child.stdout.as_mut().expect("it is a pipe")).lines() {
            self.line(&line.expect("text"));
        }
    }

    /// One line: `+8`, or `=8`. Others are the test harness's.
    pub fn line(&mut self, line: &str) {
        let number = |text: &str| text.parse::<u64>().ok();
        if let Some(submitted) = line.strip_prefix('+').and_then(number) {
            self.submitted = self.submitted.max(submitted + 1);
        }
        if let Some(committed) = line.strip_prefix('=').and_then(number) {
            self.committed = self.committed.max(committed + 1);
        }
    }
}

/// Windows that must be in a store, by their numbers: `true`. Those that may be: `false`.
pub type Ledger = BTreeMap<u64, bool>;

/// Holds that a snapshot has every window that it must have, whole and once, and no other but such as it may have. Windows
/// from before `since` (Unix nanoseconds) may be missing, and the milliseconds of those from before `moments_since`.
pub fn check(snapshot: &Snapshot, ledger: &Ledger, (since, moments_since): (u64, u64)) -> Result<(), String> {
    let question =
        Select { since: 0, until: u64::MAX, by: vec!["pid".into()], stacks: true, ..Select::default() };
    let selected = snapshot.select(&question).map_err(|error| error.to_string())?;
    let mut found: BTreeMap<u64, BTreeMap<String, Weight>> = BTreeMap::new();
    for row in &selected.rows {
        let number = selected.groups[row.group as usize][0].parse::<u64>().expect("a pid") - 1;
        let frames = selected.stacks.root_first(row.stack.expect("stacks were asked for"));
        let functions: Vec<&str> = frames.iter().map(|frame| &*frame.function).collect();
        *found.entry(number).or_default().entry(functions.join(";")).or_default() += row.weight;
    }
    for (&number, stacks) in &found {
        let samples = samples(number);
        let weight = Weight { samples, nanoseconds: samples * 10_000_000 };
        let some = format!("main;some_{}", number % 40);
        let expected = BTreeMap::from([("main;everybody".to_owned(), weight), (some, weight)]);
        if !ledger.contains_key(&number) {
            return Err(format!("window {number} was never submitted"));
        }
        if *stacks != expected {
            return Err(format!("window {number} is {stacks:?}, not {expected:?}"));
        }
    }
    for (&number, &must) in ledger {
        if must && start(number) >= since && !found.contains_key(&number) {
            return Err(format!("window {number} is missing"));
        }
    }
    let found: Vec<u64> = found.into_keys().filter(|&number| start(number) >= moments_since).collect();
    check_moments(snapshot, &found, ledger)
}

/// Holds that of these windows every sample's millisecond is there once, and that it is said that they are; and that of
/// others that are in the ledger none is there.
fn check_moments(snapshot: &Snapshot, found: &[u64], ledger: &Ledger) -> Result<(), String> {
    let (Some(&first), Some(&last)) = (found.first(), found.last()) else { return Ok(()) };
    let (since, until) = (start(first), start(last) + LENGTH);
    // A second is fine enough to tell one moment of a window from another, and a few days of them are not too many.
    let question = SelectTicks { since, until, part: 1000, ..SelectTicks::default() };
    let answer = snapshot.ticks(&question).map_err(|error| error.to_string())?;
    for number in (first..=last).filter(|number| ledger.contains_key(number)) {
        let at = ((start(number) - since) / 1_000_000_000) as usize;
        let seconds = &answer.counts[at..at + (LENGTH / 1_000_000_000) as usize];
        let mut expected = vec![0; seconds.len()];
        if found.binary_search(&number).is_ok() {
            for sample in 0..2 * samples(number) {
                expected[(moment(number, sample) / 1000) as usize] += 1;
            }
        }
        if *seconds != expected {
            return Err(format!("the moments of window {number} are {seconds:?}, not {expected:?}"));
        }
    }
    let complete = snapshot.complete_since().max(since);
    if answer.complete_since > complete {
        return Err(format!("moments are complete since {}, not since {complete}", answer.complete_since));
    }
    Ok(())
}
