//! The text of `/proc/PID/maps`: a process names its files as it likes. Any text is mappings or an error, in memory that
//! is in proportion to it.
#![no_main]

use firetower::model::Pid;
use firetower::process::maps::Maps;
use firetower_fuzz::{recordings, within, write_seeds};
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    let text = |recorded: &firetower_fuzz::Recorded| recorded.recording.process.maps.join("\n").into_bytes();
    recordings().iter().map(text).collect()
}

fuzz_target!(init: write_seeds(seeds), |text: &[u8]| {
    within(64 * text.len() + 4096, || {
        if let Ok(maps) = Maps::parse(Pid(1), text) {
            assert!(maps.mappings().len() <= text.len());
            if let Some(mapping) = maps.mappings().last() {
                let _ = (mapping.file_name(), maps.find(mapping.start), maps.executable(&mapping.path));
            }
        }
    });
});
