//! Packages of PyPI that tests need, installed once for each Python into a cache outside of the checkout.
//!
//! The versions are pinned in `tests/fixtures/requirements.txt` and the like. A cache is made under another name and renamed when it
//! is whole, one test at a time: what is there is complete.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pythons::{fixture, python};

/// The folder that a `PYTHONPATH` names to have the packages with this Python. Panics if they can't be installed: a test
/// that is skipped tells nothing.
pub fn packages(minor: &str) -> PathBuf {
    packages_of(minor, "requirements.txt")
}

/// The same for the packages that another file of `tests/fixtures` names.
pub fn packages_of(minor: &str, requirements: &str) -> PathBuf {
    let requirements = fixture(requirements);
    let wanted = fs::read(&requirements).expect("the pinned versions");
    let python = python(minor);
    let mut key = DefaultHasher::new();
    (&wanted, &python).hash(&mut key);
    let cache = cache("pypi").join(minor);
    let folder = cache.join(format!("{:016x}", key.finish()));
    if folder.exists() {
        return folder;
    }
    fs::create_dir_all(&cache).unwrap_or_else(|error| panic!("{}: {error}", cache.display()));
    let lock = File::create(cache.join("lock")).expect("a file of our own");
    lock.lock().expect("other tests let go of it");
    if !folder.exists() {
        install(&python, &requirements, &folder);
    }
    folder
}

/// `${XDG_CACHE_HOME:-~/.cache}/firetower/KIND`
pub fn cache(kind: &str) -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = base.or_else(|| Some(std::env::home_dir()?.join(".cache")));
    base.expect("a home folder").join("firetower").join(kind)
}

fn install(python: &Path, requirements: &Path, folder: &Path) {
    let new = folder.with_extension("new");
    let _ = fs::remove_dir_all(&new); // What a run that was killed has left.
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target"]);
    command.arg(&new).arg("-r").arg(requirements);
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    // A package of a namespace that 2.7 finds by a .pth file, which it reads in its own folders only.
    if new.join("zope").exists() {
        fs::write(new.join("zope/__init__.py"), "").expect("the folder of zope.interface");
    }
    fs::rename(&new, folder).expect("folders of our own");
}
