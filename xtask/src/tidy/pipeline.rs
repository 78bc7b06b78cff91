//! Which module of the agent may use which: data flows one way, and so do the `use`s.

use std::path::Path;

use super::Finding;
use super::tokens::Token;

/// Every top-level module of the agent and what of the agent it may use besides itself. A stage knows the model, its
/// helpers and the stage before it, never a later one; only the agent and the command line see them all.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("clock", &[]),
    ("process", &["model"]),
    ("recording", &["model", "process"]),
    ("python", &["model", "process", "native"]),
    ("native", &["model"]),
    ("locked_memory", &[]),
    ("allocator", &[]),
    ("privileges", &[]),
    ("preflight", &["process", "locked_memory"]),
    ("capture", &["model", "locked_memory"]),
    ("merge", &["model"]),
    ("symbolize", &["model", "capture", "merge", "process", "python", "native"]),
    ("dump", &["model", "process", "python"]),
    // A tick is a small dump.
    ("wall", &["model", "process", "python", "dump"]),
    ("aggregate", &["model", "symbolize"]),
    ("store", &["model", "aggregate", "allocator"]),
    ("query", &["model", "aggregate", "store"]),
    ("render", &["model"]),
    ("import", &["model"]),
    ("metrics", &["model", "aggregate"]),
    // The aggregate is what queries are asked of.
    ("http", &["model", "clock", "aggregate", "query", "render", "metrics"]),
    ("export", &["model", "query", "render"]),
    ("agent", BUT_CLI),
    ("cli", EVERY),
];

const EVERY: &[&str] = &[
    "allocator",
    "model",
    "clock",
    "process",
    "python",
    "native",
    "preflight",
    "privileges",
    "capture",
    "merge",
    "symbolize",
    "dump",
    "wall",
    "aggregate",
    "store",
    "query",
    "render",
    "import",
    "metrics",
    "http",
    "export",
    "agent",
];
/// The agent sees everything but the command line, and itself without saying so.
const BUT_CLI: &[&str] = EVERY.split_at(EVERY.len() - 1).0;

const SOURCES: &str = "profiler-user/src";

/// Findings for a file of the agent that uses a module it must not know.
pub fn check(file: &Path, tokens: &[Token]) -> Vec<Finding> {
    let Ok(inner) = file.strip_prefix(SOURCES) else { return Vec::new() };
    let mut path: Vec<&str> = inner.iter().filter_map(|part| part.to_str()).collect();
    let name = path.pop().unwrap_or_default().trim_end_matches(".rs");
    if path.is_empty() && ["lib", "main"].contains(&name) {
        return Vec::new();
    }
    if name != "mod" {
        path.push(name);
    }
    let module = path[0];
    let Some((_, may_use)) = MAY_USE.iter().find(|(known, _)| *known == module) else {
        let text = format!("the module `{module}` has no row in the table of xtask/src/tidy/pipeline.rs");
        return vec![Finding::new(file, 0, text)];
    };
    let forbidden = used(tokens, path.len()).into_iter().filter(|(name, _)| {
        *name != module && MAY_USE.iter().any(|(known, _)| known == name) && !may_use.contains(name)
    });
    forbidden
        .map(|(name, line)| {
            let text =
                format!("`{module}` must not know `{name}`: see the table of xtask/src/tidy/pipeline.rs");
            Finding::new(file, line, text)
        })
        .collect()
}

/// The top-level modules that are named, with their lines: after `crate::`, or after as many `super::` as the file's
/// module is deep. Inline modules are not counted as depth.
fn used(tokens: &[Token], depth: usize) -> Vec<(&str, usize)> {
    let mut used = Vec::new();
    let mut supers = 0;
    for at in 0..tokens.len().saturating_sub(2) {
        if tokens[at + 1].text != "::" {
            continue;
        }
        supers = if tokens[at].text == "super" { supers + 1 } else { 0 };
        if tokens[at].text != "crate" && supers != depth {
            continue;
        }
        if tokens[at + 2].text == "{" {
            used.extend(first_words(&tokens[at + 3..]));
        } else {
            used.push((tokens[at + 2].text.as_str(), tokens[at + 2].line));
        }
    }
    used
}

/// The first word of each path in `{a, b::c, d::{e, f}}`, whose opening brace is before `tokens`.
fn first_words(tokens: &[Token]) -> Vec<(&str, usize)> {
    let mut words = Vec::new();
    let mut depth = 1;
    let mut expected = true;
    for token in tokens {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => expected = true,
            word if expected => {
                words.push((word, token.line));
                expected = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tokens;

    fn texts(file: &str, source: &str) -> Vec<String> {
        let tokens = tokens::of(source).expect("Rust");
        check(Path::new(file), &tokens).into_iter().map(|finding| finding.text).collect()
    }

    #[test]
    fn a_stage_may_use_what_comes_before_it_and_no_later_one() {
        let file = "profiler-user/src/aggregate.rs";
        assert_eq!(texts(file, "use crate::model::Frame; use crate::symbolize::Named;"), [] as [&str; 0]);
        for source in [
            "use crate::render::svg;",
            "fn f() { crate::render::svg(); }",
            "use crate::{model::{Frame, Stack}, render};",
            "use super::render;",
        ] {
            let found = texts(file, source);
            assert!(found.len() == 1 && found[0].contains("must not know `render`"), "{source}: {found:?}");
        }
    }

    #[test]
    fn super_is_followed_to_the_top_and_no_further() {
        let file = "profiler-user/src/store/segment.rs";
        assert_eq!(texts(file, "use super::render;"), [] as [&str; 0]);
        assert_eq!(texts(file, "use super::super::render;").len(), 1);
        assert_eq!(texts("profiler-user/src/store/mod.rs", "use super::render;").len(), 1);
    }

    #[test]
    fn render_is_pure_and_tests_are_free() {
        let file = "profiler-user/src/render/svg.rs";
        assert_eq!(texts(file, "use crate::http::Route;").len(), 1);
        assert_eq!(texts(file, "#[cfg(test)] mod tests { use crate::http::Route; }"), [] as [&str; 0]);
    }

    #[test]
    fn a_module_without_a_row_is_found() {
        assert_eq!(texts("profiler-user/src/misc/mod.rs", "").len(), 1);
        assert_eq!(texts("profiler-user/src/lib.rs", "use crate::render;"), [] as [&str; 0]);
        assert_eq!(texts("xtask/src/ci.rs", "use crate::render;"), [] as [&str; 0]);
    }

    #[test]
    fn rows_name_rows() {
        for (module, may_use) in MAY_USE {
            for name in *may_use {
                assert!(MAY_USE.iter().any(|(known, _)| known == name), "{module}: {name}");
            }
        }
    }
}
