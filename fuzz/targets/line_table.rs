//! Line tables of every format. Any bytes give ranges in order, without gaps, not more of them than bytes; and looking a
//! line up agrees with them. Input: the format (1 byte), the first line (4), the table.
#![no_main]

use std::sync::LazyLock;

use firetower::python::code::Code;
use firetower::python::line_table::{Format, LineTable};
use firetower_fuzz::{choose, recordings, within, write_seeds};
use libfuzzer_sys::fuzz_target;

/// Of the recorded interpreters.
static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
    let mut formats = Vec::new();
    for recorded in recordings() {
        let format = recorded.interpreter.objects.line_table;
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    formats
});

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for recorded in recordings() {
        for raw in &recorded.stack {
            let objects = &recorded.interpreter.objects;
            let code = Code::read(&recorded.recording.process, objects, raw.code(), raw.fingerprint);
            let LineTable { format, first_line, bytes } = code.expect("a code object").line_table;
            let index = FORMATS.iter().position(|known| *known == format).expect("it is of a recording");
            seeds.push([&[index as u8][..], &first_line.to_le_bytes(), &bytes].concat());
        }
    }
    seeds
}

fuzz_target!(init: write_seeds(seeds), |input: &[u8]| {
    let Some((&format, rest)) = choose(&FORMATS, input) else { return };
    let Some((first_line, bytes)) = rest.split_first_chunk() else { return };
    let table = LineTable { format, first_line: i32::from_le_bytes(*first_line), bytes: bytes.into() };
    within(4096, || {
        let (mut end, mut count) = (0, 0);
        let probe = bytes.len() as u32 * 2;
        let mut line = None;
        for range in table.ranges() {
            assert!(range.start == end && range.end >= range.start, "{range:?} after {end}");
            if (range.start..range.end).contains(&probe) {
                line = range.line;
            }
            (end, count) = (range.end, count + 1);
        }
        assert!(count <= bytes.len() + 1);
        assert_eq!(table.line_at(probe), line);
    });
});
