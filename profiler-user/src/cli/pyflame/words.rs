//! Where pyflame's own options end and the command of `-t` begins, as getopt_long(3) reads it: the command may have any
//! words, `--` and `-p` among them. It must not know what the options mean, only which ones have a value.

use std::ffi::{OsStr, OsString};

/// Options that have a value, by their letters and names.
const LETTERS_WITH_VALUE: &str = "oprs";
const NAMES_WITH_VALUE: &[&str] = &["abi", "output", "pid", "rate", "seconds"];

/// The words up to and with `-t`, and those of its command. `-xt` is `-x -t`; names may be shortened.
pub(super) fn split(words: &[OsString]) -> (Vec<OsString>, Vec<OsString>) {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        let has_value = match kind(word) {
            Kind::Trace => return (words[..at].to_vec(), words[at..].to_vec()),
            Kind::End => break,
            Kind::Other { has_value } => has_value,
        };
        at += usize::from(has_value);
    }
    (words.to_vec(), Vec::new())
}

/// What a word is.
enum Kind {
    /// `-t`: what follows is the command.
    Trace,
    /// `--`: no options follow.
    End,
    /// Anything else; with `has_value` the next word belongs to it.
    Other { has_value: bool },
}

fn kind(word: &OsStr) -> Kind {
    let other = |has_value| Kind::Other { has_value };
    let Some(word) = word.to_str() else { return other(false) };
    if word == "--" {
        return Kind::End;
    }
    if let Some(name) = word.strip_prefix("--") {
        // `--t` and `--th` may be others.
        return match name.len() >= 2 && "trace".starts_with(name) {
            true => Kind::Trace,
            false => other(NAMES_WITH_VALUE.iter().any(|known| known.starts_with(name))),
        };
    }
    let Some(letters) = word.strip_prefix('-') else { return other(false) };
    for (at, letter) in letters.char_indices() {
        if letter == 't' {
            return Kind::Trace;
        }
        if LETTERS_WITH_VALUE.contains(letter) {
            return other(letters.len() == at + letter.len_utf8());
        }
    }
    other(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_what_follows_t() {
        let cases = [
            ("-o x -t python a.py -s 5", 3, "python a.py -s 5"),
            ("-xt python -- -p 1", 1, "python -- -p 1"),
            ("--tr python", 1, "python"),
            ("--trace -h", 1, "-h"),
            ("-o -t -t a", 3, "a"),
            ("--output -t --trace a", 3, "a"),
            ("--output=x -t a", 2, "a"),
            ("-ox -t a", 2, "a"),
            ("-r0.1 -nt a", 2, "a"),
            ("-ot -p 1", 3, ""),
            ("--threads -p 1", 3, ""),
            ("--timestamp 4", 2, ""),
            ("-- -t a", 3, ""),
            ("-t", 1, ""),
            ("", 0, ""),
        ];
        for (line, own, command) in cases {
            let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            let (found, rest) = split(&words);
            assert_eq!((found.len(), rest.join(OsStr::new(" "))), (own, command.into()), "{line}");
        }
    }
}
