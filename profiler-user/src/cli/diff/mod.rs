//! `firetower diff`: what changed between two profiles, and what of it is noise.

mod conditions;
mod grammar;
mod json;
mod pictures;
mod sides;
mod stored;
mod table;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::exit::{Exit, Failure};
use super::output_file::OutputFile;
use super::{input, say};
use crate::import;
use crate::model::selector::Selector;
use crate::query::confidence::Verdict;
use crate::query::{self, Change, Comparing, Diff, Order, Pair};

use conditions::Outcome;
use grammar::Condition;
use sides::Side;
use stored::{Question, Range};

/// Rows of the table, if it is not told.
const ROWS: usize = 30;

/// Compare two profiles: what grew, what shrank, and what is noise
///
/// Of two files in any format that firetower reads, or of two ranges of the history that `firetower serve` keeps. Shares are
/// compared, so that twice the load is no change. Without -o it prints a table; whether a change is one is told by the
/// numbers of samples.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firetower diff before.folded after.pb.gz               a table of functions
  firetower diff before.pb.gz after.pb.gz -o diff.svg    a flame graph: red grew, blue shrank
  firetower diff a.folded b.folded --json | jq '.functions[] | select(.own.verdict == \"grew\")'
  firetower diff a.folded b.folded -o x.folded           root;…;leaf BEFORE AFTER, as difffolded.pl -n
  firetower diff --store /var/lib/firetower --before now-2h..now-1h --after now-1h..now \\
      --selector '{service=\"checkout\"}'
  firetower diff main.pb.gz branch.pb.gz --fail-if 'get_endpoint > 5%' --fail-if 'json.dumps grows > 2%'

Conditions of --fail-if, each about a function or several of a name:
  get_endpoint > 5%            its share of AFTER, with what it calls; also >=, <, <=
  own(get_endpoint) > 5%       without what it calls
  app.py:get_endpoint > 5%     of this file; a path that begins with / goes in double quotes
  /^get_/ > 5%                 all whose qualified names match, together
  get_endpoint grows > 2%      by more than 2 points since BEFORE, and that is no noise
A name is a qualified name or its end after a full stop: `get` is also `Api.get`.
If one of them holds, the exit code is 19.

Formats of -o, by the file's ending or --format:
  svg     .svg            differential flame graph; what vanished is shown
  html    .html .htm      the viewer with the comparison inside; both sides must have CPU time
  folded  .folded .txt    folded stacks with two counts
  json    .json           what --json prints

docs/diff.md says how noise is told, what every field of the JSON is, and how to use this in CI.")]
pub struct Args {
    /// Profile before; `-` is standard input
    #[arg(value_name = "BEFORE", required_unless_present = "store", conflicts_with = "store")]
    before_file: Option<PathBuf>,
    /// Profile after; `-` is standard input
    #[arg(value_name = "AFTER", required_unless_present = "store", conflicts_with = "store")]
    after_file: Option<PathBuf>,
    /// Format of both files [default: found out by what is in them]
    #[arg(long, value_name = "NAME", value_parser = input::format(), conflicts_with = "store")]
    input_format: Option<import::Format>,
    /// Compare ranges of the history in this directory; a running service's is only read
    #[arg(long, value_name = "DIRECTORY", requires_all = ["before", "after"])]
    store: Option<PathBuf>,
    /// Range before, as in now-2h..now-1h
    #[arg(long, value_name = "FROM..UNTIL", requires = "store", value_parser = stored::range)]
    before: Option<Range>,
    /// Range after, as in now-1h..now
    #[arg(long, value_name = "FROM..UNTIL", requires = "store", value_parser = stored::range)]
    after: Option<Range>,
    /// Only these series of the history, as in {service="checkout"}
    #[arg(long, value_name = "SELECTOR", requires = "store", value_parser = stored::series)]
    selector: Option<Selector>,
    /// Compare amounts, not shares
    #[arg(long)]
    no_normalise: bool,
    /// Compare lines of functions, not whole functions
    #[arg(short, long)]
    lines: bool,
    /// File to write, in the format that its ending says (.svg, .html, .folded, .json); `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Format to write, whatever the file's ending is
    #[arg(long, value_name = "NAME")]
    format: Option<Kind>,
    /// Print JSON instead of a table
    #[arg(long, conflicts_with_all = ["output", "format"])]
    json: bool,
    /// Most functions [default: 30 in the table, all in JSON]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// By which change functions are sorted and judged
    #[arg(long, value_enum, default_value_t = Sort::Own)]
    sort: Sort,
    /// Leave out functions that changed by less than so many points
    #[arg(long, value_name = "POINTS", value_parser = points, conflicts_with = "no_normalise")]
    min_change: Option<f64>,
    /// Exit with 19 if this holds; may be given several times
    #[arg(long, value_name = "CONDITION", action = clap::ArgAction::Append, value_parser = grammar::parse)]
    fail_if: Vec<Condition>,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Svg,
    Html,
    Folded,
    Json,
}

/// What functions are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sort {
    Own,
    Total,
}

impl Kind {
    fn of_path(path: &Path) -> Result<Kind, Failure> {
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        match ending.as_deref() {
            Some("svg") => Ok(Kind::Svg),
            Some("html" | "htm") => Ok(Kind::Html),
            Some("folded" | "txt") => Ok(Kind::Folded),
            Some("json") => Ok(Kind::Json),
            _ => Err(Failure::new(
                Exit::Usage,
                format!("{}: the file's ending says no format", path.display()),
            )
            .hint("the endings are: .svg, .html, .folded, .txt, .json; or say it with --format")),
        }
    }
}

fn points(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    match number.parse::<f64>() {
        Ok(points) if (0.0..=100.0).contains(&points) => Ok(points),
        _ => Err("a number of points from 0 to 100, as in 0.5".to_owned()),
    }
}

/// A comparison, and what of it is shown.
struct Report<'a> {
    before: &'a Side,
    after: &'a Side,
    diff: &'a Diff,
    lines: bool,
    /// The functions that are shown.
    rows: Vec<Change>,
    /// How many are not.
    hidden: usize,
    /// Of all functions, by what they are sorted by; none where a side has no samples.
    verdicts: Vec<Verdict>,
}

impl Report<'_> {
    fn order(&self) -> Order {
        self.diff.comparing.order
    }

    fn is_normalised(&self) -> bool {
        self.diff.comparing.normalised
    }

    /// Both sides as they are compared: shares, or amounts.
    fn values(&self, pair: Pair) -> (f64, f64) {
        if self.is_normalised() { self.diff.shares(pair) } else { self.diff.values(pair) }
    }

    /// Leaves out what changed by less than so many points, and all but so many functions.
    fn shown(mut self, least: Option<f64>, limit: Option<usize>) -> Self {
        let is_enough = |change: &&Change| {
            let (before, after) = self.values(change.by(self.order()).0);
            least.is_none_or(|least| (after - before).abs() * 100.0 >= least)
        };
        let shown = self.diff.changes.iter().filter(is_enough).take(limit.unwrap_or(usize::MAX));
        let rows: Vec<Change> = shown.copied().collect();
        self.hidden = self.diff.changes.len() - rows.len();
        self.rows = rows;
        self
    }
}

/// Compares, writes, and answers the exit code.
///
/// # Errors
/// If an input can't be read, the output not be written, or a condition holds.
pub fn run(args: &Args) -> Result<u8, Failure> {
    let (kind, file) = args.target()?;
    let (before, after) = args.sides()?;
    let normalised = !args.no_normalise;
    let comparing = Comparing {
        units: sides::units(&before, &after, normalised)?,
        normalised,
        order: match args.sort {
            Sort::Own => Order::Own,
            Sort::Total => Order::Total,
        },
        max_nodes: usize::MAX,
        max_changes: usize::MAX,
    };
    let diff = query::diff(&before.profile, &after.profile, comparing);
    let outcomes: Vec<Outcome> = args
        .fail_if
        .iter()
        .map(|condition| conditions::attempt(condition, &before, &after))
        .collect::<Result<_, _>>()?;
    for side in [&before, &after] {
        side.notes.iter().for_each(|note| say(&format!("{}: {note}", side.name)));
    }
    let report = Report {
        before: &before,
        after: &after,
        diff: &diff,
        lines: args.lines,
        rows: Vec::new(),
        hidden: 0,
        verdicts: verdicts(&diff),
    };
    let limit = args.limit.map(|limit| limit as usize).or(kind.is_none().then_some(ROWS));
    let report = report.shown(args.min_change, limit);
    let bytes = match kind {
        None => {
            let colour = std::io::stdout().is_terminal() && super::colour_wanted();
            table::render(&report, colour).into_bytes()
        }
        Some(Kind::Svg) => pictures::flame_graph(&report)?,
        Some(Kind::Html) => pictures::page(&report)?,
        Some(Kind::Folded) => pictures::stacks(&report),
        Some(Kind::Json) => json::render(&report, &outcomes)?.into_bytes(),
    };
    match file {
        Some(file) => _ = file.write(&bytes)?,
        None => super::print_bytes(&bytes)?,
    }
    conclude(&outcomes)
}

impl Args {
    /// What to write, `None` being the table, and where to: `None` is standard output.
    fn target(&self) -> Result<(Option<Kind>, Option<OutputFile>), Failure> {
        let format = if self.json { Some(Kind::Json) } else { self.format };
        match self.output.as_deref() {
            None => Ok((format, None)),
            Some(path) if path == Path::new("-") => Ok((format, None)),
            Some(path) => {
                let kind = format.map_or_else(|| Kind::of_path(path), Ok)?;
                Ok((Some(kind), Some(OutputFile::prepare(path)?)))
            }
        }
    }

    fn sides(&self) -> Result<(Side, Side), Failure> {
        match (self, &self.before, &self.after) {
            (Args { store: Some(directory), .. }, Some(before), Some(after)) => {
                let now = super::clock()?.now();
                let selector = self.selector.as_ref();
                Question { directory, before, after, selector, lines: self.lines, now }.ask()
            }
            (Args { before_file: Some(before), after_file: Some(after), .. }, ..) => {
                sides::files(before, after, self.input_format, self.lines)
            }
            // The parser lets nothing else through.
            _ => Err(Failure::new(Exit::Usage, "there are not two profiles to compare")
                .hint("name two files, or --store with --before and --after")),
        }
    }
}

/// Of all functions, if there are numbers of samples.
fn verdicts(diff: &Diff) -> Vec<Verdict> {
    let judged = diff.changes.iter().filter_map(|change| change.by(diff.comparing.order).1);
    judged.map(|judged| judged.verdict).collect()
}

/// Says how conditions came out.
fn conclude(outcomes: &[Outcome]) -> Result<u8, Failure> {
    for outcome in outcomes {
        say(&outcome.said);
        outcome.note.iter().for_each(|note| say(note));
    }
    let held = outcomes.iter().filter(|outcome| outcome.holds).count();
    match (held, outcomes.len()) {
        (0, _) => Ok(Exit::Ok.code()),
        (1, 1) => Err(Failure::new(Exit::ConditionHolds, "the condition holds")),
        (held, all) => Err(Failure::new(Exit::ConditionHolds, format!("{held} of {all} conditions hold"))),
    }
}
