//! Memory as it was when it was first looked at: whole pages, each read once and remembered.
//!
//! What lies side by side is read at once, which costs about as much as one field of it, and the shorter a reading
//! takes the less can change meanwhile. It must not know what lies there, nor whether the process runs on.

use std::cell::RefCell;
use std::collections::HashMap;

use super::memory::{Memory, MemoryError};

/// The page size of x86-64: a mapping starts and ends at a multiple of it, so a page is readable as a whole or not.
const PAGE: u64 = 4096;
/// Most pages that are kept; what is read beyond them is read anew each time.
const MOST_PAGES: usize = 4096;

/// A reading of another memory.
pub struct Pages<'a> {
    of: &'a dyn Memory,
    known: RefCell<HashMap<u64, Box<[u8]>>>,
}

impl<'a> Pages<'a> {
    /// A reading that begins now.
    pub fn new(of: &'a dyn Memory) -> Pages<'a> {
        Pages { of, known: RefCell::default() }
    }

    /// Copies the part of a page that starts at `offset`. `false`: the page can't be kept.
    fn copy(&self, page: u64, offset: usize, into: &mut [u8]) -> bool {
        let mut known = self.known.borrow_mut();
        if !known.contains_key(&page) {
            if known.len() >= MOST_PAGES {
                return false;
            }
            // A recording has no whole pages; the caller reads just what it wants then, and hears what is wrong.
            let Ok(bytes) = self.of.read_bytes(page, PAGE, PAGE) else { return false };
            known.insert(page, bytes.into());
        }
        let Some(bytes) = known.get(&page).and_then(|bytes| bytes.get(offset..offset + into.len())) else {
            return false;
        };
        into.copy_from_slice(bytes);
        true
    }
}

impl Memory for Pages<'_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError> {
        let mut done = 0;
        while done < buffer.len() {
            let here = address.checked_add(done as u64).ok_or(MemoryError::Fault { address: u64::MAX })?;
            let offset = (here % PAGE) as usize;
            let length = (PAGE as usize - offset).min(buffer.len() - done);
            let part = &mut buffer[done..done + length];
            if !self.copy(here - offset as u64, offset, part) {
                self.of.read(here, part)?;
            }
            done += length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Memory in which every byte is the number of reads so far, below an end.
    struct Counting {
        reads: Cell<u8>,
        end: u64,
    }

    impl Memory for Counting {
        fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError> {
            if address.checked_add(buffer.len() as u64).is_none_or(|end| end > self.end) {
                return Err(MemoryError::Fault { address: self.end });
            }
            self.reads.set(self.reads.get() + 1);
            buffer.fill(self.reads.get());
            Ok(())
        }
    }

    #[test]
    fn a_page_is_read_once_and_stays_as_it_was() {
        let memory = Counting { reads: Cell::new(0), end: u64::MAX };
        let pages = Pages::new(&memory);
        assert_eq!(pages.read_u32(0x1000), Ok(0x0101_0101));
        assert_eq!(pages.read_u32(0x1ffc), Ok(0x0101_0101));
        assert_eq!(pages.read_u32(0x1ffe), Ok(0x0202_0101), "across two pages");
        assert_eq!((pages.read_u32(0x2000), memory.reads.get()), (Ok(0x0202_0202), 2));
    }

    #[test]
    fn what_is_no_whole_page_is_read_by_itself() {
        let memory = Counting { reads: Cell::new(0), end: 0x1008 };
        let pages = Pages::new(&memory);
        assert_eq!(pages.read_u64(0x1000), Ok(0x0101_0101_0101_0101));
        assert_eq!(pages.read_u64(0x1001), Err(MemoryError::Fault { address: 0x1008 }));
        assert!(pages.read_u64(u64::MAX - 3).is_err());
    }
}
