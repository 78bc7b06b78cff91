//! Documents name only what exists, and ARCHITECTURE.md stays short enough to be read.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::Finding;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
/// Lines that ARCHITECTURE.md stays under.
const ARCHITECTURE_LINES: usize = 300;
/// Where a path in ARCHITECTURE.md may start.
const BASES: &[&str] = &["", "profiler-user", "profiler-user/src", "profiler-ebpf/src", "xtask/src"];

/// `code` with nothing but a path's characters; a link's relative target.
static CODE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"`([\w.-]+(?:/[\w.-]+)*/?)`").expect("a regular expression"));
static LINK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\]\(([^)#:]+)(?:#[^)]*)?\)").expect("a regular expression"));

/// Findings for one document of the checkout at `root`.
pub fn check(root: &Path, file: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_architecture = file == Path::new(ARCHITECTURE);
    let folder = root.join(file.parent().unwrap_or(Path::new("")));
    for (index, line) in text.lines().enumerate() {
        let mut gone = |name: &str| {
            findings.push(Finding::new(file, index + 1, format!("`{name}` does not exist")));
        };
        for link in LINK.captures_iter(line) {
            if !folder.join(&link[1]).exists() {
                gone(&link[1]);
            }
        }
        let named = CODE.captures_iter(line).filter(|_| is_architecture);
        for name in named.filter(|name| is_path(&name[1])) {
            if !BASES.iter().any(|base| root.join(base).join(&name[1]).exists()) {
                gone(&name[1]);
            }
        }
    }
    let lines = text.lines().count();
    if is_architecture && lines >= ARCHITECTURE_LINES {
        findings.push(Finding::new(file, 0, format!("{lines} lines; it stays under {ARCHITECTURE_LINES}")));
    }
    findings
}

/// Whether a piece of code is a file's or a folder's name: it has a slash, or the ending of a file of ours.
fn is_path(code: &str) -> bool {
    let endings = ["rs", "toml", "md", "sh", "py", "o", "svg", "lock"];
    code.contains('/') || code.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn names_of_what_is_gone_are_found() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(root.path().join("profiler-user/src/render")).expect("a folder");
        fs::write(root.path().join("profiler-user/src/model.rs"), "").expect("a file");
        let lines = |file: &str, text: &str| -> Vec<usize> {
            check(root.path(), Path::new(file), text).into_iter().map(|finding| finding.line).collect()
        };
        let text = "`model.rs`, `render/`, `profiler-user/src/model.rs`\n`merge.rs`\n`store/`\n`/proc/PID/maps`, `serde`, \
                    `a::b`, `cargo xtask ci`\n[model](profiler-user/src/model.rs#L1) [site](https://example.org/x)\n[x](y.md)";
        assert_eq!(lines("ARCHITECTURE.md", text), [2, 3, 6]);
        assert_eq!(lines("README.md", text), [6]);
        assert_eq!(lines("docs/a.md", "[model](../profiler-user/src/model.rs)"), [1], "docs/ does not exist");
    }

    #[test]
    fn the_map_of_the_house_stays_short() {
        let root = tempfile::tempdir().expect("a folder");
        let found = |lines: usize| check(root.path(), Path::new(ARCHITECTURE), &"x\n".repeat(lines)).len();
        assert_eq!((found(ARCHITECTURE_LINES - 1), found(ARCHITECTURE_LINES)), (0, 1));
    }
}
