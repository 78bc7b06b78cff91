//! The guest's root file system, an initramfs. It must not know how it is booted.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace;

/// Says which files the interpreter needs to start, and those that it can't tell its own standard library without.
const NEEDED: &str = "
import os, sys
for module in list(sys.modules.values()):
    path = getattr(module, '__file__', None)
    if path:
        print(path[:-1] if path.endswith('.pyc') else path)
";

/// Packs the guest's files, with these interpreters at the paths that they have here, and answers the archive's path.
pub fn build(root: &Path, folder: &Path, interpreters: &[PathBuf]) -> Result<PathBuf> {
    let guest = folder.join("root");
    if guest.exists() {
        fs::remove_dir_all(&guest)?;
    }
    let busybox = workspace::output(&mut workspace::command(root, "which", &["busybox"]))?;
    put(Path::new(&busybox), &guest, Path::new("/bin/busybox"))?;
    put(&root.join("xtask/src/vm/guest/busy.py"), &guest, Path::new("/busy.py"))?;
    put(&root.join("xtask/src/vm/guest/init.sh"), &guest, Path::new("/init"))?;
    workspace::run(workspace::command(root, "chmod", &["755"]).arg(guest.join("init")))?;
    let firetower = root.join("target/debug/firetower");
    put(&firetower, &guest, Path::new("/bin/firetower"))?;
    put_libraries(&firetower, &guest)?;
    let mut list = String::new();
    for interpreter in interpreters {
        put_interpreter(interpreter, &guest)?;
        list += &format!("{}\n", interpreter.display());
    }
    fs::write(guest.join("pythons"), list)?;
    let pack = "find . -print0 | cpio --null --create --format=newc --quiet > ../initrd.tmp && mv ../initrd.tmp ../initrd";
    workspace::run(&mut workspace::command(&guest, "sh", &["-c", pack]))?;
    Ok(folder.join("initrd"))
}

fn put_interpreter(interpreter: &Path, guest: &Path) -> Result<()> {
    put(interpreter, guest, interpreter)?;
    put_libraries(interpreter, guest)?;
    let mut ask = workspace::command(guest, interpreter, &["-S", "-E", "-c", NEEDED]);
    // In the guest's locale, whose encoding takes a module of its own.
    for file in workspace::output(ask.env("LC_ALL", "C"))?.lines().map(Path::new) {
        put(file, guest, file)?;
    }
    Ok(())
}

/// The shared libraries of a program and its dynamic loader, at their paths here.
fn put_libraries(program: &Path, guest: &Path) -> Result<()> {
    let text = workspace::output(workspace::command(guest, "ldd", &[]).arg(program))?;
    // `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)`, or the loader's path alone.
    for file in text.split_whitespace().filter(|word| word.starts_with('/')).map(Path::new) {
        put(file, guest, file)?;
    }
    Ok(())
}

/// Copies a file to this absolute path in the guest.
fn put(from: &Path, guest: &Path, path: &Path) -> Result<()> {
    let to = guest.join(path.strip_prefix("/").context("paths in the guest are absolute")?);
    fs::create_dir_all(to.parent().context("a file has a folder")?)?;
    fs::copy(from, &to).with_context(|| format!("can't copy {}", from.display()))?;
    Ok(())
}
