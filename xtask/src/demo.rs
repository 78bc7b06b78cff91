//! `cargo xtask demo`: builds the release binary and profiles the bundled example.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{pythons, workspace};

const EXAMPLE: &str = "examples/checkout.py";
const GRAPH: &str = "target/demo.svg";
const SECONDS: &str = "10";
const FIRETOWER: &str = "target/release/firetower";

/// Builds, profiles, and prints the flame graph's path last.
///
/// # Errors
/// If there is no Python that firetower can read, or a step fails.
pub fn run() -> Result<()> {
    let root = workspace::root()?;
    workspace::run(&mut workspace::command(
        &root,
        "cargo",
        &["build", "--release", "--package", "firetower"],
    ))?;
    let python = python(&root)?;
    println!("profiling {EXAMPLE} for {SECONDS} s, run by {python}");
    let mut words = vec![FIRETOWER, "record", "-d", SECONDS, "-o", GRAPH, "--", &python, EXAMPLE, SECONDS];
    if !workspace::is_root(&root)? {
        words.insert(0, "sudo");
    }
    workspace::run(&mut workspace::command(&root, words[0], &words[1..]))?;
    if !workspace::is_root(&root)? {
        // What root wrote belongs to whoever asked for it.
        let user = workspace::output(&mut workspace::command(&root, "id", &["-u"]))?;
        workspace::run(&mut workspace::command(&root, "sudo", &["chown", &user, GRAPH]))?;
    }
    println!("{}", root.join(GRAPH).display());
    Ok(())
}

/// An interpreter that firetower can read: the system's, else another in the search path.
fn python(root: &Path) -> Result<String> {
    let known: Vec<&str> = pythons::releases().collect();
    let names = ["python3".to_owned()]
        .into_iter()
        .chain(known.iter().rev().map(|version| format!("python{version}")));
    let ask = "import sys; print('%d.%d %s' % (sys.version_info[0], sys.version_info[1], sys.executable))";
    for name in names {
        let Ok(answer) = workspace::output(&mut workspace::command(root, &name, &["-c", ask])) else {
            continue;
        };
        if let Some((version, path)) = answer.split_once(' ')
            && known.contains(&version)
        {
            return Ok(path.to_owned());
        }
    }
    bail!("the demo needs one of Python {}, and none is in the search path", known.join(", "));
}
