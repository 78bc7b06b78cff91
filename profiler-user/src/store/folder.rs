//! The directory of a store: made, closed to others, and held by one process.
//!
//! It must not know what is in it but for its folders' names.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::log;
use super::names::Table;

/// Where files go that can't be read.
pub const CORRUPT: &str = "corrupt";
const LOCK: &str = "lock";

/// Why a directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Somebody else has it.
    #[error(
        "the store {0:?} is in use by another firetower: stop that one, or give this one another directory"
    )]
    InUse(PathBuf),
    /// What is stored could be read or changed by others.
    #[error(
        "the store {0:?} can be written to by other users: take that right away from them, or use another directory"
    )]
    Open(PathBuf),
    /// The system refuses.
    #[error("the store {path:?} can't be used: {source}")]
    Io {
        /// The directory, or what in it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Holds a directory until it is dropped, or the process ends however it may.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "held for what its drop does")] Flock<File>);

/// Makes the directory and its folders where they are not there, and takes hold of it.
///
/// # Errors
/// If another process has it, or it can't be made or is not safe.
pub fn take(directory: &Path) -> Result<Held, FolderError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| FolderError::Io { path, source }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed(directory))?;
    let found = std::fs::metadata(directory).map_err(failed(directory))?;
    // Whoever may write to it may put links there for a process that may write everywhere.
    if found.mode() & 0o022 != 0 || ![0, nix::unistd::geteuid().as_raw()].contains(&found.uid()) {
        return Err(FolderError::Open(directory.to_owned()));
    }
    let path = directory.join(LOCK);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let held = match Flock::lock(file.map_err(failed(&path))?, FlockArg::LockExclusiveNonblock) {
        Ok(held) => Held(held),
        Err((_, Errno::EWOULDBLOCK)) => return Err(FolderError::InUse(directory.to_owned())),
        Err((_, error)) => return Err(failed(&path)(error.into())),
    };
    for name in [log::FOLDER, CORRUPT].into_iter().chain(Table::ALL.map(Table::name)) {
        let folder = directory.join(name);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        // The directory itself may be one that others are meant to see into; what is in it is not.
        let closed = made.and_then(|()| std::fs::set_permissions(&folder, Permissions::from_mode(0o700)));
        closed.map_err(failed(&folder))?;
    }
    log::sync_folder(directory).map_err(failed(directory))?;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_held_by_one() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("a/b");
        let held = take(&directory).unwrap();
        assert!(matches!(take(&directory), Err(FolderError::InUse(_))));
        drop(held);
        take(&directory).unwrap();
    }

    #[test]
    fn what_is_in_it_is_closed_to_others() {
        let directory = tempfile::tempdir().unwrap();
        let _held = take(directory.path()).unwrap();
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().mode() & 0o077, 0, "{:?}", entry.path());
        }
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(take(directory.path()), Err(FolderError::Open(_))));
    }
}
