//! Takes the DWARF out of an eBPF object. BTF is made from it, and nothing that loads the object reads it.

use anyhow::{Context, Result};
use object::build::elf::{Builder, SectionData};
use object::elf::SHT_STRTAB;

/// The object without its DWARF sections, their relocations, and the symbols that name them.
///
/// Everything else stays: code, maps, `license`, `.BTF` and `.BTF.ext`, symbols.
///
/// # Errors
/// If it is no 64-bit ELF file, or has no BTF.
pub fn without_dwarf(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut builder = Builder::read(bytes)?;
    for section in builder.sections.iter_mut() {
        let relocates_dwarf =
            section.name.starts_with(b".rel.debug") && matches!(section.data, SectionData::Relocation(_));
        section.delete = section.name.starts_with(b".debug") || relocates_dwarf;
    }
    builder.delete_orphans();
    for name in [b".BTF".as_slice(), b".BTF.ext"] {
        let found = builder.sections.iter().any(|section| &*section.name == name);
        found
            .then_some(())
            .with_context(|| format!("it has no section {}", String::from_utf8_lossy(name)))?;
    }
    // LLVM keeps section and symbol names in one table, `object` writes two.
    if !builder.sections.iter().any(|section| matches!(section.data, SectionData::SectionString)) {
        let names = builder.sections.add();
        names.name = b".shstrtab".as_slice().into();
        names.sh_type = SHT_STRTAB;
        names.sh_addralign = 1;
        names.data = SectionData::SectionString;
    }
    let mut stripped = Vec::new();
    builder.write(&mut stripped)?;
    Ok(stripped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::elf::SHT_PROGBITS;

    /// An object with one section of each name, each with its own name as content.
    fn object_with(names: &[&'static str]) -> Vec<u8> {
        let mut builder = Builder::new(object::Endianness::Little, true);
        for name in names {
            let section = builder.sections.add();
            section.name = name.as_bytes().into();
            section.sh_type = SHT_PROGBITS;
            section.sh_addralign = 1;
            section.data = SectionData::Data(name.as_bytes().into());
        }
        let section_names = builder.sections.add();
        section_names.name = b".shstrtab".as_slice().into();
        section_names.sh_type = SHT_STRTAB;
        section_names.sh_addralign = 1;
        section_names.data = SectionData::SectionString;
        let mut bytes = Vec::new();
        builder.write(&mut bytes).expect("a well-formed object");
        bytes
    }

    #[test]
    fn only_dwarf_goes() {
        let bytes = object_with(&["perf_event", ".debug_info", ".BTF", ".debug_line", ".BTF.ext", "license"]);
        let stripped = without_dwarf(&bytes).expect("it has BTF");
        let builder = Builder::read(stripped.as_slice()).expect("an object");
        let kept: Vec<String> = builder.sections.iter().map(|section| section.name.to_string()).collect();
        assert_eq!(kept, ["perf_event", ".BTF", ".BTF.ext", "license", ".shstrtab"]);
        for section in builder.sections.iter().take(4) {
            assert!(
                matches!(&section.data, SectionData::Data(data) if **data == *section.name),
                "{}",
                section.name
            );
        }
    }

    #[test]
    fn an_object_without_btf_is_refused() {
        let error = without_dwarf(&object_with(&["perf_event", ".BTF"])).expect_err("no .BTF.ext");
        assert!(error.to_string().contains(".BTF.ext"), "{error}");
        assert!(without_dwarf(b"no ELF").is_err());
    }
}
