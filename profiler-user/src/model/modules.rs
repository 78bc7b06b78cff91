//! Which Python module a file is, as far as its path tells.
//!
//! Pure, so that whoever reads the store may do the same; store and API say the same of a file. It must not know files.

use crate::model::FrameKind;

/// The Python module that a file is, as far as its path tells: `kernel` for kernel frames. Below `site-packages`,
/// `dist-packages` or `lib/python3.11` the dotted name, without `__init__`; of any other file the name without its
/// ending, as where its package begins is not in the path. Empty for what has no file, and for `<string>` and the like.
pub fn module(kind: FrameKind, file: &str) -> String {
    match kind {
        FrameKind::Kernel => return "kernel".to_owned(),
        FrameKind::Python => {}
        _ => return String::new(),
    }
    // `<frozen importlib._bootstrap>` says which module it is.
    if let Some(frozen) = file.strip_prefix("<frozen ").and_then(|rest| rest.strip_suffix('>')) {
        return frozen.to_owned();
    }
    if file.starts_with('<') {
        return String::new();
    }
    let parts: Vec<&str> = file.split('/').filter(|part| !part.is_empty()).collect();
    let below = (1..parts.len()).rev().find(|&at| is_library(&parts[..at])).unwrap_or(parts.len().max(1) - 1);
    let mut names: Vec<&str> = parts.get(below..).unwrap_or_default().to_vec();
    if let Some(last) = names.last_mut() {
        *last = last.split_once('.').map_or(*last, |(stem, _)| stem);
    }
    if names.len() > 1 && names.last() == Some(&"__init__") {
        names.pop();
    }
    names.join(".")
}

/// Whether a folder holds packages: its path ends in one of the names that do.
fn is_library(folder: &[&str]) -> bool {
    match folder {
        [.., "site-packages" | "dist-packages"] => true,
        // `lib-dynload` is of the same library.
        [.., "lib" | "lib64", version, "lib-dynload"] | [.., "lib" | "lib64", version] => is_python(version),
        _ => false,
    }
}

/// `python3.11`, `python3.13t`, `python2.7`, `python3`.
fn is_python(folder: &str) -> bool {
    let version = folder.strip_prefix("python").or_else(|| folder.strip_prefix("pypy"));
    version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;

    #[test]
    fn modules_follow_from_paths() {
        for (file, expected) in [
            ("/usr/lib/python3.11/json/decoder.py", "json.decoder"),
            ("/usr/lib/python3.11/json/__init__.py", "json"),
            ("/usr/lib/python3.11/site-packages/django/db/models/query.py", "django.db.models.query"),
            ("/usr/lib/python3/dist-packages/apt/cache.py", "apt.cache"),
            ("/usr/lib/python3.11/lib-dynload/_json.so", "_json"),
            ("/srv/app/handlers/orders.py", "orders"),
            ("/srv/app/handlers/__init__.py", "__init__"),
            ("main.py", "main"),
            ("<frozen importlib._bootstrap>", "importlib._bootstrap"),
            ("<string>", ""),
            ("", ""),
            ("/", ""),
            ("/usr/lib/python3.11/site-packages", "site-packages"),
        ] {
            assert_eq!(module(FrameKind::Python, file), expected, "{file}");
        }
        assert_eq!(module(FrameKind::Kernel, ""), "kernel");
        assert_eq!(module(FrameKind::Unknown(Reason::Idle), "/usr/lib/python3.11/json.py"), "");
    }
}
