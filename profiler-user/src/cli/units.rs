//! Ages and sizes as people write them: `14d`, `5GB`. It must not know what they are of.

use std::time::Duration;

/// Reads `90s`, `15m`, `12h`, `14d` or `8w`.
///
/// # Errors
/// In words, with what is allowed.
pub fn age(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)];
    let seconds = number(text, &units).ok_or("a number and a unit: 90s, 15m, 12h, 14d or 8w")?;
    Ok(Duration::from_secs(seconds))
}

/// Reads `1000000`, `500MB` or `2GiB`.
///
/// # Errors
/// In words, with what is allowed.
pub fn bytes(text: &str) -> Result<u64, String> {
    let units = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("kB", 1_000),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("B", 1),
        ("", 1),
    ];
    number(text, &units).ok_or_else(|| "a number and a unit: 1000000, 500MB, 5GB or 2GiB".to_owned())
}

/// A whole number above 0 with one of these endings, of which the first that fits counts.
fn number(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (digits, factor) =
        units.iter().find_map(|(unit, factor)| Some((text.trim().strip_suffix(unit)?, factor)))?;
    let number: u64 = digits.trim_end().parse().ok().filter(|number| *number > 0)?;
    number.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (text, seconds) in
            [("90s", 90), ("15m", 900), ("12h", 43_200), ("14d", 1_209_600), ("1w", 604_800)]
        {
            assert_eq!(age(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "0d", "-1d", "1.5h", "d", "99999999999999999999w", "1y"] {
            assert!(age(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, size) in
            [("1", 1), ("7B", 7), ("500MB", 500_000_000), ("5 GB", 5_000_000_000), ("2GiB", 2 << 30)]
        {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "GB", "0", "-5", "1e9", "5G", "99999999TB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
