//! Called through a link that has another tool's name, firetower is that tool: `flamegraph.pl x` is
//! `firetower flamegraph x`. It must not know what the subcommands do.

use std::ffi::OsString;
use std::path::Path;

/// Names of links, and the subcommand that each stands for.
const LINKS: &[(&str, &str)] = &[("flamegraph.pl", "flamegraph"), ("flamegraph", "flamegraph")];

/// The command line as if the program had been called by its own name: the first argument is the name that it was called
/// by, and if that is a link's, the subcommand follows.
pub(super) fn resolved(mut arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let called = arguments.next();
    let name = called.as_deref().and_then(|called| Path::new(called).file_name()?.to_str());
    let subcommand = LINKS.iter().find(|(link, _)| name == Some(*link)).map(|(_, subcommand)| *subcommand);
    match subcommand {
        Some(subcommand) => {
            ["firetower", subcommand].map(OsString::from).into_iter().chain(arguments).collect()
        }
        None => called.into_iter().chain(arguments).collect(),
    }
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
        assert_eq!(words("/opt/firetower dump flamegraph"), ["/opt/firetower", "dump", "flamegraph"]);
        assert_eq!(resolved(std::iter::empty()), [] as [OsString; 0]);
    }

    #[test]
    fn every_link_stands_for_a_subcommand_that_exists() {
        let cli = Cli::command();
        for (link, subcommand) in LINKS {
            assert!(cli.find_subcommand(subcommand).is_some(), "{link}");
        }
    }
}
