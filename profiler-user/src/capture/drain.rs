//! Drains the ring buffer into typed events. It must not know what becomes of them.

use std::os::fd::AsFd;
use std::time::Duration;

use aya::maps::{Map, MapData, RingBuf};
use firetower_ebpf::abi::{
    MAX_KERNEL_FRAMES, MAX_PYTHON_FRAMES, ProcessEvent, RawFrame, SampleEvent, StackEvent, event,
};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::CaptureError;

/// The agent's end of the ring buffer.
pub struct Drain {
    ring: RingBuf<MapData>,
}

/// One event.
#[derive(Debug)]
pub enum Event {
    /// A sample, with its stack's definition if the stack is new.
    Sample(SampleEvent, Option<StackDefinition>),
    /// Something happened to a process.
    Process(ProcessEvent),
    /// Bytes that are no event: kernel side and agent do not match. Their number.
    Malformed(usize),
}

/// The frames of a stack, as the kernel side found them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackDefinition {
    /// Python frames, leaf first.
    pub python: Vec<RawFrame>,
    /// Kernel addresses, leaf first; empty if the sample fired in user mode.
    pub kernel: Vec<u64>,
    /// The root end is missing.
    pub truncated: bool,
}

impl Drain {
    pub(super) fn new(map: Map) -> Result<Drain, CaptureError> {
        Ok(Drain { ring: RingBuf::try_from(map)? })
    }

    /// Waits until the kernel side wakes the agent, or `timeout` is over.
    pub fn wait(&self, timeout: Duration) -> Result<(), CaptureError> {
        let mut fds = [PollFd::new(self.ring.as_fd(), PollFlags::POLLIN)];
        // Not poll: its whole milliseconds are too long where a process is about to load its interpreter.
        match ppoll(&mut fds, Some(TimeSpec::from_duration(timeout)), None) {
            // A signal is for others to act on: the caller looks at its stop flag after each wait.
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(CaptureError::Io(error.into())),
        }
    }

    /// The next event, if one is there.
    pub fn next_event(&mut self) -> Option<Event> {
        self.ring.next().map(|bytes| Event::decode(&bytes))
    }
}

impl Event {
    /// Reads one event. Any bytes are allowed.
    pub fn decode(bytes: &[u8]) -> Event {
        decode_known(bytes).unwrap_or(Event::Malformed(bytes.len()))
    }
}

fn decode_known(bytes: &[u8]) -> Option<Event> {
    match u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) {
        event::SAMPLE => Some(Event::Sample(read(bytes, 0)?, None)),
        event::STACK => Some(Event::Sample(read(bytes, 0)?, Some(decode_stack(bytes)?))),
        event::PROCESS => Some(Event::Process(read(bytes, 0)?)),
        _ => None,
    }
}

fn decode_stack(bytes: &[u8]) -> Option<StackDefinition> {
    let number = |offset| read::<u32>(bytes, offset);
    let python = number(std::mem::offset_of!(StackEvent, python_frames))? as usize;
    let kernel = number(std::mem::offset_of!(StackEvent, kernel_frames))? as usize;
    let truncated = number(std::mem::offset_of!(StackEvent, truncated))?;
    if python > MAX_PYTHON_FRAMES || kernel > MAX_KERNEL_FRAMES {
        return None;
    }
    let array = |offset: usize, index: usize, size: usize| offset + index * size;
    Some(StackDefinition {
        python: (0..python)
            .map(|i| read(bytes, array(std::mem::offset_of!(StackEvent, python), i, size_of::<RawFrame>())))
            .collect::<Option<_>>()?,
        kernel: (0..kernel)
            .map(|i| read(bytes, array(std::mem::offset_of!(StackEvent, kernel), i, 8)))
            .collect::<Option<_>>()?,
        truncated: truncated != 0,
    })
}

/// What may be read from any bytes.
trait Plain: Copy {}
impl Plain for u32 {}
impl Plain for u64 {}
impl Plain for RawFrame {}
impl Plain for SampleEvent {}
impl Plain for ProcessEvent {}

fn read<T: Plain>(bytes: &[u8], offset: usize) -> Option<T> {
    let bytes = bytes.get(offset..offset.checked_add(size_of::<T>())?)?;
    // SAFETY: `bytes` has the size of T, and every bit pattern is a T: `Plain`.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_off_and_foreign_bytes_are_malformed() {
        for length in 0..64 {
            let mut bytes = vec![0; length];
            if let Some(kind) = bytes.first_mut() {
                *kind = event::SAMPLE as u8;
            }
            assert!(matches!(Event::decode(&bytes), Event::Malformed(n) if n == length));
        }
        assert!(matches!(Event::decode(&[9; 64]), Event::Malformed(64)));
    }

    #[test]
    fn a_stack_event_that_claims_more_frames_than_it_has_is_malformed() {
        let mut bytes = vec![0; std::mem::offset_of!(StackEvent, python) + 16];
        bytes[0] = event::STACK as u8;
        bytes[std::mem::offset_of!(StackEvent, python_frames)] = 2;
        assert!(matches!(Event::decode(&bytes), Event::Malformed(_)));
        bytes[std::mem::offset_of!(StackEvent, python_frames)] = 1;
        assert!(matches!(Event::decode(&bytes), Event::Sample(_, Some(stack)) if stack.python.len() == 1));
    }
}
