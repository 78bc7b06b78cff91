//! `cargo xtask vm [KERNEL…]`: does firetower work on the kernels that it says it works on?
//!
//! Boots Debian's kernels in QEMU, in software emulation, so that it runs wherever this checkout does. The guest is an
//! initramfs with busybox, firetower's debug build and pyenv's interpreters. In it, `firetower doctor` must answer 0,
//! and `firetower record` must see the stack of `guest/busy.py` in most samples of each interpreter. What the guest said
//! stays in `target/vm/KERNEL/console.log`.
//!
//! It needs half a gigabyte in `target/vm`, two to three minutes a kernel, the Debian packages `qemu-system-x86`,
//! `busybox-static` and `cpio`, and a Debian mirror among this machine's apt sources; it installs nothing. A kernel is
//! downloaded once; remove `target/vm/KERNEL` to get the newest of its series. Emulated CPUs have no cycle counter: the
//! sampler runs from the software CPU clock, never in an NMI. It is no part of `cargo xtask ci`.
//!
//! This module must not know what the eBPF programs do.

mod console;
mod image;
mod kernels;
mod verdict;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{pythons, workspace};
use kernels::{KERNELS, Kernel};
use verdict::Verdict;

/// Longest time that one kernel gets, in seconds. A guest that hangs is a failure, not a wait.
const MOST_SECONDS: &str = "2400";
/// The machine: software emulation, a serial console, no network. A panic reboots at once (`panic=-1`), which ends QEMU.
///
/// No cmpxchg16b: QEMU 7.2's emulation leaves wrong flags behind it, and Linux 6.12 dies of that in kmalloc.
#[rustfmt::skip] // An option and its value a line.
const QEMU: &[&str] = &[
    "-accel", "tcg",
    "-cpu", "max,-cx16",
    "-smp", "2",
    "-m", "1024",
    "-nic", "none",
    "-nographic",
    "-no-reboot",
];

/// Boots the kernels of these names, all of them if there are none, and prints what worked.
///
/// # Errors
/// If a name is not known, something needed is missing, or anything did not work on any of the kernels.
pub fn run(names: &[String]) -> Result<()> {
    let root = workspace::root()?;
    let kernels = choose(names)?;
    for (program, package) in
        [("qemu-system-x86_64", "qemu-system-x86"), ("busybox", "busybox-static"), ("cpio", "cpio")]
    {
        workspace::output(&mut workspace::command(&root, "which", &[program]))
            .with_context(|| format!("`{program}` is missing: apt-get install {package}"))?;
    }
    let interpreters = interpreters()?;
    let folder = root.join("target/vm");
    fs::create_dir_all(&folder)?;
    workspace::run(&mut workspace::command(&root, "cargo", &["build", "--package", "firetower"]))?;
    let initrd = image::build(&root, &folder, &interpreters)?;
    let mut verdicts = Vec::new();
    for kernel in kernels {
        let own = folder.join(kernel.name);
        let image = kernels::provide(kernel, &own)?;
        println!("booting {}", kernel.name);
        let said = boot(&own, &image, &initrd)?;
        let verdict = Verdict::of(kernel.name, &said, interpreters.len());
        println!("{verdict}");
        verdicts.push(verdict);
    }
    println!("\n{}", verdict::table(&verdicts));
    let failed: Vec<&str> = verdicts.iter().filter(|v| !v.works()).map(|v| v.kernel).collect();
    if !failed.is_empty() {
        bail!("firetower does not work on {}: see above and target/vm/KERNEL/console.log", failed.join(", "));
    }
    Ok(())
}

/// The kernels of these names; all if there are none.
fn choose(names: &[String]) -> Result<Vec<&'static Kernel>> {
    if names.is_empty() {
        return Ok(KERNELS.iter().collect());
    }
    let known = || KERNELS.iter().map(|kernel| kernel.name).collect::<Vec<_>>().join(", ");
    let find = |name: &String| {
        KERNELS
            .iter()
            .find(|kernel| kernel.name == name)
            .with_context(|| format!("no `{name}` among {}", known()))
    };
    names.iter().map(find).collect()
}

/// Those that the tests read, as far as they are here: here it is the kernels that are tried.
fn interpreters() -> Result<Vec<PathBuf>> {
    let found = pythons::releases().filter_map(|version| pythons::find_release(version).transpose());
    let found: Vec<PathBuf> = found.collect::<Result<_>>()?;
    if found.is_empty() {
        bail!("no interpreter to try: run `cargo xtask pythons --install`");
    }
    Ok(found)
}

/// Runs the guest to its end, or to that of its time, and answers what it said.
fn boot(folder: &Path, kernel: &Path, initrd: &Path) -> Result<String> {
    let console = folder.join("console.log");
    let output = fs::File::create(&console).with_context(|| format!("can't write {}", console.display()))?;
    // In the foreground: else Ctrl-C would leave QEMU running.
    let timeout = ["--foreground", "--kill-after=10", MOST_SECONDS, "qemu-system-x86_64"];
    let mut qemu = workspace::command(folder, "timeout", &timeout);
    qemu.args(QEMU).arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
    qemu.args(["-append", "console=ttyS0 quiet loglevel=4 panic=-1"])
        .stdout(output.try_clone()?)
        .stderr(output);
    // How it ended is seen in what the guest said: a guest that was cut off did not say that it was done.
    let status = qemu.status().context("can't run timeout and qemu-system-x86_64")?;
    let said = console::clean(&fs::read(&console)?);
    Ok(if status.success() { said } else { format!("{said}\nQEMU: {status}\n") })
}
