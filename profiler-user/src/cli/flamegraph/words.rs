//! flamegraph.pl's options as Perl's Getopt::Long takes them: with one dash too, in capitals too, and with values that begin
//! with a dash. What comes out is spelled as our other commands' options are. It must not know what the options mean.

use std::ffi::OsString;

use clap::Args as _;

use super::options;

/// A long option, and whether it has a value.
struct Known {
    name: String,
    has_value: bool,
}

fn known() -> Vec<Known> {
    let command = options::Args::augment_args(clap::Command::new("flamegraph.pl"));
    let of = |argument: &clap::Arg| {
        let has_value = argument.get_action().takes_values();
        argument.get_long().map(|name| Known { name: name.to_owned(), has_value })
    };
    let help = Known { name: "help".to_owned(), has_value: false };
    command.get_arguments().filter_map(of).chain([help]).collect()
}

/// The same words, with the options among them as `--name` or `--name=value`. What is no option of flamegraph.pl, or may be
/// several, stays as it is.
pub(in crate::cli) fn spelled(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let known = known();
    let mut spelled = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--" {
            spelled.push(word);
            spelled.extend(words);
            break;
        }
        let Some((option, value)) = word.to_str().and_then(|word| option(word, &known)) else {
            spelled.push(word);
            continue;
        };
        let mut whole = OsString::from(format!("--{}", option.name));
        // A flag with a value is refused by those who read it.
        let value = match value {
            None if option.has_value => words.next(),
            value => value.map(OsString::from),
        };
        if let Some(value) = value {
            whole.push("=");
            whole.push(value);
        }
        spelled.push(whole);
    }
    spelled
}

/// Which option a word is, and its value if that is in the word.
fn option<'a, 'b>(word: &'a str, known: &'b [Known]) -> Option<(&'b Known, Option<&'a str>)> {
    let (dashes, rest) = match word.strip_prefix("--") {
        Some(rest) => (2, rest),
        None => (1, word.strip_prefix('-')?),
    };
    let (name, value) = rest.split_once('=').map_or((rest, None), |(name, value)| (name, Some(value)));
    let name = name.to_ascii_lowercase();
    // One letter behind one dash is an option of ours, as `-o` is.
    if name.is_empty() || dashes == 1 && name.len() < 2 {
        return None;
    }
    if let Some(exact) = known.iter().find(|known| known.name == name) {
        return Some((exact, value));
    }
    let mut begin = known.iter().filter(|known| known.name.starts_with(&name));
    let first = begin.next()?;
    begin.next().is_none().then_some((first, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_perl_reads_them() {
        let cases = [
            ("-title A x", "--title=A x"),
            ("--Title=A -HASH x", "--title=A --hash x"),
            ("-title=a=b", "--title=a=b"),
            ("--title -x --width 800", "--title=-x --width=800"),
            ("--title --hash", "--title=--hash"),
            ("-wid 800 -inv", "--width=800 --inverted"),
            ("-font x", "-font x"),
            ("--hash=1", "--hash=1"),
            ("-o x.svg -h - -5", "-o x.svg -h - -5"),
            ("-ox.svg --output y --input-format z", "-ox.svg --output y --input-format z"),
            ("x -hash -- -hash", "x --hash -- -hash"),
            ("-title", "--title"),
            ("-help", "--help"),
            ("", ""),
        ];
        for (line, expected) in cases {
            let words = spelled(line.split_whitespace().map(OsString::from));
            let text: Vec<&str> = words.iter().map(|word| word.to_str().expect("UTF-8")).collect();
            assert_eq!(text.join(" "), expected, "{line}");
        }
    }
}
