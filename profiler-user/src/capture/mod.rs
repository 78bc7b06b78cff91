//! Capture: loads the eBPF programs, attaches them to a perf event on every CPU, and hands out their events.
//!
//! It must not know Python, symbols or profiles. What crosses the kernel boundary is defined in
//! [`firetower_ebpf::abi`]; here it is loaded, filled, drained and counted.

mod counters;
mod drain;
mod error;
mod kernel;
mod perf;
mod ring;

use std::os::fd::OwnedFd;
use std::time::Duration;

use aya::maps::{HashMap, MapData, PerCpuArray};
use aya::programs::{PerfEvent, RawTracePoint};
use aya::util::online_cpus;
use aya::{Ebpf, EbpfLoader};
use firetower_ebpf::abi::{ExecutableKey, ProcessFacts, Settings, StackHash, target};

use rustc_hash::FxHashSet;

use crate::locked_memory;
use crate::model::Pid;

pub use counters::Counters;
pub use drain::{Drain, Event, StackDefinition};
pub use error::CaptureError;
pub use perf::{Clock, hardware_cycles_available};

/// The eBPF object, built by `cargo xtask ebpf build` and kept in the tree.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/ebpf/firetower.bpf.o"));

/// Most executables that are known to be no Python; fewer than the map has room for.
const MAX_EXECUTABLES: usize = 8_000;

/// What to capture.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Samples a second on each CPU, 1 to 9999.
    pub frequency: u32,
    /// Only the processes named by [`Capture::add_target`]; else every process.
    pub only_targets: bool,
    /// Kernel frames for the samples that fire in kernel mode.
    pub kernel_stacks: bool,
}

/// The loaded and attached programs. Dropping it detaches them.
pub struct Capture {
    programs: Ebpf,
    processes: HashMap<MapData, u32, ProcessFacts>,
    targets: HashMap<MapData, u32, u32>,
    stacks: HashMap<MapData, StackHash, u32>,
    executables: HashMap<MapData, ExecutableKey, u32>,
    known_executables: FxHashSet<ExecutableKey>,
    counters: PerCpuArray<MapData, u64>,
    events: perf::PerfEvents,
    _statistics: Option<OwnedFd>,
    clock: Clock,
    frequency: u32,
}

impl Capture {
    /// Loads the programs and opens the perf events, which stay silent until [`Capture::enable`]; gives the other
    /// end of the ring buffer along. Process events (fork, exec, exit) come from here on.
    pub fn load(options: Options) -> Result<(Capture, Drain), CaptureError> {
        Capture::load_program(options, "sample")
    }

    /// As [`Capture::load`], with the program that does nothing in the sampler's place: a benchmark's floor.
    pub fn load_empty(options: Options) -> Result<(Capture, Drain), CaptureError> {
        Capture::load_program(options, "nothing")
    }

    fn load_program(options: Options, sampler: &str) -> Result<(Capture, Drain), CaptureError> {
        let offsets = kernel::offsets()?;
        let _lifted = locked_memory::lift();
        let settings = Settings {
            only_targets: options.only_targets.into(),
            kernel_stacks: options.kernel_stacks.into(),
            hash_seed: random_seed()?,
            ..offsets
        };
        let cpus = online_cpus().map_err(|(_, error)| CaptureError::Io(error))?;
        let mut programs = EbpfLoader::new()
            .override_global("SETTINGS", &settings, true)
            .map_max_entries("EVENTS", ring::bytes(cpus.len(), options.frequency))
            .load(OBJECT)
            .map_err(CaptureError::from_load)?;
        // Kernel time per program is counted only while somebody asks for it; a kernel before 5.8 can't be asked.
        let statistics = aya::sys::enable_stats(aya::sys::Stats::RunTime)
            .inspect_err(|error| tracing::warn!("eBPF run times stay unknown: {error}"))
            .ok();
        for (program, tracepoint) in [
            ("process_fork", "sched_process_fork"),
            ("process_exec", "sched_process_exec"),
            ("process_exit", "sched_process_exit"),
        ] {
            let program: &mut RawTracePoint = typed_program(&mut programs, program)?;
            program.load().map_err(CaptureError::from_program)?;
            program.attach(tracepoint).map_err(CaptureError::from_program)?;
        }
        let program: &mut PerfEvent = typed_program(&mut programs, sampler)?;
        program.load().map_err(CaptureError::from_program)?;
        let fd = program.fd().map_err(CaptureError::from_program)?;
        let events = perf::PerfEvents::open(options.frequency, fd)?;
        let clock = events.clock();
        let drain = Drain::new(take_map(&mut programs, "EVENTS")?)?;
        let capture = Capture {
            processes: map(&mut programs, "PROCESSES")?,
            targets: map(&mut programs, "TARGETS")?,
            stacks: map(&mut programs, "STACKS")?,
            executables: map(&mut programs, "EXECUTABLES")?,
            known_executables: FxHashSet::default(),
            counters: PerCpuArray::try_from(take_map(&mut programs, "COUNTERS")?)?,
            programs,
            events,
            _statistics: statistics,
            clock,
            frequency: options.frequency,
        };
        Ok((capture, drain))
    }

    /// Lets samples fire.
    pub fn enable(&mut self) -> Result<(), CaptureError> {
        self.events.enable()
    }

    /// Stops samples. What fired is still to be drained.
    pub fn disable(&mut self) -> Result<(), CaptureError> {
        self.events.disable()
    }

    /// What makes samples fire on this machine.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The time that one sample stands for.
    pub fn period(&self) -> Duration {
        Duration::from_nanos(1_000_000_000 / u64::from(self.frequency))
    }

    /// Watches this process too; with `follow`, also every process that it starts from here on.
    pub fn add_target(&mut self, pid: Pid, follow: bool) -> Result<(), CaptureError> {
        self.targets.insert(pid.0, if follow { target::FOLLOW } else { target::SELF }, 0)?;
        Ok(())
    }

    /// Watches the program that this process is about to execute, and nothing of it before; with `follow`, also every
    /// process that it starts.
    pub fn add_target_from_exec(&mut self, pid: Pid, follow: bool) -> Result<(), CaptureError> {
        let kind = if follow { target::FOLLOW } else { target::SELF };
        self.targets.insert(pid.0, kind | target::FROM_EXEC, 0)?;
        Ok(())
    }

    /// Tells the kernel side what a process is. A process that is gone meanwhile is forgotten again by
    /// [`Capture::forget_process`], which the caller owes.
    pub fn set_process(&mut self, pid: Pid, facts: &ProcessFacts) -> Result<(), CaptureError> {
        self.processes.insert(pid.0, facts, 0)?;
        Ok(())
    }

    /// Deletes what the kernel side knows of a process; it may have done so itself.
    pub fn forget_process(&mut self, pid: Pid) {
        absent_is_fine(self.processes.remove(&pid.0));
    }

    /// Tells the kernel side that this file is no Python: processes that execute it are not asked about any more, for as
    /// long as they live briefly. When there are too many, all are forgotten and learned anew.
    pub fn add_no_python(&mut self, executable: ExecutableKey) -> Result<(), CaptureError> {
        if self.known_executables.len() >= MAX_EXECUTABLES {
            for known in std::mem::take(&mut self.known_executables) {
                absent_is_fine(self.executables.remove(&known));
            }
        }
        if self.known_executables.insert(executable) {
            self.executables.insert(executable, 1, 0)?;
        }
        Ok(())
    }

    /// Takes that back: a process of this file has loaded an interpreter after all.
    pub fn forget_no_python(&mut self, executable: ExecutableKey) {
        if self.known_executables.remove(&executable) {
            absent_is_fine(self.executables.remove(&executable));
        }
    }

    /// Makes the kernel side send this stack whole when it sees it next.
    pub fn forget_stack(&mut self, stack: StackHash) {
        absent_is_fine(self.stacks.remove(&stack));
    }

    /// The kernel side's counters, summed over the CPUs.
    pub fn counters(&self) -> Result<Counters, CaptureError> {
        Counters::read(&self.counters)
    }

    /// Each program's name, runs and time in the kernel since load; empty if the kernel does not count them.
    pub fn run_times(&self) -> Result<Vec<RunTime>, CaptureError> {
        self.programs
            .programs()
            .filter(|(_, program)| program.fd().is_ok())
            .map(|(name, program)| {
                let info = program.info().map_err(CaptureError::from_program)?;
                Ok(RunTime { program: name.to_owned(), runs: info.run_count(), time: info.run_time() })
            })
            .collect()
    }
}

/// How often and how long one eBPF program ran.
#[derive(Clone, Debug)]
pub struct RunTime {
    /// The program's name in the object.
    pub program: String,
    /// Number of runs.
    pub runs: u64,
    /// Time in the kernel, all CPUs.
    pub time: Duration,
}

fn typed_program<'a, P>(programs: &'a mut Ebpf, name: &str) -> Result<&'a mut P, CaptureError>
where
    &'a mut P: TryFrom<&'a mut aya::programs::Program, Error = aya::programs::ProgramError>,
{
    let program = programs.program_mut(name).ok_or_else(|| CaptureError::object(name))?;
    program.try_into().map_err(CaptureError::from_program)
}

fn take_map(programs: &mut Ebpf, name: &str) -> Result<aya::maps::Map, CaptureError> {
    programs.take_map(name).ok_or_else(|| CaptureError::object(name))
}

fn map<K: aya::Pod, V: aya::Pod>(
    programs: &mut Ebpf,
    name: &str,
) -> Result<HashMap<MapData, K, V>, CaptureError> {
    Ok(HashMap::try_from(take_map(programs, name)?)?)
}

/// A delete fails only where the entry is not there (any more).
fn absent_is_fine(result: Result<(), aya::maps::MapError>) {
    if let Err(error) = result {
        tracing::trace!("already deleted: {error}");
    }
}

fn random_seed() -> Result<[u64; 2], CaptureError> {
    use std::io::Read;
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(CaptureError::Io)?;
    let (low, high) = bytes.split_at(8);
    Ok([low, high].map(|half| u64::from_ne_bytes(half.try_into().expect("eight bytes"))))
}
