//! `cargo xtask tidy`: rules of this project that no compiler holds. Each rule is a function from texts to findings;
//! only this file reads files.

mod docs;
mod files;
mod pipeline;
mod tokens;
mod versions;
mod web;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace;
use tokens::Token;

/// A rule broken at one place.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    file: PathBuf,
    /// From 1; 0 if it is about the whole file.
    line: usize,
    /// What is wrong and what to do.
    text: String,
}

impl Finding {
    fn new(file: &Path, line: usize, text: impl Into<String>) -> Finding {
        Finding { file: file.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file.display(), self.text),
            line => write!(f, "{}:{line}: {}", self.file.display(), self.text),
        }
    }
}

/// Applies every rule to the files that are in git or would be added.
///
/// # Errors
/// If any rule is broken anywhere (all findings are printed), or a file can't be read.
pub fn check(root: &Path) -> Result<()> {
    let tracked = workspace::tracked_files(root)?;
    let mut findings = files::long_files_that_are_gone(&tracked);
    for file in &tracked {
        let path = root.join(file);
        if path.is_symlink() {
            continue;
        }
        let bytes = std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
        let text = String::from_utf8_lossy(&bytes);
        findings.extend(files::check(file, &text));
        findings.extend(web::check(file, &text));
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => findings.extend(check_rust(file, &text)?),
            Some("md") => findings.extend(docs::check(root, file, &text)),
            _ => {}
        }
    }
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {} findings in {} files", findings.len(), tracked.len());
    }
    println!("tidy: {} files, nothing found", tracked.len());
    Ok(())
}

/// Rules for code that ships: a file of tests may know any version and any module.
fn check_rust(file: &Path, text: &str) -> Result<Vec<Finding>> {
    if file.file_name().is_some_and(|name| name == "tests.rs") {
        return Ok(Vec::new());
    }
    let tokens: Vec<Token> =
        tokens::of(text).with_context(|| format!("can't read {} as Rust", file.display()))?;
    let mut findings = versions::check(file, &tokens);
    findings.extend(pipeline::check(file, &tokens));
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_tests_may_know_versions_and_every_module() {
        let text = "use crate::http::Route; const V: (u8, u8) = (3, 11);";
        let count = |file: &str| check_rust(Path::new(file), text).expect("Rust").len();
        assert_eq!(count("profiler-user/src/aggregate/mod.rs"), 2);
        assert_eq!(count("profiler-user/src/aggregate/tests.rs"), 0);
    }
}
