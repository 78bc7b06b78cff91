//! Label values out of texts that a target chose: cut and without control characters.
//!
//! Labels are kept by every Prometheus server for as long as it keeps anything, and a scrape is one text: what a target
//! calls its functions must neither fill the one nor break the other. It must not know what a text means.

use std::sync::Arc;

/// Characters that a label shows of a command, a service or a container.
pub(super) const NAME_CHARACTERS: usize = 80;
/// Characters that a label shows of a function or a file.
const CODE_CHARACTERS: usize = 160;

/// A function as its labels tell it. Two that have the same labels are the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FunctionLabels {
    pub function: Arc<str>,
    pub file: Arc<str>,
}

impl FunctionLabels {
    /// Of a function, the first 160 characters; of its file the last 160, which tell more.
    pub fn new(function: &Arc<str>, file: &Arc<str>) -> FunctionLabels {
        FunctionLabels { function: head(function, CODE_CHARACTERS), file: tail(file, CODE_CHARACTERS) }
    }
}

/// The first characters of a text, and `…` where there are more.
pub(super) fn head(text: &Arc<str>, most: usize) -> Arc<str> {
    match text.char_indices().nth(most) {
        None if is_clean(text) => text.clone(),
        None => clean(text).into(),
        Some((cut, _)) => format!("{}…", clean(&text[..cut])).into(),
    }
}

fn tail(text: &Arc<str>, most: usize) -> Arc<str> {
    // An index of the first character that stays, if any must go.
    let cut = text.char_indices().rev().nth(most - 1).map_or(0, |(cut, _)| cut);
    match cut {
        0 if is_clean(text) => text.clone(),
        0 => clean(text).into(),
        _ => format!("…{}", clean(&text[cut..])).into(),
    }
}

fn is_clean(text: &str) -> bool {
    !text.contains(char::is_control)
}

/// The format has an escape for a line feed only; and to some readers a NUL is the end of a scrape.
fn clean(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_characters() {
        let text: Arc<str> = "é".repeat(200).into();
        assert_eq!(head(&text, 80).chars().count(), 81);
        assert_eq!(head(&text, 200), text);
        let file: Arc<str> = format!("{}/app.py", "ü".repeat(200)).into();
        let cut = tail(&file, 160);
        assert!(cut.starts_with('…') && cut.ends_with("/app.py") && cut.chars().count() == 161, "{cut}");
        assert_eq!(tail(&"app.py".into(), 6), "app.py".into());
        assert_eq!(tail(&"".into(), 6), "".into());
    }

    #[test]
    fn what_would_break_a_scrape_is_a_space() {
        assert_eq!(&*head(&"a\0b\nc".into(), 80), "a b c");
        assert_eq!(&*tail(&"a\u{7f}b".into(), 80), "a b");
    }
}
