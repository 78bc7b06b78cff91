//! Makes a recording small: bytes of files that nothing depends on become zeros.
//!
//! Symbol tables are read whole, and are most of what is read, for the few symbols that are asked for. Which bytes
//! those need is found by trying, so that this must not know what the files are.

use super::RecordedProcess;

/// Pieces of fewer bytes than this are not tried: a symbol is 24 bytes long.
const SMALLEST: usize = 8;

/// Zeroes what can be zeroed in the files of `process` while `holds` of it; it must hold at the start.
pub fn minimise(process: &mut RecordedProcess, holds: &dyn Fn(&RecordedProcess) -> bool) {
    for index in 0..process.files.len() {
        let ranges: Vec<(u64, usize)> = {
            let bytes = &process.files[index].bytes;
            bytes.ranges().map(|(place, bytes)| (place, bytes.len())).collect()
        };
        for (place, length) in ranges {
            zero(process, index, (place, length), holds);
        }
    }
}

/// Zeroes a piece whole, or else each of its halves as far as that goes.
fn zero(
    process: &mut RecordedProcess,
    index: usize,
    (place, length): (u64, usize),
    holds: &dyn Fn(&RecordedProcess) -> bool,
) {
    let before = process.files[index].bytes.from(place)[..length].to_vec();
    if before.iter().all(|byte| *byte == 0) {
        return;
    }
    process.files[index].bytes.insert(place, &vec![0; length]);
    if holds(process) {
        return;
    }
    process.files[index].bytes.insert(place, &before);
    let half = (length / 2).next_multiple_of(SMALLEST);
    if half < length {
        zero(process, index, (place, half), holds);
        zero(process, index, (place + half as u64, length - half), holds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::RecordedFile;

    #[test]
    fn only_what_something_depends_on_is_left() {
        let mut file = RecordedFile::default();
        file.bytes.insert(1000, &[7; 1000]);
        let mut process = RecordedProcess { files: vec![file], ..RecordedProcess::default() };
        minimise(&mut process, &|process| process.files[0].bytes.from(1500)[0] == 7);
        let bytes = process.files[0].bytes.from(1000);
        let left: Vec<usize> = (0..1000).filter(|&at| bytes[at] != 0).collect();
        assert!(left.contains(&500) && left.len() <= SMALLEST, "{left:?}");
        assert_eq!(bytes.len(), 1000);
    }
}
