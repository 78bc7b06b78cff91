//! Called through a link that has another tool's name, firetower is that tool: `flamegraph.pl x` is
//! `firetower flamegraph x`. It must not know what the subcommands do.

use std::ffi::OsString;
use std::path::Path;

use super::flamegraph;

/// Names of links, and the subcommand that each stands for.
const LINKS: &[(&str, &str)] =
    &[("flamegraph.pl", "flamegraph"), ("flamegraph", "flamegraph"), ("pyflame", "pyflame")];
/// Subcommands whose words are not read by the rules of the others: options as `-v` and `-h` are their own.
const VERBATIM: &[&str] = &["pyflame"];

/// The command line as if the program had been called by its own name: the first argument is the name that it was called
/// by, and if that is a link's, the subcommand follows.
pub(super) fn resolved(mut arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let called = arguments.next();
    let name = called.as_deref().and_then(|called| Path::new(called).file_name()?.to_str());
    let subcommand = LINKS.iter().find(|(link, _)| name == Some(*link)).map(|(_, subcommand)| *subcommand);
    let mut words: Vec<OsString> = match subcommand {
        Some(subcommand) => {
            ["firetower", subcommand].map(OsString::from).into_iter().chain(arguments).collect()
        }
        None => called.into_iter().chain(arguments).collect(),
    };
    let is_verbatim = |word: &OsString| VERBATIM.iter().any(|verbatim| word == verbatim);
    if let [_, help, subcommand] = &mut words[..]
        && *help == "help"
        && is_verbatim(subcommand)
    {
        std::mem::swap(help, subcommand);
        *subcommand = "--help".into();
    }
    if words.get(1).is_some_and(is_verbatim) {
        words.insert(2, "--".into());
    }
    if words.get(1).is_some_and(|word| word == "flamegraph") {
        let given = words.split_off(2);
        words.extend(flamegraph::spelled(given));
    }
    words
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::Cli;
    use super::*;

    fn words(line: &str) -> Vec<String> {
        let resolved = resolved(line.split(' ').map(OsString::from));
        resolved.into_iter().map(|word| word.into_string().expect("UTF-8")).collect()
    }

    #[test]
    fn a_link_stands_for_its_subcommand() {
        assert_eq!(words("/opt/bin/flamegraph.pl --hash -"), ["firetower", "flamegraph", "--hash", "-"]);
        assert_eq!(words("flamegraph x"), ["firetower", "flamegraph", "x"]);
        assert_eq!(words("flamegraph.pl -title X"), ["firetower", "flamegraph", "--title=X"]);
        assert_eq!(words("/opt/firetower dump flamegraph"), ["/opt/firetower", "dump", "flamegraph"]);
        assert_eq!(words("/usr/bin/pyflame -v"), ["firetower", "pyflame", "--", "-v"]);
        assert_eq!(resolved(std::iter::empty()), [] as [OsString; 0]);
    }

    #[test]
    fn words_of_a_tool_of_its_own_are_left_to_it() {
        assert_eq!(words("firetower pyflame -v"), ["firetower", "pyflame", "--", "-v"]);
        assert_eq!(words("firetower help pyflame"), ["firetower", "pyflame", "--", "--help"]);
        assert_eq!(words("firetower help record"), ["firetower", "help", "record"]);
        assert_eq!(words("firetower record -v"), ["firetower", "record", "-v"]);
    }

    #[test]
    fn every_link_stands_for_a_subcommand_that_exists() {
        let cli = Cli::command();
        for (link, subcommand) in LINKS {
            assert!(cli.find_subcommand(subcommand).is_some(), "{link}");
        }
    }
}
