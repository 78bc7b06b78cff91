//! All tests, and a second try for the few that fail.
//!
//! Many tests watch live programs beside each other on as many CPUs as there are. One that fails there is run again,
//! alone: what fails twice fails, and what passes then is named, so that it is seen and mended. More than a few that
//! fail at once are no accident and are not tried again. It must not know what is tested.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Most tests that get a second try.
const MOST: usize = 4;

/// Runs what `cargo test` makes of these arguments; `command` makes the command itself. Answers the tests that passed
/// at the second try only.
///
/// # Errors
/// If tests do not build, too many fail, or one fails twice.
pub fn run(command: impl Fn(&[&str]) -> Command) -> Result<BTreeSet<String>> {
    let first = attempt(command(&["test", "--workspace", "--no-fail-fast"]))?;
    if first.passed {
        return Ok(BTreeSet::new());
    }
    let failed = first.failed;
    ensure!(!failed.is_empty(), "cargo test failed, and no test did: see above");
    if failed.len() > MOST {
        bail!("{} tests failed: {}", failed.len(), names(&failed));
    }
    println!("\nfailed beside others, now alone: {}", names(&failed));
    let mut arguments = vec!["test", "--workspace", "--", "--exact", "--test-threads", "1"];
    arguments.extend(failed.iter().map(String::as_str));
    let second = attempt(command(&arguments))?;
    ensure!(second.passed, "failed twice: {}", names(&second.failed));
    Ok(failed)
}

fn names(tests: &BTreeSet<String>) -> String {
    tests.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

struct Attempt {
    passed: bool,
    failed: BTreeSet<String>,
}

/// Runs tests, shows what they print, and notes the names of those that failed.
fn attempt(mut command: Command) -> Result<Attempt> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("can't run {command:?}"))?;
    let output = BufReader::new(child.stdout.take().context("it was asked for")?);
    let mut failed = BTreeSet::new();
    for line in output.lines() {
        let line = line?;
        println!("{line}");
        failed.extend(failed_test(&line).map(str::to_owned));
    }
    Ok(Attempt { passed: child.wait()?.success(), failed })
}

/// `test races::never_impossible::python_3_8 ... FAILED`; what a test prints may stand in front of the last word.
fn failed_test(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix("test ")?.split_once(" ... ")?;
    line.ends_with("FAILED").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        command
    }

    #[test]
    fn only_lines_of_tests_that_failed_name_one() {
        assert_eq!(failed_test("test races::python_3_8 ... FAILED"), Some("races::python_3_8"));
        assert_eq!(failed_test("test races::python_3_8 ... ok"), None);
        assert_eq!(failed_test("test result: FAILED. 1 passed"), None);
    }

    #[test]
    fn a_test_that_passes_alone_is_named_and_one_that_fails_twice_fails() {
        let suite = |second: &'static str| {
            run(move |arguments| {
                let again = arguments.contains(&"--exact");
                script(if again { second } else { "echo 'test a::b ... FAILED'; exit 101" })
            })
        };
        let passed: Vec<String> = suite("true").expect("it passed alone").into_iter().collect();
        assert_eq!(passed, ["a::b"]);
        let error = suite("echo 'test a::b ... FAILED'; exit 101").expect_err("it failed twice");
        assert!(error.to_string().contains("failed twice: a::b"), "{error}");
    }

    #[test]
    fn many_failures_and_failures_to_build_are_not_tried_again() {
        let first = |text: &'static str| {
            run(move |arguments| {
                assert!(!arguments.contains(&"--exact"), "it was tried again");
                script(text)
            })
        };
        first("for i in 1 2 3 4 5; do echo \"test t$i ... FAILED\"; done; exit 101").expect_err("too many");
        first("exit 101").expect_err("it does not build");
        assert!(first("true").expect("all pass").is_empty());
    }
}
