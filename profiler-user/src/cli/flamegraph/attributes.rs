//! The file of `--nameattr`: a function's name, a tab, and `name=value` with tabs between them.

use std::path::Path;

use inferno::flamegraph::FuncFrameAttrsMap;

use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::input::Input;

/// Attributes that mean something; of others, inferno would leave out what it does not know.
const KNOWN: [&str; 7] = ["title", "href", "id", "class", "target", "g_extra", "a_extra"];

/// Reads the file.
///
/// # Errors
/// If it can't be read, or a line is not as above.
pub(super) fn read(path: &Path) -> Result<FuncFrameAttrsMap, Failure> {
    let input = Input::read(path)?;
    let text = String::from_utf8_lossy(&input.bytes);
    for (number, line) in (1..).zip(text.lines()) {
        check(line).map_err(|what| {
            Failure::new(Exit::BadInput, format!("{}: line {number}: {what}", input.name)).hint(format!(
                "a line is a function, a tab, and name=value with tabs; names are {}",
                KNOWN.join(", ")
            ))
        })?;
    }
    FuncFrameAttrsMap::from_reader(&*input.bytes)
        .map_err(|error| Failure::new(Exit::BadInput, format!("{}: {error}", input.name)))
}

fn check(line: &str) -> Result<(), String> {
    if line.trim().is_empty() {
        return Ok(());
    }
    let (_, attributes) = line.split_once('\t').ok_or("there is no tab")?;
    for attribute in attributes.split('\t') {
        let (name, _) = attribute.split_once('=').ok_or_else(|| format!("{attribute:?} has no ="))?;
        if !KNOWN.contains(&name.trim()) {
            return Err(format!("{name:?} is no attribute that is known"));
        }
    }
    Ok(())
}
