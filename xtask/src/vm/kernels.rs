//! The kernels that are tried, out of Debian's suites. It must not know what is tried on them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::apt::{self, Apt};
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

/// The path of the kernel's image in its folder; downloaded if it is not there.
pub fn provide(kernel: &Kernel, folder: &Path) -> Result<PathBuf> {
    let image = folder.join("vmlinuz");
    if image.is_file() {
        return Ok(image);
    }
    println!("downloading the kernel of Debian {}", kernel.suite);
    let apt = Apt::new(&folder.join("apt"), kernel.suite, "deb")?;
    let package = apt.dependency(META_PACKAGE, "linux-image-")?.with_context(|| {
        format!("{META_PACKAGE} of {} does not depend on an image: its packages have changed", kernel.suite)
    })?;
    // Where signed and unsigned kernels share their files, the image's package holds the signature only.
    let binary = apt.dependency(&package, "linux-binary-")?;
    let packages: Vec<&str> =
        [Some(&package), binary.as_ref()].into_iter().flatten().map(String::as_str).collect();
    let files = folder.join("files");
    for package in apt.download(&packages, folder)? {
        apt::extract(&package, &files)?;
        fs::remove_file(package)?;
    }
    let found = find_image(&files)?;
    // Last, and at once: a folder with an image is complete.
    fs::rename(&found, &image)?;
    fs::remove_dir_all(files)?;
    Ok(image)
}

/// `boot/vmlinuz-RELEASE`, or since Linux 7 `usr/lib/modules/RELEASE/vmlinuz`.
fn find_image(files: &Path) -> Result<PathBuf> {
    let found =
        workspace::output(&mut workspace::command(files, "find", &[".", "-type", "f", "-name", "vmlinuz*"]))?;
    let first = found.lines().next().context("there is no vmlinuz in the kernel's package")?;
    Ok(files.join(first))
}
