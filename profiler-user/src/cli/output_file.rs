//! A file that is written whole or not at all: a temporary one beside it, renamed when it is complete. It must not know
//! what is in it.

use std::fs;
use std::io::ErrorKind;
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

    /// The file that is written to until it is complete.
    pub(super) fn file(&mut self) -> &mut NamedTempFile {
        &mut self.temporary
    }

    /// The failure to write to it.
    pub(super) fn failed(&self, error: &std::io::Error) -> Failure {
        write_failed(&self.path, error)
    }

    /// Gives it its name; the path.
    ///
    /// # Errors
    /// [`Exit::WriteFailed`].
    pub(super) fn complete(self) -> Result<PathBuf, Failure> {
        let OutputFile { path, temporary } = self;
        let failed = |error: &std::io::Error| write_failed(&path, error);
        temporary.as_file().sync_all().map_err(|error| failed(&error))?;
        temporary.persist(&path).map_err(|error| failed(&error.error))?;
        Ok(path)
    }
}

fn write_failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::WriteFailed, format!("can't write {}: {}", path.display(), said(error)))
        .hint("nothing was written; is the disk full?")
}

/// What the operating system said, without the random name of the temporary file, which `tempfile` adds in words only.
fn said(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split_once(" at path ").map_or(text.clone(), |(said, _)| said.to_owned())
}
