//! The log: windows are on the disk here, seconds after they were over, until they are sealed into Parquet.
//!
//! A file of blocks ([`block`](super::block)) that is only appended to. A block that could not be written whole is cut off
//! before the next one; if that fails too, the file is given up for a new one, and the checksum keeps whoever reads it from
//! taking the half for a whole. It must not know what becomes of windows.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::block::{Block, BlockError, HEADER, length};
use super::steps::Steps;

/// The folder of logs.
pub const FOLDER: &str = "wal";
const ENDING: &str = ".wal";
/// Most bytes of a log that are read: one is sealed long before.
const MAX_BYTES: u64 = 512 << 20;

/// Most places that are tried as the beginning of a block behind a damaged one: each may cost a sum over all that follows.
const MOST_MARKS: usize = 100;

/// The file of a log.
pub fn path(directory: &Path, number: u32) -> PathBuf {
    directory.join(FOLDER).join(format!("{number:08}{ENDING}"))
}

/// The numbers of all logs, sorted.
///
/// # Errors
/// If the folder can't be read.
pub fn numbers(directory: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(directory.join(FOLDER))? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(ENDING)?.parse().ok());
        // Another way to write a number is not ours.
        numbers.extend(number.filter(|&number| path(directory, number).file_name() == Some(&name)));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes what was done in a folder last: files that were made, renamed or deleted.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A log that is written.
#[derive(Debug)]
pub struct Log {
    /// Its number.
    pub number: u32,
    path: PathBuf,
    file: File,
    steps: Steps,
    /// Bytes up to the end of the last block that is on the disk.
    kept: u64,
    /// Bytes up to the end of the last block that was written.
    written: u64,
}

impl Log {
    /// A new log.
    ///
    /// # Errors
    /// If it can't be made, or is there.
    pub fn create(directory: &Path, number: u32, steps: &Steps) -> io::Result<Log> {
        let path = path(directory, number);
        steps.at(|| format!("create {}", path.display()))?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        // The mode at its making is narrowed by the umask, and may be too narrow.
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        sync_folder(&directory.join(FOLDER))?;
        Ok(Log { number, path, file, steps: steps.clone(), kept: 0, written: 0 })
    }

    /// Writes a block. It is not on the disk before [`keep`](Self::keep) says so.
    ///
    /// # Errors
    /// If it could not be written whole: [`cut`](Self::cut) then.
    pub fn write(&mut self, block: &[u8]) -> io::Result<()> {
        let (first, second) = block.split_at(block.len() / 2);
        self.steps.at(|| format!("write {}", self.path.display()))?;
        self.file.write_all(first)?;
        self.steps.at(|| format!("written by half {}", self.path.display()))?;
        self.file.write_all(second)?;
        self.written += block.len() as u64;
        Ok(())
    }

    /// All blocks that were written are on the disk when this returns.
    ///
    /// # Errors
    /// If they may not be: [`cut`](Self::cut) then.
    pub fn keep(&mut self) -> io::Result<()> {
        self.steps.at(|| format!("sync {}", self.path.display()))?;
        self.file.sync_data()?;
        self.steps.at(|| format!("synced {}", self.path.display()))?;
        self.kept = self.written;
        Ok(())
    }

    /// Cuts off what is not known to be on the disk. After an error nothing more may be written.
    ///
    /// # Errors
    /// If it may still be there.
    pub fn cut(&mut self) -> io::Result<()> {
        use std::io::Seek;
        self.steps.at(|| format!("cut {}", self.path.display()))?;
        self.file.set_len(self.kept)?;
        self.file.seek(io::SeekFrom::Start(self.kept))?;
        self.written = self.kept;
        self.file.sync_data()
    }

    /// Bytes that are on the disk.
    pub fn bytes(&self) -> u64 {
        self.kept
    }
}

/// Deletes a log whose windows are elsewhere.
///
/// # Errors
/// If it is still there, or may be after a crash.
pub fn delete(directory: &Path, number: u32, steps: &Steps) -> io::Result<()> {
    let path = path(directory, number);
    steps.at(|| format!("delete {}", path.display()))?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => sync_folder(&directory.join(FOLDER))?,
    }
    steps.at(|| format!("deleted {}", path.display()))
}

/// What is in a log.
#[derive(Debug, Default)]
pub struct Found {
    /// Blocks, in their order.
    pub blocks: Vec<Block>,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes at the end that are part of a block which was never written whole.
    pub torn: u64,
    /// What is wrong, if something is: it was written whole, and is not what it was.
    pub damage: Option<String>,
}

/// Reads a log as far as it can be read. What is torn at its end is what a crash leaves, and no damage.
///
/// # Errors
/// If the file can't be read.
pub fn read(directory: &Path, number: u32) -> io::Result<Found> {
    let path = path(directory, number);
    let bytes = std::fs::metadata(&path)?.len();
    if bytes > MAX_BYTES {
        return Ok(Found { bytes, damage: Some("it is too large".to_owned()), ..Found::default() });
    }
    let content = std::fs::read(&path)?;
    let mut found = Found { bytes, ..Found::default() };
    let mut rest = &content[..];
    while !rest.is_empty() {
        match Block::decode(rest) {
            Ok((block, took)) => {
                found.blocks.push(block);
                rest = &rest[took..];
            }
            Err(error) => {
                if is_torn(rest, &error) {
                    found.torn = rest.len() as u64;
                    break;
                }
                found.damage.get_or_insert(format!("at byte {}: {error}", content.len() - rest.len()));
                let Some(next) = next_block(rest) else { break };
                rest = &rest[next..];
            }
        }
    }
    Ok(found)
}

/// Whether this is what a crash in the middle of a write leaves: a file that ends too early, or whose end is not the bytes
/// that were written.
fn is_torn(rest: &[u8], error: &BlockError) -> bool {
    match error {
        BlockError::Short => next_block(rest).is_none(),
        BlockError::Mark => rest.iter().all(|&byte| byte == 0),
        BlockError::Sum => {
            length(rest).is_ok_and(|length| length == rest.len())
                || rest[HEADER..].iter().all(|&byte| byte == 0)
        }
        BlockError::Content(_) => false,
    }
}

/// Where the next whole block begins after one that is damaged.
fn next_block(rest: &[u8]) -> Option<usize> {
    let marks = memchr::memmem::find_iter(&rest[1..], b"FTW1").map(|at| at + 1);
    marks.take(MOST_MARKS).find(|&at| Block::decode(&rest[at..]).is_ok())
}
