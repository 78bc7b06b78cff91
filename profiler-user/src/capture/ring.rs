//! How large the ring buffer is: by how much may come before the agent looks. It must not know what is in it.
//!
//! It is resident twice, as it is mapped so that what wraps around lies in a row. One of a fixed size was rejected: what a
//! large machine needs is a third of the agent's memory on a small one.

/// Bytes of a new stack of 60 frames. Of a stack that was seen before, a sample is a twentieth of it.
const STACK: u64 = 2 << 10;
/// Seconds of samples that it holds if each of them has a new stack: the agent looks ten times a second, and is late when it
/// names frames of processes that are new.
const SECONDS: u64 = 4;
/// Bounds, both powers of two, as all between them must be. At 8 MiB it holds a second of new stacks of 20 frames at
/// 10,000 samples a second; the least is for bursts of processes, which have events of their own.
const LEAST: u64 = 1 << 20;
const MOST: u64 = 8 << 20;

/// Its size in bytes, on so many CPUs with so many samples a second on each.
pub(super) fn bytes(cpus: usize, frequency: u32) -> u32 {
    let samples = (cpus as u64).saturating_mul(frequency.into());
    let wanted = samples.saturating_mul(STACK * SECONDS).clamp(LEAST, MOST);
    wanted.next_power_of_two() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_power_of_two_between_its_bounds() {
        assert_eq!([bytes(1, 1), bytes(2, 19), bytes(2, 99)], [1 << 20, 1 << 20, 2 << 20]);
        assert_eq!([bytes(8, 99), bytes(64, 99), bytes(usize::MAX, u32::MAX)], [8 << 20, 8 << 20, 8 << 20]);
        assert!((1..200).all(|cpus| bytes(cpus, 49).is_power_of_two()));
    }
}
