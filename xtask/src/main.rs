//! Tasks for working on firetower: `cargo xtask …`. It must not know how profiling works: it builds, checks and measures.

mod ebpf;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks for working on firetower.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds the kernel side's object, or holds that the one in the tree is what the sources give
    #[command(subcommand)]
    Ebpf(ebpf::Task),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Ebpf(task) => ebpf::run(&task),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
