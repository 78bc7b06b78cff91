//! What the kernel side is built with: one nightly, its standard library's source, and bpf-linker; all pinned.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// The nightly's name for rustup.
const CHANNEL: &str = "nightly-2026-05-20";
/// What that nightly's `rustc --version` says; the toolchain `nightly` does as well if it is the same one.
const RUSTC: &str = "rustc 1.97.0-nightly (e50aa6fba 2026-05-19)";
const LINKER_VERSION: &str = "0.10.3";
/// A site without a way to rustup's server may have this beside the checkout; it installs what is missing.
const SITE_INSTALLER: &str = "../shared/ebpf-toolchain/install";

/// A toolchain that is complete.
pub struct Toolchain {
    channel: &'static str,
    sysroot: PathBuf,
    cargo_home: PathBuf,
}

impl Toolchain {
    /// The toolchain, if it is here or the site's own installer brings it.
    ///
    /// # Errors
    /// If anything is missing: what, and what to do.
    pub fn find(root: &Path) -> Result<Toolchain> {
        let installer = root.join(SITE_INSTALLER);
        match Toolchain::look(root) {
            Err(missing) if installer.is_file() => {
                println!("{missing:#}\nrunning {}", installer.display());
                workspace::run(&mut command(root, "bash", &[&installer.to_string_lossy()]))?;
                Toolchain::look(root)
            }
            found => found,
        }
    }

    /// The toolchain, installed by rustup and cargo where it is missing.
    ///
    /// # Errors
    /// If it can't be had.
    pub fn find_or_install(root: &Path) -> Result<Toolchain> {
        let Err(missing) = Toolchain::find(root) else { return Toolchain::find(root) };
        println!("{missing:#}\ninstalling it");
        let rustup = ["toolchain", "install", CHANNEL, "--profile", "minimal", "--component", "rust-src"];
        workspace::run(&mut command(root, "rustup", &rustup))?;
        if linker_version(root).as_deref() != Ok(LINKER_VERSION) {
            let install =
                ["run", CHANNEL, "cargo", "install", "bpf-linker", "--version", LINKER_VERSION, "--locked"];
            workspace::run(&mut command(root, "rustup", &install))?;
        }
        Toolchain::look(root)
    }

    fn look(root: &Path) -> Result<Toolchain> {
        let is_pinned =
            |channel: &&str| rustc(root, channel, &["--version"]).is_ok_and(|version| version == RUSTC);
        let Some(channel) = [CHANNEL, "nightly"].into_iter().find(is_pinned) else {
            bail!(
                "the eBPF build needs {RUSTC}: run `rustup toolchain install {CHANNEL} --profile minimal \
                 --component rust-src`"
            );
        };
        let sysroot = PathBuf::from(rustc(root, channel, &["--print", "sysroot"])?);
        if !sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file() {
            bail!(
                "the eBPF build needs the source of Rust's core library: run `rustup component add rust-src \
                 --toolchain {channel}`"
            );
        }
        let linker = linker_version(root).unwrap_or_else(|error| error);
        if linker != LINKER_VERSION {
            bail!(
                "the eBPF build needs bpf-linker {LINKER_VERSION}, and here it is {linker}: run `cargo +{channel} \
                 install bpf-linker --version {LINKER_VERSION} --locked`"
            );
        }
        Ok(Toolchain { channel, sysroot: sysroot.canonicalize()?, cargo_home: cargo_home()? })
    }

    /// Cargo of this toolchain, to be run in `folder`.
    pub fn cargo(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut cargo = command(folder, "rustup", &["run", self.channel, "cargo"]);
        cargo.args(arguments);
        cargo
    }

    /// Where the toolchain lies.
    pub fn sysroot(&self) -> &Path {
        &self.sysroot
    }

    /// Where cargo keeps the sources of dependencies: a folder for each registry, named after where the registry
    /// (or this machine's mirror of it) is. They are fetched if they are not there.
    pub fn dependency_folders(&self, root: &Path) -> Result<Vec<PathBuf>> {
        workspace::run(&mut self.cargo(root, &["fetch", "--quiet", "--locked"]))?;
        let sources = self.cargo_home.join("registry/src");
        let entries = sources.read_dir().with_context(|| format!("can't list {}", sources.display()))?;
        entries.map(|entry| Ok(entry?.path())).collect()
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "eBPF toolchain ready: {RUSTC} with rust-src, bpf-linker {LINKER_VERSION}")
    }
}

/// A command without what the stable cargo that runs this task has left in the environment.
fn command(folder: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = workspace::command(folder, program, arguments);
    for name in
        ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER", "CARGO_BUILD_TARGET"]
    {
        command.env_remove(name);
    }
    command
}

fn rustc(root: &Path, channel: &str, arguments: &[&str]) -> Result<String> {
    workspace::output(command(root, "rustup", &["run", channel, "rustc"]).args(arguments))
}

/// The version of the bpf-linker that cargo will find, or in words what it is instead.
fn linker_version(root: &Path) -> Result<String, String> {
    let Ok(said) = workspace::output(&mut command(root, "bpf-linker", &["--version"])) else {
        return Err("missing".to_owned());
    };
    Ok(said.strip_prefix("bpf-linker ").unwrap_or(&said).to_owned())
}

fn cargo_home() -> Result<PathBuf> {
    let home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => std::env::home_dir().context("there is no home folder")?.join(".cargo"),
    };
    home.canonicalize().with_context(|| format!("can't find the cargo home {}", home.display()))
}
