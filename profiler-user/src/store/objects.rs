//! Files of the store, by name: read, written, listed and deleted, wherever they lie.
//!
//! A blocking layer on top of `object_store`, so that the same code serves a local directory and a remote store. It has a
//! runtime of its own: do not call it from async code, which would panic; ask from a thread that may block. It must not
//! know what is in a file, nor what a name means.

use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path as LocalPath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use super::steps::Steps;

/// An operation on a file failed.
#[derive(Debug, thiserror::Error)]
#[error("{what} {path:?} failed: {source}")]
pub struct ObjectError {
    /// `reading`, `writing`…
    pub what: &'static str,
    /// The file's name.
    pub path: String,
    /// Why.
    pub source: object_store::Error,
}

impl ObjectError {
    /// Whether there is no such file.
    pub fn is_not_found(&self) -> bool {
        matches!(self.source, object_store::Error::NotFound { .. })
    }
}

/// A file as a listing has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub path: Path,
    /// Its size in bytes.
    pub bytes: u64,
}

/// The files of one store. Clones share it.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    runtime: Arc<Runtime>,
    steps: Steps,
    /// Where they lie, if that is a local directory.
    local: Option<Arc<LocalPath>>,
}

struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.as_ref().expect("it is there until it is dropped").block_on(future)
    }
}

impl Drop for Runtime {
    /// The last one to hold it may be async code, which must not wait for it to end.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Objects {
    /// The files below a directory, which must exist. What is written is on the disk when [`put`](Self::put) returns.
    ///
    /// # Errors
    /// If there is no such directory, or no thread could be started.
    pub fn local(directory: &LocalPath) -> std::io::Result<Objects> {
        let store = LocalFileSystem::new_with_prefix(directory).map_err(std::io::Error::other)?;
        let store = Arc::new(store.with_fsync(true));
        Ok(Objects { local: Some(directory.into()), ..Objects::new(store)? })
    }

    /// The files of any store.
    ///
    /// # Errors
    /// If no thread could be started.
    pub fn new(store: Arc<dyn ObjectStore>) -> std::io::Result<Objects> {
        // A local store works on threads of the runtime's own: a few, which go when there is nothing to do.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(4)
            .thread_keep_alive(std::time::Duration::from_secs(1))
            .build()?;
        let runtime = Arc::new(Runtime(Some(runtime)));
        Ok(Objects { store, runtime, steps: Steps::default(), local: None })
    }

    /// With somebody who may step in.
    #[must_use]
    pub fn watched(self, steps: Steps) -> Objects {
        Objects { steps, ..self }
    }

    /// The whole content.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn get(&self, path: &Path) -> Result<Bytes, ObjectError> {
        let read = async { self.store.get(path).await?.bytes().await };
        self.runtime.block_on(read).map_err(error("reading", path))
    }

    /// Part of the content.
    ///
    /// # Errors
    /// If it can't be read, or there are no such bytes.
    pub fn get_range(&self, path: &Path, range: Range<u64>) -> Result<Bytes, ObjectError> {
        self.runtime.block_on(self.store.get_range(path, range)).map_err(error("reading", path))
    }

    /// Several parts of the content, in their order.
    ///
    /// # Errors
    /// If one can't be read, or there are no such bytes.
    pub fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, ObjectError> {
        self.runtime.block_on(self.store.get_ranges(path, ranges)).map_err(error("reading", path))
    }

    /// How many bytes there are.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn size(&self, path: &Path) -> Result<u64, ObjectError> {
        Ok(self.runtime.block_on(self.store.head(path)).map_err(error("looking for", path))?.size)
    }

    /// Writes a file as a whole, over one that may be there: whoever looks sees the one or the other.
    ///
    /// # Errors
    /// If it can't be written; then what was there before still is.
    pub fn put(&self, path: &Path, content: Bytes) -> Result<(), ObjectError> {
        self.step("put", path).map_err(error("writing", path))?;
        let payload = PutPayload::from_bytes(content);
        self.runtime.block_on(self.store.put(path, payload)).map_err(error("writing", path))?;
        self.restrict(path);
        self.step("put is done", path).map_err(error("writing", path))
    }

    /// Moves a file, over one that may be there.
    ///
    /// # Errors
    /// If it is not there, or can't be moved.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), ObjectError> {
        self.step("rename", from).map_err(error("moving", from))?;
        self.runtime.block_on(self.store.rename(from, to)).map_err(error("moving", from))?;
        self.remove_empty_folders(from);
        self.step("rename is done", from).map_err(error("moving", from))
    }

    /// All files whose names begin with these parts, sorted by name.
    ///
    /// # Errors
    /// If they can't be listed.
    pub fn list(&self, prefix: &Path) -> Result<Vec<Listed>, ObjectError> {
        let all =
            self.store.list(Some(prefix)).map_ok(|meta| Listed { path: meta.location, bytes: meta.size });
        let mut listed: Vec<Listed> =
            self.runtime.block_on(all.try_collect()).map_err(error("listing", prefix))?;
        listed.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(listed)
    }

    /// Deletes a file; that there is none is fine.
    ///
    /// # Errors
    /// If it can't be deleted.
    pub fn delete(&self, path: &Path) -> Result<(), ObjectError> {
        self.step("delete", path).map_err(error("deleting", path))?;
        match self.runtime.block_on(self.store.delete(path)).map_err(error("deleting", path)) {
            Err(failed) if !failed.is_not_found() => return Err(failed),
            _ => self.remove_empty_folders(path),
        }
        self.step("delete is done", path).map_err(error("deleting", path))
    }

    fn step(&self, what: &str, path: &Path) -> Result<(), object_store::Error> {
        let failed = |error| object_store::Error::Generic { store: "steps", source: Box::new(error) };
        self.steps.at(|| format!("{what} {path}")).map_err(failed)
    }

    /// Deletes what writes that did not come to their end have left; only a local store has such files. A listing does not
    /// have them.
    ///
    /// # Errors
    /// If a folder can't be read, or one can't be deleted.
    pub fn remove_leftovers(&self, prefix: &Path) -> std::io::Result<()> {
        let Some(folder) = self.local_file(prefix) else { return Ok(()) };
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                other => other?,
            };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                // What `object_store` calls a file that it is not done with: the name, a number sign, a number.
                let staged =
                    name.to_str().and_then(|name| name.rsplit_once('#')).is_some_and(|(_, number)| {
                        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
                    });
                match entry.file_type()? {
                    kind if kind.is_dir() => folders.push(entry.path()),
                    kind if kind.is_file() && staged => std::fs::remove_file(entry.path())?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Nobody else may read what is stored, whatever the process's umask is. The store's own folders are closed before
    /// anything is in them, so a moment of a wider mode shows nothing.
    fn restrict(&self, path: &Path) {
        let Some(file) = self.local_file(path) else { return };
        // What can't be changed was made by somebody else on purpose: it was written, and that is what counts.
        let _ = std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600));
        for folder in self.folders(&file) {
            let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700));
        }
    }

    /// Folders that writing a file may have made, the deepest first: not the store's, nor a table's.
    fn folders<'a>(&self, file: &'a LocalPath) -> impl Iterator<Item = &'a LocalPath> {
        let root = self.local.clone();
        let inside =
            move |folder: &&LocalPath| folder.parent().is_some_and(|parent| Some(parent) != root.as_deref());
        file.ancestors().skip(1).take_while(inside)
    }

    /// Days of which nothing is left.
    fn remove_empty_folders(&self, path: &Path) {
        let Some(file) = self.local_file(path) else { return };
        for folder in self.folders(&file) {
            // The first that is not empty stays, and so do all above it.
            if std::fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }

    fn local_file(&self, path: &Path) -> Option<PathBuf> {
        Some(self.local.as_ref()?.join(path.as_ref()))
    }
}

fn error(what: &'static str, path: &Path) -> impl FnOnce(object_store::Error) -> ObjectError {
    let path = path.to_string();
    move |source| ObjectError { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects() -> (tempfile::TempDir, Objects) {
        let directory = tempfile::tempdir().unwrap();
        let objects = Objects::local(directory.path()).unwrap();
        (directory, objects)
    }

    #[test]
    fn what_was_put_is_read_listed_and_deleted() {
        let (directory, objects) = objects();
        let path = Path::from_iter(["a", "x=1 %/ü", "f"]);
        objects.put(&path, "0123456789".into()).unwrap();
        assert_eq!(objects.get(&path).unwrap(), "0123456789");
        assert_eq!(objects.get_range(&path, 2..4).unwrap(), "23");
        assert_eq!(objects.get_ranges(&path, &[0..1, 9..10]).unwrap(), ["0", "9"]);
        assert_eq!(objects.size(&path).unwrap(), 10);
        assert_eq!(objects.list(&Path::from("a")).unwrap(), [Listed { path: path.clone(), bytes: 10 }]);
        objects.put(&path, "new".into()).unwrap();
        assert_eq!(objects.get(&path).unwrap(), "new");
        objects.delete(&path).unwrap();
        objects.delete(&path).unwrap();
        assert!(objects.get(&path).unwrap_err().is_not_found());
        assert_eq!(std::fs::read_dir(directory.path().join("a")).unwrap().count(), 0, "empty folders go");
    }

    #[test]
    fn what_an_unfinished_write_left_is_removed() {
        let (directory, objects) = objects();
        objects.put(&Path::from_iter(["a", "b", "f.parquet"]), "x".into()).unwrap();
        let folder = directory.path().join("a/b");
        std::fs::write(folder.join("f.parquet#1"), "half").unwrap();
        objects.remove_leftovers(&Path::from("a")).unwrap();
        let names: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["f.parquet"]);
        objects.remove_leftovers(&Path::from("nothing")).unwrap();
    }

    #[test]
    fn it_may_be_dropped_by_async_code() {
        let (_directory, objects) = objects();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async move { drop(objects) });
    }

    #[test]
    fn only_the_owner_may_read_a_file() {
        let (directory, objects) = objects();
        objects.put(&Path::from("f"), "x".into()).unwrap();
        let mode = std::fs::metadata(directory.path().join("f")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
