//! Rules about a file as it is: its first line, its length, and words that must be in none.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::Finding;

/// Most lines of a source file.
const MOST_LINES: usize = 400;
const SOURCES: &[&str] = &["rs", "py", "js", "mjs", "ts", "tsx", "css", "html", "sh"];

/// Source files that are longer, each with the reason why it is better whole.
const LONG_FILES: &[(&str, &str)] = &[];

/// What must not be in any file: folders of one developer's machine, and hosts that a mirror may stand in for. In
/// pieces, so that this file has none of them. A folder counts only where a path starts: `/proc/PID/root/` is fine.
static FORBIDDEN: LazyLock<Regex> = LazyLock::new(|| {
    let folders = [concat!("wo", "rk"), concat!("ro", "ot")].join("|");
    let hosts = [
        concat!("index.crates", ".io"),
        concat!("static.crates", ".io"),
        concat!("crates.io", "-index"),
        concat!("pypi", ".org"),
        concat!("files.python", "hosted.org"),
        concat!("deb.debian", ".org"),
        concat!("registry.npm", "js.org"),
    ];
    let hosts = hosts.map(regex::escape).join("|");
    Regex::new(&format!(r"(?:^|[^\w}})\]>*./-])(?P<folder>/(?:{folders})/)|(?P<host>{hosts})"))
        .expect("a regular expression")
});

/// Findings for one file.
pub fn check(file: &Path, text: &str) -> Vec<Finding> {
    let mut findings = words(file, text);
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if extension == "rs" && !text.starts_with("//!") {
        findings.push(Finding::new(
            file,
            1,
            "a module starts with `//!`: what it is for, what it must not know",
        ));
    }
    let lines = text.lines().count();
    let reason = LONG_FILES.iter().find(|(long, _)| Path::new(long) == file);
    let is_source = SOURCES.contains(&extension) && !super::web::is_made(file);
    match (is_source && lines > MOST_LINES, reason) {
        (true, None) => {
            let text = format!(
                "{lines} lines, more than {MOST_LINES}: split it, or say in LONG_FILES of xtask/src/tidy/files.rs why \
                 it is better whole"
            );
            findings.push(Finding::new(file, 0, text));
        }
        (false, Some(_)) => {
            findings.push(Finding::new(file, 0, "is not long any more: take it out of LONG_FILES"))
        }
        _ => {}
    }
    findings
}

/// Findings for rows of the list of long files that name none.
pub fn long_files_that_are_gone(tracked: &[PathBuf]) -> Vec<Finding> {
    let gone = LONG_FILES
        .iter()
        .map(|(long, _)| Path::new(long))
        .filter(|long| !tracked.iter().any(|file| file == long));
    gone.map(|long| Finding::new(long, 0, "does not exist: take it out of LONG_FILES")).collect()
}

fn words(file: &Path, text: &str) -> Vec<Finding> {
    if file.extension().is_some_and(|extension| extension == "lock") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for found in FORBIDDEN.captures_iter(line) {
            let word = found.name("folder").or(found.name("host")).map_or("", |word| word.as_str());
            let text = format!("`{word}` is of one machine or a registry's host, and must be in no file");
            let finding = Finding::new(file, index + 1, text);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(file: &str, text: &str) -> Vec<(usize, String)> {
        check(Path::new(file), text).into_iter().map(|finding| (finding.line, finding.text)).collect()
    }

    #[test]
    fn a_module_says_what_it_is_for() {
        assert_eq!(findings("a.rs", "//! A module.\n"), []);
        assert_eq!(findings("a.rs", "use std::fs;\n")[0].0, 1);
        assert_eq!(findings("a.py", "import os\n"), []);
    }

    #[test]
    fn long_files_are_found_and_have_a_reason_if_they_may_be() {
        let text = format!("//! x\n{}", "\n".repeat(MOST_LINES - 1));
        assert_eq!(findings("a.rs", &text), []);
        assert_eq!(findings("a.rs", &format!("{text}\n")).len(), 1);
        assert_eq!(findings("a.svg", &format!("{text}\n")), []);
        assert!(LONG_FILES.iter().all(|(_, reason)| !reason.is_empty()));
    }

    #[test]
    fn folders_of_one_machine_and_hosts_are_found() {
        for (before, word) in [
            ("cd ", concat!("/ro", "ot/x")),
            ("", concat!("/wo", "rk/main")),
            ("\"", concat!("/ro", "ot/.pyenv")),
            ("https://", concat!("pypi", ".org/simple")),
            ("/cargo/registry/src/", concat!("index.crates", ".io-19")),
        ] {
            let text = format!("fine\n{before}{word}");
            assert_eq!(findings("a.md", &text).len(), 1, "{text}");
            assert_eq!(findings("Cargo.lock", &text), [], "{text}");
        }
        for word in
            [concat!("/proc/PID/ro", "ot/usr"), concat!("{pid}/ro", "ot/"), concat!("net", "wo", "rk/x")]
        {
            assert_eq!(findings("a.md", word), [], "{word}");
        }
    }
}
