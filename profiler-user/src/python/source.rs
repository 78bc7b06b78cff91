//! The text of a Python source file from its bytes, by what PEP 263 says of its encoding. Only those that need no table are
//! known. It must not know where the bytes come from.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// Why bytes are no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoText {
    /// It has bytes that source files do not have: a program or an archive.
    #[error("it has a zero byte, which no source file has")]
    Binary,
    /// It says so, and this is not known here.
    #[error("it is in the encoding {0}, which is not known here: only UTF-8, Latin-1 and ASCII are")]
    Encoding(String),
    /// It is not what it says, or says nothing.
    #[error("it is not in UTF-8, and does not say what else it is in")]
    NotUtf8,
}

/// The text.
///
/// # Errors
/// As [`NoText`] says.
pub fn text(bytes: &[u8]) -> Result<String, NoText> {
    if bytes.contains(&0) {
        return Err(NoText::Binary);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let said = said(bytes);
    match said.as_deref() {
        None | Some("utf-8") => {}
        Some("iso-8859-1") => return Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
        // Every encoding that Python takes has ASCII in it.
        Some(_) if bytes.is_ascii() => {}
        Some(other) => return Err(NoText::Encoding(other.to_owned())),
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| NoText::NotUtf8)
}

/// The encoding that one of the first two lines names, by its usual name if it is one of ours.
fn said(bytes: &[u8]) -> Option<String> {
    // The expression of PEP 263; the second line counts only if the first has no code.
    static COOKIE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?-u)\A(?:[ \t\x0c]*(?:#[^\r\n]*)?\r?\n)?[ \t\x0c]*#[^\r\n]*?coding[:=][ \t]*([-\w.]+)")
            .expect("an expression")
    });
    let name = COOKIE.captures(bytes)?.get(1)?.as_bytes();
    let name = String::from_utf8_lossy(name).to_lowercase().replace('_', "-");
    // As tokenize.py has it: `latin-1-unix` is Latin-1 too.
    let is = |known: &str| name == known || name.starts_with(&format!("{known}-"));
    Some(if is("utf-8") || name == "utf8" {
        "utf-8".to_owned()
    } else if ["latin-1", "iso-8859-1", "iso-latin-1"].into_iter().any(is) || name == "latin1" {
        "iso-8859-1".to_owned()
    } else {
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_by_what_they_say() {
        for (bytes, expected) in [
            (&b""[..], Ok("")),
            ("x = 'ä'\n".as_bytes(), Ok("x = 'ä'\n")),
            (b"\xef\xbb\xbfx = 1", Ok("x = 1")),
            (b"# -*- coding: latin-1 -*-\nx = '\xe4'", Ok("# -*- coding: latin-1 -*-\nx = 'ä'")),
            (
                b"#!/usr/bin/python\n# vim: set fileencoding=iso8859 :\nx",
                Ok("#!/usr/bin/python\n# vim: set fileencoding=iso8859 :\nx"),
            ),
            (b"#!x\r\n#coding=ISO_8859-1-unix\r\n'\xfc'", Ok("#!x\r\n#coding=ISO_8859-1-unix\r\n'ü'")),
            (b"\n\n# coding: latin-1\n'\xfc'", Err(NoText::NotUtf8)),
            (b"x = 1 # \n# coding: latin-1\n'\xfc'", Err(NoText::NotUtf8)),
            (b"# coding: utf-8\n'\xfc'", Err(NoText::NotUtf8)),
            (b"# coding: CP1252\n'\x80'", Err(NoText::Encoding("cp1252".into()))),
            (b"\x7fELF\0\0", Err(NoText::Binary)),
        ] {
            assert_eq!(text(bytes).as_deref(), expected.as_ref().map(|text| *text), "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..100)) {
            let _ = text(&bytes);
        }
    }
}
