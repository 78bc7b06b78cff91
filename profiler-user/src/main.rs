//! The binary `firetower`; see [`firetower::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    firetower::cli::main()
}
