//! Where the checkout is, and running other programs in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The checkout's top folder.
///
/// Asked of cargo at run time: a path compiled into this binary would outlive a move of the checkout.
pub fn root() -> Result<PathBuf> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    let root = Path::new(&manifest).parent().context("xtask lies in no folder")?;
    root.canonicalize().with_context(|| format!("can't find {}", root.display()))
}

/// A command that starts in `folder`, without stdin.
pub fn command(folder: &Path, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command to its end; what it prints is shown.
///
/// # Errors
/// If it can't be started or ends with anything but 0.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("can't run {}", describe(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", describe(command));
    }
    Ok(())
}

/// Runs a command to its end and answers what it wrote to stdout, without white space around it.
///
/// # Errors
/// If it can't be started or ends with anything but 0 (its stderr is in the message), or wrote no UTF-8.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("can't run {}", describe(command)))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed: {}\n{}", describe(command), output.status, told.trim());
    }
    let text =
        String::from_utf8(output.stdout).with_context(|| format!("output of {}", describe(command)))?;
    Ok(text.trim().to_owned())
}

/// Paths, relative to `root`, of the files that are in git or would be with `git add --all`.
pub fn tracked_files(root: &Path) -> Result<Vec<PathBuf>> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let listed = output(&mut command(root, "git", &arguments))?;
    let mut files: Vec<PathBuf> =
        listed.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    // A file deleted but not yet from the index is still listed.
    files.retain(|file| root.join(file).symlink_metadata().is_ok());
    files.sort();
    files.dedup();
    Ok(files)
}

/// Whether this process may do what only root may.
pub fn is_root(root: &Path) -> Result<bool> {
    Ok(output(&mut command(root, "id", &["-u"]))? == "0")
}

/// The command as one would type it.
fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
