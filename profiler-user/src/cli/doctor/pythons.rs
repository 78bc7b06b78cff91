//! Which processes look like Python: by the name of an executable file that they map. Nothing of them is read but what
//! /proc says, so neither the version nor whether it can be profiled is known here.

use std::path::Path;

use procfs::process::{MMPermissions, MMapPath, Process};

use super::PythonSeen;

/// Most of a process's mappings that are looked at.
const MOST_MAPPINGS: usize = 65536;

/// The processes that look like Python, in the order of their ids.
///
/// A process that exits meanwhile, or that this user may not look into, is not among them.
///
/// # Errors
/// If /proc can't be listed.
pub fn seen() -> Result<Vec<PythonSeen>, String> {
    let processes = procfs::process::all_processes().map_err(|error| format!("can't list /proc: {error}"))?;
    let mut seen: Vec<PythonSeen> = processes.flatten().filter_map(|process| examine(&process)).collect();
    seen.sort_by_key(|python| python.pid);
    Ok(seen)
}

fn examine(process: &Process) -> Option<PythonSeen> {
    let maps = process.maps().ok()?;
    let mut mappings =
        maps.iter().take(MOST_MAPPINGS).filter(|map| map.perms.contains(MMPermissions::EXECUTE));
    mappings.find(|map| matches!(&map.pathname, MMapPath::Path(path) if is_python(path)))?;
    Some(PythonSeen {
        pid: u32::try_from(process.pid).ok()?,
        command: process.cmdline().ok()?.join(" "),
        version: None,
        state: "not examined".to_owned(),
    })
}

/// Whether a file is an interpreter or its library, by its name: `python3.11`, `libpython2.7.so.1.0 (deleted)`.
fn is_python(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let rest = name.strip_prefix("libpython").or(name.strip_prefix("python"));
    rest.is_some_and(|rest| {
        rest.is_empty() || rest.starts_with(|first: char| first.is_ascii_digit() || first == ' ')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_known_by_name() {
        for path in
            ["/usr/bin/python3.11", "/usr/lib/libpython2.7.so.1.0", "/x/python", "/x/python3.8 (deleted)"]
        {
            assert!(is_python(Path::new(path)), "{path}");
        }
        for path in ["/usr/bin/pythonize", "/usr/bin/bash", "/usr/lib/python3.11/x.so", "/opt/ipython"] {
            assert!(!is_python(Path::new(path)), "{path}");
        }
    }
}
