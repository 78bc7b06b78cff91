//! A file that two read: the cache of what is kept, and whoever reads a part of it piece by piece. It must not know what is
//! in it.

use std::cell::RefCell;
use std::rc::Rc;

use object::read::ReadCacheOps;

use super::ElfError;
use super::symbols::Pieces;

/// The file, for the cache and for what is not to be kept.
pub(super) struct Shared<R>(Rc<RefCell<R>>);

impl<R> Shared<R> {
    /// Of a file.
    pub(super) fn new(content: R) -> Shared<R> {
        Shared(Rc::new(RefCell::new(content)))
    }

    /// A part of it.
    pub(super) fn part(&self, offset: u64, size: u64) -> Content<'_, R> {
        Content { file: self, offset, size }
    }
}

impl<R> Clone for Shared<R> {
    fn clone(&self) -> Shared<R> {
        Shared(self.0.clone())
    }
}

impl<R: ReadCacheOps> ReadCacheOps for Shared<R> {
    fn len(&mut self) -> Result<u64, ()> {
        self.0.borrow_mut().len()
    }

    fn seek(&mut self, place: u64) -> Result<u64, ()> {
        self.0.borrow_mut().seek(place)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ()> {
        self.0.borrow_mut().read(buffer)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), ()> {
        self.0.borrow_mut().read_exact(buffer)
    }
}

/// What is left of a part of a file.
pub(super) struct Content<'a, R> {
    file: &'a Shared<R>,
    offset: u64,
    size: u64,
}

impl<R: ReadCacheOps> Pieces for Content<'_, R> {
    fn left(&self) -> u64 {
        self.size
    }

    fn next(&mut self, buffer: &mut [u8]) -> Result<(), ElfError> {
        let cut_short = |()| ElfError::Malformed("a table is cut short".to_owned());
        let mut file = self.file.0.borrow_mut();
        file.seek(self.offset).map_err(cut_short)?;
        file.read_exact(buffer).map_err(cut_short)?;
        self.offset = self.offset.saturating_add(buffer.len() as u64);
        self.size = self.size.saturating_sub(buffer.len() as u64);
        Ok(())
    }
}
