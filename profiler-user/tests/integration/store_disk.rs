//! The store on a disk that is full, damaged, or somebody else's, and by a clock that is set back.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use firetower::model::select::SelectTicks;
use firetower::store::{FolderError, Intervals, Limits, Options, Snapshot, Store, StoreError};

use crate::store::{DIRECTORY, LENGTH, Ledger, check, moments_since, options, start, until, window};

/// A store that keeps all that it gets, and seals when it is opened again only.
fn quiet(directory: &Path) -> Options {
    let never = Duration::from_secs(1_000_000);
    let options = options(directory, &Arc::new(AtomicU64::new(start(10))));
    Options {
        intervals: Intervals { seal: never, compact: never, roll_up: never, ..options.intervals },
        limits: Limits { max_age: never, ..options.limits },
        ..options
    }
}

fn all(numbers: impl IntoIterator<Item = u64>) -> Ledger {
    numbers.into_iter().map(|number| (number, true)).collect()
}

fn holds(snapshot: &Snapshot, numbers: impl IntoIterator<Item = u64>) {
    holds_since(snapshot, numbers, 0);
}

/// The milliseconds of windows from before a time (Unix nanoseconds) may be missing.
fn holds_since(snapshot: &Snapshot, numbers: impl IntoIterator<Item = u64>, moments_since: u64) {
    if let Err(error) = check(snapshot, &all(numbers), (0, moments_since)) {
        panic!("{error}");
    }
}

/// A store with some sealed windows, and as many in its log.
fn filled(directory: &Path) -> PathBuf {
    let path = directory.join("store");
    for half in 0..2 {
        let (store, _) = Store::open(quiet(&path)).expect("a store");
        (half * 3..half * 3 + 3).for_each(|number| store.submit(window(number)));
        until(&store, |status| status.windows_queued == 0 && (half == 0 || status.seals.count == 1));
    }
    path
}

fn files(directory: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            match entry.file_type().expect("a type").is_dir() {
                true => folders.push(entry.path()),
                false => _ = found.insert(entry.path(), entry.metadata().expect("a file").len()),
            }
        }
    }
    found
}

fn only(directory: &Path, part: &str) -> PathBuf {
    let all = files(directory).into_keys();
    let mut found = all.filter(|path| path.to_str().is_some_and(|path| path.contains(part)));
    let first = found.next().expect("one file");
    assert_eq!(found.next(), None);
    first
}

#[test]
fn a_second_process_is_told_that_the_store_is_in_use() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_store, _) = Store::open(quiet(directory.path())).expect("a store");
    let error = Store::open(quiet(directory.path())).expect_err("it is in use");
    assert!(matches!(error, StoreError::Folder(FolderError::InUse(_))), "{error}");
    assert!(error.to_string().contains("in use by another firetower"), "{error}");
}

#[test]
fn all_files_are_their_owners_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = filled(directory.path());
    for (file, _) in files(&path) {
        for path in file.ancestors().take_while(|folder| *folder != path) {
            let mode = path.metadata().expect("a file").mode();
            assert_eq!(mode & 0o077, 0, "{path:?} is {mode:o}");
        }
    }
}

#[test]
fn a_clock_that_is_set_back_harms_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let now = Arc::new(AtomicU64::new(start(200)));
    let options =
        || Options { limits: Limits { max_age: Duration::MAX, max_bytes: 1 << 30 }, ..options(&path, &now) };
    // Days forth and back, within a run and between runs.
    let runs: [&[u64]; 3] = [&[200, 201, 10, 202], &[5, 6, 203], &[1, 500, 2]];
    let mut submitted = Vec::new();
    for run in runs {
        let (store, _) = Store::open(options()).expect("a store");
        for &number in run {
            now.store(start(number), Ordering::Relaxed);
            store.submit(window(number));
            submitted.push(number);
            until(&store, |status| status.windows_queued == 0);
            // A day that is over may be rolled up whatever the clock says now.
            let moments = moments_since(start(submitted.iter().copied().max().unwrap_or(0)));
            holds_since(&store.snapshot(vec![]), submitted.iter().copied(), moments);
        }
    }
    let (store, opened) = Store::open(options()).expect("a store");
    assert!(opened.set_aside.is_empty(), "{opened:?}");
    now.store(start(2000), Ordering::Relaxed);
    until(&store, |status| status.logs.files == 0 && status.roll_ups.count > 0);
    holds_since(&store.snapshot(vec![]), submitted, u64::MAX);
}

/// Damages a file of a store, opens it, and returns what is said. All windows but those `lost` must be there.
fn damaged(part: &str, lost: &[u64], damage: impl Fn(&mut Vec<u8>)) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let path = filled(directory.path());
    let file = only(&path, part);
    let mut bytes = std::fs::read(&file).expect("a file");
    damage(&mut bytes);
    std::fs::write(&file, bytes).expect("a file");
    let (store, opened) = Store::open(quiet(&path)).expect("a store");
    let left = (0..6).filter(|number| !lost.contains(number));
    holds(&store.snapshot(vec![]), left.clone());
    // It goes on, and is whole when it is opened again.
    store.submit(window(6));
    until(&store, |status| status.windows_queued == 0);
    drop(store);
    let (store, again) = Store::open(quiet(&path)).expect("a store");
    assert_eq!(again.set_aside, [] as [String; 0]);
    holds(&store.snapshot(vec![]), left.chain([6]));
    assert_eq!(opened.set_aside.len() as u64, store.status().corrupt.files, "{opened:?}");
    opened.set_aside.join("\n")
}

#[test]
fn files_that_are_damaged_are_set_aside_and_the_rest_is_there() {
    let sealed = "/samples/";
    let said = damaged(sealed, &[0, 1, 2], |bytes| bytes.truncate(bytes.len() / 2));
    assert!(said.contains("0-00000001-00000001.parquet can't be read"), "{said}");
    damaged(sealed, &[0, 1, 2], |bytes| bytes.clear());
    damaged(sealed, &[0, 1, 2], |bytes| bytes.fill(0xff));
    let said = damaged(sealed, &[0, 1, 2], |bytes| {
        // Of another version: the key and the value follow one another in the footer.
        let key = b"firetower.schema";
        let at = bytes.windows(key.len()).position(|part| part == key).expect("the key");
        let value = bytes[at..].iter().position(|&byte| byte == b'1').expect("the version");
        bytes[at + value] = b'9';
    });
    assert!(said.contains("schema version is 9"), "{said}");
    // Of three windows in the log, the second is damaged, or the end is.
    let said = damaged(".wal", &[4], |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    assert!(said.contains("the checksum of a block is wrong") && said.contains("2 windows"), "{said}");
    assert_eq!(damaged(".wal", &[5], |bytes| bytes.truncate(bytes.len() - 1)), "", "torn, not damaged");
    assert_eq!(damaged(".wal", &[3, 4, 5], Vec::clear), "");
    let said = damaged(".wal", &[3, 4, 5], |bytes| bytes.fill(b'x'));
    assert!(said.contains("00000002.wal can't be read"), "{said}");
}

#[test]
fn milliseconds_that_are_damaged_are_missed_and_no_sample_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = filled(directory.path());
    let file = only(&path, "/ticks/");
    std::fs::write(&file, "nothing").expect("a file");
    let (store, opened) = Store::open(quiet(&path)).expect("a store");
    assert!(opened.set_aside.len() == 1 && opened.set_aside[0].contains("ticks/"), "{opened:?}");
    let snapshot = store.snapshot(vec![]);
    holds_since(&snapshot, 0..6, start(3));
    let question = SelectTicks { since: start(0), until: start(6), part: 1000, ..SelectTicks::default() };
    let answer = snapshot.ticks(&question).expect("an answer");
    assert_eq!(answer.complete_since, snapshot.complete_since().max(start(2) + LENGTH));
}

#[test]
fn a_file_that_turns_out_to_be_damaged_is_set_aside_while_the_store_is_open() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = filled(directory.path());
    // Its footer is as it should be, its pages are not.
    let file = only(&path, "/samples/");
    let mut bytes = std::fs::read(&file).expect("a file");
    bytes[4..200].fill(0xff);
    std::fs::write(&file, bytes).expect("a file");
    let intervals = Intervals { compact: Duration::from_millis(1), ..quiet(&path).intervals };
    let (store, opened) = Store::open(Options { intervals, ..quiet(&path) }).expect("a store");
    assert!(opened.set_aside.is_empty(), "{opened:?}");
    let status = until(&store, |status| status.set_aside == 1);
    let said = status.last_set_aside.unwrap_or_default();
    assert!(said.contains("0-00000001-00000001.parquet can't be read"), "{said}");
    holds(&store.snapshot(vec![]), 3..6);
    assert!(store.snapshot(vec![]).complete_since() > start(2));
}

#[test]
fn a_log_is_kept_up_to_where_it_was_cut_wherever_that_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let (store, _) = Store::open(quiet(&path)).expect("a store");
    store.submit(window(0));
    until(&store, |status| status.windows_written == 1);
    let log = only(&path, ".wal");
    let whole = log.metadata().expect("a log").len() as usize;
    store.submit(window(1));
    drop(store);
    let bytes = std::fs::read(&log).expect("a log");
    assert!(bytes.len() > whole);
    // Opened with each length, but only some of them in a debug build's time; the block's own test has them all.
    for length in (whole..bytes.len()).step_by(397).chain([whole + 1, bytes.len() - 1]) {
        let copy = directory.path().join(format!("copy-{length}"));
        std::fs::create_dir_all(copy.join("wal")).expect("a folder");
        std::fs::write(copy.join("wal/00000001.wal"), &bytes[..length]).expect("a log");
        let (store, opened) = Store::open(quiet(&copy)).expect("a store");
        assert_eq!((opened.windows, opened.torn_bytes), (1, (length - whole) as u64));
        assert!(opened.set_aside.is_empty(), "{opened:?}");
        holds(&store.snapshot(vec![]), [0]);
    }
}

/// Room that is left on the disk, in kB, when windows are submitted to it.
const ROOM: &str = "FIRETOWER_TEST_ROOM";
/// What finds no room: see [`Stage`].
const STAGE: &str = "FIRETOWER_TEST_STAGE";

/// How a store meets a disk that is full: each leaves one thing to do for which there is no room, so that which of them
/// fails is not a matter of timing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// Everything goes on all the time, and something fails first.
    Any,
    /// Nothing is due but the log.
    Commit,
    /// A log of an earlier run is to be sealed.
    Seal,
    /// Sealed files are to be put together.
    Maintain,
}

impl Stage {
    const ALL: [Stage; 4] = [Stage::Any, Stage::Commit, Stage::Seal, Stage::Maintain];

    fn name(self) -> &'static str {
        match self {
            Stage::Any => "any",
            Stage::Commit => "commit",
            Stage::Seal => "seal",
            Stage::Maintain => "maintain",
        }
    }

    /// How many windows there are before the disk is full, each in a log that the next run seals.
    fn before(self) -> u64 {
        match self {
            Stage::Any | Stage::Commit => 0,
            Stage::Seal => 1,
            // Of three, the quiet store would put some together by itself.
            Stage::Maintain => 2,
        }
    }
}

/// Runs in a process with a small disk at the directory: see below.
#[test]
#[ignore = "a process that another test runs, with a disk of its own"]
fn small_disk() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let room: u64 = std::env::var(ROOM).expect("a number").parse().expect("a number");
    let stage = std::env::var(STAGE).expect("a stage");
    let stage = Stage::ALL.into_iter().find(|known| known.name() == stage).expect("a stage");
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs"])
        .arg(&directory)
        .status();
    assert!(mount.expect("mount runs").success());
    let path = directory.join("store");
    let now = Arc::new(AtomicU64::new(start(0)));
    let limits = || Limits { max_age: Duration::MAX, max_bytes: 1 << 30 };
    let busy = || Options { limits: limits(), ..options(&path, &now) };
    let quiet = || Options { limits: limits(), ..quiet(&path) };
    let mut submitted = 0;
    for run in 0..stage.before() {
        let (store, _) = Store::open(quiet()).expect("a store");
        until(&store, |status| status.seals.count == u64::from(run > 0));
        store.submit(window(submitted));
        submitted += 1;
    }
    if stage == Stage::Maintain {
        let (store, _) = Store::open(quiet()).expect("a store");
        until(&store, |status| status.seals.count == 1);
    }
    let filler = directory.join("filler");
    let fill =
        || std::fs::write(&filler, vec![1; (free(&directory) - room * 1024) as usize]).expect("a file");
    let store = match stage {
        // What a store makes when it is opened first needs some room.
        Stage::Any | Stage::Commit => {
            let (store, _) =
                Store::open(if stage == Stage::Any { busy() } else { quiet() }).expect("a store");
            fill();
            store
        }
        Stage::Seal | Stage::Maintain => {
            fill();
            Store::open(busy()).expect("a store").0
        }
    };
    let full = |store: &Store| {
        let status = store.status();
        let failing = status.failing.iter().filter(|(_, said)| said.contains("No space left on device"));
        failing.map(|(activity, _)| *activity).collect::<Vec<_>>()
    };
    let begun = Instant::now();
    let failing = loop {
        let failing = full(&store);
        if !failing.is_empty() {
            break failing;
        }
        if stage.before() == 0 {
            store.submit(window(submitted));
            submitted += 1;
            assert!(submitted < 2000, "the disk was never full");
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "it never failed: {:#?}", store.status());
        std::thread::sleep(Duration::from_millis(2));
    };
    for _ in 0..5 {
        store.submit(window(submitted));
        submitted += 1;
    }
    // Nothing that was submitted is missing while it is full, nor when there is room again.
    holds(&store.snapshot(vec![]), 0..submitted);
    std::fs::remove_file(&filler).expect("a file");
    until(&store, |status| {
        let sealed = status.logs.files == 0 || stage == Stage::Commit;
        status.windows_queued == 0 && sealed && status.failing.is_empty()
    });
    assert_eq!(store.status().windows_dropped, 0);
    holds(&store.snapshot(vec![]), 0..submitted);
    drop(store);
    let (store, opened) = Store::open(busy()).expect("a store");
    assert!(opened.set_aside.is_empty(), "{opened:?}");
    holds(&store.snapshot(vec![]), 0..submitted);
    println!("\nfailed: {}", failing.join(" "));
}

fn free(directory: &Path) -> u64 {
    let found = nix::sys::statvfs::statvfs(directory).expect("a file system");
    found.blocks_available() * found.fragment_size()
}

/// What of a store's work found no room.
fn on_a_small_disk(stage: Stage, room: u64) -> String {
    let exe = std::env::current_exe().expect("this test's binary");
    let directory = tempfile::tempdir().expect("a directory");
    // A mount that nobody else sees, and that goes with its process.
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]);
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.arg("--").arg(&exe).args(["store_disk::small_disk", "--exact", "--ignored", "--nocapture"]);
    command.env(DIRECTORY, directory.path()).env(ROOM, room.to_string()).env(STAGE, stage.name());
    let output = command.output().expect("unshare runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = said.lines().find_map(|line| line.strip_prefix("failed: "));
    failed.unwrap_or_else(|| panic!("{stage:?}, {room} kB: {output:?}")).to_owned()
}

#[test]
fn a_full_disk_loses_nothing_and_is_made_good_when_there_is_room() {
    for room in [0, 4, 8, 16, 32, 64, 128, 256] {
        on_a_small_disk(Stage::Any, room);
    }
}

#[test]
fn whatever_finds_no_room_on_a_full_disk_is_made_good() {
    assert_eq!(on_a_small_disk(Stage::Commit, 64), "commit");
    assert_eq!(on_a_small_disk(Stage::Seal, 0), "seal");
    assert_eq!(on_a_small_disk(Stage::Maintain, 0), "maintain");
}
