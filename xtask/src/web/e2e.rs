//! The tests in a browser, file by file, and a second try for the few that fail.
//!
//! Each file watches live programs through a live browser, which a machine that is busy with other things may keep from
//! what it waits for. One that fails is run once more, after the others: what fails twice fails, and what passes then is
//! named, so that it is seen and mended. It must not know what is tested.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::{browser, folder, packages};
use crate::workspace;

/// Most files that get a second try.
const MOST: usize = 2;

/// All that the tests need besides the agent.
pub struct Runner {
    root: PathBuf,
    chromium: PathBuf,
    sudo: bool,
}

impl Runner {
    /// Finds it; `sudo`: who is not root becomes it for the tests.
    ///
    /// # Errors
    /// If there is no Chromium, or this is not root.
    pub fn find(root: &Path, sudo: bool) -> Result<Runner> {
        let is_root = workspace::is_root(root)?;
        ensure!(is_root || sudo, "the agent loads eBPF programs, and this is not root");
        Ok(Runner { root: root.to_owned(), chromium: browser::find()?, sudo: !is_root })
    }

    /// Builds the agent and runs the files whose names have one of these parts; all if there are none. Answers those that
    /// passed at the second try only.
    ///
    /// # Errors
    /// If the agent does not build, too many files fail, or one fails twice.
    pub fn run(&self, names: &[String]) -> Result<Vec<String>> {
        let build = ["build", "--package", "firetower", "--bin", "firetower"];
        workspace::run(&mut workspace::command(&self.root, "cargo", &build))?;
        packages::provide(&folder(&self.root))?;
        let files = files(&folder(&self.root).join("e2e"), names)?;
        twice(files, |file| {
            let start = Instant::now();
            let status = self.test(file).status().context("can't run node")?;
            println!("{file}: {:.1} s", start.elapsed().as_secs_f64());
            Ok(status.success())
        })
    }

    fn test(&self, file: &str) -> Command {
        let words = ["node", "test.mjs", "e2e", file];
        let (program, arguments) = match self.sudo {
            true => ("sudo", [&["--preserve-env"][..], &words].concat()),
            false => (words[0], words[1..].to_vec()),
        };
        let mut command = workspace::command(&folder(&self.root), program, &arguments);
        command
            .env(browser::VARIABLE, &self.chromium)
            .env("FIRETOWER", self.root.join("target/debug/firetower"))
            // The agent's own bundle is what is tested.
            .env_remove("FRESH");
        command
    }
}

/// The test files of a folder, sorted.
fn files(folder: &Path, names: &[String]) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in folder.read_dir().with_context(|| format!("can't list {}", folder.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let wanted = names.is_empty() || names.iter().any(|part| name.contains(part.as_str()));
        if wanted && (name.ends_with(".test.ts") || name.ends_with(".test.tsx")) {
            files.push(name);
        }
    }
    ensure!(!files.is_empty(), "no test file of {} matches {}", folder.display(), names.join(", "));
    files.sort();
    Ok(files)
}

/// Runs each file; answers those that passed at the second try only.
fn twice(files: Vec<String>, mut passes: impl FnMut(&str) -> Result<bool>) -> Result<Vec<String>> {
    let mut failed = Vec::new();
    for file in files {
        if !passes(&file)? {
            failed.push(file);
        }
    }
    if failed.len() > MOST {
        bail!("{} files failed: {}", failed.len(), failed.join(", "));
    }
    for file in &failed {
        println!("\nfailed beside others, now again: {file}");
        ensure!(passes(file)?, "failed twice: {file}");
    }
    Ok(failed)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn outcome(files: &[&str], passes: impl Fn(&str, usize) -> bool) -> Result<Vec<String>> {
        let mut tries = std::collections::HashMap::<String, usize>::new();
        twice(files.iter().map(|file| (*file).to_owned()).collect(), |file| {
            let tries = tries.entry(file.to_owned()).or_default();
            *tries += 1;
            Ok(passes(file, *tries))
        })
    }

    #[test]
    fn what_passes_the_second_time_is_named_and_what_fails_twice_fails() {
        assert_eq!(outcome(&["a", "b"], |_, _| true).expect("all pass"), [] as [&str; 0]);
        assert_eq!(outcome(&["a", "b"], |file, tries| file != "b" || tries > 1).expect("it passed"), ["b"]);
        let error = outcome(&["a", "b"], |file, _| file != "b").expect_err("it failed twice");
        assert!(error.to_string().contains("failed twice: b"), "{error}");
    }

    #[test]
    fn many_failures_are_no_accident() {
        outcome(&["a", "b", "c"], |_, tries| tries > 1).expect_err("too many");
    }

    #[test]
    fn files_are_those_of_tests_with_the_names_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["shell.test.ts", "flame.test.tsx", "agent.ts"] {
            fs::write(folder.path().join(name), "").expect("written");
        }
        assert_eq!(files(folder.path(), &[]).expect("some"), ["flame.test.tsx", "shell.test.ts"]);
        assert_eq!(files(folder.path(), &["shell".to_owned()]).expect("one"), ["shell.test.ts"]);
        files(folder.path(), &["agent".to_owned()]).expect_err("no test");
    }
}
