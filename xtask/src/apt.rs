//! apt with lists and settings of its own, for packages of other Debian suites: this machine's are not touched, and
//! nothing is installed. It must not know what the packages are for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Of Debian's package debian-archive-keyring. apt holds every download against its signatures.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// apt for one suite.
pub struct Apt {
    folder: PathBuf,
    /// Read after the machine's own: what it says counts.
    settings: PathBuf,
}

impl Apt {
    /// For one suite (`trixie`) and one kind of packages, `deb` or `deb-src`. All its files lie in `folder`.
    ///
    /// # Errors
    /// If the suite's lists can't be had.
    pub fn new(folder: &Path, suite: &str, kind: &str) -> Result<Apt> {
        for inner in ["state/lists/partial", "cache/archives/partial", "none"] {
            fs::create_dir_all(folder.join(inner))?;
        }
        // Nothing counts as installed: whatever a package depends on is downloaded with it.
        fs::write(folder.join("state/status"), "")?;
        let sources = folder.join("sources.list");
        let line = format!("{kind} [signed-by={KEYRING}] {} {suite} main\n", mirror(folder)?);
        fs::write(&sources, line).with_context(|| format!("can't write {}", sources.display()))?;
        let at = folder.display();
        let settings = folder.join("apt.conf");
        let text = format!(
            "Dir::Etc::SourceList \"{at}/sources.list\";\n\
             Dir::Etc::SourceParts \"{at}/none\";\n\
             Dir::Etc::PreferencesParts \"{at}/none\";\n\
             Dir::State \"{at}/state\";\n\
             Dir::State::Status \"{at}/state/status\";\n\
             Dir::Cache \"{at}/cache\";\n\
             // Else apt takes the rights of a user who can't write here.\n\
             APT::Sandbox::User \"\";\n\
             Acquire::Languages \"none\";\n\
             Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n"
        );
        fs::write(&settings, text).with_context(|| format!("can't write {}", settings.display()))?;
        let apt = Apt { folder: folder.to_owned(), settings };
        workspace::run(&mut apt.command(folder, "apt-get", &["update", "--quiet=2"]))?;
        Ok(apt)
    }

    /// An apt command that runs in `at`.
    fn command(&self, at: &Path, program: &str, arguments: &[&str]) -> Command {
        let mut command = workspace::command(at, program, &["--config-file"]);
        command.arg(&self.settings).args(arguments).env("LC_ALL", "C");
        command
    }

    /// What of this prefix the package depends on.
    pub fn dependency(&self, package: &str, prefix: &str) -> Result<Option<String>> {
        let text = workspace::output(&mut self.command(&self.folder, "apt-cache", &["depends", package]))?;
        let mut dependencies = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        Ok(dependencies.find(|name| name.starts_with(prefix)).map(str::to_owned))
    }

    /// Downloads the packages alone into the folder `to` and answers the files there.
    pub fn download(&self, packages: &[&str], to: &Path) -> Result<Vec<PathBuf>> {
        fs::create_dir_all(to)?;
        let mut command = self.command(to, "apt-get", &["download", "--quiet=2"]);
        workspace::run(command.args(packages))?;
        files_ending(to, ".deb")
    }

    /// Downloads the packages and all that they depend on into the folder `to` and answers the files there.
    pub fn download_closure(&self, packages: &[&str], to: &Path) -> Result<Vec<PathBuf>> {
        fs::create_dir_all(to.join("partial"))?;
        let archives = format!("Dir::Cache::Archives={}", to.display());
        let arguments = ["install", "--download-only", "--no-install-recommends", "--yes", "--quiet=2"];
        let mut command = self.command(to, "apt-get", &arguments);
        workspace::output(command.args(["-o", &archives]).args(packages))?;
        files_ending(to, ".deb")
    }

    /// Downloads the upstream archive of the source package into the folder `to` and answers its path.
    pub fn download_source(&self, package: &str, to: &Path) -> Result<PathBuf> {
        fs::create_dir_all(to)?;
        let arguments = ["source", "--download-only", "--tar-only", "--quiet=2", package];
        workspace::output(&mut self.command(to, "apt-get", &arguments))?;
        let mut archives = files_ending(to, ".orig.tar.xz")?;
        archives.extend(files_ending(to, ".orig.tar.gz")?);
        archives.pop().with_context(|| format!("the source of {package} is no .orig.tar.xz or .gz"))
    }
}

/// Extracts a package's files.
pub fn extract(package: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    workspace::run(workspace::command(to, "dpkg-deb", &["--extract"]).arg(package).arg(to))
}

/// Where this machine gets Debian's packages from.
fn mirror(folder: &Path) -> Result<String> {
    let arguments = ["indextargets", "--format", "$(SITE)", "Created-By: Packages", "Label: Debian"];
    let sites = workspace::output(&mut workspace::command(folder, "apt-get", &arguments))?;
    match sites.lines().next() {
        Some(site) => Ok(site.to_owned()),
        None => bail!("this machine's apt knows no Debian mirror: on Debian, run `apt-get update`"),
    }
}

fn files_ending(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
