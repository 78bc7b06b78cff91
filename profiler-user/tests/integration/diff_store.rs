//! `firetower diff --store`: ranges of a history that nobody has open, and of one that a process writes to meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use firetower::model::select::Select;
use firetower::store::{self, FolderError, Intervals, Options, ReadError, Store, StoreError};
use serde_json::Value;

use crate::running::{Finished, run, wait_for};
use crate::store::{APART, FIRST, options, samples, start, until, window};

const WINDOWS: u64 = 40;

/// A store that keeps what it gets in its log.
fn quiet(directory: &Path) -> Options {
    let never = Duration::from_secs(1_000_000);
    let options = options(directory, &Arc::new(AtomicU64::new(start(WINDOWS))));
    Options {
        intervals: Intervals { seal: never, compact: never, roll_up: never, ..options.intervals },
        ..options
    }
}

fn filled(options: Options) -> Store {
    let (store, _) = Store::open(options).expect("a directory of ours");
    (0..WINDOWS).for_each(|number| store.submit(window(number)));
    until(&store, |status| status.windows_written == WINDOWS);
    store
}

/// Windows from one to another, as a range of the command line.
fn range(from: u64, to: u64) -> String {
    let seconds = |number: u64| (FIRST + number * APART) / 1_000_000_000;
    format!("{}..{}", seconds(from), seconds(to))
}

fn total(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.map(|number| 2 * samples(number)).sum()
}

fn diff(directory: &Path, before: &str, after: &str, more: &[&str]) -> Finished {
    let directory = directory.to_str().expect("UTF-8");
    run(["diff", "--store", directory, "--before", before, "--after", after]
        .into_iter()
        .chain(more.iter().copied()))
}

/// Everything that is there: contents and times.
fn files(directory: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of ours") {
            let entry = entry.expect("a file of ours");
            let metadata = entry.metadata().expect("a file of ours");
            let modified = metadata.modified().expect("a time");
            if metadata.is_dir() {
                folders.push(entry.path());
                found.insert(entry.path().display().to_string(), (Vec::new(), modified));
            } else {
                let content = std::fs::read(entry.path()).expect("a file of ours");
                found.insert(entry.path().display().to_string(), (content, modified));
            }
        }
    }
    found
}

#[test]
fn two_ranges_are_compared_and_the_store_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    // A running one in its log, and a stopped one in files.
    for is_running in [true, false] {
        let directory = folder.path().join(if is_running { "running" } else { "stopped" });
        let store = filled(if is_running {
            quiet(&directory)
        } else {
            options(&directory, &Arc::new(AtomicU64::new(start(WINDOWS))))
        });
        let store = if is_running {
            Some(store)
        } else {
            until(&store, |status| status.logs.files == 0);
            store.close();
            None
        };
        let left = files(&directory);
        let finished =
            diff(&directory, &range(0, 20), &range(20, 40), &["--json", "--fail-if", "everybody > 49%"]);
        assert_eq!(finished.code, 19, "{}", finished.stderr);
        let found: Value = serde_json::from_str(&finished.stdout).expect("JSON");
        assert_eq!(found["before"]["samples"], total(0..20));
        assert_eq!(found["after"]["samples"], total(20..40));
        let named = |name: &str| {
            let functions = found["functions"].as_array().expect("a list");
            functions.iter().find(|function| function["function"] == name).expect("it has samples")["total"]
                .clone()
        };
        assert_eq!(named("some_3")["before_samples"], samples(3));
        assert_eq!(named("some_3")["after_samples"], 0);
        assert_eq!(named("everybody")["verdict"], "noise");
        let one = diff(&directory, &range(0, 20), &range(20, 40), &["--json", "--selector", "service-1"]);
        let one: Value = serde_json::from_str(&one.stdout).expect("JSON");
        assert_eq!(one["after"]["samples"], total((20..40).filter(|number| number % 5 == 1)));
        // Its last window begins ten minutes before.
        let late = diff(&directory, &range(0, 20), &range(20, 41), &["--limit", "1"]);
        assert!(late.stderr.contains(": the store has nothing of its last 1190 s"), "{}", late.stderr);
        assert_eq!(files(&directory), left, "running: {is_running}");
        if let Some(store) = store {
            let second = Store::open(quiet(&directory));
            assert!(matches!(second, Err(StoreError::Folder(FolderError::InUse(_)))));
            assert!(store.status().failing.is_empty());
        }
    }
}

#[test]
fn what_changes_while_it_is_read_is_never_read_in_part() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = Arc::new(AtomicU64::new(start(WINDOWS)));
    let all = options(folder.path(), &now);
    let intervals =
        Intervals { seal: Duration::from_millis(40), compact: Duration::from_millis(80), ..all.intervals };
    let store = Arc::new(filled(Options { intervals, ..all }));
    let is_over = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (store, is_over) = (store.clone(), is_over.clone());
        move || {
            let mut number = WINDOWS;
            while !is_over.load(Ordering::Relaxed) {
                store.submit(window(number));
                number += 1;
                until(&store, |status| status.windows_queued == 0);
                // Seals and merges happen by time; without a pause there would be nothing but commits.
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let select = Select { since: start(0), until: start(WINDOWS), stacks: true, ..Select::default() };
    let merged = || store.status().compactions.count;
    let (mut right, begun) = (0, merged());
    wait_for("answers while files come and go", || {
        match store::read(folder.path(), |snapshot| snapshot.select(&select)) {
            Ok(read) => {
                let found: u64 = read.answer.rows.iter().map(|row| row.weight.samples).sum();
                assert_eq!((found, read.unreadable), (total(0..WINDOWS), Vec::new()));
                right += 1;
            }
            Err(ReadError::Changes(_)) => {}
            Err(error) => panic!("{error}"),
        }
        (right >= 20 && merged() >= begun + 3).then_some(())
    });
    is_over.store(true, Ordering::Relaxed);
    writer.join().expect("no panic there");
}

#[test]
fn what_is_damaged_is_left_out_and_said() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(quiet(folder.path())).close();
    let log = folder.path().join("wal");
    let log = std::fs::read_dir(&log).expect("a folder").next().expect("a log").expect("a log").path();
    let mut bytes = std::fs::read(&log).expect("a log");
    bytes[200] ^= 0xff;
    std::fs::write(&log, &bytes).expect("a log");
    let finished = diff(folder.path(), &range(0, 20), &range(20, 40), &[]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(
        finished.stderr.contains("a file is missing: the log 00000001 can't be read whole"),
        "{}",
        finished.stderr
    );
    assert_eq!(std::fs::read(&log).expect("a log"), bytes);
}

#[test]
fn ranges_and_directories_without_samples() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("store");
    filled(quiet(&directory)).close();
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("a file");
    for (directory, before, code, words) in [
        (folder.path(), range(0, 20), 18, "there is no store in"),
        (&file, range(0, 20), 18, "store"),
        (&folder.path().join("missing"), range(0, 20), 18, "there is no store in"),
        (&directory, range(60, 70), 14, "the store has no samples of"),
        (&directory, range(20, 10), 2, "has no second in it"),
    ] {
        let finished = diff(directory, &before, &range(20, 40), &[]);
        assert_eq!((finished.code, finished.stdout.as_str()), (code, ""), "{}", finished.stderr);
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
        assert_eq!(finished.stderr.matches("firetower: ").count(), 1, "{}", finished.stderr);
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing is made");
}
