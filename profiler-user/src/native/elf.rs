//! What firetower asks of an ELF file: segments, a few symbols by name, a few strings of the dynamic section.
//!
//! It must not know what the symbols mean. Files are read piece by piece, never mapped: a file that is truncated
//! while it is mapped kills the reader by SIGBUS. All sizes in the file are hostile; what is read and kept is bounded.

mod content;
mod symbols;

use std::cell::RefCell;
use std::collections::HashSet;

use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::read::{ReadCache, ReadCacheOps, ReadRef};
use object::{Endianness, elf};

use content::{Content, Shared};

type Header = elf::FileHeader64<Endianness>;

/// Most bytes of one section that are read.
const MAX_READ: u64 = 64 << 20;
/// Most bytes of one file that are read, and kept until it is done with.
const MAX_FILE: u64 = 128 << 20;
/// Most loaded segments; linkers make about five.
const MAX_SEGMENTS: usize = 256;
/// Most libraries that a file is linked to.
const MAX_NEEDED: usize = 1024;

/// Why a file could not be read as ELF.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// It is something else, or for another kind of machine (32 bits).
    #[error("not a 64-bit ELF file")]
    NotElf64,
    /// It contradicts itself, is cut short, or could not be read.
    #[error("malformed ELF file: {0}")]
    Malformed(String),
}

impl From<object::Error> for ElfError {
    fn from(error: object::Error) -> ElfError {
        ElfError::Malformed(error.to_string())
    }
}

/// A segment that is loaded (`PT_LOAD`). Addresses are as in the file, before relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Bytes into the file.
    pub offset: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// Address of the first byte.
    pub address: u64,
    /// Bytes in memory; those behind the file's are zero at first.
    pub memory_size: u64,
    /// Whether it is mapped executable.
    pub executable: bool,
    /// Whether it is mapped writable.
    pub writable: bool,
}

/// A symbol that the file defines, or a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Address in the file.
    pub address: u64,
    /// Bytes.
    pub size: u64,
}

/// Which symbols to look through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolTable {
    /// `.dynsym`: what the file exports and imports; there in every shared object, stripped or not.
    Dynamic,
    /// `.symtab`: everything, until it is stripped.
    Full,
}

impl SymbolTable {
    fn section_type(self) -> u32 {
        match self {
            SymbolTable::Dynamic => elf::SHT_DYNSYM,
            SymbolTable::Full => elf::SHT_SYMTAB,
        }
    }
}

/// Names in the dynamic section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DynamicNames {
    /// `DT_SONAME`.
    pub soname: Option<String>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<String>,
}

/// An ELF file, 64 bits.
pub struct Elf<'data, R: ReadCacheOps> {
    endian: Endianness,
    machine: u16,
    data: &'data ElfFile<R>,
    sections: SectionTable<'data, Header, &'data ElfFile<R>>,
    segments: Vec<Segment>,
}

impl<'data, R: ReadCacheOps> Elf<'data, R> {
    /// Reads the headers of a file.
    pub fn parse(data: &'data ElfFile<R>) -> Result<Elf<'data, R>, ElfError> {
        let header = Header::parse(data).map_err(|_| ElfError::NotElf64)?;
        let endian = header.endian()?;
        let loaded = |program: &&elf::ProgramHeader64<Endianness>| program.p_type(endian) == elf::PT_LOAD;
        let segments = header.program_headers(endian, data)?.iter().filter(loaded).map(|program| Segment {
            offset: program.p_offset(endian),
            file_size: program.p_filesz(endian),
            address: program.p_vaddr(endian),
            memory_size: program.p_memsz(endian),
            executable: program.p_flags(endian) & elf::PF_X != 0,
            writable: program.p_flags(endian) & elf::PF_W != 0,
        });
        let segments: Vec<Segment> = segments.take(MAX_SEGMENTS + 1).collect();
        if segments.len() > MAX_SEGMENTS {
            return Err(ElfError::Malformed(format!("more than {MAX_SEGMENTS} loaded segments")));
        }
        let (machine, sections) = (header.e_machine(endian), header.sections(endian, data)?);
        Ok(Elf { endian, machine, data, sections, segments })
    }

    /// The loaded segments, in the file's order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The functions and data objects with these names that the file defines, in the order of the names.
    ///
    /// A table that is not there defines none.
    pub fn symbols<const N: usize>(
        &self,
        table: SymbolTable,
        names: [&str; N],
    ) -> Result<[Option<Place>; N], ElfError> {
        let mut found = [None; N];
        let is_table = |section: &&elf::SectionHeader64<Endianness>| {
            section.sh_type(self.endian) == table.section_type()
        };
        let Some(symbols) = self.sections.iter().find(is_table) else { return Ok(found) };
        let strings = self.sections.section(object::SectionIndex(symbols.sh_link(self.endian) as usize))?;
        let content = |section: &elf::SectionHeader64<Endianness>| {
            self.data.content(section.sh_offset(self.endian), section.sh_size(self.endian))
        };
        let places = symbols::places(content(strings)?, names)?;
        if places.iter().all(Vec::is_empty) {
            return Ok(found);
        }
        symbols::each(content(symbols)?, |symbol: &elf::Sym64<Endianness>| {
            let kind = symbol.st_type();
            if symbol.is_undefined(self.endian) || (kind != elf::STT_OBJECT && kind != elf::STT_FUNC) {
                return;
            }
            let name = symbol.st_name(self.endian);
            for (slot, places) in found.iter_mut().zip(&places) {
                if slot.is_none() && places.binary_search(&name).is_ok() {
                    let (address, size) = (symbol.st_value(self.endian), symbol.st_size(self.endian));
                    *slot = Some(Place { address, size });
                }
            }
        })?;
        Ok(found)
    }

    /// Whether a symbol table, with its strings, is small enough to be read. One that is not there is.
    pub fn can_read(&self, table: SymbolTable) -> bool {
        let sections =
            self.sections.iter().filter(|section| section.sh_type(self.endian) == table.section_type());
        sections.take(1).all(|section| {
            let strings = self.sections.section(object::SectionIndex(section.sh_link(self.endian) as usize));
            let size = |section: &elf::SectionHeader64<Endianness>| section.sh_size(self.endian);
            size(section) <= MAX_READ && strings.is_ok_and(|strings| size(strings) <= MAX_READ)
        })
    }

    /// The section with this name.
    pub fn section(&self, name: &str) -> Option<Place> {
        let (_, section) = self.sections.section_by_name(self.endian, name.as_bytes())?;
        Some(Place { address: section.sh_addr(self.endian), size: section.sh_size(self.endian) })
    }

    /// Whether its code is for x86-64.
    pub fn is_x86_64(&self) -> bool {
        self.machine == elf::EM_X86_64
    }

    /// What the dynamic section names; nothing if the file has none.
    pub fn dynamic_names(&self) -> Result<DynamicNames, ElfError> {
        let mut names = DynamicNames::default();
        let Some((entries, link)) = self.sections.dynamic(self.endian, self.data)? else { return Ok(names) };
        let strings = self.sections.strings(self.endian, self.data, link)?;
        for entry in entries.iter().take_while(|entry| entry.d_tag(self.endian) != elf::DT_NULL) {
            let string = || -> Result<String, ElfError> {
                Ok(String::from_utf8_lossy(entry.string(self.endian, strings)?).into_owned())
            };
            match entry.d_tag(self.endian) {
                elf::DT_SONAME => names.soname = Some(string()?),
                elf::DT_NEEDED if names.needed.len() == MAX_NEEDED => {
                    return Err(ElfError::Malformed(format!("more than {MAX_NEEDED} needed libraries")));
                }
                elf::DT_NEEDED => names.needed.push(string()?),
                _ => {}
            }
        }
        Ok(names)
    }

    /// At most `size` bytes that the file has for this address, fewer where they end; `None` where it has none for it
    /// (`.bss`).
    pub fn bytes_at(&self, address: u64, size: u64) -> Option<&'data [u8]> {
        let segment = self.segments.iter().find(|segment| {
            address.checked_sub(segment.address).is_some_and(|offset| offset < segment.file_size)
        })?;
        let within = address - segment.address;
        let size = size.min(segment.file_size - within);
        self.data.read_bytes_at(segment.offset.checked_add(within)?, size).ok()
    }

    /// The `u64` that the file has for this address; `None` where it has no bytes for it.
    pub fn u64_at(&self, address: u64) -> Option<u64> {
        let bytes = self.bytes_at(address, 8)?.try_into().ok()?;
        Some(match self.endian {
            Endianness::Little => u64::from_le_bytes(bytes),
            Endianness::Big => u64::from_be_bytes(bytes),
        })
    }
}

/// A file of which no more than 64 MiB are read at once, and 128 MiB kept in all, whatever its headers say.
pub struct ElfFile<R: ReadCacheOps> {
    cache: ReadCache<Shared<R>>,
    content: Shared<R>,
    kept: RefCell<Kept>,
}

/// What the cache holds.
#[derive(Default)]
struct Kept {
    /// Offset and size of each read.
    reads: HashSet<(u64, u64)>,
    bytes: u64,
}

impl<R: ReadCacheOps> ElfFile<R> {
    /// A file, of which nothing is read yet.
    pub fn new(content: R) -> ElfFile<R> {
        let content = Shared::new(content);
        ElfFile { cache: ReadCache::new(content.clone()), content, kept: RefCell::default() }
    }

    /// A part of it, to be read piece by piece: nothing of it is kept.
    fn content(&self, offset: u64, size: u64) -> Result<Content<'_, R>, ElfError> {
        if size > MAX_READ {
            return Err(ElfError::Malformed(format!("a table of {size} bytes")));
        }
        Ok(self.content.part(offset, size))
    }
}

impl<'data, R: ReadCacheOps> ReadRef<'data> for &'data ElfFile<R> {
    fn len(self) -> Result<u64, ()> {
        self.cache.len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'data [u8], ()> {
        let mut kept = self.kept.borrow_mut();
        let is_new = !kept.reads.contains(&(offset, size));
        if is_new && (size > MAX_READ || size > MAX_FILE - kept.bytes) {
            return Err(());
        }
        let bytes = self.cache.read_bytes_at(offset, size)?;
        if is_new {
            kept.reads.insert((offset, size));
            kept.bytes += size;
        }
        Ok(bytes)
    }

    fn read_bytes_at_until(self, range: std::ops::Range<u64>, delimiter: u8) -> Result<&'data [u8], ()> {
        self.cache.read_bytes_at_until(range, delimiter)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Offsets of the pieces of [`file`].
    const PROGRAMS: usize = 64;
    const SECTIONS: usize = 0x8000;
    const DYNAMIC: usize = 0x9000;

    /// A shared object with this many loaded segments, linked to this many libraries.
    fn file(segments: usize, needed: usize) -> ElfFile<Cursor<Vec<u8>>> {
        let size = DYNAMIC + 16 * (needed + 1);
        let mut bytes = vec![0; size];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, b"\x7fELF\x02\x01\x01");
        put(16, &3_u16.to_le_bytes());
        put(32, &(PROGRAMS as u64).to_le_bytes());
        put(40, &(SECTIONS as u64).to_le_bytes());
        for (at, value) in [(52, 64), (54, 56), (56, segments), (58, 64), (60, 3), (62, 2)] {
            put(at, &(value as u16).to_le_bytes());
        }
        for index in 0..segments {
            put(PROGRAMS + 56 * index, &elf::PT_LOAD.to_le_bytes());
        }
        // The dynamic section, and its strings: they are zeros in front of it.
        let sections = [(elf::SHT_DYNAMIC, DYNAMIC, 16 * (needed + 1)), (elf::SHT_STRTAB, SECTIONS - 16, 16)];
        for (index, (kind, offset, size)) in (1..).zip(sections) {
            let header = SECTIONS + 64 * index;
            put(header + 4, &kind.to_le_bytes());
            put(header + 24, &(offset as u64).to_le_bytes());
            put(header + 32, &(size as u64).to_le_bytes());
            put(header + 40, &2_u32.to_le_bytes());
        }
        for index in 0..needed {
            put(DYNAMIC + 16 * index, &elf::DT_NEEDED.to_le_bytes());
        }
        ElfFile::new(Cursor::new(bytes))
    }

    #[test]
    fn segments_and_libraries_are_counted() {
        let sane = file(4, 3);
        let elf = Elf::parse(&sane).unwrap();
        assert_eq!(elf.segments().len(), 4);
        assert_eq!(elf.dynamic_names().unwrap().needed, ["", "", ""]);
        let many = file(MAX_SEGMENTS + 1, 0);
        assert!(matches!(Elf::parse(&many), Err(ElfError::Malformed(why)) if why.contains("segments")));
        let many = file(1, MAX_NEEDED + 1);
        let names = Elf::parse(&many).unwrap().dynamic_names();
        assert!(matches!(names, Err(ElfError::Malformed(why)) if why.contains("libraries")));
    }

    #[test]
    fn what_is_kept_of_a_file_is_bounded() {
        struct Zeros;
        impl ReadCacheOps for Zeros {
            fn len(&mut self) -> Result<u64, ()> {
                Ok(u64::MAX)
            }
            fn seek(&mut self, place: u64) -> Result<u64, ()> {
                Ok(place)
            }
            fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ()> {
                Ok(buffer.len())
            }
            fn read_exact(&mut self, _: &mut [u8]) -> Result<(), ()> {
                Ok(())
            }
        }
        let file = ElfFile::new(Zeros);
        assert!((&file).read_bytes_at(0, MAX_READ + 1).is_err());
        for offset in 0..MAX_FILE / MAX_READ {
            assert!((&file).read_bytes_at(offset, MAX_READ).is_ok());
        }
        assert!((&file).read_bytes_at(7, 1).is_err());
        assert!((&file).read_bytes_at(0, MAX_READ).is_ok(), "it is there already");
    }
}
