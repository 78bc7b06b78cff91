//! A file that a subcommand writes: nothing half-written is ever seen, as a temporary file beside it is renamed. It must not
//! know what is written.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::exit::{Exit, Failure};

/// A file that can be written. Dropped, nothing of it is left.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    temporary: NamedTempFile,
}

impl NewFile {
    /// Makes sure that the file can be written, before any work is done for it. One that is there is replaced.
    ///
    /// # Errors
    /// [`Exit::OutputFolder`].
    pub fn prepare(path: &Path) -> Result<NewFile, Failure> {
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
        Ok(NewFile { path: path.to_owned(), temporary })
    }

    /// Another handle to write to, for who writes while the work goes on; [`NewFile::keep`] ends it.
    ///
    /// # Errors
    /// [`Exit::WriteFailed`].
    pub fn writer(&self) -> Result<File, Failure> {
        self.temporary.as_file().try_clone().map_err(|error| write_failed(&self.path, &error))
    }

    /// Writes all of it; its path.
    ///
    /// # Errors
    /// [`Exit::WriteFailed`].
    pub fn write(mut self, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let written = self.temporary.write_all(bytes);
        self.keep(written)
    }

    /// Gives it its name, if all was `written`; its path.
    ///
    /// # Errors
    /// [`Exit::WriteFailed`].
    pub fn keep(self, written: io::Result<()>) -> Result<PathBuf, Failure> {
        let NewFile { path, temporary } = self;
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
