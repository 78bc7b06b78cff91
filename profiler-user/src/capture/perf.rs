//! Perf events: one on each online CPU, each running the sampler at its overflow. It must not know what the sampler
//! does.
//!
//! Opened here and not through aya, which can't exclude the idle task: a sample of nothing is a sample wasted.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd};

use aya::programs::ProgramFd;
use perf_event_open_sys as sys;
use sys::bindings::{
    PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_SW_CPU_CLOCK, PERF_FLAG_FD_CLOEXEC, PERF_TYPE_HARDWARE,
    PERF_TYPE_SOFTWARE, perf_event_attr,
};

use super::CaptureError;

/// What makes samples fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The CPU's cycle counter, at a period that the kernel adapts to the frequency; fires in NMI where there is one.
    Cycles,
    /// The software CPU clock: a timer on each CPU.
    CpuClock,
}

/// The open events.
pub(super) struct PerfEvents {
    files: Vec<File>,
    clock: Clock,
}

impl PerfEvents {
    /// Opens an event of `frequency` samples a second on every online CPU, silent, with `program` attached.
    pub(super) fn open(frequency: u32, program: &ProgramFd) -> Result<PerfEvents, CaptureError> {
        let cpus = aya::util::online_cpus().map_err(|(_, error)| CaptureError::Io(error))?;
        let clock = if hardware_cycles_available() { Clock::Cycles } else { Clock::CpuClock };
        let mut files = Vec::with_capacity(cpus.len());
        for cpu in cpus {
            let file = match open_on(cpu, clock, frequency) {
                Ok(file) => file,
                // Taken offline since it was listed.
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => continue,
                Err(source) => return Err(CaptureError::PerfEvent { cpu, frequency, source }),
            };
            let program = program.as_fd().as_raw_fd();
            // SAFETY: both file descriptors are open; the ioctl takes an int.
            check(unsafe { sys::ioctls::SET_BPF(file.as_raw_fd(), program as u32) })
                .map_err(|source| CaptureError::PerfEvent { cpu, frequency, source })?;
            files.push(file);
        }
        Ok(PerfEvents { files, clock })
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) fn enable(&mut self) -> Result<(), CaptureError> {
        // SAFETY: the file descriptor is open; the argument 0 means this event only.
        self.each(|fd| unsafe { sys::ioctls::ENABLE(fd, 0) })
    }

    pub(super) fn disable(&mut self) -> Result<(), CaptureError> {
        // SAFETY: as above.
        self.each(|fd| unsafe { sys::ioctls::DISABLE(fd, 0) })
    }

    fn each(&mut self, ioctl: impl Fn(i32) -> i32) -> Result<(), CaptureError> {
        self.files.iter().try_for_each(|file| check(ioctl(file.as_raw_fd()))).map_err(CaptureError::Io)
    }
}

/// Whether this machine counts CPU cycles in hardware; many virtual machines do not.
pub fn hardware_cycles_available() -> bool {
    open_on(0, Clock::Cycles, 1).is_ok()
}

fn open_on(cpu: u32, clock: Clock, frequency: u32) -> io::Result<File> {
    let mut attr = perf_event_attr { size: size_of::<perf_event_attr>() as u32, ..Default::default() };
    (attr.type_, attr.config) = match clock {
        Clock::Cycles => (PERF_TYPE_HARDWARE, u64::from(PERF_COUNT_HW_CPU_CYCLES)),
        Clock::CpuClock => (PERF_TYPE_SOFTWARE, u64::from(PERF_COUNT_SW_CPU_CLOCK)),
    };
    attr.set_freq(1);
    attr.__bindgen_anon_1.sample_freq = u64::from(frequency);
    attr.set_disabled(1);
    attr.set_exclude_idle(1);
    // SAFETY: `attr` is initialized and says its own size; the kernel validates the rest.
    let fd =
        unsafe { sys::perf_event_open(&mut attr, -1, cpu as i32, -1, u64::from(PERF_FLAG_FD_CLOEXEC) as _) };
    check(fd)?;
    // SAFETY: a file descriptor that was just opened and that nothing else owns.
    Ok(unsafe { File::from_raw_fd(fd) })
}

fn check(returned: i32) -> io::Result<()> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
