//! Reads selectors as Prometheus writes them: `{service="checkout",thread=~"w.*"}`, `checkout{thread="main"}`, `checkout`.
//!
//! A bare name is the service: what a metric's name is there, the service is here. By hand, as the grammar has five rules;
//! the parsers that there are bring all of PromQL. It must not know what is selected from.

use crate::model::selector::{Comparison, Matcher, Selector};

/// Longest selector, in bytes.
pub(in crate::http) const MAX_BYTES: usize = 4096;
/// Most matchers.
const MAX_MATCHERS: usize = 32;

/// What a selector may be, for people.
pub(crate) const HINT: &str = "{label=\"value\",…} with =, !=, =~ or !~, or the name of a service alone, as in {service=\"checkout\",thread=~\"w.*\"}";

/// Reads a selector.
///
/// # Errors
/// What is wrong, and at which byte.
pub(crate) fn parse(text: &str) -> Result<Selector, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("it is longer than {MAX_BYTES} bytes"));
    }
    let mut reader = Reader { text, at: 0 };
    let mut matchers = Vec::new();
    reader.white();
    let begin = reader.at;
    if let Some(name) = reader.name(true) {
        matchers.push(matcher("service", Comparison::Equal, name)?);
    }
    reader.white();
    if reader.eat("{") {
        reader.matchers(&mut matchers)?;
        reader.white();
    } else if reader.at == begin {
        return Err(reader.expected("{ or the name of a service"));
    }
    if reader.at < text.len() {
        return Err(reader.expected("its end"));
    }
    Ok(Selector { matchers })
}

fn matcher(name: &str, comparison: Comparison, value: &str) -> Result<Matcher, String> {
    Matcher::new(name, comparison, value).map_err(|error| error.to_string())
}

struct Reader<'a> {
    text: &'a str,
    /// Always between two characters.
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn expected(&self, what: &str) -> String {
        match self.rest().chars().next() {
            Some(found) => format!("at byte {} there is {found:?} instead of {what}", self.at),
            None => format!("it ends where {what} should be"),
        }
    }

    fn white(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn eat(&mut self, token: &str) -> bool {
        let is_there = self.rest().starts_with(token);
        self.at += if is_there { token.len() } else { 0 };
        is_there
    }

    /// A name; a service's may have some more characters in it.
    fn name(&mut self, of_service: bool) -> Option<&'a str> {
        let also = |c: char| of_service && matches!(c, '-' | '.' | ':' | '/');
        let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
        let rest = self.rest();
        rest.starts_with(begins).then_some(())?;
        let end = rest.find(|c: char| !(begins(c) || c.is_ascii_digit() || also(c))).unwrap_or(rest.len());
        self.at += end;
        Some(&rest[..end])
    }

    /// Everything up to and with the closing brace.
    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Result<(), String> {
        loop {
            self.white();
            if self.eat("}") {
                return Ok(());
            }
            let quoted;
            let name = if self.rest().starts_with(['"', '\'', '`']) {
                quoted = self.string()?;
                quoted.as_str()
            } else {
                self.name(false).ok_or_else(|| self.expected("the name of a label or }"))?
            };
            if name.is_empty() {
                return Err("the name of a label is empty".to_owned());
            }
            self.white();
            // The longer ones first: each begins like a shorter one.
            let comparison = match () {
                () if self.eat("=~") => Comparison::Matches,
                () if self.eat("!~") => Comparison::NotMatches,
                () if self.eat("!=") => Comparison::NotEqual,
                () if self.eat("=") => Comparison::Equal,
                () => return Err(self.expected("=, !=, =~ or !~")),
            };
            self.white();
            let value = self.string()?;
            if matchers.len() >= MAX_MATCHERS {
                return Err(format!("it has more than {MAX_MATCHERS} matchers"));
            }
            matchers.push(matcher(name, comparison, &value)?);
            self.white();
            if !self.eat(",") && !self.rest().starts_with('}') {
                return Err(self.expected(", or }"));
            }
        }
    }

    /// A string in double, single or back quotes; the last ones know no escapes.
    fn string(&mut self) -> Result<String, String> {
        let begin = self.at;
        let quote = match self.rest().chars().next() {
            Some(quote @ ('"' | '\'' | '`')) => quote,
            _ => return Err(self.expected("a value in quotes")),
        };
        self.at += 1;
        let mut string = String::new();
        loop {
            let Some(found) = self.rest().chars().next() else {
                return Err(format!("the string that begins at byte {begin} does not end"));
            };
            self.at += found.len_utf8();
            match found {
                _ if found == quote => return Ok(string),
                '\\' if quote != '`' => string.push(self.escape(quote)?),
                '\n' if quote != '`' => {
                    return Err(format!("the string at byte {begin} has a line end in it"));
                }
                _ => string.push(found),
            }
        }
    }

    /// What a backslash stands for, as in Go.
    fn escape(&mut self, quote: char) -> Result<char, String> {
        let at = self.at - 1;
        let Some(found) = self.rest().chars().next() else {
            return Err(format!("the escape at byte {at} does not end"));
        };
        self.at += found.len_utf8();
        let digits = match found {
            'n' => return Ok('\n'),
            'r' => return Ok('\r'),
            't' => return Ok('\t'),
            'a' => return Ok('\x07'),
            'b' => return Ok('\x08'),
            'f' => return Ok('\x0c'),
            'v' => return Ok('\x0b'),
            '\\' => return Ok('\\'),
            _ if found == quote => return Ok(found),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return Err(format!("\\{found} at byte {at} is no escape")),
        };
        let unknown = || format!("the escape at byte {at} stands for no character");
        let hex = self.rest().get(..digits).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = u32::from_str_radix(hex.ok_or_else(unknown)?, 16).map_err(|_| unknown())?;
        self.at += digits;
        // Labels are text: a byte of its own is one only below 128.
        char::from_u32(code).filter(|_| found != 'x' || code < 0x80).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Labels, Pid, Series, Tid};

    fn series(service: &str, thread: &str) -> Series {
        let labels = Labels {
            service: service.into(),
            extra: vec![("k8s.team".into(), "a\"b".into())],
            ..Labels::default()
        };
        Series {
            pid: Pid(7),
            command: "python app.py".into(),
            labels: Arc::new(labels),
            tid: Tid(7),
            thread: thread.into(),
            python: "3.12.1".into(),
            interpreter: Some(0),
        }
    }

    #[test]
    fn what_is_accepted() {
        for (text, matchers, accepts) in [
            ("{}", 0, true),
            (" { } ", 0, true),
            ("checkout", 1, true),
            ("shop", 1, false),
            ("checkout{}", 1, true),
            ("checkout{thread=\"worker\"}", 2, true),
            ("{service=\"checkout\",thread=~\"w.*\"}", 2, true),
            ("{service=\"checkout\",thread=~\"w\",}", 2, false),
            ("{ service = 'checkout' , thread !~ `w\\d` }", 2, true),
            ("{thread!=\"worker\"}", 1, false),
            ("{nothing=\"\"}", 1, true),
            ("{\"k8s.team\"=\"a\\\"b\"}", 1, true),
            ("{\"k8s.team\"='a\"b'}", 1, true),
            ("{service=\"check\\x6fut\"}", 1, true),
            ("{service=\"\\u0063heckout\"}", 1, true),
            ("{service=\"\\U00000063heckout\"}", 1, true),
            ("{service=\"a\\nb\\t\\\\\"}", 1, false),
            ("{service=\"日本\"}", 1, false),
        ] {
            let selector = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(selector.matchers.len(), matchers, "{text}");
            assert_eq!(selector.accepts(&series("checkout", "worker")), accepts, "{text}");
        }
    }

    #[test]
    fn what_is_refused_and_why() {
        let many = format!("{{{}}}", "a=\"\",".repeat(MAX_MATCHERS + 1));
        let long = "a".repeat(MAX_BYTES + 1);
        for (text, why) in [
            ("", "ends where { or the name of a service"),
            ("7", "at byte 0 there is '7'"),
            ("{", "ends where the name of a label or }"),
            ("{service}", "at byte 8 there is '}' instead of =, !="),
            ("{service=}", "at byte 9 there is '}' instead of a value in quotes"),
            ("{service=checkout}", "instead of a value in quotes"),
            ("{service==\"a\"}", "instead of a value in quotes"),
            ("{service=\"a\"", "ends where , or }"),
            ("{service=\"a\" thread=\"b\"}", "instead of , or }"),
            ("{,}", "instead of the name of a label"),
            ("{service=\"a\",,}", "instead of the name of a label"),
            ("{service=\"a}", "begins at byte 9 does not end"),
            ("{service=\"a\\", "does not end"),
            ("{service=\"\\q\"}", "\\q at byte 10 is no escape"),
            ("{service=\"\\xff\"}", "stands for no character"),
            ("{service=\"\\ud800\"}", "stands for no character"),
            ("{service=\"\\u12\"}", "stands for no character"),
            ("{service=\"\\U00110000\"}", "stands for no character"),
            ("{service=\"a\nb\"}", "has a line end in it"),
            ("{service=~\"(\"}", "no regular expression"),
            ("{\"\"=\"a\"}", "is empty"),
            ("{a.b=\"c\"}", "at byte 2 there is '.'"),
            ("{} or {}", "instead of its end"),
            ("a b", "instead of its end"),
            ("{日=\"x\"}", "at byte 1 there is '日'"),
            (&many, "more than 32 matchers"),
            (&long, "longer than 4096 bytes"),
        ] {
            match parse(text) {
                Ok(_) => panic!("{text:?} was accepted"),
                Err(error) => assert!(error.contains(why), "{text:?}: {error}"),
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[{}\"'`a-c=!~,\\\\xu0-9 \n日.]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn any_value_can_be_written(value in any::<String>()) {
            let escaped: String = value.chars().map(|c| format!("\\U{:08x}", c as u32)).collect();
            let selector = parse(&format!("{{service=\"{escaped}\"}}"));
            if escaped.len() + 20 < MAX_BYTES {
                prop_assert!(selector.unwrap().accepts(&series(&value, "")));
            }
        }
    }
}
