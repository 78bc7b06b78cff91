//! `firetower flamegraph`: an SVG of a profile that somebody wrote, with the options of `flamegraph.pl`.

mod attributes;
mod colors;
mod draw;
mod options;
mod rows;
mod words;

use std::path::PathBuf;

use super::exit::{Exit, Failure};
use super::input::{self, Input};
use super::output_file::OutputFile;
use crate::import::Format;

use draw::Drawing;
use rows::Rows;
pub(super) use words::spelled;

/// Draw a profile of any tool as an interactive flame graph
///
/// What flamegraph.pl does, with its options, without Perl: a link to firetower that is called flamegraph.pl takes its
/// place. Reads folded stacks, and pprof, speedscope, `perf script`, pyflame, Austin and firetower's JSON, too, recognised by
/// their content, gzip-compressed or not. Folded stacks with two counts, as difffolded.pl writes them, are drawn in red
/// (more) and blue (less). Options may be abbreviated, may have one dash, as in -title, and the last of several counts.
#[derive(Debug, clap::Args)]
#[command(
    infer_long_args = true,
    args_override_self = true,
    after_help = "Examples:
  firetower flamegraph x.folded >x.svg
  perf script | firetower flamegraph --colors=java --title=\"CPU of app\" >x.svg
  firetower flamegraph -o all.svg monday.pb.gz tuesday.pb.gz     several are merged
  difffolded.pl a.folded b.folded | firetower flamegraph >diff.svg
  ln -s $(command -v firetower) ~/bin/flamegraph.pl

Frames of text that flamegraph.pl reads itself are shown as they are; those of other formats as
function (file:line). What is in them is samples, or nanoseconds if they have time only."
)]
pub struct Args {
    /// Profiles to draw, merged to one; `-` is standard input [default: standard input]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// File to write; `-` is standard output [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Format of the files, instead of what they look like
    #[arg(long, value_name = "NAME", value_parser = input::format())]
    input_format: Option<Format>,
    #[command(flatten)]
    options: options::Args,
}

/// Draws and writes.
///
/// # Errors
/// If a file can't be read, there is no stack in any, or the drawing can't be written.
pub fn run(args: &Args) -> Result<u8, Failure> {
    let drawing = Drawing::new(&args.options)?;
    let output = match &args.output {
        Some(path) if path.as_os_str() != "-" => Some(OutputFile::prepare(path)?),
        _ => None,
    };
    let mut rows = Rows::new(args.options.reading());
    for path in input::or_stdin(&args.files) {
        rows.read(&Input::read(&path)?, args.input_format)?;
    }
    let rows = rows.finish()?;
    for remark in &rows.remarks {
        super::say(remark);
    }
    let svg = drawing.draw(&rows)?;
    match output {
        Some(output) => _ = output.write(&svg)?,
        None => super::print_bytes(&svg)?,
    }
    Ok(Exit::Ok.code())
}
