//! The programs whose stacks are compared, and the packages that some of them need, for each Python. It must not know how
//! they are run or judged.
//!
//! The witness's own programs are in `workloads/`; the benchmarks are those of pyperformance as it is published, run by its
//! own runner, and the web application is Flask. What can't be had for a Python, or does not run on it, has a reason.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result};

use super::Interpreter;

/// How a program's stacks are noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The program holds still at chosen points.
    Note,
    /// A timer interrupts it wherever it is.
    Timer,
}

impl Mode {
    /// As the runner is told it.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Note => "note",
            Mode::Timer => "timer",
        }
    }
}

/// A program.
#[derive(Debug)]
pub struct Workload {
    /// What it is called.
    pub name: &'static str,
    /// How its stacks are noted.
    pub mode: Mode,
    /// Least number of different stacks that must have been seen while they were held, in a run of [`FULL_SECONDS`].
    pub stacks: usize,
    program: Program,
}

/// Seconds that the least numbers are meant for; in a shorter run they are less.
pub const FULL_SECONDS: f64 = 4.0;

#[derive(Debug)]
enum Program {
    /// A file of `workloads/`, for Python 3.X and later if said.
    Own { since: Option<i32> },
    /// The same, with the web framework.
    Web,
    /// One of pyperformance's, with its own arguments and what else it needs.
    Benchmark { arguments: &'static [&'static str], needs: &'static [&'static str] },
}

const fn own(name: &'static str, mode: Mode, stacks: usize) -> Workload {
    Workload { name, mode, stacks, program: Program::Own { since: None } }
}

const fn benchmark(name: &'static str, arguments: &'static [&'static str]) -> Workload {
    Workload { name, mode: Mode::Timer, stacks: 5, program: Program::Benchmark { arguments, needs: &[] } }
}

/// All of them; the first ones are the core, which also the short form runs.
pub const WORKLOADS: &[Workload] = &[
    own("callbacks", Mode::Note, 30),
    own("library", Mode::Timer, 30),
    own("forms", Mode::Note, 30),
    own("deep", Mode::Note, 10),
    own("names", Mode::Note, 18),
    own("threads", Mode::Note, 6),
    own("forks", Mode::Note, 20),
    Workload { program: Program::Own { since: Some(6) }, ..own("coroutines", Mode::Note, 15) },
    own("reuse", Mode::Note, 60),
    Workload { program: Program::Web, ..own("web", Mode::Timer, 30) },
    benchmark("richards", &[]),
    benchmark("deltablue", &[]),
    benchmark("nbody", &[]),
    benchmark("json_dumps", &[]),
    benchmark("regex_compile", &[]),
    benchmark("regex_effbot", &[]),
    benchmark("logging", &["format"]),
    benchmark("raytrace", &[]),
    benchmark("generators", &[]),
    benchmark("async_tree", &["none"]),
    Workload {
        program: Program::Benchmark {
            arguments: &[],
            needs: &[
                "Django==1.11.29;python_version<'3'",
                "Django==3.2.25;python_version>='3'",
                "legacy-cgi==2.6.4;python_version>='3.13'",
            ],
        },
        ..benchmark("django_template", &[])
    },
];

/// How many of them the short form runs.
pub const CORE: usize = 2;

/// The newest releases for a Python 3.X up to this one (2.7 is -1), of Flask and of pyperformance with its runner.
const RELEASES: &[(i32, &str, &[&str])] = &[
    (-1, "Flask==1.1.4", &["pyperformance==1.0.2", "pyperf==1.7.1"]),
    (6, "Flask==2.0.3", &["pyperformance==1.0.2", "pyperf==2.2.0"]),
    (7, "Flask==2.2.5", &["pyperformance==1.11.0"]),
    (8, "Flask==3.0.3", &["pyperformance==1.11.0"]),
    (i32::MAX, "Flask==3.1.2", &["pyperformance==1.14.0"]),
];

/// A program that is ready to be run.
#[derive(Debug)]
pub struct Ready {
    /// The Python file.
    pub file: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// A folder of packages that it needs.
    pub packages: Option<PathBuf>,
}

/// Why a program is not run.
pub struct NotRun(pub String);

impl Workload {
    /// The workload of this name.
    pub fn named(name: &str) -> Result<&'static Workload> {
        let names = || WORKLOADS.iter().map(|workload| workload.name).collect::<Vec<_>>().join(", ");
        let found = WORKLOADS.iter().find(|workload| workload.name == name);
        found.with_context(|| format!("no workload `{name}` among {}", names()))
    }

    /// Whether it may be that it does not run on a Python: other people's programs, which were not written for all.
    pub fn may_fail(&self) -> bool {
        matches!(self.program, Program::Benchmark { .. })
    }

    /// Gets what it needs on this Python: `sources` has the witness, `cache` keeps packages.
    ///
    /// # Errors
    /// A file of the cache can't be written. What Python or a package index is to blame for is [`NotRun`].
    pub fn ready(&self, python: &Interpreter, sources: &Path, cache: &Path) -> Result<Result<Ready, NotRun>> {
        let (_, flask, pyperformance) = releases(python.minor);
        let own =
            Ready { file: sources.join(format!("{}.py", self.name)), arguments: vec![], packages: None };
        match &self.program {
            Program::Own { since: Some(since) } if python.minor < *since => {
                Ok(Err(NotRun(format!("needs Python 3.{since}"))))
            }
            Program::Own { .. } => Ok(Ok(own)),
            Program::Web => {
                Ok(install(python, &[flask], cache)?
                    .map(|packages| Ready { packages: Some(packages), ..own }))
            }
            Program::Benchmark { arguments, needs } => {
                let wanted: Vec<&str> = pyperformance.iter().chain(*needs).copied().collect();
                let installed = install(python, &wanted, cache)?;
                Ok(installed.and_then(|packages| self.benchmark(packages, arguments)))
            }
        }
    }

    /// One value after the other of the benchmark, without end, in one process.
    fn benchmark(&self, packages: PathBuf, arguments: &[&str]) -> Result<Ready, NotRun> {
        let name = self.name;
        let folder = packages.join("pyperformance");
        let places = [
            folder.join(format!("data-files/benchmarks/bm_{name}/run_benchmark.py")),
            folder.join(format!("benchmarks/bm_{name}.py")),
        ];
        let file = places.into_iter().find(|file| file.is_file());
        let file = file.ok_or_else(|| NotRun("not in this Python's newest pyperformance".to_owned()))?;
        let runner = "--worker --loops 1 --values 1000000 --warmups 0 --min-time 1e-9".split(' ');
        let arguments = arguments.iter().copied().chain(runner).map(str::to_owned).collect();
        Ok(Ready { file, arguments, packages: Some(packages) })
    }
}

fn releases(minor: i32) -> (i32, &'static str, &'static [&'static str]) {
    *RELEASES.iter().find(|(last, ..)| minor <= *last).unwrap_or(&RELEASES[RELEASES.len() - 1])
}

/// Installs packages into a folder of their own, once.
fn install(python: &Interpreter, wanted: &[&str], cache: &Path) -> Result<Result<PathBuf, NotRun>> {
    let key: String =
        wanted.join("+").chars().map(|c| if c.is_alphanumeric() || c == '.' { c } else { '_' }).collect();
    let folder = cache.join(&python.name).join(key);
    let done = folder.join("installed");
    if done.is_file() {
        return Ok(Ok(folder));
    }
    if folder.exists() {
        // Left half-done by a run that was ended.
        fs::remove_dir_all(&folder).with_context(|| format!("can't delete {}", folder.display()))?;
    }
    // A Python without pip has it from whichever Python 3 is the machine's own.
    let own = ["-m", "pip"].map(OsStr::new);
    let others = ["-m", "pip", "--python"].map(OsStr::new);
    let has_own = pip(&python.path, &own, &["--version"])?.status.success();
    let options = ["install", "--quiet", "--disable-pip-version-check", "--target"].map(OsStr::new);
    let arguments: Vec<&OsStr> =
        options.into_iter().chain([folder.as_os_str()]).chain(wanted.iter().map(OsStr::new)).collect();
    let output = if has_own {
        pip(&python.path, &own, &arguments)?
    } else {
        pip(Path::new("python3"), &[&others[..], &[python.path.as_os_str()]].concat(), &arguments)?
    };
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let error =
            errors.lines().rfind(|line| line.starts_with("ERROR") || line.contains("No module named"));
        let said = error.or(errors.lines().last()).unwrap_or("it said nothing").trim();
        return Ok(Err(NotRun(format!("pip can't install {}: {said:.160}", wanted.join(" ")))));
    }
    fs::write(&done, wanted.join("\n")).with_context(|| format!("can't write {}", done.display()))?;
    Ok(Ok(folder))
}

/// Runs a Python's pip to its end.
fn pip(python: &Path, pip: &[&OsStr], arguments: &[impl AsRef<OsStr>]) -> Result<Output> {
    let output = Command::new(python).args(pip).args(arguments).output();
    output.with_context(|| format!("can't run {}", python.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_python_has_its_releases() {
        assert_eq!(releases(-1).1, "Flask==1.1.4");
        assert_eq!(releases(7).1, "Flask==2.2.5");
        assert_eq!((releases(9).0, releases(15).0), (i32::MAX, i32::MAX));
    }

    #[test]
    fn names_are_unique_and_own_programs_exist() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/truth/workloads");
        for (index, workload) in WORKLOADS.iter().enumerate() {
            assert!(WORKLOADS[..index].iter().all(|other| other.name != workload.name), "{}", workload.name);
            let is_own = !matches!(workload.program, Program::Benchmark { .. });
            assert_eq!(sources.join(format!("{}.py", workload.name)).is_file(), is_own, "{}", workload.name);
        }
    }
}
