//! Tasks for working on firetower: `cargo xtask …`. It must not know how profiling works: it builds, checks and measures.

mod apt;
mod bench;
mod ci;
mod demo;
mod ebpf;
mod fuzz;
mod pythons;
mod recordings;
mod scenario;
mod tidy;
mod truth;
mod vm;
mod web;
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
    /// Builds, checks and tests the viewer
    #[command(subcommand)]
    Web(web::Task),
    /// Holds what no compiler holds: where version checks are, which module uses which, what the docs name
    Tidy,
    /// Runs everything that is held: format, tidy, clippy, the eBPF object, the viewer, tests, docs
    Ci,
    /// Says where the Python interpreters are that the tests need
    Pythons(pythons::Args),
    /// Records every interpreter, so that tests of its version run without it
    Recordings(recordings::Args),
    /// Feeds arbitrary bytes to everything that reads bytes of others, each for a bounded time
    Fuzz(fuzz::Args),
    /// Measures what profiling costs and how true it is, beside the empty program and other profilers
    Bench(bench::Args),
    /// Compares firetower's stacks with what programs know of their own: how often they are exactly right
    Truth(truth::Args),
    /// Boots Linux 5.10 to the newest in QEMU and holds that firetower works there
    Vm {
        /// Kernels to boot: 5.10, 6.1, 6.12, newest [default: all]
        kernels: Vec<String>,
    },
    /// Runs a real program into a real problem, and profiles it before and after the fix
    #[command(subcommand)]
    Scenario(scenario::Task),
    /// Profiles the bundled example; prints the path of its flame graph last
    Demo,
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Ebpf(task) => ebpf::run(&task),
        Task::Web(task) => web::run(&task),
        Task::Tidy => workspace::root().and_then(|root| tidy::check(&root)),
        Task::Ci => ci::run(),
        Task::Pythons(args) => pythons::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Recordings(args) => recordings::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Truth(args) => truth::run(&args),
        Task::Scenario(task) => scenario::run(&task),
        Task::Vm { kernels } => vm::run(&kernels),
        Task::Demo => demo::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
