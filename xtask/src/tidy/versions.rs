//! Python versions are compared in one place: what differs between versions is a row of its table.

use std::path::Path;

use super::Finding;
use super::tokens::Token;

/// The folder whose files may know version numbers.
const HOME: &str = "profiler-user/src/python/versions";
const COMPARISONS: &[&str] = &["==", "!=", "<", "<=", ">", ">="];
const NAMES: &[&str] = &["major", "minor", "python_version", "hexversion"];

/// Findings for a file of the agent or the kernel side that compares or spells a Python version.
pub fn check(file: &Path, tokens: &[Token]) -> Vec<Finding> {
    let watched = file.starts_with("profiler-user/src") || file.starts_with("profiler-ebpf/src");
    if !watched || file.starts_with(HOME) {
        return Vec::new();
    }
    let broken =
        (0..tokens.len()).filter(|&at| compares(tokens, at) || matches_on(tokens, at) || spells(tokens, at));
    let what = |at: usize| format!("a Python version's number (`{}`) belongs in {HOME}", excerpt(tokens, at));
    broken.map(|at| Finding::new(file, tokens[at].line, what(at))).collect()
}

fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| &token.text)
}

fn excerpt(tokens: &[Token], at: usize) -> String {
    tokens[at..].iter().take(5).map(|token| token.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn number(text: &str) -> Option<u32> {
    let digits =
        text.strip_suffix("u8").or(text.strip_suffix("u16")).or(text.strip_suffix("u32")).unwrap_or(text);
    match digits.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    }
}

/// `minor >= 11`, or `11 <= version.minor`.
fn compares(tokens: &[Token], at: usize) -> bool {
    if !COMPARISONS.contains(&text(tokens, at)) || at == 0 {
        return false;
    }
    let named_before = NAMES.contains(&text(tokens, at - 1)) && number(text(tokens, at + 1)).is_some();
    let path_after = tokens[at + 1..].iter().map(|token| token.text.as_str());
    let last_of_path =
        path_after.take_while(|text| *text == "." || text.chars().all(char::is_alphanumeric)).last();
    let named_after = last_of_path.is_some_and(|last| NAMES.contains(&last));
    named_before || (named_after && number(text(tokens, at - 1)).is_some())
}

/// `match version.minor {`.
fn matches_on(tokens: &[Token], at: usize) -> bool {
    text(tokens, at) == "match"
        && tokens[at + 1..]
            .iter()
            .take_while(|token| token.text != "{")
            .last()
            .is_some_and(|token| NAMES.contains(&token.text.as_str()))
}

/// `(3, 11)` or `(3, 11, 7)` as a tuple or a version's argument, or `0x030b00f0`.
fn spells(tokens: &[Token], at: usize) -> bool {
    let word = text(tokens, at);
    if word.len() == 10 && number(word).is_some_and(|value| matches!(value >> 16, 0x0207 | 0x0300..=0x0320)) {
        return true;
    }
    let before = if at == 0 { "" } else { text(tokens, at - 1) };
    let is_call = before.starts_with(|first: char| first.is_alphabetic() || first == '_');
    // `Version(3, 11)`, and `Version::new(3, 11)`.
    let of_version =
        tokens[at.saturating_sub(3)..at].iter().any(|token| token.text.to_lowercase().contains("version"));
    let two_numbers =
        word == "(" && text(tokens, at + 2) == "," && [")", ","].contains(&text(tokens, at + 4));
    let numbers = (number(text(tokens, at + 1)), number(text(tokens, at + 3)));
    let keyword = ["in", "if", "match", "return", "let"].contains(&before);
    two_numbers
        && (!is_call || keyword || of_version)
        && matches!(numbers, (Some(2), Some(7)) | (Some(3), Some(6..=32)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tokens;

    fn lines(file: &str, source: &str) -> Vec<usize> {
        let tokens = tokens::of(source).expect("Rust");
        check(Path::new(file), &tokens).into_iter().map(|finding| finding.line).collect()
    }

    const FILE: &str = "profiler-user/src/python/lines.rs";

    #[test]
    fn comparisons_are_found_wherever_they_hide() {
        for source in [
            "if minor >= 11 {}",
            "if 11 <= self.version.minor {}",
            "x(version.minor == 7)",
            "match version.minor { _ => 0 }",
            "if version >= (3, 11) {}",
            "matches!(v, (2, 7) | (3, 8))",
            "Version::new(3, 11)",
            "Version(3, 11, 7)",
            "if python.hexversion < 0x030b00f0 {}",
        ] {
            assert!(!lines(FILE, source).is_empty(), "{source}");
        }
    }

    #[test]
    fn what_is_no_version_is_left_alone() {
        for source in [
            "max(3, 11)",
            "if release < (5, 10) {}",
            "let minor = version.minor;",
            "let x = (3, 64, 2); let y = (2, 8); let z = (3, 3, 1);",
            "#[cfg(test)] mod tests { fn f() { assert!(v >= (3, 11)); } }",
            "// (3, 11)\nlet text = \"(3, 11)\";",
        ] {
            assert_eq!(lines(FILE, source), [] as [usize; 0], "{source}");
        }
    }

    #[test]
    fn the_table_and_tests_may_know_versions() {
        let source = "\nconst OLDEST: (u8, u8) = (3, 8);";
        assert_eq!(lines(FILE, source), [2]);
        assert_eq!(lines(&format!("{HOME}/mod.rs"), source), [] as [usize; 0]);
        assert_eq!(lines(&format!("{HOME}_of_others.rs"), source), [2]);
        assert_eq!(lines("profiler-user/tests/integration/truth.rs", source), [] as [usize; 0]);
    }
}
