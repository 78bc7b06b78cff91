//! Events from the ring buffer. Any bytes are an event or malformed, and no event has more frames than there can be.
#![no_main]

use firetower::capture::Event;
use firetower_ebpf::abi::{
    MAX_KERNEL_FRAMES, MAX_PYTHON_FRAMES, ProcessEvent, SampleEvent, StackEvent, event,
};
use firetower_fuzz::{within, write_seeds};
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    let sizes = [
        (event::SAMPLE, size_of::<SampleEvent>()),
        (event::STACK, size_of::<StackEvent>()),
        (event::PROCESS, size_of::<ProcessEvent>()),
    ];
    let event = |(kind, size): (u32, usize)| {
        let mut bytes = vec![1; size];
        bytes[..4].copy_from_slice(&kind.to_ne_bytes());
        bytes
    };
    sizes.map(event).to_vec()
}

fuzz_target!(init: write_seeds(seeds), |bytes: &[u8]| {
    within(2 * size_of::<StackEvent>(), || match Event::decode(bytes) {
        Event::Sample(_, Some(stack)) => {
            assert!(stack.python.len() <= MAX_PYTHON_FRAMES && stack.kernel.len() <= MAX_KERNEL_FRAMES);
        }
        Event::Malformed(size) => assert_eq!(size, bytes.len()),
        _ => {}
    });
});
