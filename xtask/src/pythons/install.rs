//! Bringing the interpreters that are missing, one after the other. It must not know how one is built or unpacked.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::places::Places;
use super::source::{self, Build};
use super::spent::Step;
use super::table::{Interpreter, Kind, Origin};
use super::{debian, describe, pyenv};
use crate::apt::Apt;
use crate::workspace;

/// Brings each of these that is missing, and says which can't be brought and why: that keeps no other from it.
///
/// # Errors
/// If nothing can be brought here at all.
pub fn missing(root: &Path, places: &Places, wanted: &[&Interpreter]) -> Result<()> {
    let missing: Vec<_> = wanted.iter().filter(|wanted| places.find(wanted).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    workspace::run(&mut workspace::command(root, "./bootstrap", &["pythons"]))?;
    let mut workshop = Workshop::open(root, places)?;
    for (at, interpreter) in missing.iter().enumerate() {
        let number = format!("[{}/{}]", at + 1, missing.len());
        println!("{number} Python {}: {}", interpreter.name, describe(interpreter));
        let step = Step::begin()?;
        let result = workshop.bring(interpreter);
        let (name, spent) = (interpreter.name, step.spent()?);
        match result {
            Ok(()) => println!("{number} Python {name}: done in {spent}"),
            Err(error) => println!("{number} Python {name}: FAILED after {spent}: {error:#}"),
        }
    }
    workshop.close()
}

/// Where interpreters are put together, on the file system of the cache. One process at a time is in there.
struct Workshop<'a> {
    root: &'a Path,
    places: &'a Places,
    folder: PathBuf,
    /// By suite and kind.
    apts: HashMap<(&'static str, &'static str), Apt>,
    _lock: fs::File,
}

impl<'a> Workshop<'a> {
    fn open(root: &'a Path, places: &'a Places) -> Result<Workshop<'a>> {
        let cache = &places.cache;
        fs::create_dir_all(cache).with_context(|| format!("can't make {}", cache.display()))?;
        let lock = fs::File::create(cache.join(".lock"))?;
        if lock.try_lock().is_err() {
            println!("waiting for another process that brings interpreters to {}", cache.display());
            lock.lock()?;
        }
        let folder = cache.join(".work");
        clear(&folder)?;
        Ok(Workshop { root, places, folder, apts: HashMap::new(), _lock: lock })
    }

    /// Leaves nothing behind.
    fn close(self) -> Result<()> {
        clear(&self.folder)
    }

    fn bring(&mut self, interpreter: &Interpreter) -> Result<()> {
        // Another process may have brought it while this one waited.
        if self.places.find(interpreter).is_some() {
            return Ok(());
        }
        match interpreter.origin {
            Origin::Pyenv { release } => pyenv::build(self.root, &self.places.pyenv, release),
            Origin::Packages { suite, packages } => {
                let archives = self.folder.join("packages");
                clear(&archives)?;
                let files = self.apt(suite, "deb")?.download_closure(packages, &archives)?;
                self.put(interpreter, |to, home| debian::unpack(&files, interpreter.program, to, home))
            }
            Origin::Source { suite, configure } => {
                let archive = self.source(interpreter.version, suite)?;
                let build = Build {
                    archive: &archive,
                    configure,
                    musl: interpreter.kind == Kind::Musl,
                    strip: (interpreter.kind == Kind::Static).then_some(interpreter.program),
                    log: &self.places.cache.join(format!("{}.log", interpreter.name)),
                };
                self.put(interpreter, |to, home| build.run(to, home))
            }
        }
    }

    /// CPython's source: what someone put into the cache's `sources`, else what the suite has.
    fn source(&mut self, version: &str, suite: &'static str) -> Result<PathBuf> {
        let sources = self.places.cache.join("sources");
        if let Some(archive) = source::archive_in(&sources, version) {
            println!("    source: {}", archive.display());
            return Ok(archive);
        }
        let to = self.folder.join(format!("source-{version}-{suite}"));
        let apt = self.apt(suite, "deb-src")?;
        apt.download_source(&format!("python{version}"), &to).with_context(|| {
            let sources = sources.display();
            format!("no source from Debian {suite} (CPython's own Python-{version}.N.tar.xz in {sources} would do)")
        })
    }

    fn apt(&mut self, suite: &'static str, kind: &'static str) -> Result<&Apt> {
        if !self.apts.contains_key(&(suite, kind)) {
            let apt = Apt::new(&self.folder.join(format!("apt-{suite}-{kind}")), suite, kind)?;
            self.apts.insert((suite, kind), apt);
        }
        Ok(&self.apts[&(suite, kind)])
    }

    /// Has an interpreter put together in a folder besides, then moves it to its place, which it is told too.
    fn put(&self, interpreter: &Interpreter, make: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<()> {
        let home = self.places.folder(interpreter);
        let folder = self.folder.join(interpreter.name);
        clear(&folder)?;
        fs::create_dir_all(&folder)?;
        make(&folder, &home)?;
        // What is there has no interpreter, else this would not be made.
        clear(&home)?;
        fs::rename(&folder, &home)?;
        let python = home.join("bin").join(interpreter.program);
        let checked = super::ask(self.root, &python, interpreter.version);
        if checked.is_err() {
            // It can be tried only at its place, and must not stay there.
            fs::rename(&home, &folder)?;
        }
        checked.map(|_| ())
    }
}

fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("can't remove {}", folder.display()))?;
    }
    Ok(())
}
