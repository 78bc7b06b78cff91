//! The interpreters that tests run, and child processes that don't outlive their test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use firetower::model::Pid;
use firetower::python::versions::RELEASES;

/// The minor versions that firetower supports, `3.11`: every test against interpreters runs with all of them.
pub fn supported() -> impl Iterator<Item = String> {
    RELEASES.iter().map(|release| format!("{}.{}", release.major, release.minor))
}

/// The interpreter of this minor version: the newest `X.Y.*/bin/pythonX.Y` in `$FIRETOWER_PYTHONS`, else in
/// `${PYENV_ROOT:-~/.pyenv}/versions`. Panics if there is none: a test that is skipped tells nothing.
pub fn python(minor: &str) -> PathBuf {
    let directories = directories();
    let found = directories.iter().find_map(|directory| newest(directory, minor));
    found.unwrap_or_else(|| {
        panic!("no Python {minor} in {directories:?}: install it there (`pyenv install {minor}`) to run this test")
    })
}

fn directories() -> Vec<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let pyenv = variable("PYENV_ROOT").or_else(|| variable("HOME").map(|home| home.join(".pyenv")));
    let versions = pyenv.map(|pyenv| pyenv.join("versions"));
    variable("FIRETOWER_PYTHONS").into_iter().chain(versions).collect()
}

fn newest(directory: &Path, minor: &str) -> Option<PathBuf> {
    let prefix = format!("{minor}.");
    let entries = fs::read_dir(directory).ok()?.filter_map(Result::ok);
    let versions = entries.filter_map(|entry| {
        let micro: u32 = entry.file_name().to_str()?.strip_prefix(&prefix)?.parse().ok()?;
        let file = entry.path().join("bin").join(format!("python{minor}"));
        file.exists().then_some((micro, file))
    });
    versions.max().map(|(_, file)| file)
}

/// Copies an interpreter's library to where the loader finds it first, so that it can be changed.
pub fn with_own_library(minor: &str, directory: &Path) -> (Command, PathBuf) {
    let python = python(minor);
    let name = format!("libpython{minor}.so.1.0");
    let library = directory.join(&name);
    let lib = python.parent().and_then(Path::parent).expect("bin/python").join("lib");
    fs::copy(lib.join(&name), &library).expect("a shared build of Python");
    fs::set_permissions(&library, fs::Permissions::from_mode(0o755)).expect("a file of our own");
    let mut command = Command::new(python);
    command.env("LD_LIBRARY_PATH", directory);
    (command, library)
}

/// A file of `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A child process; killed and waited for when dropped. Its standard input stays open until then.
pub struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a command whose output the test reads.
    pub fn start(command: &mut Command) -> Process {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Process { child, output }
    }

    /// Its id.
    pub fn pid(&self) -> Pid {
        Pid(self.child.id())
    }

    /// The next line of its output, without the newline; `None` at the end.
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line).expect("output in UTF-8");
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// Closes its standard input: fixtures end when that ends.
    pub fn close_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Kills it and waits for its end. It stays known to the kernel until this returns.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is our child");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it was waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
