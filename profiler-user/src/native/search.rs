//! Finding bytes in what a file has loaded: strings that a program carries, where no symbol leads to them.
//!
//! It must not know what the bytes mean. Files are read piece by piece, never mapped, and only so much of each.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use memchr::memmem::Finder;

use super::elf::Segment;

/// Most bytes of one file that are looked through: more than any interpreter has, less than a browser.
const MAX_SEARCHED: u64 = 64 << 20;
/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

/// The bytes behind the first place where `wanted` lies in the file's loaded segments and `accept` answers something;
/// `accept` is handed up to `tail` bytes from behind `wanted`. `None`: it lies nowhere in the first [`MAX_SEARCHED`]
/// bytes. Errors: what reading the file said; a file that is shorter than its segments is none.
pub fn find<T>(
    file: &File,
    segments: &[Segment],
    wanted: &[u8],
    tail: usize,
    accept: impl Fn(&[u8]) -> Option<T>,
) -> io::Result<Option<T>> {
    let finder = Finder::new(wanted);
    // Where a piece ends, `wanted` or its tail may be cut: the next piece has that much of it again.
    let overlap = wanted.len() + tail;
    let mut piece = vec![0; PIECE.max(overlap * 2)];
    let mut left = MAX_SEARCHED;
    for segment in segments {
        let mut offset = segment.offset;
        let mut size = segment.file_size.min(left);
        left -= size;
        while size > 0 {
            let length = read_up_to(file, &mut piece, offset, size)?;
            let bytes = &piece[..length];
            let behind = |at: usize| &bytes[at + wanted.len()..bytes.len().min(at + overlap)];
            if let Some(found) = finder.find_iter(bytes).find_map(|at| accept(behind(at))) {
                return Ok(Some(found));
            }
            if length < piece.len() || length as u64 == size {
                break;
            }
            let step = (length - overlap) as u64;
            offset = offset.saturating_add(step);
            size -= step;
        }
    }
    Ok(None)
}

/// Fills the buffer, unless `size` or the file ends before.
fn read_up_to(file: &File, buffer: &mut [u8], offset: u64, size: u64) -> io::Result<usize> {
    let wanted = usize::try_from(size).unwrap_or(usize::MAX).min(buffer.len());
    let mut read = 0;
    while read < wanted {
        match file.read_at(&mut buffer[read..wanted], offset.saturating_add(read as u64)) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // An offset that no file can have.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => break,
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn segment(offset: u64, file_size: u64) -> Segment {
        Segment { offset, file_size, address: 0, executable: false }
    }

    fn digit(bytes: &[u8]) -> Option<u8> {
        bytes.first().copied().filter(u8::is_ascii_digit)
    }

    #[test]
    fn the_first_that_is_accepted_is_found_wherever_a_piece_ends() {
        for before in [0, 1, PIECE - 8, PIECE - 4, PIECE - 1, PIECE, PIECE + 3] {
            let mut bytes = b"word!".to_vec();
            bytes.resize(5 + before, b'-');
            bytes.extend_from_slice(b"word7 word8");
            let found = find(&file(&bytes), &[segment(0, bytes.len() as u64)], b"word", 3, digit);
            assert_eq!(found.unwrap(), Some(b'7'), "{before}");
        }
    }

    #[test]
    fn what_lies_outside_of_the_segments_is_not_found() {
        let file = file(b"word1 word2 word3");
        let found = |segments: &[Segment]| find(&file, segments, b"word", 1, digit).unwrap();
        assert_eq!(found(&[segment(6, 5)]), Some(b'2'));
        assert_eq!(found(&[segment(6, 4)]), None, "its tail is outside");
        assert_eq!(found(&[segment(1, 4), segment(11, 99)]), Some(b'3'));
        assert_eq!(found(&[segment(1 << 40, 99), segment(u64::MAX, u64::MAX)]), None);
        assert_eq!(found(&[]), None);
    }
}
