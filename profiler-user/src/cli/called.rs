//! What firetower is called as: through a link that has the name of an older tool it is that tool.
//!
//! A link's name stands for a subcommand, which then gets all of the words. It must not know what they mean.

use std::ffi::OsString;
use std::path::Path;

/// Names of links, and the subcommand that each stands for.
const LINKS: &[(&str, &str)] =
    &[("pyflame", "pyflame"), ("flamegraph.pl", "flamegraph"), ("flamegraph", "flamegraph")];
/// Subcommands whose words are not read by the rules of the others: options as `-v` and `-h` are their own.
const VERBATIM: &[&str] = &["pyflame"];

/// The words of the command line as the parser is to see them.
pub(super) fn words(called: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = called.into_iter().collect();
    let name = words.first().and_then(|word| Path::new(word).file_name()).and_then(|name| name.to_str());
    if let Some((_, subcommand)) = LINKS.iter().find(|(link, _)| Some(*link) == name) {
        // Help and errors then say a command line that works without the link, too.
        words.splice(..1, ["firetower".into(), subcommand.into()]);
    }
    if let [_, help, subcommand] = &mut words[..]
        && *help == "help"
        && VERBATIM.iter().any(|verbatim| subcommand == verbatim)
    {
        std::mem::swap(help, subcommand);
        *subcommand = "--help".into();
    }
    if words.get(1).is_some_and(|word| VERBATIM.iter().any(|verbatim| word == verbatim)) {
        words.insert(2, "--".into());
    }
    words
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::Cli;
    use super::*;

    fn said(called: &[&str]) -> String {
        let words = words(called.iter().map(OsString::from));
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_link_stands_for_its_subcommand() {
        assert_eq!(said(&["/usr/bin/pyflame", "-v"]), "firetower pyflame -- -v");
        assert_eq!(said(&["/opt/bin/flamegraph.pl", "--hash", "-"]), "firetower flamegraph --hash -");
        assert_eq!(said(&["flamegraph", "x"]), "firetower flamegraph x");
        assert_eq!(said(&["/opt/firetower", "dump", "flamegraph"]), "/opt/firetower dump flamegraph");
        assert_eq!(said(&["firetower", "pyflame", "-v"]), "firetower pyflame -- -v");
        assert_eq!(said(&["firetower", "help", "pyflame"]), "firetower pyflame -- --help");
        assert_eq!(said(&["firetower", "record", "-v"]), "firetower record -v");
        assert_eq!(said(&["./pyflame/firetower", "dump", "-p", "1"]), "./pyflame/firetower dump -p 1");
        assert_eq!(said(&["firetower", "help", "record"]), "firetower help record");
        assert_eq!(said(&[]), "");
    }

    #[test]
    fn every_link_stands_for_a_subcommand_that_exists() {
        let cli = Cli::command();
        for (link, subcommand) in LINKS {
            assert!(cli.find_subcommand(subcommand).is_some(), "{link}");
        }
    }
}
