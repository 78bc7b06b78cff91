//! Where interpreters are on this machine. It must not know how they get there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::table::{INTERPRETERS, Interpreter, Origin};

/// The folders that hold interpreters.
pub struct Places {
    /// pyenv's own: `$PYENV_ROOT`, else `~/.pyenv`.
    pub pyenv: PathBuf,
    /// For all that pyenv does not bring, a folder for each by its name: `$FIRETOWER_PYTHONS`, else
    /// `${XDG_CACHE_HOME:-~/.cache}/firetower/pythons`.
    pub cache: PathBuf,
}

impl Places {
    /// As the environment says.
    pub fn new() -> Result<Places> {
        let pyenv = match variable("PYENV_ROOT") {
            Some(folder) => folder,
            None => home()?.join(".pyenv"),
        };
        let cache = match variable("FIRETOWER_PYTHONS") {
            Some(folder) => std::path::absolute(folder)?,
            None => cache("pythons")?,
        };
        Ok(Places { pyenv, cache })
    }

    /// The executable of this interpreter, if it is there.
    pub fn find(&self, interpreter: &Interpreter) -> Option<PathBuf> {
        match interpreter.origin {
            Origin::Pyenv { .. } => shared(&self.pyenv, interpreter.version),
            Origin::Packages { .. } | Origin::Source { .. } => {
                let program = self.folder(interpreter).join("bin").join(interpreter.program);
                program.is_file().then_some(program)
            }
        }
    }

    /// The folder that an interpreter has in the cache.
    pub fn folder(&self, interpreter: &Interpreter) -> PathBuf {
        self.cache.join(interpreter.name)
    }
}

/// `${XDG_CACHE_HOME:-~/.cache}/firetower/KIND`: what every checkout uses.
///
/// # Errors
/// If there is no home folder.
pub fn cache(kind: &str) -> Result<PathBuf> {
    let caches = match variable("XDG_CACHE_HOME") {
        Some(caches) => caches,
        None => home()?.join(".cache"),
    };
    Ok(caches.join("firetower").join(kind))
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn home() -> Result<PathBuf> {
    std::env::home_dir().context("there is no home folder")
}

/// The release build of this version (`3.11`), if it is there.
///
/// # Errors
/// If there is no home folder to look in, or the version is not in the table.
pub fn find_release(version: &str) -> Result<Option<PathBuf>> {
    let known = INTERPRETERS.iter().find(|known| known.name == version);
    let known = known.with_context(|| format!("no interpreter {version} in the table"))?;
    Ok(Places::new()?.find(known))
}

/// pyenv's newest interpreter of this version (`3.11`) that has a shared libpython.
pub fn shared(pyenv: &Path, version: &str) -> Option<PathBuf> {
    let prefix = format!("{version}.");
    let releases = pyenv.join("versions").read_dir().ok()?.flatten().filter_map(|entry| {
        // `3.13.0t` and the like are other builds, not this version.
        let release: u32 = entry.file_name().to_str()?.strip_prefix(&prefix)?.parse().ok()?;
        // Named `libpython3.7m` before 3.8.
        let has = |name: String| entry.path().join("lib").join(name).is_file();
        let library = has(format!("libpython{version}.so.1.0")) || has(format!("libpython{version}m.so.1.0"));
        let python = entry.path().join(format!("bin/python{version}"));
        (library && python.is_file()).then_some((release, python))
    });
    releases.max().map(|(_, python)| python)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_newest_release_with_a_shared_library_is_found() {
        let pyenv = tempfile::tempdir().expect("a folder");
        for (release, library) in [
            ("3.11.9", Some("libpython3.11.so.1.0")),
            ("3.11.10", Some("libpython3.11.so.1.0")),
            ("3.11.11", None),
            ("3.11.12t", Some("libpython3.11.so.1.0")),
            ("3.7.1", Some("libpython3.7m.so.1.0")),
        ] {
            let folder = pyenv.path().join("versions").join(release);
            let minor = release.rsplit_once('.').expect("a release").0;
            let program = format!("bin/python{minor}");
            let library = library.map(|name| format!("lib/{name}"));
            for file in [Some(program), library].into_iter().flatten() {
                let file = folder.join(file);
                fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
                fs::write(file, "").expect("a file");
            }
        }
        let found = shared(pyenv.path(), "3.11").expect("there are two");
        assert_eq!(found, pyenv.path().join("versions/3.11.10/bin/python3.11"));
        let found = shared(pyenv.path(), "3.7").expect("there is one");
        assert_eq!(found, pyenv.path().join("versions/3.7.1/bin/python3.7"));
        assert_eq!(shared(pyenv.path(), "3.1"), None);
        assert_eq!(shared(Path::new("/nonexistent"), "3.11"), None);
    }
}
