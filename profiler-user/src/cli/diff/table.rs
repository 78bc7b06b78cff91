//! The functions that changed, as a table for people. Pure.

use super::Report;
use super::sides::Side;
use crate::cli::on_a_line;
use crate::query::confidence::Verdict;
use crate::query::{Change, Judged, Order, Unit};
use crate::render::frame_text;

/// Longest name of a side that is shown, in characters.
const NAME: usize = 60;

/// The sides, the functions, and what was left out.
pub(super) fn render(report: &Report, colour: bool) -> String {
    let numbers = Numbers::of(report);
    let mut lines = vec![side("before", report.before), side("after", report.after)];
    if !report.is_normalised()
        && let Some(note) = lengths(report)
    {
        lines.push(note);
    }
    lines.push(String::new());
    if report.rows.is_empty() {
        lines.push(if report.hidden == 0 {
            "No functions.".to_owned()
        } else {
            format!("No function changed by --min-change or more; {} by less.", report.hidden)
        });
        return text(&lines);
    }
    let heads = numbers.heads(report.order());
    let mut cells: Vec<(Vec<String>, Option<Verdict>)> = vec![(heads, None)];
    cells.extend(
        report
            .rows
            .iter()
            .map(|row| (numbers.cells(report, row), row.by(report.order()).1.map(|judged| judged.verdict))),
    );
    lines.extend(aligned(&cells, colour));
    let more = match report.hidden {
        0 => String::new(),
        1 => "; 1 function more is not shown (--limit, --min-change)".to_owned(),
        more => format!("; {more} functions more are not shown (--limit, --min-change)"),
    };
    lines.push(String::new());
    lines.push(format!("{}{more}", sum(report)));
    text(&lines)
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// `before  a.folded: 1000 samples`.
fn side(which: &str, side: &Side) -> String {
    let total = side.profile.total();
    let mut said = Vec::new();
    if side.samples {
        said.push(format!("{} samples", total.samples));
    }
    if side.nanoseconds {
        said.push(format!("{:.3} s of CPU time", total.nanoseconds as f64 / 1e9));
    }
    let name = on_a_line(&side.name);
    let name = match name.chars().count() {
        length if length > NAME => format!("…{}", name.chars().skip(length - NAME + 1).collect::<String>()),
        _ => name,
    };
    format!("{which:6}  {name}: {}", said.join(", "))
}

/// Amounts of ranges that are not as long as each other.
fn lengths(report: &Report) -> Option<String> {
    let (before, after) = (report.before.profile.about.duration, report.after.profile.about.duration);
    (before > 0 && after > 0 && before.abs_diff(after) > before / 100).then(|| {
        let seconds = |duration: u64| duration as f64 / 1e9;
        format!(
            "the sides are not as long as each other ({:.1} s and {:.1} s): amounts are not of the same time",
            seconds(before),
            seconds(after)
        )
    })
}

/// How many of all functions changed.
fn sum(report: &Report) -> String {
    let count = |verdict| report.verdicts.iter().filter(|one| **one == verdict).count();
    if report.verdicts.is_empty() {
        return "A side has no numbers of samples: what is noise can't be told".to_owned();
    }
    let what = match report.order() {
        Order::Own => "own",
        Order::Total => "total",
    };
    format!(
        "By their {what}: {} grew, {} shrank, {} within noise",
        count(Verdict::Grew),
        count(Verdict::Shrank),
        count(Verdict::Noise)
    )
}

/// What rows are not sorted by.
fn other(order: Order) -> Order {
    match order {
        Order::Own => Order::Total,
        Order::Total => Order::Own,
    }
}

/// How numbers are written.
enum Numbers {
    Shares,
    Samples,
    Times,
}

impl Numbers {
    fn of(report: &Report) -> Numbers {
        match (report.is_normalised(), report.diff.comparing.units.1) {
            (true, _) => Numbers::Shares,
            (false, Unit::Samples) => Numbers::Samples,
            (false, Unit::Nanoseconds) => Numbers::Times,
        }
    }

    fn heads(&self, order: Order) -> Vec<String> {
        let (main, other) = match order {
            Order::Own => ("own", "total"),
            Order::Total => ("total", "own"),
        };
        let (unit, change) = match self {
            Numbers::Shares => ("%", "points"),
            Numbers::Samples => ("samples", "samples"),
            Numbers::Times => ("s", "s"),
        };
        [
            format!("{main} {unit}"),
            "→".to_owned(),
            change.to_owned(),
            "95 % interval".to_owned(),
            String::new(),
            "samples".to_owned(),
            format!("{other} {change}"),
            String::new(),
            "function".to_owned(),
        ]
        .to_vec()
    }

    fn cells(&self, report: &Report, row: &Change) -> Vec<String> {
        let (main, judged) = row.by(report.order());
        let (besides, besides_judged) = row.by(other(report.order()));
        let (before, after) = report.values(main);
        let (besides_before, besides_after) = report.values(besides);
        let interval = match judged {
            Some(judged) => {
                let Judged { difference, .. } = judged;
                format!("{} … {}", self.change(difference.low), self.change(difference.high))
            }
            None => "not known".to_owned(),
        };
        let verdict = |judged: Option<Judged>| judged.map_or("", |judged| judged.verdict.name()).to_owned();
        let samples = |is_known: bool, samples: u64| match is_known {
            true => samples.to_string(),
            false => "?".to_owned(),
        };
        let samples = format!(
            "{} → {}",
            samples(report.before.samples, main.left.samples),
            samples(report.after.samples, main.right.samples)
        );
        [
            self.value(before),
            self.value(after),
            self.change(after - before),
            interval,
            verdict(judged),
            samples,
            self.change(besides_after - besides_before),
            verdict(besides_judged),
            frame_text(&report.diff.frames[row.frame]),
        ]
        .to_vec()
    }

    fn value(&self, value: f64) -> String {
        match self {
            Numbers::Shares => format!("{:.2}", value * 100.0),
            Numbers::Samples => format!("{value:.0}"),
            Numbers::Times => format!("{:.3}", value / 1e9),
        }
    }

    fn change(&self, value: f64) -> String {
        match self {
            Numbers::Shares => format!("{:+.2}", value * 100.0),
            Numbers::Samples => format!("{value:+.0}"),
            Numbers::Times => format!("{:+.3}", value / 1e9),
        }
    }
}

/// Columns side by side: words to the left, all others to the right.
fn aligned(rows: &[(Vec<String>, Option<Verdict>)], colour: bool) -> Vec<String> {
    const LEFT: [usize; 3] = [4, 7, 8];
    let columns = rows.iter().map(|(cells, _)| cells.len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().map(|(cells, _)| cells[column].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |(cells, verdict): &(Vec<String>, Option<Verdict>)| {
        let padded = cells.iter().enumerate().map(|(column, cell)| {
            let padding = " ".repeat(widths[column] - cell.chars().count());
            match LEFT.contains(&column) {
                true if column + 1 == columns => cell.clone(),
                true => format!("{cell}{padding}"),
                false => format!("{padding}{cell}"),
            }
        });
        let line = padded.collect::<Vec<_>>().join("  ");
        // The colours of ECMA-48: red, cyan, faint.
        match verdict.filter(|_| colour) {
            Some(Verdict::Grew) => format!("\x1b[31m{line}\x1b[0m"),
            Some(Verdict::Shrank) => format!("\x1b[36m{line}\x1b[0m"),
            Some(Verdict::Noise) => format!("\x1b[2m{line}\x1b[0m"),
            None => line,
        }
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
