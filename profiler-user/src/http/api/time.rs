//! Moments and lengths of time as a request writes them. Pure: the caller says what time it is.
//!
//! A moment is RFC 3339, Unix time in seconds or milliseconds, or relative to now; a length a number of seconds or one
//! with a unit. It must not know which parameter it reads, nor what the time is for.

use jiff::Timestamp;

const NANOSECONDS: u64 = 1_000_000_000;
/// A whole number from here on is milliseconds: as seconds it would be in the year 5138, as milliseconds it is in 1973.
const MILLISECONDS_FROM: u64 = 100_000_000_000;
/// Later moments than this (in the year 2255), Unix seconds, are this one: none of them has come yet, and all numbers fit.
const LAST_SECOND: u64 = 9_000_000_000;
/// Most digits of Unix time before its point, and behind it.
const MOST_DIGITS: (usize, usize) = (14, 9);
/// Units of lengths: name, nanoseconds, most digits of a number of them. With these no product overflows.
const UNITS: [(&str, u64, usize); 6] = [
    ("ms", 1_000_000, 9),
    ("s", NANOSECONDS, 9),
    ("m", 60 * NANOSECONDS, 7),
    ("h", 3600 * NANOSECONDS, 6),
    ("d", 86_400 * NANOSECONDS, 5),
    ("w", 7 * 86_400 * NANOSECONDS, 4),
];

/// What a moment may be, for people.
pub(in crate::http) const MOMENTS: &str = "RFC 3339 (2026-01-31T12:00:00Z; in a URL the + of a zone is %2B), Unix time \
     in seconds or milliseconds, now, or now-15m with a unit of s, m, h, d or w";
/// What a length may be, for people.
pub(in crate::http) const LENGTHS: &str =
    "a whole number of seconds, or one with a unit: s, m, h, d or w, as in 15m";

/// A regular expression for moments that are not RFC 3339, for the description of the API.
pub(in crate::http) fn moments_pattern() -> String {
    let units: Vec<String> =
        UNITS.iter().map(|(name, _, digits)| format!("[0-9]{{1,{digits}}}{name}")).collect();
    let (whole, fraction) = MOST_DIGITS;
    format!(r"^(now(-({}))?|[0-9]{{1,{whole}}}(\.[0-9]{{1,{fraction}}})?)$", units.join("|"))
}

/// A regular expression for lengths, for the description of the API.
pub(in crate::http) fn lengths_pattern() -> String {
    let unit = |(name, _, digits): &(&str, u64, usize)| format!("[1-9][0-9]{{0,{}}}{name}", digits - 1);
    let units: Vec<String> = UNITS.iter().filter(|(name, ..)| *name != "ms").map(unit).collect();
    format!("^([1-9][0-9]{{0,8}}|{})$", units.join("|"))
}

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Unix nanoseconds.
    At(u64),
    /// So many nanoseconds before now.
    Ago(u64),
}

impl Moment {
    /// Unix nanoseconds, if it is `now`.
    pub(crate) fn at(self, now: u64) -> u64 {
        match self {
            Moment::At(at) => at,
            Moment::Ago(ago) => now.saturating_sub(ago),
        }
    }
}

/// Reads a moment. `None`: it is none.
pub(crate) fn moment(text: &str) -> Option<Moment> {
    if let Some(rest) = text.strip_prefix("now") {
        return match rest.strip_prefix('-') {
            None if rest.is_empty() => Some(Moment::Ago(0)),
            None => None,
            Some(length) => with_unit(length).map(Moment::Ago),
        };
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return unix(text).map(Moment::At);
    }
    // The library also takes dates without a zone's colon and time zones in brackets; RFC 3339 has neither.
    if text.contains('[') || !text.contains(['T', 't', ' ']) {
        return None;
    }
    // Before 1970 there were no samples either.
    let nanoseconds = text.parse::<Timestamp>().ok()?.as_nanosecond().max(0);
    Some(Moment::At(u64::try_from(nanoseconds).unwrap_or(u64::MAX).min(LAST_SECOND * NANOSECONDS)))
}

fn unix(text: &str) -> Option<u64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (text, "0"),
    };
    if whole.len() > MOST_DIGITS.0 || fraction.len() > MOST_DIGITS.1 || fraction.contains('.') {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let unit = if whole >= MILLISECONDS_FROM { 1_000_000 } else { NANOSECONDS };
    let scale = 10_u128.pow(fraction.len() as u32);
    let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(unit) / scale;
    Some(whole.saturating_mul(unit).saturating_add(part as u64).min(LAST_SECOND * NANOSECONDS))
}

/// Reads a length of time, in nanoseconds. `None`: it is none.
pub(in crate::http) fn length(text: &str) -> Option<u64> {
    let starts = text.starts_with(|c: char| c.is_ascii_digit() && c != '0');
    if !starts || text.ends_with("ms") {
        return None;
    }
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => with_unit(&format!("{text}s")),
        false => with_unit(text),
    }
}

/// A whole number and a unit, in nanoseconds.
fn with_unit(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, nanoseconds, most) = UNITS.iter().find(|(name, ..)| *name == unit)?;
    (digits <= *most).then(|| number.parse::<u64>().ok())?.map(|number| number * nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let ns = |seconds: u64| seconds * NANOSECONDS;
        for (text, expected) in [
            ("now", Moment::Ago(0)),
            ("now-0s", Moment::Ago(0)),
            ("now-15m", Moment::Ago(ns(900))),
            ("now-500ms", Moment::Ago(500_000_000)),
            ("now-2w", Moment::Ago(ns(14 * 86_400))),
            ("now-1d", Moment::Ago(ns(86_400))),
            ("0", Moment::At(0)),
            ("1700000000", Moment::At(ns(1_700_000_000))),
            ("1700000000.25", Moment::At(ns(1_700_000_000) + 250_000_000)),
            ("1700000000123", Moment::At(1_700_000_000_123_000_000)),
            ("1700000000123.5", Moment::At(1_700_000_000_123_500_000)),
            ("2023-11-14T22:13:20Z", Moment::At(ns(1_700_000_000))),
            ("2023-11-14T22:13:20.5Z", Moment::At(ns(1_700_000_000) + 500_000_000)),
            ("2023-11-14t23:13:20+01:00", Moment::At(ns(1_700_000_000))),
            ("1950-01-01T00:00:00Z", Moment::At(0)),
            ("9999-12-30T00:00:00Z", Moment::At(ns(LAST_SECOND))),
            ("99999999999999", Moment::At(ns(LAST_SECOND))),
            ("99999999999", Moment::At(ns(LAST_SECOND))),
        ] {
            assert_eq!(moment(text), Some(expected), "{text}");
        }
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "1.2.3",
            "-5",
            "1e9",
            "NaN",
            "inf",
            "0x10",
            "now-",
            "now-15",
            "now+15m",
            "now-1y",
            "now-1h30m",
            "now-1.5h",
            "now -5m",
            "NOW",
            "yesterday",
            "15m",
            "2023-11-14",
            "2023-11-14T22:13:20",
            "2023-11-14T22:13:20 01:00",
            "2023-11-14T22:13:20+01:00[Europe/Paris]",
            "2023-02-30T00:00:00Z",
            "999999999999999",
            "99999999999999999999999999",
            "now-99999999999999999999s",
            "now-18446744073709551615w",
            "１７",
            "1700000000.1234567891",
        ] {
            assert_eq!(moment(text), None, "{text:?}");
        }
    }

    #[test]
    fn lengths() {
        for (text, seconds) in
            [("1", 1), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86_400), ("1w", 604_800)]
        {
            assert_eq!(length(text), Some(seconds * NANOSECONDS), "{text}");
        }
        for text in [
            "", "0", "0s", "00", "01", "0.5", "250ms", "-1", "1e3", "1y", "s", "1 m", "1h30m", "99999w",
            "1.", ".1",
        ] {
            assert_eq!(length(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_largest_numbers_are_no_overflow_and_the_patterns_say_what_is_read() {
        let (moments, lengths) =
            (regex::Regex::new(&moments_pattern()).unwrap(), regex::Regex::new(&lengths_pattern()).unwrap());
        for (name, _, digits) in UNITS {
            for digits in [digits, digits + 1] {
                let text = format!("{}{name}", "9".repeat(digits));
                let ago = format!("now-{text}");
                assert_eq!(moment(&ago).is_some(), moments.is_match(&ago), "{ago}");
                assert_eq!(length(&text).is_some(), lengths.is_match(&text), "{text}");
            }
        }
        for text in
            ["99999999999999.999999999", "999999999999999", "99999999999", "100000000000", "1.", "now"]
        {
            assert_eq!(moment(text).is_some(), moments.is_match(text), "{text}");
        }
    }
}
