//! The version of an interpreter up to 3.10 inside of a program of another name: by the folder of its standard library,
//! which it holds as a string. CPython 3.8 and 3.10 Modules/getpath.c, `VERSION`.
//!
//! It must not know which versions there are.

use super::versions::PythonVersion;

/// In front of the folder up to 3.8.
const LIB: &[u8] = b"lib/";
const PYTHON: &[u8] = b"python";

/// The one version that strings in `bytes` name; `None` if there is none, or more than one.
pub(super) fn version(bytes: &[u8]) -> Option<PythonVersion> {
    let mut named = bytes.split(|&byte| byte == 0).filter_map(folder_of);
    let first = named.next()?;
    named.all(|other| other == first).then_some(first)
}

/// The version that a string names if it is `python3.10` or `lib/python3.8` and no more.
fn folder_of(string: &[u8]) -> Option<PythonVersion> {
    let folder = string.strip_prefix(LIB).unwrap_or(string);
    let is_version = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    folder.strip_prefix(PYTHON)?.iter().all(is_version).then_some(())?;
    PythonVersion::from_file_name(std::str::from_utf8(folder).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Option<String> {
        version(bytes).map(|version| version.to_string())
    }

    #[test]
    fn the_folder_of_the_library_tells_the_version() {
        assert_eq!(text(b"\x90lib\0lib/python3.8\0PATH\0"), Some("3.8".into()));
        assert_eq!(text(b"python3.10\0python3.10\0lib/python3.10\0"), Some("3.10".into()));
    }

    #[test]
    fn other_strings_and_contradictions_tell_nothing() {
        for bytes in [
            &b""[..],
            b"lib/python00.zip\0libpython3.8.so.1.0\0/usr/bin/python3.8\0python3.8 -m\0",
            b"python3\0python\0python3.\0python3.999\0",
            b"python3.8\0python3.9\0",
        ] {
            assert_eq!(text(bytes), None);
        }
    }
}
