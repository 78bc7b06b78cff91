//! The kernel side's counters, read and summed. It must not know what they are shown as.

use aya::maps::{MapData, PerCpuArray};
use firetower_ebpf::abi::counter;

use super::CaptureError;
use crate::model::Reason;

/// What the kernel side counted since load, summed over the CPUs: the map `COUNTERS`, indexed as [`counter`] says.
///
/// `fired` = `submitted` + the sum of `not_submitted`, once no sample is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    totals: [u64; counter::COUNT as usize],
}

impl Counters {
    pub(super) fn read(map: &PerCpuArray<MapData, u64>) -> Result<Counters, CaptureError> {
        let mut totals = [0; counter::COUNT as usize];
        for (index, total) in (0..).zip(&mut totals) {
            *total = map.get(&index, 0)?.iter().sum();
        }
        Ok(Counters { totals })
    }

    /// All of them.
    pub fn totals(&self) -> &[u64; counter::COUNT as usize] {
        &self.totals
    }

    /// One of them, by its index in [`counter`].
    fn total(&self, index: u32) -> u64 {
        self.totals[index as usize]
    }

    /// Samples that fired.
    pub fn fired(&self) -> u64 {
        self.total(counter::FIRED)
    }

    /// Samples handed to the agent.
    pub fn submitted(&self) -> u64 {
        self.total(counter::SUBMITTED)
    }

    /// Of those, the ones that brought a new stack along.
    pub fn new_stacks(&self) -> u64 {
        self.total(counter::NEW_STACKS)
    }

    /// Samples whose stack was deeper than what is kept.
    pub fn truncated(&self) -> u64 {
        self.total(counter::TRUNCATED)
    }

    /// Process events that the ring buffer had no room for.
    pub fn process_events_lost(&self) -> u64 {
        self.total(counter::PROCESS_EVENTS_LOST)
    }

    /// Samples that ended in the kernel for this reason.
    pub fn not_submitted(&self, reason: Reason) -> u64 {
        self.total(counter::NOT_SUBMITTED + reason as u32)
    }

    /// Samples that ended in the kernel, by the reasons that occurred.
    pub fn by_reason(&self) -> Vec<(Reason, u64)> {
        let counts = Reason::ALL.iter().map(|&reason| (reason, self.not_submitted(reason)));
        counts.filter(|&(_, count)| count > 0).collect()
    }
}
