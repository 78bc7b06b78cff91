//! A code object in any memory. It is read, with a name, a file and a table within their limits, or there is a reason.
//! Input: the interpreter (1 byte), the address of the code object (8), the memory in chunks.
#![no_main]

use firetower::process::memory::RecordedMemory;
use firetower::python::code::Code;
use firetower::python::objects::{MAX_LINE_TABLE, MAX_TEXT};
use firetower::recording::Recorder;
use firetower_fuzz::{choose, chunks, recordings, to_chunks, within, write_seeds};
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (index, recorded) in recordings().iter().enumerate() {
        for raw in &recorded.stack {
            let recorder = Recorder::new(&recorded.recording.process);
            Code::read(&recorder, &recorded.interpreter.objects, raw.code(), raw.fingerprint)
                .expect("a code object");
            let memory = to_chunks(&recorder.finish().expect("UTF-8").memory, false);
            seeds.push([&[index as u8][..], &raw.code().to_le_bytes(), &memory].concat());
        }
    }
    seeds
}

fuzz_target!(init: write_seeds(seeds), |input: &[u8]| {
    let Some((recorded, rest)) = choose(recordings(), input) else { return };
    let Some((address, rest)) = rest.split_first_chunk() else { return };
    let address = u64::from_le_bytes(*address);
    let memory = RecordedMemory::from(chunks(rest));
    // Of whatever lies there, so that what is mutated is not just refused for it.
    let fingerprint = Code::fingerprint(&memory, &recorded.interpreter.objects, address).unwrap_or(0);
    // A table, its copy, and two texts of four bytes a character that are escaped.
    within(2 * MAX_LINE_TABLE as usize + (1 << 18), || {
        match Code::read(&memory, &recorded.interpreter.objects, address, fingerprint) {
            Ok(code) => {
                // One for the mark of a text that was cut; `\xNN` for a byte.
                let most = 4 * MAX_TEXT as usize + 1;
                assert!(code.name.chars().count() <= most && code.file.chars().count() <= most);
                assert!(code.line_table.bytes.len() as u64 <= MAX_LINE_TABLE);
                let _ = (code.line_at(-1), code.line_at(10), code.line_at(i32::MAX));
            }
            Err(error) => assert!(!error.to_string().is_empty() && error.reason() as u32 != 0),
        }
    });
});
