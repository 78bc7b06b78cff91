//! The packages of a folder with a `package-lock.json`: installed when they are missing, or older than what is locked. It
//! must not know what they are.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::workspace;

const LOCK: &str = "package-lock.json";
/// npm writes it last.
const INSTALLED: &str = "node_modules/.package-lock.json";

/// Installs what is locked, exactly, unless that is there already.
///
/// # Errors
/// If there is no npm, or it can't install.
pub fn provide(folder: &Path) -> Result<()> {
    if are_there(folder)? {
        return Ok(());
    }
    println!("installing the packages of {}", folder.join(LOCK).display());
    let mut npm = workspace::command(folder, "npm", &["ci", "--prefer-offline"]);
    workspace::run(&mut npm).context("npm is the Debian package of that name; `./bootstrap test` installs it")
}

fn are_there(folder: &Path) -> Result<bool> {
    let changed = |name: &str| -> Result<SystemTime> {
        let path = folder.join(name);
        fs::metadata(&path)?.modified().with_context(|| format!("when {} changed", path.display()))
    };
    let locked = changed(LOCK).with_context(|| format!("there is no {LOCK} in {}", folder.display()))?;
    // Without the file nothing is installed, or not to the end.
    Ok(changed(INSTALLED).is_ok_and(|installed| installed >= locked))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn packages_are_there_if_they_are_as_new_as_what_is_locked() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(are_there(folder.path()).is_err(), "nothing is locked");
        let write = |name: &str, age: u64| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(&path, "{}").expect("written");
            let file = fs::File::options().write(true).open(&path).expect("opened");
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("its time is set");
        };
        write(LOCK, 10);
        assert!(!are_there(folder.path()).expect("a lock"), "nothing is installed");
        write(INSTALLED, 5);
        assert!(are_there(folder.path()).expect("a lock"));
        write(INSTALLED, 20);
        assert!(!are_there(folder.path()).expect("a lock"), "the lock has changed since");
    }
}
