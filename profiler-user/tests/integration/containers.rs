//! Processes with a root, mounts and process ids of their own, as containers have them, watched from outside by the ids
//! that they have there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use firetower::model::Pid;
use firetower::process::identity;
use serde_json::json;

use crate::program::Program;
use crate::pythons::{Process, fixture, python, shared};
use crate::recording::{CPU, assert_exact, of_process, record, record_while_busy, start};
use crate::running::{FIRETOWER, firetower};

/// How many exact stacks each must have.
const ENOUGH: u64 = 20;

/// A process that has its own ids: what the test started, and its id out here.
pub struct Inside {
    what: String,
    minor: String,
    process: Process,
    pub pid: Pid,
}

impl Inside {
    /// Starts a command that starts the process. It has said READY.
    pub fn start(what: &str, minor: &str, command: &mut Command) -> Inside {
        let process = start(command);
        let all = identity::descendants(process.pid()).expect("processes can be listed");
        let pid = all.into_iter().find(|pid| is_first_of_its_own(*pid)).expect("a process with its own ids");
        Inside { what: format!("Python {minor}, {what}"), minor: minor.to_owned(), process, pid }
    }

    /// Ends it and waits for the end of what started it, which has to tidy up.
    pub fn end(mut self) {
        self.process.close_input();
        while self.process.line().is_some() {}
    }
}

/// Whether the process has the id 1 in a namespace that is not ours: the last of `NSpid` of proc_pid_status(5).
fn is_first_of_its_own(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    ids.split_whitespace().nth(1) == Some("1")
}

/// The folder that a Python is installed in.
pub fn prefix(minor: &str) -> PathBuf {
    python(minor).parent().and_then(Path::parent).expect("bin/python").to_owned()
}

/// The folder of the fixtures; inside it is `/app`.
fn fixtures() -> PathBuf {
    fixture("shares.py").parent().expect("a folder").to_owned()
}

fn assert_all(inside: &[Inside], lines: &[crate::folded::Line]) {
    for Inside { what, minor, pid, .. } in inside {
        let mut program = Program::of("shares.py", minor);
        program.file = "/app/shares.py".into();
        assert_exact(what, &program, &of_process(lines, *pid), ENOUGH);
    }
}

#[test]
fn a_root_and_process_ids_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = |minor: String| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh"]);
        command.arg(fixture("chroot.sh")).arg(folder.path()).arg(prefix(&minor));
        command.arg(format!("python{minor}")).arg(fixtures());
        Inside::start("chroot", &minor, &mut command)
    };
    let inside: Vec<Inside> = shared().map(start).collect();
    let pids: Vec<Pid> = inside.iter().map(|inside| inside.pid).collect();
    assert_all(&inside, &record(&pids, &[]));
    inside.into_iter().for_each(Inside::end);
}

/// A bundle as the OCI runtime specification has it, but for the root, which `container.sh` lays.
fn bundle(minor: &str, folder: &Path) {
    for name in ["rootfs", "layers"] {
        fs::create_dir_all(folder.join(name)).expect("a folder of our own");
    }
    let library = prefix(minor).join(format!("lib/python{minor}"));
    let bind = |from: PathBuf, to: &str| json!({ "destination": to, "type": "bind", "source": from, "options": ["rbind", "ro"] });
    let config = json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": { "uid": 65534, "gid": 65534 },
            "args": [format!("/opt/python/bin/python{minor}"), "/app/shares.py"],
            "env": ["PATH=/usr/bin", "LD_LIBRARY_PATH=/opt/python/lib", "PYTHONHOME=/opt/python"],
            "cwd": "/",
        },
        "root": { "path": "rootfs" },
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            bind("/usr".into(), "/usr"),
            bind(library, &format!("/opt/python/lib/python{minor}")),
            bind(fixtures(), "/app"),
        ],
        "linux": { "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" }] },
    });
    fs::write(folder.join("config.json"), config.to_string()).expect("a folder of our own");
}

/// A container in `folder`.
fn container(minor: &str, runtime: &[&str], folder: &Path) -> Inside {
    let name = format!("firetower-{}-{}-{minor}", runtime[0], std::process::id());
    container_named(&name, minor, runtime, folder)
}

/// A container of this name in `folder`.
pub fn container_named(name: &str, minor: &str, runtime: &[&str], folder: &Path) -> Inside {
    let folder = folder.join(name);
    bundle(minor, &folder);
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh"]).arg(fixture("container.sh"));
    command.arg(prefix(minor)).arg(minor).args(runtime).arg("--root").arg(folder.join("state"));
    command.args(["run", "--bundle", ".", name]).current_dir(&folder);
    Inside::start(runtime[0], minor, &mut command)
}

/// As containers are run by podman and by Docker, without what these manage.
const CRUN: &[&str] = &["crun", "--cgroup-manager=disabled"];
pub const RUNC: &[&str] = &["runc"];

#[test]
fn containers_by_their_ids_out_here() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut inside: Vec<Inside> = shared().map(|minor| container(&minor, CRUN, folder.path())).collect();
    inside.push(container("3.12", RUNC, folder.path()));
    let pids: Vec<Pid> = inside.iter().map(|inside| inside.pid).collect();
    assert_all(&inside, &record(&pids, &[]));
    let library = "/opt/python/lib/libpython3.12.so.1.0";
    assert!(!Path::new(library).exists(), "what is inside is not to be seen from here");
    inside.into_iter().for_each(Inside::end);
}

#[test]
fn containers_among_all_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let inside = [container("3.8", CRUN, folder.path()), container("3.13", RUNC, folder.path())];
    let pids = inside.each_ref().map(|inside| inside.pid);
    let mut command = firetower(["record", "--all", "--lines", "-F", "999"]);
    let finished = record_while_busy(&mut command, &pids, CPU);
    assert_all(&inside, &crate::folded::parse(&finished.stdout));
    inside.into_iter().for_each(Inside::end);
}

#[test]
fn a_container_without_the_right_to_use_map_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let inside = [container("3.11", CRUN, folder.path())];
    let without = "-sys_admin,-checkpoint_restore";
    let mut command = Command::new("setpriv");
    command.args([&format!("--bounding-set={without}"), &format!("--inh-caps={without}"), FIRETOWER]);
    let pid = inside[0].pid;
    command.args(["record", "--lines", "-F", "999", "--subprocesses", "-p", &pid.to_string()]);
    let finished = record_while_busy(&mut command, &[pid], CPU);
    assert_all(&inside, &crate::folded::parse(&finished.stdout));
    inside.into_iter().for_each(Inside::end);
}
