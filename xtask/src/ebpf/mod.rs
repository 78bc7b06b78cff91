//! The kernel side's object: built from `profiler-ebpf`, kept in the tree, and held to be what the sources give.
//!
//! It is kept so that the agent builds with stable Rust alone. Its bytes depend on the sources and the pinned
//! toolchain only, not on where the checkout, the cargo home or the toolchain lie: a rebuild anywhere can be compared.

mod strip;
mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace;
pub use toolchain::Toolchain;

/// Where the object is kept, from the checkout's top folder.
const OBJECT: &str = "profiler-user/ebpf/firetower.bpf.o";
const TARGET: &str = "bpfel-unknown-none";

/// `cargo xtask ebpf …`
#[derive(clap::Subcommand)]
pub enum Task {
    /// Builds the object and puts it into the tree
    Build,
    /// Rebuilds the object from a copy of the sources in another folder and compares the bytes with the tree's
    Verify,
    /// Says what the build needs and what of it is missing
    Toolchain {
        /// Install what is missing
        #[arg(long)]
        install: bool,
    },
}

/// Runs one of the tasks.
pub fn run(task: &Task) -> Result<()> {
    let root = workspace::root()?;
    match task {
        Task::Build => {
            let object = build(&root, &root.join("target/bpf"), &Toolchain::find(&root)?)?;
            let path = root.join(OBJECT);
            fs::create_dir_all(path.parent().context("the object has a folder")?)?;
            fs::write(&path, &object).with_context(|| format!("can't write {}", path.display()))?;
            println!("{OBJECT}: {} bytes", object.len());
            Ok(())
        }
        Task::Verify => verify(&root, &Toolchain::find(&root)?),
        Task::Toolchain { install } => {
            let toolchain =
                if *install { Toolchain::find_or_install(&root)? } else { Toolchain::find(&root)? };
            println!("{toolchain}");
            Ok(())
        }
    }
}

/// Holds that the object in the tree is what the sources in the tree give.
///
/// # Errors
/// If the build fails or the bytes differ.
pub fn verify(root: &Path, toolchain: &Toolchain) -> Result<()> {
    let kept = fs::read(root.join(OBJECT)).with_context(|| format!("can't read {OBJECT}: {REBUILD}"))?;
    let elsewhere = tempfile::Builder::new().prefix("firetower-ebpf-").tempdir()?;
    let copy = elsewhere.path().canonicalize()?.join("copy");
    for file in workspace::tracked_files(root)? {
        let (from, to) = (root.join(&file), copy.join(&file));
        fs::create_dir_all(to.parent().context("a file has a folder")?)?;
        fs::copy(&from, &to).with_context(|| format!("can't copy {}", from.display()))?;
    }
    let built = build(&copy, &copy.join("target/bpf"), toolchain)?;
    if built != kept {
        bail!(
            "{OBJECT} ({} bytes) is not what the sources give ({} bytes): {REBUILD}",
            kept.len(),
            built.len()
        );
    }
    println!("{OBJECT}: rebuilt in another folder, {} bytes, identical", built.len());
    Ok(())
}

const REBUILD: &str = "run `cargo xtask ebpf build` and commit";

/// Builds the object from the checkout at `root` and answers its bytes, without DWARF.
fn build(root: &Path, target: &Path, toolchain: &Toolchain) -> Result<Vec<u8>> {
    let mut arguments = vec!["build", "--locked", "--package", "firetower-ebpf", "--bin", "firetower-bpf"];
    arguments.extend(["--features", "bpf", "--profile", "bpf", "--target", TARGET, "-Zbuild-std=core"]);
    let mut cargo = toolchain.cargo(root, &arguments);
    cargo
        .arg("--target-dir")
        .arg(target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root, target, toolchain)?.join("\x1f"));
    workspace::run(&mut cargo)?;
    let linked: PathBuf = target.join(TARGET).join("bpf/firetower-bpf");
    let bytes = fs::read(&linked).with_context(|| format!("can't read {}", linked.display()))?;
    strip::without_dwarf(&bytes).with_context(|| format!("can't strip {}", linked.display()))
}

/// What rustc is told besides the profile.
///
/// The checkout becomes `.` and not a name that no file has: LLVM puts the source lines that it finds into the
/// object's BTF, and the kernel's verifier then shows them in its log.
fn flags(root: &Path, target: &Path, toolchain: &Toolchain) -> Result<Vec<String>> {
    // Without the architecture aya takes the build machine's.
    let fixed =
        ["-Cdebuginfo=2", "-Clink-arg=--btf", "-Clinker=bpf-linker", "--cfg=bpf_target_arch=\"x86_64\""];
    let mut flags = fixed.map(String::from).to_vec();
    // The last one that fits wins, so the folders that may lie in others come later.
    let mut places = vec![(root.to_owned(), "."), (target.to_owned(), "/target")];
    places.extend(toolchain.dependency_folders(root)?.into_iter().map(|folder| (folder, "/cargo")));
    places.push((toolchain.sysroot().to_owned(), "/rust"));
    for (place, name) in places {
        let place = place.to_str().with_context(|| format!("{} is not UTF-8", place.display()))?;
        flags.push(format!("--remap-path-prefix={place}={name}"));
    }
    Ok(flags)
}
