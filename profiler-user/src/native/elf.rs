//! What firetower asks of an ELF file: segments, a few symbols by name, a few strings of the dynamic section.
//!
//! It must not know what the symbols mean. Files are read piece by piece, never mapped: a file that is truncated
//! while it is mapped kills the reader by SIGBUS. All sizes in the file are hostile; one read is bounded.

use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::read::{ReadCache, ReadCacheOps, ReadRef};
use object::{Endianness, elf};

type Header = elf::FileHeader64<Endianness>;

/// Most bytes of one section that are read.
const MAX_READ: u64 = 64 << 20;

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
    /// Whether it is mapped executable.
    pub executable: bool,
}

/// Which symbols to look through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolTable {
    /// `.dynsym`: what the file exports and imports; there in every shared object, stripped or not.
    Dynamic,
    /// `.symtab`: everything, until it is stripped.
    Full,
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
    data: Bounded<'data, R>,
    sections: SectionTable<'data, Header, Bounded<'data, R>>,
    segments: Vec<Segment>,
}

impl<'data, R: ReadCacheOps> Elf<'data, R> {
    /// Reads the headers of a file.
    pub fn parse(file: &'data ReadCache<R>) -> Result<Elf<'data, R>, ElfError> {
        let data = Bounded(file);
        let header = Header::parse(data).map_err(|_| ElfError::NotElf64)?;
        let endian = header.endian()?;
        let loaded = |program: &&elf::ProgramHeader64<Endianness>| program.p_type(endian) == elf::PT_LOAD;
        let segments = header.program_headers(endian, data)?.iter().filter(loaded).map(|program| Segment {
            offset: program.p_offset(endian),
            file_size: program.p_filesz(endian),
            address: program.p_vaddr(endian),
            executable: program.p_flags(endian) & elf::PF_X != 0,
        });
        Ok(Elf { endian, data, sections: header.sections(endian, data)?, segments: segments.collect() })
    }

    /// The loaded segments, in the file's order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The addresses of the data objects with these names that the file defines, in the order of the names.
    ///
    /// A table that is not there defines none.
    pub fn objects<const N: usize>(
        &self,
        table: SymbolTable,
        names: [&str; N],
    ) -> Result<[Option<u64>; N], ElfError> {
        self.defined(table, names, elf::STT_OBJECT)
    }

    /// The addresses of the functions with these names that the file defines, in the order of the names.
    pub fn functions<const N: usize>(
        &self,
        table: SymbolTable,
        names: [&str; N],
    ) -> Result<[Option<u64>; N], ElfError> {
        self.defined(table, names, elf::STT_FUNC)
    }

    fn defined<const N: usize>(
        &self,
        table: SymbolTable,
        names: [&str; N],
        kind: u8,
    ) -> Result<[Option<u64>; N], ElfError> {
        let section = match table {
            SymbolTable::Dynamic => elf::SHT_DYNSYM,
            SymbolTable::Full => elf::SHT_SYMTAB,
        };
        let symbols = self.sections.symbols(self.endian, self.data, section)?;
        let mut found = [None; N];
        if symbols.is_empty() {
            return Ok(found);
        }
        // The strings are read at once: asking `object` for each name would be a system call per symbol.
        let strings = self.sections.section(symbols.string_section())?.data(self.endian, self.data)?;
        for symbol in symbols.iter() {
            if symbol.is_undefined(self.endian) || symbol.st_type() != kind {
                continue;
            }
            let Some(name) = strings.get(symbol.st_name(self.endian) as usize..) else { continue };
            for (slot, wanted) in found.iter_mut().zip(names) {
                let rest = name.strip_prefix(wanted.as_bytes());
                if slot.is_none() && rest.is_some_and(|rest| rest.first() == Some(&0)) {
                    *slot = Some(symbol.st_value(self.endian));
                }
            }
        }
        Ok(found)
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
                elf::DT_NEEDED => names.needed.push(string()?),
                _ => {}
            }
        }
        Ok(names)
    }

    /// The `u64` that the file has for this address; `None` where it has no bytes for it (`.bss`).
    pub fn u64_at(&self, address: u64) -> Option<u64> {
        let segment = self.segments.iter().find(|segment| {
            address.checked_sub(segment.address).is_some_and(|offset| offset < segment.file_size)
        })?;
        let within = address - segment.address;
        let bytes = self.data.read_bytes_at(segment.offset.checked_add(within)?, 8).ok()?;
        let bytes = bytes.try_into().ok().filter(|_| within + 8 <= segment.file_size)?;
        Some(match self.endian {
            Endianness::Little => u64::from_le_bytes(bytes),
            Endianness::Big => u64::from_be_bytes(bytes),
        })
    }
}

/// A file of which no more than [`MAX_READ`] bytes are read at once, whatever its headers say.
struct Bounded<'data, R: ReadCacheOps>(&'data ReadCache<R>);

impl<R: ReadCacheOps> Clone for Bounded<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: ReadCacheOps> Copy for Bounded<'_, R> {}

impl<'data, R: ReadCacheOps> ReadRef<'data> for Bounded<'data, R> {
    fn len(self) -> Result<u64, ()> {
        self.0.len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'data [u8], ()> {
        if size > MAX_READ { Err(()) } else { self.0.read_bytes_at(offset, size) }
    }

    fn read_bytes_at_until(self, range: std::ops::Range<u64>, delimiter: u8) -> Result<&'data [u8], ()> {
        self.0.read_bytes_at_until(range, delimiter)
    }
}
