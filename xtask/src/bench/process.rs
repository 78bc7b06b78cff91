//! Child processes and the CPU time they take, asked of the kernel from outside. It must not know what they do.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// After a profiler's start: until it surely samples, so that a window may begin.
pub const WARM_UP: Duration = Duration::from_secs(2);
/// For how long a profiler is asked to go on after the window: it is to sample to the window's end, and write later.
pub const REST: Duration = Duration::from_secs(1);
/// How long a program may take beyond what it is asked for, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition is looked at that no event tells of.
const LOOK: Duration = Duration::from_millis(10);

/// A child process. It is killed when dropped: nothing goes on running after the benchmark.
pub struct Process {
    child: Child,
    name: String,
    started: Instant,
    output: PathBuf,
    errors: PathBuf,
}

/// How much CPU time a process had taken at a moment.
pub struct Reading {
    /// The moment.
    pub at: Instant,
    /// User and system time until then.
    pub cpu: Duration,
}

/// What must be said of a window that began [`WARM_UP`] after a program's start, if it is not sure that the program, which
/// worked for `worked` and then ended, was at work by then.
pub fn doubt(ended: &Ended, worked: Duration) -> Option<String> {
    // It began no later than this; how much of it was its end can't be told from outside.
    let late = ended.elapsed.saturating_sub(worked);
    (late > WARM_UP).then(|| {
        format!(
            "it took {:.1} s to start and end: some of it may be in the window that began after {:.1} s",
            late.as_secs_f64(),
            WARM_UP.as_secs_f64()
        )
    })
}

/// How a process ended.
pub struct Ended {
    /// User and system time of all its threads over its whole life.
    pub cpu: Duration,
    /// From its start to its end.
    pub elapsed: Duration,
    /// What it wrote to standard output.
    pub output: String,
    /// What it wrote to standard error.
    pub errors: String,
}

impl Process {
    /// Starts a command. What it writes goes to files `name.out` and `name.err` in `folder`: a pipe that nobody
    /// empties would stop it.
    pub fn start(mut command: Command, folder: &Path, name: &str) -> Result<Process> {
        let file = |ending: &str| {
            let path = folder.join(format!("{name}.{ending}"));
            let file = File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
            Ok::<_, anyhow::Error>((path, file))
        };
        let ((output, to_output), (errors, to_errors)) = (file("out")?, file("err")?);
        command.stdin(Stdio::null()).stdout(to_output).stderr(to_errors);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("can't run {name}: {command:?}"))?;
        Ok(Process { child, name: name.to_owned(), started, output, errors })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn nix_pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// User and system time so far, of all its threads, those that have ended included; exact, not in clock ticks.
    pub fn cpu(&self) -> Result<Duration> {
        let time = clock_getcpuclockid(self.nix_pid()).and_then(clock_gettime);
        time.map(Duration::from).with_context(|| format!("can't read the CPU time of {}", self.name))
    }

    /// Waits until it has run for `since_start`, and reads its CPU time then.
    ///
    /// # Errors
    /// If it has ended by then.
    pub fn reading_at(&self, since_start: Duration) -> Result<Reading> {
        std::thread::sleep((self.started + since_start).saturating_duration_since(Instant::now()));
        match self.status()? {
            WaitStatus::StillAlive => {}
            status => bail!(self.end_in_words(status)?),
        }
        Ok(Reading { at: Instant::now(), cpu: self.cpu()? })
    }

    /// What it has written to standard output so far.
    pub fn output(&self) -> Result<String> {
        self.read(&self.output)
    }

    /// Keeps it on one CPU.
    pub fn pin(&self, cpu: usize) -> Result<()> {
        let mut set = CpuSet::new();
        set.set(cpu)
            .and_then(|()| sched_setaffinity(self.nix_pid(), &set))
            .with_context(|| format!("can't keep {} on CPU {cpu}", self.name))
    }

    /// Waits for a line of its output (standard or error) that `find` finds something in.
    ///
    /// # Errors
    /// If it ends before, or there is none within `within`.
    pub fn wait_for<T>(&mut self, within: Duration, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + within;
        loop {
            let status = self.status()?;
            let (output, errors) = (self.read(&self.output)?, self.read(&self.errors)?);
            // A line that is being written is not one yet.
            let mut lines = [&output, &errors].into_iter().flat_map(|text| text.split_inclusive('\n'));
            if let Some(found) = lines.find_map(|line| find(line.strip_suffix('\n')?)) {
                return Ok(found);
            }
            if status != WaitStatus::StillAlive {
                bail!(self.end_in_words(status)?);
            }
            if Instant::now() >= deadline {
                bail!("{} did not get ready within {} s:\n{}", self.name, within.as_secs(), errors.trim());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Asks it to end.
    pub fn terminate(&self) -> Result<()> {
        kill(self.nix_pid(), Signal::SIGTERM).with_context(|| format!("can't end {}", self.name))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it does not end within `within`, or with anything but 0: what it wrote to standard error is in the message.
    pub fn finish(mut self, within: Duration) -> Result<Ended> {
        let deadline = Instant::now() + within;
        while self.status()? == WaitStatus::StillAlive {
            if Instant::now() >= deadline {
                bail!("{} does not end: {} s are over", self.name, within.as_secs());
            }
            std::thread::sleep(LOOK);
        }
        let elapsed = self.started.elapsed();
        // Its CPU clock stays readable until it is waited for.
        let cpu = self.cpu()?;
        let status = self.child.wait().with_context(|| format!("can't wait for {}", self.name))?;
        let (output, errors) = (self.read(&self.output)?, self.read(&self.errors)?);
        if !status.success() {
            bail!("{} failed: {status}\n{}", self.name, errors.trim());
        }
        Ok(Ended { cpu, elapsed, output, errors })
    }

    /// Whether and how it has ended; it is not waited for.
    fn status(&self) -> Result<WaitStatus> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(self.nix_pid()), flags).with_context(|| format!("can't wait for {}", self.name))
    }

    /// How it ended though it should not have yet, with the last that it said unless the kernel cut it off.
    fn end_in_words(&self, status: WaitStatus) -> Result<String> {
        let errors = self.read(&self.errors)?;
        let last = errors.trim().lines().next_back().unwrap_or("it said nothing");
        Ok(match status {
            WaitStatus::Exited(_, code) => format!("{} ended too early, with {code}: {last}", self.name),
            WaitStatus::Signaled(_, signal, _) => format!("{} was killed by {signal}", self.name),
            other => format!("{} ended too early: {other:?}", self.name),
        })
    }

    /// What it wrote so far; peers write what is no UTF-8 where a torn read led them.
    fn read(&self, path: &Path) -> Result<String> {
        let bytes = fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it was waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, name: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(command, &std::env::temp_dir(), &format!("{name}-{}", std::process::id())).expect("sh")
    }

    #[test]
    fn the_cpu_time_of_a_whole_life_is_known_after_its_end() {
        let process = shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo $i", "loop");
        let ended = process.finish(Duration::from_secs(60)).expect("it ends");
        assert_eq!(ended.output, "200000\n");
        assert!(ended.cpu > Duration::from_millis(5) && ended.cpu <= ended.elapsed, "{:?}", ended.cpu);
    }

    #[test]
    fn a_failure_brings_what_was_said_along() {
        let error = shell("echo no such thing >&2; exit 3", "fail").finish(Duration::from_secs(60)).err();
        assert!(error.expect("it fails").to_string().contains("no such thing"));
        let waited = shell("echo half; exit 0", "early").wait_for(Duration::from_secs(60), |_| None::<()>);
        assert!(waited.expect_err("it ended").to_string().contains("too early"));
    }
}
