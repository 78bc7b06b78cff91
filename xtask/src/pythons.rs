//! `cargo xtask pythons`: the interpreters that the tests read, as pyenv has them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// The versions the tests run, and the release of each that is built where there is none.
pub const WANTED: &[(&str, &str)] =
    &[("2.7", "2.7.18"), ("3.8", "3.8.18"), ("3.11", "3.11.7"), ("3.12", "3.12.1"), ("3.13", "3.13.0")];

/// Prints where each interpreter is; installs what is missing if `install`.
///
/// # Errors
/// If one is missing in the end: which, and how to get it.
pub fn provide(root: &Path, install: bool) -> Result<()> {
    let pyenv = pyenv_root()?;
    if install && WANTED.iter().any(|(version, _)| find(&pyenv, version).is_none()) {
        install_missing(root, &pyenv)?;
    }
    let mut missing = Vec::new();
    for (version, release) in WANTED {
        match find(&pyenv, version) {
            Some(path) => println!("{version:<5} {}", path.display()),
            None => {
                println!("{version:<5} missing");
                missing.push(*release);
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "there is no Python {} with a shared libpython in {}: run `cargo xtask pythons --install`, or with pyenv \
         `PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install VERSION`",
        missing.join(", "),
        pyenv.join("versions").display()
    );
}

/// Where pyenv keeps its versions: `$PYENV_ROOT`, else `~/.pyenv`.
pub fn pyenv_root() -> Result<PathBuf> {
    match std::env::var_os("PYENV_ROOT") {
        Some(root) => Ok(root.into()),
        None => Ok(std::env::home_dir().context("there is no home folder")?.join(".pyenv")),
    }
}

/// The newest interpreter of this version (`3.11`) that has a shared libpython.
pub fn find(pyenv: &Path, version: &str) -> Option<PathBuf> {
    let prefix = format!("{version}.");
    let releases = pyenv.join("versions").read_dir().ok()?.flatten().filter_map(|entry| {
        // `3.13.0t` and the like are other builds, not this version.
        let release: u32 = entry.file_name().to_str()?.strip_prefix(&prefix)?.parse().ok()?;
        let library = entry.path().join(format!("lib/libpython{version}.so.1.0"));
        let python = entry.path().join(format!("bin/python{version}"));
        (library.is_file() && python.is_file()).then_some((release, python))
    });
    releases.max().map(|(_, python)| python)
}

fn install_missing(root: &Path, pyenv: &Path) -> Result<()> {
    workspace::run(&mut workspace::command(root, "./bootstrap", &["pythons"]))?;
    let program = pyenv.join("bin/pyenv");
    if !program.is_file() {
        let to = pyenv.to_str().context("pyenv's folder is not UTF-8")?;
        let clone = ["clone", "--quiet", "--depth", "1", "https://github.com/pyenv/pyenv", to];
        workspace::run(&mut workspace::command(root, "git", &clone))?;
    }
    for (version, release) in WANTED {
        if find(pyenv, version).is_none() {
            println!("building Python {release}");
            let mut build = workspace::command(root, &program, &["install", "--force", release]);
            workspace::run(build.env("PYENV_ROOT", pyenv).env("PYTHON_CONFIGURE_OPTS", "--enable-shared"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_newest_release_with_a_shared_library_is_found() {
        let pyenv = tempfile::tempdir().expect("a folder");
        for (release, library) in
            [("3.11.9", true), ("3.11.10", true), ("3.11.11", false), ("3.11.12t", true)]
        {
            let folder = pyenv.path().join("versions").join(release);
            for (inner, file) in [("bin", "python3.11"), ("lib", "libpython3.11.so.1.0")] {
                fs::create_dir_all(folder.join(inner)).expect("a folder");
                if inner == "bin" || library {
                    fs::write(folder.join(inner).join(file), "").expect("a file");
                }
            }
        }
        let found = find(pyenv.path(), "3.11").expect("there are two");
        assert_eq!(found, pyenv.path().join("versions/3.11.10/bin/python3.11"));
        assert_eq!(find(pyenv.path(), "3.1"), None);
        assert_eq!(find(Path::new("/nonexistent"), "3.11"), None);
    }
}
