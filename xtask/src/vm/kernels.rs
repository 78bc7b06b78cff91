//! The kernels that are tried, out of Debian's suites. It must not know what is tried on them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// A kernel by its name here and the suite whose newest it is.
pub struct Kernel {
    /// `5.10`
    pub name: &'static str,
    suite: &'static str,
}

/// The oldest that firetower is for, what Debian's stable releases run, and the newest.
pub const KERNELS: &[Kernel] = &[
    Kernel { name: "5.10", suite: "bullseye" },
    Kernel { name: "6.1", suite: "bookworm" },
    Kernel { name: "6.12", suite: "trixie" },
    Kernel { name: "newest", suite: "sid" },
];

/// The suite's kernel for virtual machines: as the usual one, with fewer drivers.
const META_PACKAGE: &str = "linux-image-cloud-amd64";
/// Of Debian's package debian-archive-keyring.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The path of the kernel's image in its folder; downloaded if it is not there.
pub fn provide(kernel: &Kernel, folder: &Path) -> Result<PathBuf> {
    let image = folder.join("vmlinuz");
    if image.is_file() {
        return Ok(image);
    }
    println!("downloading the kernel of Debian {}", kernel.suite);
    let apt = Apt::new(kernel, folder)?;
    workspace::run(&mut apt.command("apt-get", &["update", "--quiet=2"]))?;
    let package = apt.dependency(META_PACKAGE, "linux-image-")?.with_context(|| {
        format!("{META_PACKAGE} of {} does not depend on an image: its packages have changed", kernel.suite)
    })?;
    let mut packages = vec![package];
    // Where signed and unsigned kernels share their files, the image's package holds the signature only.
    packages.extend(apt.dependency(&packages[0], "linux-binary-")?);
    let files = folder.join("files");
    fs::create_dir_all(&files)?;
    for package in &packages {
        workspace::run(&mut apt.command("apt-get", &["download", "--quiet=2", package]))?;
    }
    for package in packages_in(folder)? {
        workspace::run(workspace::command(folder, "dpkg-deb", &["--extract"]).arg(&package).arg(&files))?;
        fs::remove_file(package)?;
    }
    let found = find_image(&files)?;
    // Last, and at once: a folder with an image is complete.
    fs::rename(&found, &image)?;
    fs::remove_dir_all(files)?;
    Ok(image)
}

/// apt with lists and settings of its own. This machine's are not touched.
struct Apt<'a> {
    folder: &'a Path,
    options: Vec<String>,
}

impl Apt<'_> {
    fn new<'a>(kernel: &Kernel, folder: &'a Path) -> Result<Apt<'a>> {
        let apt = folder.join("apt");
        for inner in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(apt.join(inner))?;
        }
        let sources = apt.join("sources.list");
        let line = format!("deb [signed-by={KEYRING}] {} {} main\n", mirror(folder)?, kernel.suite);
        fs::write(&sources, line).with_context(|| format!("can't write {}", sources.display()))?;
        let at = apt.display();
        let options = vec![
            format!("Dir::Etc::SourceList={}", sources.display()),
            "Dir::Etc::SourceParts=-".into(),
            format!("Dir::State={at}/state"),
            format!("Dir::Cache={at}/cache"),
            // Else apt takes the rights of a user who can't write here.
            "APT::Sandbox::User=".into(),
            "Acquire::Languages=none".into(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".into(),
        ];
        Ok(Apt { folder, options })
    }

    /// An apt command; what it downloads lands in the folder.
    fn command(&self, program: &str, arguments: &[&str]) -> std::process::Command {
        let mut command = workspace::command(self.folder, program, &[]);
        for option in &self.options {
            command.args(["-o", option]);
        }
        command.args(arguments).env("LC_ALL", "C");
        command
    }

    /// What of this prefix the package depends on.
    fn dependency(&self, package: &str, prefix: &str) -> Result<Option<String>> {
        let text = workspace::output(&mut self.command("apt-cache", &["depends", package]))?;
        let mut dependencies = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        Ok(dependencies.find(|name| name.starts_with(prefix)).map(str::to_owned))
    }
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

fn packages_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = folder.read_dir()?.map(|entry| Ok(entry?.path()));
    let is_package = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "deb");
    files.filter(|path: &Result<PathBuf>| path.as_ref().map_or(true, is_package)).collect()
}

/// `boot/vmlinuz-RELEASE`, or since Linux 7 `usr/lib/modules/RELEASE/vmlinuz`.
fn find_image(files: &Path) -> Result<PathBuf> {
    let found =
        workspace::output(&mut workspace::command(files, "find", &[".", "-type", "f", "-name", "vmlinuz*"]))?;
    let first = found.lines().next().context("there is no vmlinuz in the kernel's package")?;
    Ok(files.join(first))
}
