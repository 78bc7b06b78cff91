//! Interpreters that pyenv builds. It must not know where others come from.

use std::path::Path;

use anyhow::{Context, Result};

use crate::workspace;

/// Builds a release with a shared libpython; fetches pyenv first where it is missing.
///
/// # Errors
/// If what it needs can't be downloaded, or the build fails.
pub fn build(root: &Path, pyenv: &Path, release: &str) -> Result<()> {
    let program = pyenv.join("bin/pyenv");
    if !program.is_file() {
        let to = pyenv.to_str().context("pyenv's folder is not UTF-8")?;
        let clone = ["clone", "--quiet", "--depth", "1", "https://github.com/pyenv/pyenv", to];
        workspace::run(&mut workspace::command(root, "git", &clone))?;
    }
    // The old release that the table names may have been passed over for its libpython: it is built anew.
    let mut build = workspace::command(root, &program, &["install", "--force", release]);
    workspace::run(build.env("PYENV_ROOT", pyenv).env("PYTHON_CONFIGURE_OPTS", "--enable-shared"))
}
