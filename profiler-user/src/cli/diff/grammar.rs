//! Conditions on functions as `--fail-if` has them: `get_endpoint > 5%`, `own(app.py:/^parse/) grows > 2%`.
//!
//! ```text
//! condition = subject, ( share | "grows", growth ), number, "%" ;
//! subject   = ( "own" | "total" ), "(", function, ")" | function ;
//! function  = [ text, ":" ], ( text | "/", regular expression, "/" ) ;
//! share     = ">" | ">=" | "<" | "<=" ;
//! growth    = ">" | ">=" ;
//! text      = word | '"', anything, '"' ;
//! ```
//!
//! By hand, as it has eight rules, and an error must say at which column which of them was left. Pure; it must not know what
//! a condition is tried on.

use regex::{Regex, RegexBuilder};

use crate::cli::on_a_line;
use crate::model::Frame;

/// Longest condition, in bytes.
const MAX_BYTES: usize = 1000;
/// Most memory that a compiled regular expression may take, in bytes.
const MAX_COMPILED: usize = 256 << 10;
/// What stands before and after the name of what Python has no name for: `<module>`, `f.<locals>.<lambda>`.
const BRACKETS: (char, char) = ('<', '>');

/// A condition on a function, or on several of a name.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// As it was written.
    pub text: String,
    /// Of the function itself, or of what it calls, too.
    pub what: What,
    /// Which functions.
    pub function: Pattern,
    /// What is tried.
    pub test: Test,
}

/// What is counted of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Samples in it.
    Own,
    /// Samples in it and what it calls.
    Total,
}

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Test {
    /// The share of the later side against a number from 0 to 1.
    Share(Comparison, f64),
    /// By how much the share grew, from 0 to 1; and the growth is no noise.
    Grows(Comparison, f64),
}

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `<=`
    AtMost,
}

impl Comparison {
    /// Whether it holds.
    pub(super) fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::More => left > right,
            Comparison::AtLeast => left >= right,
            Comparison::Less => left < right,
            Comparison::AtMost => left <= right,
        }
    }
}

/// Which functions are meant.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    file: Option<String>,
    name: Name,
}

#[derive(Clone, Debug)]
enum Name {
    Text(String),
    Regex(Regex),
}

impl Pattern {
    /// Whether a function is meant: its qualified name, or the end of that after a full stop, and its file, or the end of
    /// that after a slash. A regular expression may match any part of the qualified name.
    pub(super) fn accepts(&self, frame: &Frame) -> bool {
        let ends = |whole: &str, end: &str, mark: char| {
            whole.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with(mark))
        };
        let in_file = self.file.as_ref().is_none_or(|file| ends(&frame.file, file, '/'));
        in_file
            && match &self.name {
                Name::Text(name) => ends(&frame.function, name, '.'),
                Name::Regex(regex) => regex.is_match(&frame.function),
            }
    }

    /// The name as it was written, if it is one that could have been mistyped.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.name {
            Name::Text(name) => Some(name),
            Name::Regex(_) => None,
        }
    }
}

/// Reads a condition.
///
/// # Errors
/// At which column what was expected, with the condition and a mark below it.
pub(super) fn parse(text: &str) -> Result<Condition, String> {
    let mut reader = Reader { text, at: 0 };
    reader.condition().map_err(|(at, what)| {
        let column = text[..at].chars().count();
        // A tab is as wide as a terminal likes.
        let shown = on_a_line(text);
        format!("at column {}: {what}\n    {shown}\n    {}^", column + 1, " ".repeat(column))
    })
}

/// Where, in bytes, and what is wrong.
type Wrong = (usize, String);

struct Reader<'a> {
    text: &'a str,
    /// Always between two characters.
    at: usize,
}

impl Reader<'_> {
    fn condition(&mut self) -> Result<Condition, Wrong> {
        if self.text.len() > MAX_BYTES {
            return Err((0, format!("the condition is longer than {MAX_BYTES} bytes")));
        }
        let (what, function) = self.subject()?;
        self.white();
        let test = if self.word_is("grows") {
            self.at += "grows".len();
            let growth = [(">=", Comparison::AtLeast), (">", Comparison::More)];
            Test::Grows(self.comparison(&growth, "> or >=")?, self.percent()?)
        } else {
            let all = [
                (">=", Comparison::AtLeast),
                (">", Comparison::More),
                ("<=", Comparison::AtMost),
                ("<", Comparison::Less),
            ];
            Test::Share(self.comparison(&all, ">, >=, <, <= or grows")?, self.percent()?)
        };
        self.white();
        if self.at < self.text.len() {
            return Err(self.expected("the end"));
        }
        Ok(Condition { text: self.text.trim().to_owned(), what, function, test })
    }

    fn subject(&mut self) -> Result<(What, Pattern), Wrong> {
        self.white();
        for (word, what) in [("own", What::Own), ("total", What::Total)] {
            let Some(after) = self.rest().strip_prefix(word) else { continue };
            let after = after.trim_start();
            if !after.starts_with('(') {
                continue;
            }
            self.at = self.text.len() - after.len() + 1;
            let function = self.function()?;
            self.white();
            if !self.eat(")") {
                return Err(self.expected(")"));
            }
            return Ok((what, function));
        }
        Ok((What::Total, self.function()?))
    }

    fn function(&mut self) -> Result<Pattern, Wrong> {
        self.white();
        if self.rest().starts_with('/') {
            let name = self.regex()?;
            if self.rest().starts_with(|c: char| c.is_alphanumeric() || c == '_') {
                return Err((self.at, "a path that begins with / belongs in quotes".to_owned()));
            }
            return Ok(Pattern { file: None, name });
        }
        let first = self.text("the name of a function")?;
        if !self.eat(":") {
            return Ok(Pattern { file: None, name: Name::Text(first) });
        }
        let name = match self.rest().starts_with('/') {
            true => self.regex()?,
            false => Name::Text(self.text("the name of a function of that file")?),
        };
        Ok(Pattern { file: Some(first), name })
    }

    /// A word or a text in quotes.
    fn text(&mut self, what: &str) -> Result<String, Wrong> {
        let begin = self.at;
        if self.eat("\"") {
            let Some(end) = self.rest().find('"') else {
                return Err((begin, "the quote is not closed".to_owned()));
            };
            let text = self.rest()[..end].to_owned();
            self.at += end + 1;
            return if text.is_empty() { Err((begin, format!("{what} is empty"))) } else { Ok(text) };
        }
        while let Some(c) = self.rest().chars().next() {
            if c == BRACKETS.0 {
                let Some(length) = bracketed(self.rest()) else { break };
                self.at += length;
            } else if c.is_whitespace() || matches!(c, '(' | ')' | ':' | '"' | '%' | '=' | '>') {
                break;
            } else {
                self.at += c.len_utf8();
            }
        }
        match &self.text[begin..self.at] {
            "" => Err(self.expected(what)),
            word => Ok(word.to_owned()),
        }
    }

    /// What stands between two slashes; one in it is `\/`.
    fn regex(&mut self) -> Result<Name, Wrong> {
        let begin = self.at;
        self.at += 1;
        let mut pattern = String::new();
        loop {
            match self.rest().chars().next() {
                None => return Err((begin, "the regular expression has no / at its end".to_owned())),
                Some('/') => break,
                Some('\\') if self.rest().starts_with("\\/") => {
                    pattern.push('/');
                    self.at += 2;
                }
                // The character after a backslash is no end.
                Some('\\') => {
                    let both: String = self.rest().chars().take(2).collect();
                    self.at += both.len();
                    pattern.push_str(&both);
                }
                Some(c) => {
                    pattern.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        self.at += 1;
        let regex = RegexBuilder::new(&pattern).size_limit(MAX_COMPILED).build();
        let regex = regex.map_err(|error| {
            let text = error.to_string();
            let why = text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
            (begin, format!("the regular expression can't be used: {why}"))
        })?;
        Ok(Name::Regex(regex))
    }

    fn comparison(&mut self, known: &[(&str, Comparison)], what: &str) -> Result<Comparison, Wrong> {
        self.white();
        match known.iter().find(|(text, _)| self.rest().starts_with(text)) {
            Some((text, comparison)) => {
                self.at += text.len();
                Ok(*comparison)
            }
            None => Err(self.expected(what)),
        }
    }

    /// A number with a percent sign, from 0 to 100, as a share.
    fn percent(&mut self) -> Result<f64, Wrong> {
        self.white();
        let begin = self.at;
        let rest = self.rest();
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: Option<f64> = rest[..digits].parse().ok();
        let Some(number) = number else { return Err(self.expected("a number, as in 5% or 0.5%")) };
        if number > 100.0 {
            return Err((begin, "more than 100 %".to_owned()));
        }
        self.at += digits;
        self.white();
        if !self.eat("%") {
            return Err(self.expected("%"));
        }
        Ok(number / 100.0)
    }

    fn word_is(&self, word: &str) -> bool {
        self.rest().strip_prefix(word).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn white(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        let is_there = self.rest().starts_with(token);
        self.at += if is_there { token.len() } else { 0 };
        is_there
    }

    fn expected(&self, what: &str) -> Wrong {
        let found = match self.rest().chars().next() {
            Some(c) => format!("there is {c:?}"),
            None => "it ends".to_owned(),
        };
        (self.at, format!("{found} where {what} should be"))
    }
}

/// How long `<name>` is at the beginning of a text, in bytes; `None`: this is no such name.
fn bracketed(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(BRACKETS.0)?;
    let name = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | ' ' | '.'))?;
    (name > 0 && rest[..name].starts_with(char::is_alphabetic) && rest[name..].starts_with(BRACKETS.1))
        .then_some(name + 2)
}

#[cfg(test)]
mod tests;
