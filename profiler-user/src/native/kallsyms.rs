//! Names of kernel addresses, by `/proc/kallsyms`. It must not know samples or stacks.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

/// The kernel's own symbols and its modules', in order of address.
#[derive(Debug, Default)]
pub struct Kallsyms {
    /// Address and place of the name in `names`.
    symbols: Vec<(u64, u32)>,
    /// Names, each ended by a newline: one allocation instead of a hundred thousand.
    names: String,
}

/// Where symbols come from.
const PATH: &str = "/proc/kallsyms";

impl Kallsyms {
    /// Reads the running kernel's symbols. Without `CAP_SYSLOG` the kernel shows all addresses as zero: then there are
    /// none, and kernel frames are shown by address.
    pub fn load() -> io::Result<Kallsyms> {
        Kallsyms::parse(BufReader::new(File::open(PATH)?))
    }

    /// Lines of `ADDRESS TYPE NAME [MODULE]`; only code symbols (type t, T, w, W) are kept, and addresses that are
    /// hidden are not. Source: the kernel's kernel/kallsyms.c, `s_show`.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn parse(mut text: impl BufRead) -> io::Result<Kallsyms> {
        let mut found = Kallsyms::default();
        // Line by line: the whole text is several times of what is kept.
        let mut line = String::new();
        while text.read_line(&mut line)? > 0 {
            found.add(&line);
            line.clear();
        }
        found.symbols.sort_by_key(|&(address, _)| address);
        found.symbols.shrink_to_fit();
        found.names.shrink_to_fit();
        Ok(found)
    }

    fn add(&mut self, line: &str) {
        let mut fields = line.split_ascii_whitespace();
        let (Some(address), Some(kind), Some(name)) = (fields.next(), fields.next(), fields.next()) else {
            return;
        };
        let Ok(address) = u64::from_str_radix(address, 16) else { return };
        if address == 0 || !matches!(kind, "t" | "T" | "w" | "W") {
            return;
        }
        self.symbols.push((address, self.names.len() as u32));
        self.names.push_str(name);
        if let Some(module) = fields.next() {
            self.names.push(' ');
            self.names.push_str(module);
        }
        self.names.push('\n');
    }

    /// The symbol that `address` lies in: the last one that starts at or before it.
    pub fn lookup(&self, address: u64) -> Option<&str> {
        let index = self.symbols.partition_point(|&(start, _)| start <= address).checked_sub(1)?;
        let name = &self.names[self.symbols[index].1 as usize..];
        name.split('\n').next()
    }

    /// Whether the kernel showed any address.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "ffffffff81000000 T _stext\nffffffff81000100 t do_one\nffffffff81000200 D data\n\
                        ffffffffa0000000 t helper [nf_tables]\n";

    #[test]
    fn an_address_belongs_to_the_last_code_symbol_before_it() {
        let symbols = Kallsyms::parse(TEXT.as_bytes()).expect("a text");
        assert_eq!(symbols.lookup(0xffffffff81000000), Some("_stext"));
        assert_eq!(symbols.lookup(0xffffffff810001ff), Some("do_one"));
        assert_eq!(symbols.lookup(0xffffffff81000300), Some("do_one"));
        assert_eq!(symbols.lookup(0xffffffffa0000004), Some("helper [nf_tables]"));
        assert_eq!(symbols.lookup(0xffffffff80ffffff), None);
    }

    #[test]
    fn hidden_addresses_are_no_symbols() {
        let hidden = Kallsyms::parse(&b"0000000000000000 T _stext\n"[..]);
        assert!(hidden.expect("a text").is_empty());
    }
}
