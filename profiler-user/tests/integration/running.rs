//! Programs that a test runs and looks at: output collected while they run, a deadline on every wait, and an end with
//! their test. And the binary `firetower`, as a user runs it.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use firetower::model::Pid;
use nix::sys::signal::{Signal, kill};

/// The binary under test.
pub const FIRETOWER: &str = env!("CARGO_BIN_EXE_firetower");
/// Longest wait for anything: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` answers something, and panics if that takes too long.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = condition() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A running program. Killed and waited for when dropped.
pub struct Running {
    child: Child,
    stdout: Option<Collector>,
    stderr: Option<Collector>,
    what: String,
}

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code, or the negated number of the signal that killed it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

struct Collector {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Collector {
    fn new(mut from: impl Read + Send + 'static) -> Collector {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let reader = std::thread::spawn({
            let bytes = bytes.clone();
            move || {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = from.read(&mut buffer) {
                    bytes.lock().expect("no panic here").extend_from_slice(&buffer[..read]);
                }
            }
        });
        Collector { bytes, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8(self.bytes.lock().expect("no panic there").clone()).expect("UTF-8")
    }
}

impl Running {
    /// Starts a command without input.
    pub fn start(command: &mut Command) -> Running {
        Running::start_with(command, Stdio::piped())
    }

    /// The same, with its output going elsewhere.
    pub fn start_with(command: &mut Command, stdout: Stdio) -> Running {
        let what = format!("{command:?}");
        let spawned = command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{what}: {error}"));
        let stdout = child.stdout.take().map(Collector::new);
        let stderr = child.stderr.take().map(Collector::new);
        Running { child, stdout, stderr, what }
    }

    /// Its id.
    pub fn pid(&self) -> Pid {
        Pid(self.child.id())
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.as_ref().expect("it has not finished").so_far()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(nix::unistd::Pid::from_raw(self.child.id() as i32), signal).expect("it is our child");
    }

    /// Panics if it has ended.
    pub fn assert_running(&mut self) {
        if let Some(status) = self.child.try_wait().expect("it is our child") {
            panic!("{}: {status}: {}", self.what, self.stderr());
        }
    }

    /// Waits until it has perf events open and waits for what comes of them, then until `busy` has used this much CPU since:
    /// whatever it profiles `busy` at is well under way. That they are open is not enough: on a busy machine some time goes by
    /// until they are enabled. Panics if it ends before.
    pub fn wait_until_it_has_seen(&mut self, busy: Pid, cpu: Duration) {
        let descriptors = format!("/proc/{}/fd", self.pid());
        wait_for("perf events", || {
            self.assert_running();
            let mut files =
                std::fs::read_dir(&descriptors).ok()?.filter_map(|entry| entry.ok()?.path().read_link().ok());
            files.find(|file| file.to_string_lossy().contains("perf_event"))
        });
        // Its first thread drains events, and that it does between two waits for them; with so many of them that it never
        // waits it is well under way, too.
        let call = format!("/proc/{}/syscall", self.pid());
        let ppoll = libc::SYS_ppoll.to_string();
        let opened = cpu_time(busy);
        wait_for("its first wait for events", || {
            self.assert_running();
            let call = std::fs::read_to_string(&call).ok()?;
            let waits = call.split(' ').next() == Some(&ppoll);
            (waits || cpu_time(busy) >= opened + Duration::from_secs(1)).then_some(())
        });
        let begin = cpu_time(busy);
        wait_for("CPU use", || (cpu_time(busy) >= begin + cpu).then_some(()));
    }

    /// Waits until it ends by itself.
    pub fn finish(self) -> Finished {
        self.finish_within(PATIENCE)
    }

    /// The same for what may take longer.
    pub fn finish_within(mut self, patience: Duration) -> Finished {
        let deadline = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            assert!(Instant::now() < deadline, "{} does not end; it said: {}", self.what, self.stderr());
            std::thread::sleep(Duration::from_millis(10));
        };
        let code = status.code().or(status.signal().map(|signal| -signal)).expect("it has ended");
        let mut said = [self.stdout.take(), self.stderr.take()].map(|collector| match collector {
            Some(collector) => {
                // Its own children may hold the pipe open longer: what comes from them is not waited for.
                wait_for("the end of output", || collector.reader.is_finished().then_some(()));
                collector.so_far()
            }
            None => String::new(),
        });
        let [stdout, stderr] = said.each_mut().map(std::mem::take);
        Finished { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it was waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time that a process has used, children not included: utime and stime of proc_pid_stat(5).
pub fn cpu_time(pid: Pid) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process is there");
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks: u64 =
        fields.split(' ').skip(12).take(2).map(|field| field.parse::<u64>().expect("ticks")).sum();
    // USER_HZ is 100 on every Linux since 2.6.
    Duration::from_millis(ticks * 10)
}

/// `firetower` with these arguments.
pub fn firetower<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(FIRETOWER);
    command.args(arguments);
    command
}

/// Runs `firetower` to its end.
pub fn run<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Finished {
    Running::start(&mut firetower(arguments)).finish()
}

/// A copy of the binary in a folder of ours, where everybody can run it.
pub fn for_everybody(folder: &Path) -> String {
    let copy = folder.join("firetower");
    std::fs::copy(FIRETOWER, &copy).expect("a copy");
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).expect("our own folder");
    copy.to_str().expect("UTF-8").to_owned()
}
