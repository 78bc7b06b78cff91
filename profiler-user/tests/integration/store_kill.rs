//! The store under `kill -9`, at any moment and at every step that it takes.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use firetower::store::names::{Level, Table};
use firetower::store::steps::Steps;
use firetower::store::{Options, Store};

use crate::store::{
    DIRECTORY, KEPT, Ledger, Said, check, child, moments_since, options, start, until, window,
};

const START: &str = "FIRETOWER_TEST_START";
const ABORT_AT: &str = "FIRETOWER_TEST_ABORT_AT";
/// How often the process is killed at a random moment.
const KILLS: u64 = 300;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn clock(number: u64) -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(start(number)))
}

/// Submits windows without an end.
#[test]
#[ignore = "a process that other tests run and kill"]
fn endless() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let first = number(START).expect("a number");
    // The test harness has begun a line.
    println!();
    let now = clock(first);
    let (store, _) = Store::open(options(&directory, &now)).expect("a store");
    for next in first.. {
        now.store(start(next), Ordering::Relaxed);
        println!("+{next}");
        store.submit(window(next));
        // Sometimes one at a time, sometimes several.
        if next % 5 < 3 {
            until(&store, |status| status.windows_written > next - first);
            println!("={next}");
        }
    }
}

/// Opens what was left, and holds that everything is there. What kinds of files there were.
fn reopen(directory: &Path, ledger: &Ledger, next: u64) -> Result<BTreeSet<(Table, Level)>, String> {
    let (store, opened) = Store::open(options(directory, &clock(next))).map_err(|error| error.to_string())?;
    if !opened.set_aside.is_empty() || opened.strangers > 0 {
        return Err(format!("{opened:?}"));
    }
    let snapshot = store.snapshot(vec![]);
    let kinds = store.status().segments.into_keys().collect();
    let since = start(next).saturating_sub(KEPT.as_nanos() as u64);
    // It says itself from when on it has everything; that must not be less than it has.
    let kept = ledger.iter().filter(|(number, must)| **must && start(**number) >= since);
    let first = kept.map(|(number, _)| start(*number)).min().unwrap_or(start(next));
    if snapshot.complete_since() > first {
        return Err(format!("complete since {} only, not since {first}", snapshot.complete_since()));
    }
    check(&snapshot, ledger, (since, moments_since(start(next))))?;
    Ok(kinds)
}

#[test]
fn every_committed_window_is_there_once_after_hundreds_of_kills() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let mut random = SystemTime::UNIX_EPOCH.elapsed().expect("a time").as_nanos() as u64;
    let mut ledger = Ledger::new();
    let mut kinds = BTreeSet::new();
    let mut next = 0;
    for kill in 0..KILLS {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let pause = Duration::from_micros((random >> 33) % 60_000);
        let mut child = child("store_kill::endless", &path, &[(START, next.to_string())]);
        let mut said = Said { submitted: next, committed: next };
        if kill % 3 > 0 {
            // Not while it starts, but when it works.
            let stdout = child.stdout.take().expect("a pipe");
            let mut lines = BufReader::new(stdout);
            while said.committed == next {
                let mut line = String::new();
                assert!(lines.read_line(&mut line).expect("text") > 0, "it ended by itself, kill {kill}");
                said.line(line.trim_end());
            }
            std::thread::sleep(pause);
            child.kill().expect("a child");
            lines.lines().for_each(|line| said.line(&line.expect("text")));
        } else {
            std::thread::sleep(pause);
            child.kill().expect("a child");
            said.read(&mut child);
        }
        child.wait().expect("a child");
        ledger.extend((next..said.submitted).map(|number| (number, number < said.committed)));
        next = said.submitted;
        // Not each time: what several ends have left is to be put in order too.
        if kill % 4 == 3 || kill + 1 == KILLS {
            match reopen(&path, &ledger, next) {
                Ok(found) => kinds.extend(found),
                Err(error) => panic!("after kill {kill}, with {next} windows: {error}"),
            }
        }
    }
    assert!(next > 288 * 2, "days have passed: {next} windows");
    // Moments go when their day is rolled up.
    let never = (Table::Ticks, Level::RolledUp);
    assert!(!kinds.contains(&never), "{kinds:?}");
    // Stacks of a day that are in one file already are not rolled up.
    let all = Table::ALL.into_iter().flat_map(|table| Level::ALL.map(|level| (table, level)));
    let missing: Vec<_> = all.filter(|kind| *kind != never && !kinds.contains(kind)).collect();
    assert!(
        missing.is_empty() || missing == [(Table::Stacks, Level::RolledUp)],
        "all that there is has happened, but {missing:?}"
    );
}

/// A few days' windows, each sealed as soon as it is written, until all is put together and expired that can be. The
/// process aborts at the step that it is told.
#[test]
#[ignore = "a process that other tests run"]
fn few_days() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let abort_at = number(ABORT_AT).expect("a number");
    println!();
    let steps = AtomicU64::new(0);
    let step = move |_: &str| {
        if steps.fetch_add(1, Ordering::Relaxed) == abort_at {
            std::process::abort();
        }
        Ok(())
    };
    let now = clock(0);
    let options = Options { steps: Steps::new(Arc::new(step)), ..options(&directory, &now) };
    let (store, _) = Store::open(options).expect("a store");
    for (written, number) in (1..).zip(DAYS) {
        now.store(start(number), Ordering::Relaxed);
        println!("+{number}");
        store.submit(window(number));
        until(&store, |status| status.windows_written == written);
        println!("={number}");
        until(&store, |status| status.logs.files == 0);
        match number {
            // The first two are put together, and the third is left for the end of the day.
            1 => until(&store, |status| !status.segments.contains_key(&(Table::Samples, Level::Sealed))),
            150 => until(&store, |status| status.segments.contains_key(&(Table::Samples, Level::Gathered))),
            _ => continue,
        };
    }
    until(&store, |status| status.segments.values().all(|files| files.files == 1));
    until(&store, |status| {
        status.compactions.count > 0 && status.roll_ups.count > 0 && status.expired.files > 0
    });
    drop(store);
    println!("done");
}

/// Three days of few windows; when the last comes, the first has expired.
const DAYS: [u64; 9] = [0, 1, 2, 150, 151, 152, 430, 431, 432];

#[test]
fn every_committed_window_is_there_once_whichever_step_was_the_last() {
    let mut steps = 0;
    for abort_at in 0.. {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store");
        let mut child = child("store_kill::few_days", &path, &[(ABORT_AT, abort_at.to_string())]);
        let mut said = Said::default();
        let mut done = false;
        for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
            let line = line.expect("text");
            said.line(&line);
            done |= line == "done";
        }
        let ended = child.wait().expect("a child");
        assert_eq!(done, ended.success(), "step {abort_at}");
        let submitted = DAYS.into_iter().filter(|&number| number < said.submitted);
        let ledger = submitted.map(|number| (number, number < said.committed)).collect();
        let last = said.submitted.saturating_sub(1);
        // Twice: what the first opening has done must hold too.
        for _ in 0..2 {
            if let Err(error) = reopen(&path, &ledger, last) {
                panic!("after step {abort_at}: {error}");
            }
        }
        if done {
            steps = abort_at;
            break;
        }
    }
    assert!(steps > 100, "{steps} steps");
}
