//! A recorded process that was tampered with: mappings, files and memory. There is an outcome with a reason, and a name
//! or a reason for every frame, for little reading. Input: the recording (1 byte), a script of edits.
#![no_main]

use std::sync::{LazyLock, Mutex};

use firetower::python::detect::Recogniser;
use firetower_fuzz::tamper::{hold, tamper};
use firetower_fuzz::{choose, recordings, within, write_seeds};
use libfuzzer_sys::fuzz_target;

/// Knows the files as they were recorded: reading them is most of the work, and files are what the target `elf` is for.
static KNOWN: LazyLock<Mutex<Recogniser>> = LazyLock::new(Mutex::default);

/// Each recording as it is, and with one edit of each kind.
fn seeds() -> Vec<Vec<u8>> {
    let plain = (0..recordings().len()).map(|index| vec![index as u8]);
    let edited = (0..10).map(|kind| [&[0, kind][..], &[1; 11]].concat());
    plain.chain(edited).collect()
}

fuzz_target!(init: write_seeds(seeds), |input: &[u8]| {
    let Some((recorded, script)) = choose(recordings(), input) else { return };
    let mut process = recorded.recording.process.clone();
    tamper(&mut process, script);
    let mut known = KNOWN.lock().expect("a panic ends the process");
    let mut fresh = Recogniser::default();
    let as_recorded = process.files == recorded.recording.process.files;
    let recogniser = if as_recorded { &mut known } else { &mut fresh };
    within(160 << 20, || hold(recogniser, &process, &recorded.stack));
});
