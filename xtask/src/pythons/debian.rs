//! Interpreters out of Debian's packages, of suites that this machine does not run: unpacked into a folder of their own
//! together with the libraries they are linked with, the C library included. It must not know how packages are
//! downloaded, nor which interpreters are wanted.
//!
//! The executable is Debian's, except that it names the dynamic loader and the libraries beside it: the loader is
//! started by the kernel, so `/proc/PID/exe` is the interpreter and not the loader.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{apt, workspace};

/// Where Debian has the libraries of x86-64, below `lib`.
const LIBRARIES: &str = "lib/x86_64-linux-gnu";
/// The dynamic loader, in there.
const LOADER: &str = "ld-linux-x86-64.so.2";

/// Unpacks an interpreter and all that it needs into the folder `to`, where it works once that is at `home`.
///
/// # Errors
/// If the packages don't have the files that they are expected to have.
pub fn unpack(packages: &[PathBuf], program: &str, to: &Path, home: &Path) -> Result<()> {
    let files = to.join("files");
    for package in packages {
        apt::extract(package, &files)?;
    }
    let bin = to.join("bin");
    fs::create_dir(&bin)?;
    let python = bin.join(program);
    let unpacked = files.join("usr/bin").join(program);
    fs::rename(&unpacked, &python).with_context(|| format!("no {program} in the packages"))?;
    fs::rename(files.join("usr/lib"), to.join("lib"))?;
    // Before Debian 12, /lib is not /usr/lib.
    if files.join("lib").is_dir() {
        workspace::run(workspace::command(&files, "cp", &["--archive", "lib/."]).arg(to.join("lib")))?;
    }
    fs::remove_dir_all(&files)?;
    let loader = Path::new(LIBRARIES).join(LOADER);
    if !to.join(&loader).is_file() {
        bail!("no {} in the packages", loader.display());
    }
    // The older kind of search path: it holds for the libraries of libraries too.
    let search = format!("$ORIGIN/../{LIBRARIES}");
    let mut patch = workspace::command(to, "patchelf", &["--force-rpath", "--set-rpath", &search]);
    workspace::run(patch.arg("--set-interpreter").arg(home.join(loader)).arg(&python))
}
