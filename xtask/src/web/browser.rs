//! Where the browser is that the viewer is tested and measured in. It must not know what for.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, bail};

/// Names another Chromium.
pub const VARIABLE: &str = "CHROMIUM";
/// Where Debian's package has it.
const PLACE: &str = "/usr/bin/chromium";

/// The path of Chromium.
///
/// # Errors
/// If there is none.
pub fn find() -> Result<PathBuf> {
    look(std::env::var_os(VARIABLE))
}

fn look(named: Option<OsString>) -> Result<PathBuf> {
    let path = PathBuf::from(named.unwrap_or_else(|| PLACE.into()));
    if !path.is_file() {
        bail!(
            "there is no Chromium at {}: `./bootstrap test` installs it, or name another in {VARIABLE}",
            path.display()
        );
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_that_is_named_and_not_there_is_no_reason_to_take_another() {
        let error = look(Some("/nowhere/chromium".into())).expect_err("there is none");
        assert!(error.to_string().contains("/nowhere/chromium"), "{error}");
        assert_eq!(look(Some("/proc/self/exe".into())).expect("a file"), PathBuf::from("/proc/self/exe"));
    }
}
