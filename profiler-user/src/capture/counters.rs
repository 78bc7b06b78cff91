//! The kernel side's counters, read and summed. It must not know what they are shown as.

use aya::maps::{MapData, PerCpuArray};
use firetower_ebpf::abi::counter;

use super::CaptureError;
use crate::model::Reason;

/// What the kernel side counted since load, summed over the CPUs.
///
/// `fired` = `submitted` + the sum of `not_submitted`, once no sample is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Samples that fired.
    pub fired: u64,
    /// Samples handed to the agent.
    pub submitted: u64,
    /// Of those, the ones that brought a new stack along.
    pub new_stacks: u64,
    /// Samples whose stack was deeper than what is kept.
    pub truncated: u64,
    /// Process events that the ring buffer had no room for.
    pub process_events_lost: u64,
    /// Samples that ended in the kernel, by reason; reasons that never occurred are left out.
    pub not_submitted: Vec<(Reason, u64)>,
}

impl Counters {
    pub(super) fn read(map: &PerCpuArray<MapData, u64>) -> Result<Counters, CaptureError> {
        let sum = |index: u32| -> Result<u64, CaptureError> { Ok(map.get(&index, 0)?.iter().sum()) };
        let mut not_submitted = Vec::new();
        for &reason in Reason::ALL {
            let count = sum(counter::NOT_SUBMITTED + reason as u32)?;
            if count > 0 {
                not_submitted.push((reason, count));
            }
        }
        Ok(Counters {
            fired: sum(counter::FIRED)?,
            submitted: sum(counter::SUBMITTED)?,
            new_stacks: sum(counter::NEW_STACKS)?,
            truncated: sum(counter::TRUNCATED)?,
            process_events_lost: sum(counter::PROCESS_EVENTS_LOST)?,
            not_submitted,
        })
    }

    /// Samples that ended in the kernel for this reason.
    pub fn not_submitted(&self, reason: Reason) -> u64 {
        self.not_submitted.iter().find(|(r, _)| *r == reason).map_or(0, |(_, count)| *count)
    }
}
