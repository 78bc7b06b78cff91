//! Environments of Python with the packages that a scenario pins, made once and kept.
//!
//! The key is all that goes in: the requirements, the interpreter, the tools. The environment's last file is written when all
//! is installed: what has none was left half-done and is made anew. Packages come from wherever the machine's pip takes
//! them; with an environment that is there nothing is asked of any network. The agent's tests have this file too. It must
//! not know what the packages are for.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// What installs packages of that time: newer releases refuse some of their setup scripts.
const TOOLS: [&str; 3] = ["pip==21.3.1", "setuptools==57.5.0", "wheel==0.37.1"];
/// Makes environments for Python 2.7, which has nothing of its own for it. It brings pip 20.3.4.
const VIRTUALENV: &str = "virtualenv==20.15.1";
/// Written last.
const DONE: &str = "installed";

/// The Python of an environment with the packages that `requirements` pins, made in `cache` if it is not there.
///
/// `version` is `3.8` or the like, `interpreter` its executable. What pip says goes to standard error.
///
/// # Errors
/// If a file can't be read or written, or pip fails: what it said is above.
pub fn python(requirements: &Path, cache: &Path, version: &str, interpreter: &Path) -> Result<PathBuf> {
    let wanted = fs::read(requirements).with_context(|| format!("can't read {}", requirements.display()))?;
    let mut key = DefaultHasher::new();
    (&wanted, interpreter, TOOLS, VIRTUALENV).hash(&mut key);
    let folder = cache.join(format!("{version}-{:016x}", key.finish()));
    let python = folder.join("bin/python");
    fs::create_dir_all(cache).with_context(|| format!("can't make {}", cache.display()))?;
    let path = cache.join(format!("{version}.lock"));
    let lock = File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
    lock.lock().with_context(|| format!("can't lock {}", path.display()))?;
    if folder.join(DONE).is_file() {
        return Ok(python);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("can't delete {}", folder.display()))?;
    }
    eprintln!("installing {} for {} in {}", requirements.display(), interpreter.display(), folder.display());
    if version == "2.7" {
        let tools = cache.join("virtualenv");
        pip(interpreter, |pip| pip.args(["--upgrade", "--target"]).arg(&tools).arg(VIRTUALENV))?;
        run(Command::new(interpreter).args(["-m", "virtualenv"]).arg(&folder).env("PYTHONPATH", &tools))?;
    } else {
        run(Command::new(interpreter).args(["-m", "venv"]).arg(&folder))?;
        pip(&python, |pip| pip.args(TOOLS))?;
    }
    pip(&python, |pip| pip.args(["--no-deps", "--requirement"]).arg(requirements))?;
    fs::write(folder.join(DONE), wanted).with_context(|| format!("can't write in {}", folder.display()))?;
    Ok(python)
}

fn pip(python: &Path, with: impl Fn(&mut Command) -> &mut Command) -> Result<()> {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--progress-bar", "off", "--disable-pip-version-check"]);
    run(with(&mut command))
}

/// Runs a command to its end, all that it says on standard error.
fn run(command: &mut Command) -> Result<()> {
    // Another environment, or the tests' packages, are none of its business.
    command.env_remove("PYTHONHOME").stdin(Stdio::null()).stdout(std::io::stderr());
    let status = command.status().with_context(|| format!("can't run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}
