//! What `docs/store.md` says of the files is held by those that it says it to: DuckDB, pyarrow and pandas ask its questions
//! of a store, and their answers are what was stored.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use firetower::store::{Intervals, Options, Store};

use crate::pypi;
use crate::pythons::{fixture, python};
use crate::running::Running;
use crate::store::{options, samples, start, until, window};

/// The Python that DuckDB is pinned for.
const PYTHON: &str = "3.12";
const PATIENCE: Duration = Duration::from_secs(120);
/// Windows that are stored: of four hours.
const WINDOWS: u64 = 24;
/// The service that the document asks about, whose windows are every fifth.
const ASKED: (&str, u64) = ("checkout", 3);

/// The tables, as folders are called.
const TABLES: [&str; 3] = ["samples", "stacks", "ticks"];

/// The Parquet files of a table, with what is in them.
fn segments(store: &Path, table: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![store.join(table)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => _ = found.insert(path.clone(), fs::read(path).expect("a file")),
            }
        }
    }
    found
}

/// A store with a file of an hour in each table, and beside it those that it was made of: so it is for a moment, or after a
/// crash.
fn stored(folder: &Path) -> PathBuf {
    let path = folder.join("store");
    let never = Duration::from_secs(1_000_000);
    let options = || options(&path, &Arc::new(AtomicU64::new(start(WINDOWS))));
    // It seals when it is opened again only, and puts nothing together, as these are not more than it seals in that time.
    let slow = Options {
        intervals: Intervals { seal: never, compact: 4 * never, roll_up: never, retry: never },
        ..options()
    };
    for part in 0..4 {
        let (store, _) = Store::open(slow.clone()).expect("a store");
        (part * 6..part * 6 + 6).for_each(|number| {
            let mut window = window(number);
            if number % 5 == ASKED.1 {
                let series = &mut window.series[0];
                Arc::make_mut(&mut series.labels).service = ASKED.0.into();
            }
            store.submit(window);
        });
        until(&store, |status| status.windows_queued == 0 && (part == 0 || status.seals.count == 1));
    }
    let before = TABLES.map(|table| segments(&path, table));
    let (store, _) = Store::open(options()).expect("a store");
    until(&store, |status| status.logs.files == 0 && status.compactions.count == TABLES.len() as u64);
    drop(store);
    for (table, before) in TABLES.iter().zip(before) {
        let after = segments(&path, table);
        assert!(after.len() == 1 && before.len() == 3, "{table}: {:?}, {:?}", before.keys(), after.keys());
        for (file, bytes) in before {
            fs::write(file, bytes).expect("written");
        }
    }
    path
}

#[test]
fn others_read_the_store_as_the_documentation_says() {
    let folder = tempfile::tempdir().expect("a folder");
    stored(folder.path());
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/store.md");
    let mut ask = Command::new(python(PYTHON));
    ask.arg(fixture("store_questions.py")).arg(document).current_dir(folder.path());
    ask.env("PYTHONPATH", pypi::packages_of(PYTHON, "requirements-store.txt"));
    let finished = Running::start(&mut ask).finish_within(PATIENCE);
    assert_eq!(finished.code, 0, "{}\n{}", finished.stdout, finished.stderr);
    let [services, milliseconds, heaviest]: [Vec<serde_json::Value>; 3] =
        serde_json::from_str(&finished.stdout).expect("three answers");

    // Each sample stands for 10 ms, and each window has two stacks.
    let seconds = |number| 2.0 * samples(number) as f64 / 100.0;
    let mut expected: BTreeMap<String, f64> = BTreeMap::new();
    for number in 0..WINDOWS {
        let service =
            if number % 5 == ASKED.1 { ASKED.0.to_owned() } else { format!("service-{}", number % 5) };
        *expected.entry(service).or_default() += seconds(number);
    }
    assert_eq!(services.len(), expected.len(), "{services:?}");
    for row in &services {
        let (service, found) = (row[0].as_str().expect("a name"), row[1].as_f64().expect("seconds"));
        assert!((found - expected[service]).abs() < 1e-9, "{service}: {found}, not {}", expected[service]);
    }

    let everybody: f64 = (0..WINDOWS).map(|number| seconds(number) / 2.0).sum();
    let (value, names) = heaviest[0].as_str().and_then(|line| line.split_once(' ')).expect("a line");
    assert_eq!(names, "main;everybody");
    assert!((value.parse::<f64>().expect("seconds") - everybody).abs() < 1e-9, "{value}, not {everybody}");

    let counted: u64 = milliseconds.iter().map(|row| row[1].as_u64().expect("a count")).sum();
    let asked: u64 =
        (0..WINDOWS).filter(|number| number % 5 == ASKED.1).map(|number| 2 * samples(number)).sum();
    assert_eq!(counted, asked);
    assert!(
        milliseconds.iter().all(|row| row[0].as_u64().is_some_and(|moment| moment < 1000)),
        "{milliseconds:?}"
    );
}
