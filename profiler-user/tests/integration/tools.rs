//! Other people's programs and files that tests check firetower's against: fetched once, by the machine's own package
//! managers, into a cache outside of the checkout.
//!
//! What is there is complete: it is made under another name and renamed, one test at a time. A tool that can't be had is
//! a panic: a test that is skipped tells nothing.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pypi::cache;

/// The real `go tool pprof`, from Debian's package of Go, of which it is a fortieth: the rest is not kept.
pub fn go_pprof() -> PathBuf {
    cached("go-pprof", |folder| {
        // A machine's lists may be old or not be there.
        said(Command::new("apt-get").args(["update", "-q"]));
        let depends = said(Command::new("apt-cache").args(["depends", "golang-go"]));
        let package = depends.lines().find_map(|line| {
            let (_, package) = line.split_once("Depends: ")?;
            (package.starts_with("golang-") && package.ends_with("-go")).then_some(package)
        });
        let package = package.unwrap_or_else(|| panic!("no package of Go in {depends:?}"));
        said(Command::new("apt-get").args(["download", "-q", package]).current_dir(folder));
        let script = "dpkg-deb --fsys-tarfile golang-*.deb |
            tar x --wildcards --strip-components=7 './usr/lib/go-*/pkg/tool/*/pprof' && rm golang-*.deb";
        said(Command::new("sh").args(["-ec", script]).current_dir(folder));
    })
    .join("pprof")
}

/// speedscope's own JSON schema of its format, from its package.
pub fn speedscope_schema() -> PathBuf {
    npm("speedscope", "1.25.0").join("dist/release/file-format-schema.json")
}

/// The command line of the Firefox Profiler, which loads profiles with the code of the site, from its package: a script
/// for Node.
pub fn firefox_profiler() -> PathBuf {
    npm("@firefox-devtools/profiler-cli", "0.10.0").join("dist/profiler-cli.js")
}

/// What a `PYTHONPATH` names to have `fastjsonschema`: a wheel, which Python imports from as it is.
pub fn json_schema() -> PathBuf {
    let wheel = "fastjsonschema-2.22.3-py3-none-any.whl";
    cached("fastjsonschema-2.22.3", |folder| {
        let mut pip = Command::new(crate::pythons::python("3.12"));
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]);
        said(pip.args(["fastjsonschema==2.22.3", "--dest"]).arg(folder));
    })
    .join(wheel)
}

/// The unpacked files of a package, with none of those that it depends on.
fn npm(package: &str, version: &str) -> PathBuf {
    let name = package.trim_start_matches('@').replace('/', "-");
    cached(&format!("{name}-{version}"), |folder| {
        said(Command::new("npm").args(["pack", &format!("{package}@{version}")]).current_dir(folder));
        said(Command::new("sh").args(["-ec", "tar xzf *.tgz && rm *.tgz"]).current_dir(folder));
    })
    .join("package")
}

fn cached(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let cache = cache("tools");
    let folder = cache.join(name);
    if folder.exists() {
        return folder;
    }
    fs::create_dir_all(&cache).unwrap_or_else(|error| panic!("{}: {error}", cache.display()));
    let lock = File::create(cache.join("lock")).expect("a file of our own");
    lock.lock().expect("other tests let go of it");
    if !folder.exists() {
        let new = folder.with_extension("new");
        let _ = fs::remove_dir_all(&new); // What a run that was killed has left.
        fs::create_dir(&new).expect("a folder of our own");
        make(&new);
        fs::rename(&new, &folder).expect("folders of our own");
    }
    folder
}

/// What a command says. Panics if it fails.
pub fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; ./bootstrap test"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}{stderr}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).expect("UTF-8")
}
