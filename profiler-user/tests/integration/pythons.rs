//! The interpreters that tests run, and child processes that don't outlive their test.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use firetower::model::Pid;
use firetower::python::versions::RELEASES;
pub use table::{INTERPRETERS, Interpreter, Kind};

/// The table itself, not a copy of it: what tests run and what is brought for them can't differ.
#[path = "../../../xtask/src/pythons/table.rs"]
#[expect(dead_code, reason = "where an interpreter comes from is no matter of the tests")]
mod table;

/// The minor versions that firetower supports, `3.11`: every test against interpreters runs with all of them.
pub fn supported() -> impl Iterator<Item = String> {
    RELEASES.iter().map(|release| format!("{}.{}", release.major, release.minor))
}

/// Those of them that are built by pyenv: with a shared libpython, headers and pip.
pub fn shared() -> impl Iterator<Item = String> {
    let of_pyenv = |known: &&Interpreter| matches!(known.origin, table::Origin::Pyenv { .. });
    INTERPRETERS.iter().filter(of_pyenv).map(|known| known.version.to_owned())
}

/// The release build of this minor version: the newest `X.Y.*/bin/pythonX.Y` or `X.Y/bin/pythonX.Y` in
/// `$FIRETOWER_PYTHONS` (`${XDG_CACHE_HOME:-~/.cache}/firetower/pythons` if that is not set), else in
/// `${PYENV_ROOT:-~/.pyenv}/versions`. Panics if there is none: a test that is skipped tells nothing.
pub fn python(minor: &str) -> PathBuf {
    let directories = directories();
    let found = directories.iter().find_map(|directory| newest(directory, minor));
    found.unwrap_or_else(|| {
        panic!("no Python {minor} in {directories:?}: bring it with `cargo xtask pythons --install {minor}`")
    })
}

/// The interpreter of this name in the table of `cargo xtask pythons`: `3.13t`, `3.11-dbg`. Panics if it is not in the
/// table or not on this machine.
pub fn build(name: &str) -> PathBuf {
    let known = INTERPRETERS.iter().find(|known| known.name == name);
    let known =
        known.unwrap_or_else(|| panic!("no interpreter {name} in the table of `cargo xtask pythons`"));
    present(known).unwrap_or_else(|| missing(known))
}

/// Every interpreter of that table and its path, in its order. Panics at the first that is missing, but for those that
/// the table says can't be had everywhere.
pub fn builds() -> impl Iterator<Item = (&'static Interpreter, PathBuf)> {
    INTERPRETERS.iter().filter_map(|known| match present(known) {
        None if known.unless.is_some() => None,
        found => Some((known, found.unwrap_or_else(|| missing(known)))),
    })
}

fn present(known: &Interpreter) -> Option<PathBuf> {
    let program = Path::new(known.name).join("bin").join(known.program);
    let is_release = known.name == known.version;
    directories().iter().find_map(|directory| match is_release {
        true => newest(directory, known.version),
        false => Some(directory.join(&program)).filter(|file| file.exists()),
    })
}

fn missing(known: &Interpreter) -> ! {
    let (name, directories) = (known.name, directories());
    let why = known.unless.map(|reason| format!(": {reason}")).unwrap_or_default();
    panic!("no Python {name} in {directories:?}: `cargo xtask pythons --install {name}` brings it{why}")
}

fn directories() -> Vec<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = variable("HOME");
    let below_home = |folder| home.as_ref().map(|home| home.join(folder));
    let caches = variable("XDG_CACHE_HOME").or_else(|| below_home(".cache"));
    let cache =
        variable("FIRETOWER_PYTHONS").or_else(|| caches.map(|caches| caches.join("firetower/pythons")));
    let pyenv = variable("PYENV_ROOT").or_else(|| below_home(".pyenv"));
    let versions = pyenv.map(|pyenv| pyenv.join("versions"));
    cache.into_iter().chain(versions).collect()
}

fn newest(directory: &Path, minor: &str) -> Option<PathBuf> {
    let prefix = format!("{minor}.");
    let entries = fs::read_dir(directory).ok()?.filter_map(Result::ok);
    let versions = entries.filter_map(|entry| {
        let name = entry.file_name();
        let name = name.to_str()?;
        // A folder named by the version alone tells no release: any that does is taken before it.
        let micro: Option<u32> = match name == minor {
            true => None,
            false => Some(name.strip_prefix(&prefix)?.parse().ok()?),
        };
        let file = entry.path().join("bin").join(format!("python{minor}"));
        file.exists().then_some((micro, file))
    });
    versions.max().map(|(_, file)| file)
}

/// Copies an interpreter's library to where the loader finds it first, so that it can be changed.
pub fn with_own_library(minor: &str, directory: &Path) -> (Command, PathBuf) {
    let python = python(minor);
    let lib = python.parent().and_then(Path::parent).expect("bin/python").join("lib");
    // With the flags of its ABI up to 3.7: `libpython3.6m.so.1.0`.
    let names = ["", "m"].map(|flags| format!("libpython{minor}{flags}.so.1.0"));
    let name = names.iter().find(|name| lib.join(name).exists()).expect("a shared build of Python");
    let library = directory.join(name);
    fs::copy(lib.join(name), &library).expect("it can be copied");
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

    /// Gives it an empty line to read.
    pub fn write_line(&mut self) {
        let input = self.child.stdin.as_mut().expect("it is open");
        input.write_all(b"\n").expect("it reads");
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
