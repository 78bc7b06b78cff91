//! Rules for the viewer: its files say what they are for, and the page loads from the agent alone.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::Finding;
use crate::web::FOLDER;

/// What is built or made of something else, from the viewer's folder.
const MADE: &[&str] = &["dist", "src/api/schema.ts"];
/// Files that are sent to browsers, from the viewer's folder.
const SENT: &[&str] = &["src", "dist", "index.html", "login.html", "logout.html"];
/// Names that stand in addresses and are none: nothing is loaded from there.
const NAMES: &[&str] = &["http://www.w3.org"];

static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:https?|wss?)://[\w.-]+").expect("a regular expression"));
static RESOLVED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#""resolved"\s*:\s*"https?:"#).expect("a regular expression"));

/// Whether a file is made by a program: nobody reads it, so it may be as long as it is.
pub fn is_made(file: &Path) -> bool {
    file.strip_prefix(FOLDER).is_ok_and(|inside| MADE.iter().any(|made| inside.starts_with(made)))
}

/// Findings for one file of the viewer; none for others.
pub fn check(file: &Path, text: &str) -> Vec<Finding> {
    let Ok(inside) = file.strip_prefix(FOLDER) else { return Vec::new() };
    let mut findings = Vec::new();
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let starts = match extension {
        "ts" | "tsx" | "mjs" => "//",
        "css" => "/*",
        "py" => "\"\"\"",
        _ => "",
    };
    if !is_made(file) && !text.starts_with(starts) {
        let text =
            format!("a file starts with a comment (`{starts}`): what it is for, what it must not know");
        findings.push(Finding::new(file, 1, text));
    }
    let is_sent = SENT.iter().any(|sent| inside.starts_with(sent));
    let is_lock = file.file_name().is_some_and(|name| name == "package-lock.json");
    for (index, line) in text.lines().enumerate() {
        let addresses = ADDRESS.find_iter(line).map(|found| found.as_str());
        for address in addresses.filter(|address| is_sent && !NAMES.contains(address)) {
            let text = format!("`{address}`: what browsers are sent names no other server");
            findings.push(Finding::new(file, index + 1, text));
        }
        if is_lock && RESOLVED.is_match(line) {
            let text =
                "a registry's address: `.npmrc` says omit-lockfile-registry-resolved, so write the lock anew";
            findings.push(Finding::new(file, index + 1, text));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: [usize; 0] = [];

    fn lines(file: &str, text: &str) -> Vec<usize> {
        check(&Path::new(FOLDER).join(file), text).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn files_say_what_they_are_for() {
        assert_eq!(lines("src/a.ts", "// What it is for.\n"), NOTHING);
        assert_eq!(lines("src/a.tsx", "import x;\n"), [1]);
        assert_eq!(lines("src/a.css", "a {}\n"), [1]);
        assert_eq!(lines("build.mjs", "import x;\n"), [1]);
        assert_eq!(lines("dist/viewer.js", "(()=>{})()"), NOTHING);
        assert_eq!(lines("package.json", "{}"), NOTHING);
        assert!(check(Path::new("a.ts"), "import x;").is_empty());
    }

    #[test]
    fn what_is_sent_names_no_other_server() {
        let text = "// x\nfetch('https://example.org/x'); new WebSocket('ws://example.org');\n";
        assert_eq!(lines("src/a.ts", text), [2, 2]);
        assert_eq!(lines("dist/viewer.js", text), [2, 2]);
        assert_eq!(lines("e2e/a.test.ts", text), NOTHING);
        assert_eq!(lines("src/a.ts", "// x\nconst NS = 'http://www.w3.org/2000/svg';\n"), NOTHING);
    }

    #[test]
    fn a_lock_names_no_registry() {
        let line = |address: &str| format!("{{\n  \"resolved\": \"{address}\"\n}}");
        assert_eq!(lines("package-lock.json", &line("https://example.org/a.tgz")), [2]);
        assert_eq!(lines("bench/package-lock.json", &line("https://example.org/a.tgz")), [2]);
        assert_eq!(lines("package-lock.json", &line("file:../a")), NOTHING);
    }
}
