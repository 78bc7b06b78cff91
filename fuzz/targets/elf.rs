//! A file that a process runs or has mapped, and that may be a Python. Any file has an outcome with a reason. Input: its
//! name (1 byte), its size (4), its bytes in chunks; between them are zeros.
#![no_main]

use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use firetower::model::Pid;
use firetower::process::maps::{Mapping, MapsError};
use firetower::process::memory::{Memory, RecordedMemory};
use firetower::process::sparse::Sparse;
use firetower::process::view::{FileIdentity, MappedFile, ProcessView};
use firetower::python::detect::Recogniser;
use firetower_fuzz::tamper::hold;
use firetower_fuzz::{choose, chunks, recordings, to_chunks, within, write_seeds};
use libfuzzer_sys::fuzz_target;

/// Before 3.11 the name tells the version.
const NAMES: &[&str] = &[
    "libpython2.7.so.1.0",
    "libpython3.8.so.1.0",
    "libpython3.13.so.1.0",
    "python3",
    "postgres",
    "libpython3.10.so",
];
/// Sizes are below this: zeroing more would take most of the time.
const MAX_SIZE: u64 = 1 << 26;

/// A process that runs one file.
struct OneFile {
    name: &'static str,
    size: u64,
    bytes: Sparse,
    memory: RecordedMemory,
}

impl ProcessView for OneFile {
    fn pid(&self) -> Pid {
        Pid(1)
    }

    fn maps_text(&self) -> Result<Vec<u8>, MapsError> {
        let lines = [(0x40_0000, 0_u64, "r--p"), (0x50_0000, 0x1000, "r-xp"), (0x80_0000, 0x8_6000, "r-xp")];
        let line = |(start, offset, permissions): (u64, u64, &str)| {
            format!(
                "{start:x}-{:x} {permissions} {offset:08x} fe:00 1 /opt/{}\n",
                start + 0x10_0000,
                self.name
            )
        };
        Ok(lines.map(line).concat().into_bytes())
    }

    fn executable_link(&self) -> io::Result<PathBuf> {
        Ok(PathBuf::from(format!("/opt/{}", self.name)))
    }

    fn open(&self, _: &Mapping) -> io::Result<MappedFile<'_>> {
        let identity = FileIdentity { device: 1, inode: 1, size: self.size, modified: (0, 0) };
        Ok(MappedFile { identity, content: Box::new(Reader { file: self, position: 0 }) })
    }

    fn memory(&self) -> &dyn Memory {
        &self.memory
    }
}

struct Reader<'file> {
    file: &'file OneFile,
    position: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.file.size.saturating_sub(self.position);
        let length = buffer.len().min(left as usize);
        let end = self.position + length as u64;
        buffer[..length].fill(0);
        for (place, bytes) in self.file.bytes.ranges() {
            let (from, to) = (place.max(self.position), (place + bytes.len() as u64).min(end));
            if from < to {
                buffer[(from - self.position) as usize..(to - self.position) as usize]
                    .copy_from_slice(&bytes[(from - place) as usize..(to - place) as usize]);
            }
        }
        self.position = end;
        Ok(length)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.file.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for recorded in recordings() {
        for file in &recorded.recording.process.files {
            let name = NAMES
                .iter()
                .position(|name| recorded.recording.process.maps.iter().any(|line| line.ends_with(name)));
            let header = [name.unwrap_or(2) as u8];
            let size = (file.length as u32).to_le_bytes();
            seeds.push([&header[..], &size, &to_chunks(&file.bytes, true)].concat());
        }
    }
    seeds
}

fuzz_target!(init: write_seeds(seeds), |input: &[u8]| {
    let Some((&name, rest)) = choose(NAMES, input) else { return };
    let Some((size, rest)) = rest.split_first_chunk() else { return };
    let size = u64::from(u32::from_le_bytes(*size)) % MAX_SIZE;
    let process = OneFile { name, size, bytes: chunks(rest), memory: RecordedMemory::default() };
    within(160 << 20, || hold(&mut Recogniser::default(), &process, &[]));
});
