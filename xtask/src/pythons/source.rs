//! Interpreters built from CPython's source. It must not know which are wanted, nor where the source comes from.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::spent::Step;
use crate::workspace;

/// Of every build: no tests of CPython's own, no pip, and none of the slow extension modules that Python does without.
const CONFIGURE: &[&str] = &[
    "--quiet",
    "--without-ensurepip",
    "--disable-test-modules",
    "py_cv_module__decimal=n/a",
    "py_cv_module__codecs_cn=n/a",
    "py_cv_module__codecs_hk=n/a",
    "py_cv_module__codecs_iso2022=n/a",
    "py_cv_module__codecs_jp=n/a",
    "py_cv_module__codecs_kr=n/a",
    "py_cv_module__codecs_tw=n/a",
    "py_cv_module__multibytecodec=n/a",
];

/// gcc that uses musl. CPython's configure asks for the folder name of the system's libraries and takes no other C
/// library's for an answer; Debian's wrapper of gcc gives that of glibc.
const MUSL_COMPILER: &str = "#!/bin/sh
for word; do
    if [ \"$word\" = --print-multiarch ]; then exec echo x86_64-linux-musl; fi
done
exec musl-gcc \"$@\"
";

/// What to build.
pub struct Build<'a> {
    /// CPython's source, compressed any way that tar knows, with one folder at its top.
    pub archive: &'a Path,
    /// Arguments of `configure` besides those that all builds have.
    pub configure: &'a [&'a str],
    /// Link with musl instead of glibc. Modules that need other libraries are left out: Debian has those for glibc only.
    pub musl: bool,
    /// The executable to strip of its symbols, by its name in `bin`.
    pub strip: Option<&'a str>,
    /// Where what `configure` and `make` say is written; it stays if a step fails.
    pub log: &'a Path,
}

impl Build<'_> {
    /// Builds in the folder `to`, where only the interpreter is left; it works once that is at `home`.
    ///
    /// # Errors
    /// If a step fails: which, the end of what it said, and the log.
    pub fn run(&self, to: &Path, home: &Path) -> Result<()> {
        let source = to.join("source");
        fs::create_dir(&source)?;
        let mut unpack = workspace::command(&source, "tar", &["--strip-components=1", "--extract", "--file"]);
        workspace::run(unpack.arg(self.archive))?;
        // Empty at first: the steps append.
        fs::write(self.log, "").with_context(|| format!("can't write {}", self.log.display()))?;
        let mut configure = workspace::command(&source, "./configure", CONFIGURE);
        configure.args(self.configure).arg(format!("--prefix={}", home.display()));
        if self.musl {
            let compiler = to.join("musl-compiler");
            fs::write(&compiler, MUSL_COMPILER)?;
            fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755))?;
            // pkg-config would find the libraries for glibc.
            configure.arg(format!("CC={}", compiler.display())).arg("PKG_CONFIG=false");
        }
        self.step("configure", &mut configure)?;
        let jobs = format!("--jobs={}", std::thread::available_parallelism()?);
        self.step("make", &mut workspace::command(&source, "make", &["--silent", &jobs]))?;
        let staged = to.join("staged");
        let mut install = workspace::command(&source, "make", &["--silent", "install"]);
        self.step("make install", install.arg(format!("DESTDIR={}", staged.display())))?;
        fs::remove_dir_all(&source)?;
        let built = staged.join(home.strip_prefix("/").context("the cache's path is not absolute")?);
        for part in ["bin", "lib"] {
            fs::rename(built.join(part), to.join(part))?;
        }
        fs::remove_dir_all(&staged)?;
        remove_archives(&to.join("lib"))?;
        if let Some(program) = self.strip {
            workspace::run(workspace::command(to, "strip", &[]).arg(to.join("bin").join(program)))?;
        }
        fs::remove_file(self.log)?;
        Ok(())
    }

    /// Runs one step and says how long it took.
    fn step(&self, name: &str, command: &mut Command) -> Result<()> {
        let step = Step::begin()?;
        print!("    {name}");
        std::io::stdout().flush()?;
        let log = fs::OpenOptions::new().append(true).open(self.log)?;
        let status = command.stdout(log.try_clone()?).stderr(log).status();
        let status = status.with_context(|| format!("can't run {name}"))?;
        println!(": {}", step.spent()?);
        if !status.success() {
            let said = fs::read_to_string(self.log).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            let end = lines[lines.len().saturating_sub(10)..].join("\n");
            bail!("{name} failed: {status}; the log is {}, and ends\n{end}", self.log.display());
        }
        Ok(())
    }
}

/// libpython for linking: a hundred MB that no test reads.
fn remove_archives(folder: &Path) -> Result<()> {
    let arguments = [".", "-name", "libpython*.a", "-type", "f", "-delete"];
    workspace::run(&mut workspace::command(folder, "find", &arguments))
}

/// The newest archive of this version that someone has put into the folder: `Python-3.14.2.tar.xz`.
pub fn archive_in(folder: &Path, version: &str) -> Option<PathBuf> {
    let prefix = format!("Python-{version}.");
    let archives = folder.read_dir().ok()?.flatten().filter_map(|entry| {
        let micro: u32 =
            entry.file_name().to_str()?.strip_prefix(&prefix)?.strip_suffix(".tar.xz")?.parse().ok()?;
        Some((micro, entry.path()))
    });
    archives.max().map(|(_, archive)| archive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_archive_of_the_version_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in
            ["Python-3.14.9.tar.xz", "Python-3.14.10.tar.xz", "Python-3.15.0.tar.xz", "Python-3.14.11.zip"]
        {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        assert_eq!(archive_in(folder.path(), "3.14"), Some(folder.path().join("Python-3.14.10.tar.xz")));
        assert_eq!(archive_in(folder.path(), "3.13"), None);
        assert_eq!(archive_in(Path::new("/nonexistent"), "3.14"), None);
    }

    #[test]
    fn a_failed_step_says_which_and_how_its_log_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        fs::write(&log, "").expect("a file");
        let build = Build { archive: &log, configure: &[], musl: false, strip: None, log: &log };
        let mut command = workspace::command(folder.path(), "sh", &["-c", "echo no such header; exit 3"]);
        let error = build.step("configure", &mut command).expect_err("it exits with 3").to_string();
        assert!(error.starts_with("configure failed: exit status: 3"), "{error}");
        assert!(error.ends_with("no such header"), "{error}");
    }
}
