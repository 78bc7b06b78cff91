//! Recordings that were tampered with: whatever a process or a file holds, there is an outcome with a reason.

use std::sync::LazyLock;

use firetower::recording::Recording;
use firetower_ebpf::abi::RawFrame;
use proptest::prelude::*;

use super::tamper::{hold, tamper};
use super::{raw, recordings};

static RECORDINGS: LazyLock<Vec<(String, Recording)>> = LazyLock::new(recordings);

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tampered_process_has_an_outcome_and_its_frames_have_names_or_reasons(
        index in any::<proptest::sample::Index>(),
        script in proptest::collection::vec(any::<u8>(), 12..300),
    ) {
        let (_, recording) = index.get(&RECORDINGS);
        let stack: Vec<RawFrame> = recording.stack.iter().map(raw).collect();
        let mut process = recording.process.clone();
        tamper(&mut process, &script);
        hold(&process, &stack);
    }
}

#[test]
fn what_was_not_tampered_with_is_held_to_the_same() {
    for (_, recording) in &*RECORDINGS {
        hold(&recording.process, &recording.stack.iter().map(raw).collect::<Vec<_>>());
    }
}
