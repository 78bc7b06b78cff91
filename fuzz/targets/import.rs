//! Profiles of other tools: any bytes are read or refused, in bounded memory, and what is read holds together.

#![no_main]

use firetower::import::{self, Format};
use firetower_fuzz::{choose, within, write_seeds};
use libfuzzer_sys::fuzz_target;

/// Compressed input grows a thousandfold at most.
const MEMORY: usize = 256 << 20;

fuzz_target!(init: write_seeds(seeds), |input: &[u8]| {
    let Some((format, bytes)) = choose(&Format::ALL, input) else { return };
    within(MEMORY, || {
        let recognised = import::read(bytes);
        let asked = import::read_as(bytes, *format);
        for imported in [recognised, asked].into_iter().flatten() {
            let total = imported.profile.total();
            assert!(total.samples > 0 || total.nanoseconds > 0);
            for (stack, _) in &imported.in_order {
                assert!(imported.profile.stacks.leaf_first(*stack).count() > 0);
            }
        }
    });
});

/// A little of each format, as it is read.
fn seeds() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 7] = [
        b"\x00main (/srv/a.py:3);f_[k] 12\nx 0.5\n",
        b"\x01/srv/a.py:f:3;/srv/a.py:g:4 5\n(idle) 2\n",
        b"\x02# mode: full\nP7;T0:8;/srv/a.py:f:3 20,0,0\n",
        b"\x03python3 7/8 [001]  1.5:   10101010 cpu-clock:ppp: \n\t 7f1 py::f:/srv/a.py (/tmp/perf-7.map)\n\n",
        b"\x04\x0a\x04\x08\x01\x10\x02\x12\x04\x0a\x01\x01\x12\x01\x05\x22\x06\x08\x01\x22\x02\x08\x01\x2a\x04\x08\x01\x10\x03\
          \x32\x00\x32\x07samples\x32\x05count\x32\x01f",
        br#"{"shared":{"frames":[{"name":"f"}]},"profiles":[{"type":"evented","unit":"none","events":[
          {"type":"O","frame":0,"at":0},{"type":"C","frame":0,"at":2}]}]}"#,
        br#"{"firetower":"1","frames":[{"kind":"python","function":"f"}],"stacks":[{"frames":[0],"samples":1,"nanoseconds":1}]}"#,
    ];
    let mut seeds: Vec<Vec<u8>> = texts.map(<[u8]>::to_vec).to_vec();
    // JSON has no first byte that names it.
    seeds.iter_mut().skip(5).zip([5, 6]).for_each(|(seed, format)| seed.insert(0, format));
    seeds
}
