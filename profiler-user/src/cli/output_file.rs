//! A file that is written whole or not at all: a temporary one beside it, renamed when it is complete. It must not know
//! what is in it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::exit::{Exit, Failure};

/// A file to come.
pub(super) struct OutputFile {
    path: PathBuf,
    temporary: NamedTempFile,
}

impl OutputFile {
    /// Makes the temporary file, so that it is known early whether there is a place to write to.
    ///
    /// # Errors
    /// [`Exit::OutputFolder`]: there is something else of this name, or the folder is missing or not writable.
    pub(super) fn prepare(path: &Path) -> Result<OutputFile, Failure> {
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Failure::new(
                Exit::OutputFolder,
                format!("{} is there and is no regular file", path.display()),
            ));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let temporary = tempfile::Builder::new()
            .prefix(".firetower-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)) // Less the umask, like any file.
            .tempfile_in(folder)
            .map_err(|error| {
                let failure = Failure::new(
                    Exit::OutputFolder,
                    format!("can't write to the folder {}: {}", folder.display(), said(&error)),
                );
                match error.kind() {
                    ErrorKind::NotFound => {
                        failure.hint(format!("make it first: mkdir -p {}", folder.display()))
                    }
                    _ => failure,
                }
            })?;
        Ok(OutputFile { path: path.to_owned(), temporary })
    }

    /// Another handle to write to, for who writes while the work goes on; [`OutputFile::complete`] ends it.
    ///
    /// # Errors
    /// [`Exit::WriteFailed`].
    pub(super) fn writer(&self) -> Result<File, Failure> {
        self.temporary.as_file().try_clone().map_err(|error| write_failed(&self.path, &error))
    }

    /// Writes all of it and gives it its name; the path.
    ///
    /// # Errors
    /// [`Exit::WriteFailed`].
    pub(super) fn write(mut self, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let written = self.temporary.write_all(bytes);
        self.complete(written)
    }

    /// Gives it its name, if all was `written`; the path.
    ///
    /// # Errors
    /// [`Exit::WriteFailed`].
    pub(super) fn complete(self, written: io::Result<()>) -> Result<PathBuf, Failure> {
        let OutputFile { path, temporary } = self;
        let failed = |error: &io::Error| write_failed(&path, error);
        written.and_then(|()| temporary.as_file().sync_all()).map_err(|error| failed(&error))?;
        temporary.persist(&path).map_err(|error| failed(&error.error))?;
        Ok(path)
    }
}

fn write_failed(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::WriteFailed, format!("can't write {}: {}", path.display(), said(error)))
        .hint("nothing was written; is the disk full?")
}

/// What the operating system said, without the random name of the temporary file, which `tempfile` adds in words only.
fn said(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" at path ").map_or(text.clone(), |(said, _)| said.to_owned())
}
