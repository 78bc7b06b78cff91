//! Reads what a request gives for its route's parameters. Unknown and absurd ones are refused with what is allowed: a typo
//! that is ignored shows the wrong picture. It must not know what the parameters are used for.

use std::sync::Arc;

use super::parameters::{self, Kind, Parameter};
use super::{selector, time};
use crate::http::error::HttpError;
use crate::model::Pid;
use crate::model::selector::{Comparison, Matcher, Selector};

/// The parameters of one request, each known to its route, none but lists given twice.
#[derive(Debug)]
pub(super) struct Given(Vec<(&'static Parameter, String)>);

impl Given {
    /// Checks the decoded pairs of a query string against what the route takes.
    pub(super) fn read(
        takes: &[&'static Parameter],
        pairs: Vec<(String, String)>,
    ) -> Result<Given, HttpError> {
        let mut given: Vec<(&'static Parameter, String)> = Vec::new();
        for (name, value) in pairs {
            let Some(parameter) = takes.iter().find(|parameter| parameter.name == name) else {
                let known = takes.iter().filter(|parameter| !matches!(parameter.kind, Kind::Ignored));
                let known: Vec<&str> = known.map(|parameter| parameter.name).collect();
                let hint = match known.as_slice() {
                    [] => "this route takes none".to_owned(),
                    known => format!("known are {}", known.join(", ")),
                };
                return Err(HttpError::bad_request(
                    format!("unknown parameter {:?}", shortened(&name)),
                    hint,
                ));
            };
            if !parameter.is_list() && given.iter().any(|(known, _)| known.name == name) {
                return Err(HttpError::bad_request(format!("{name} is given twice"), "give it once"));
            }
            given.push((parameter, value));
        }
        Ok(Given(given))
    }

    fn text(&self, parameter: &Parameter) -> Option<&str> {
        self.0.iter().find(|(known, _)| std::ptr::eq(*known, parameter)).map(|(_, value)| value.as_str())
    }

    /// Whether it is there at all.
    pub(super) fn has(&self, parameter: &Parameter) -> bool {
        self.text(parameter).is_some()
    }

    /// As it was written.
    pub(super) fn written(&self, parameter: &Parameter) -> Option<&str> {
        self.text(parameter)
    }

    /// A whole number that has a default.
    pub(super) fn integer(&self, parameter: &Parameter) -> Result<u64, HttpError> {
        let Kind::Integer { default: Some(default), .. } = parameter.kind else {
            unreachable!("{} is read as what it is", parameter.name)
        };
        Ok(self.integer_if_given(parameter)?.unwrap_or(default))
    }

    /// A whole number.
    pub(super) fn integer_if_given(&self, parameter: &Parameter) -> Result<Option<u64>, HttpError> {
        let Kind::Integer { least, most, .. } = parameter.kind else {
            unreachable!("{} is read as what it is", parameter.name)
        };
        let Some(text) = self.text(parameter) else { return Ok(None) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(refused(parameter, text)),
        }
    }

    /// A number.
    pub(super) fn number(&self, parameter: &Parameter) -> Result<f64, HttpError> {
        let Kind::Number { least, most, default } = parameter.kind else {
            unreachable!("{} is read as what it is", parameter.name)
        };
        let Some(text) = self.text(parameter) else { return Ok(default) };
        match text.parse::<f64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(refused(parameter, text)),
        }
    }

    /// On, off or not given.
    pub(super) fn switch(&self, parameter: &Parameter) -> Result<Option<bool>, HttpError> {
        match self.text(parameter) {
            None => Ok(None),
            Some("1" | "true" | "") => Ok(Some(true)),
            Some("0" | "false") => Ok(Some(false)),
            Some(text) => Err(refused(parameter, text)),
        }
    }

    /// One of some words.
    pub(super) fn word(&self, parameter: &Parameter) -> Result<&'static str, HttpError> {
        let Kind::Word { words, default } = parameter.kind else {
            unreachable!("{} is read as what it is", parameter.name)
        };
        let Some(text) = self.text(parameter) else { return Ok(default) };
        words().into_iter().find(|word| *word == text).ok_or_else(|| refused(parameter, text))
    }

    /// A moment.
    pub(super) fn moment(&self, parameter: &Parameter) -> Result<time::Moment, HttpError> {
        let Kind::Moment { default } = parameter.kind else {
            unreachable!("{} is read as what it is", parameter.name)
        };
        let text = self.text(parameter).unwrap_or(default);
        time::moment(text).ok_or_else(|| refused(parameter, text))
    }

    /// A length of time, nanoseconds.
    pub(super) fn length(&self, parameter: &Parameter) -> Result<Option<u64>, HttpError> {
        let Some(text) = self.text(parameter) else { return Ok(None) };
        time::length(text).map(Some).ok_or_else(|| refused(parameter, text))
    }

    /// A text.
    pub(super) fn short_text(&self, parameter: &Parameter) -> Result<Option<&str>, HttpError> {
        match self.text(parameter) {
            Some(text) if text.is_empty() || text.chars().count() > parameters::MAX_TEXT => {
                Err(refused(parameter, text))
            }
            text => Ok(text),
        }
    }

    /// The name of a file.
    pub(super) fn path(&self, parameter: &Parameter) -> Result<Option<&str>, HttpError> {
        match self.text(parameter) {
            Some(text) if text.is_empty() || text.len() > parameters::MAX_PATH || text.contains('\0') => {
                Err(refused(parameter, text))
            }
            text => Ok(text),
        }
    }

    /// What must be given.
    pub(super) fn required<T>(&self, parameter: &Parameter, value: Option<T>) -> Result<T, HttpError> {
        let error = || HttpError::bad_request(format!("{} is missing", parameter.name), parameter.allowed());
        value.ok_or_else(error)
    }

    /// A selector; without: all.
    fn selector(&self, parameter: &Parameter) -> Result<Selector, HttpError> {
        let Some(text) = self.text(parameter) else { return Ok(Selector::default()) };
        selector::parse(text).map_err(|why| {
            let error = format!("{}={:?} is no selector: {why}", parameter.name, shortened(text));
            HttpError::bad_request(error, parameter.allowed())
        })
    }

    /// Which series: those of a selector that are of one of these processes; none: of any.
    pub(super) fn series(&self, parameter: &Parameter, pids: &[Pid]) -> Result<Selector, HttpError> {
        let mut selector = self.selector(parameter)?;
        selector.matchers.extend(one_of(pids));
        Ok(selector)
    }

    /// Names of labels, each once.
    pub(super) fn labels(&self, parameter: &Parameter) -> Result<Vec<Arc<str>>, HttpError> {
        let mut names: Vec<Arc<str>> = Vec::new();
        for name in self.items(parameter) {
            if !parameters::is_label_name(name) {
                return Err(refused(parameter, name));
            }
            if !names.iter().any(|known| **known == *name) {
                names.push(name.into());
            }
        }
        match names.len() {
            0..=parameters::MAX_BY => Ok(names),
            _ => Err(HttpError::bad_request(
                format!("{} has too many names", parameter.name),
                parameter.allowed(),
            )),
        }
    }

    /// Processes, each once; none: all.
    pub(super) fn pids(&self, parameter: &Parameter) -> Result<Vec<Pid>, HttpError> {
        let mut pids = Vec::new();
        // Those that are named twice count too, as the description says.
        for (before, text) in self.items(parameter).enumerate() {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            match text.parse() {
                Ok(pid) if digits && u64::from(pid) <= parameters::MAX_PID => {
                    if !pids.contains(&Pid(pid)) {
                        pids.push(Pid(pid));
                    }
                }
                _ => return Err(refused(parameter, text)),
            }
            if before >= parameters::MAX_PIDS {
                let hint = format!("{}; without any, all processes are meant", parameter.allowed());
                return Err(HttpError::bad_request(format!("{} has too many ids", parameter.name), hint));
            }
        }
        Ok(pids)
    }

    /// The items of a list; an empty list has none.
    fn items<'a>(&'a self, parameter: &'a Parameter) -> impl Iterator<Item = &'a str> {
        let given = self.0.iter().filter(move |(known, _)| std::ptr::eq(*known, parameter));
        given.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|item| !item.is_empty())
    }
}

/// The condition that a process is one of these.
fn one_of(pids: &[Pid]) -> Option<Matcher> {
    if pids.is_empty() {
        return None;
    }
    let pattern = pids.iter().map(Pid::to_string).collect::<Vec<_>>().join("|");
    Some(Matcher::new("pid", Comparison::Matches, &pattern).expect("numbers with bars between, 64 at most"))
}

/// A value that is not possible, with what is allowed.
pub(super) fn refused(parameter: &Parameter, text: &str) -> HttpError {
    HttpError::bad_request(
        format!("{}={:?} is not possible", parameter.name, shortened(text)),
        parameter.allowed(),
    )
}

/// At most 100 characters of what a request has: an error that repeats a megabyte helps nobody.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parameters::*;
    use super::*;

    const ALL: [&Parameter; 13] = [
        &SECONDS,
        &FROM,
        &QUERY,
        &PID,
        &LINES,
        &LEAST_SHARE,
        &BY,
        &SORT,
        &STEP,
        &FOCUS,
        &POINTS,
        &ZOOM_X,
        &FILE,
    ];

    fn given(query: &[(&str, &str)]) -> Result<Given, HttpError> {
        let pairs = query.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Given::read(&ALL, pairs.collect())
    }

    #[test]
    fn lists_may_be_repeated_and_separated_by_commas() {
        let given = given(&[("pid", "1, 2"), ("pid", "3"), ("by", "service,pid"), ("pid", "2"), ("pid", "")]);
        let given = given.unwrap();
        assert_eq!(given.pids(&PID).unwrap(), [Pid(1), Pid(2), Pid(3)]);
        assert_eq!(given.labels(&BY).unwrap(), ["service".into(), "pid".into()]);
        assert!(one_of(&[]).is_none());
        let matcher = one_of(&[Pid(1), Pid(23)]).unwrap();
        assert!(matcher.accepts("23") && !matcher.accepts("2"));
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let given = given(&[]).unwrap();
        assert_eq!(given.integer(&POINTS).unwrap(), 300);
        assert_eq!(given.word(&SORT).unwrap(), "self");
        assert_eq!(given.moment(&FROM).unwrap(), time::Moment::Ago(60_000_000_000));
        assert_eq!((given.switch(&LINES).unwrap(), given.length(&STEP).unwrap()), (None, None));
        assert!(given.selector(&QUERY).unwrap().matchers.is_empty() && !given.has(&SECONDS));
    }

    /// Reads a parameter as what it is.
    fn read(given: &Given, parameter: &'static Parameter) -> Result<(), HttpError> {
        match parameter.kind {
            Kind::Integer { .. } => given.integer_if_given(parameter).map(drop),
            Kind::Number { .. } => given.number(parameter).map(drop),
            Kind::Switch => given.switch(parameter).map(drop),
            Kind::Word { .. } => given.word(parameter).map(drop),
            Kind::Moment { .. } => given.moment(parameter).map(drop),
            Kind::Length => given.length(parameter).map(drop),
            Kind::Selector => given.selector(parameter).map(drop),
            Kind::Text => given.short_text(parameter).map(drop),
            Kind::Path => given.path(parameter).map(drop),
            Kind::Pids => given.pids(parameter).map(drop),
            Kind::LabelNames => given.labels(parameter).map(drop),
            Kind::Ignored => Ok(()),
        }
    }

    #[test]
    fn what_is_absurd_is_refused_with_its_name_and_what_is_allowed() {
        let long = "x".repeat(MAX_TEXT + 1);
        let many: Vec<String> = (0..=MAX_PIDS).map(|pid| pid.to_string()).collect();
        let many = many.join(",");
        for (name, value, hint) in [
            ("seconds", "0", "from 1 to 2678400"),
            ("seconds", "+5", "from 1 to 2678400"),
            ("seconds", "1e3", "from 1 to 2678400"),
            ("seconds", "99999999999999999999", "from 1 to 2678400"),
            ("pid", "-1", "process ids"),
            ("pid", "4294967295", "process ids"),
            ("pid", "self", "process ids"),
            ("pid", &many, "at most 64"),
            ("lines", "maybe", "1 or 0"),
            ("least_share", "NaN", "from 0 to 1"),
            ("least_share", "1.5", "from 0 to 1"),
            ("from", "yesterday", "RFC 3339"),
            ("query", "{", "{label="),
            ("by", "a b", "at most 4 names"),
            ("by", "a,b,c,d,e", "at most 4 names"),
            ("sort", "name", "one of self, total"),
            ("step", "0", "with a unit"),
            ("focus", "", "1 to 1000"),
            ("focus", &long, "1 to 1000"),
            ("file", "", "1 to 4095"),
            ("file", "/srv/a\0b", "none of which is zero"),
            ("second", "5", "known are seconds, from"),
        ] {
            let error = given(&[(name, value)])
                .and_then(|given| {
                    let parameter = ALL.iter().find(|known| known.name == name).expect("a parameter");
                    read(&given, parameter)
                })
                .expect_err(value);
            assert_eq!(error.status, axum::http::StatusCode::BAD_REQUEST);
            assert!(error.error.contains(name) && error.error.len() < 400, "{}", error.error);
            assert!(error.hint.contains(hint), "{name}={value}: {}", error.hint);
        }
        assert!(given(&[("lines", "1"), ("lines", "1")]).is_err(), "given twice");
        assert!(given(&[("x", "1")]).is_ok());
    }
}
