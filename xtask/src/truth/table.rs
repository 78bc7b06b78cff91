//! The results as a table for people, as JSON, and as the page that is kept. It must not know how they came about.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::compare::Counts;
use super::run::Outcome;
use crate::bench::table::{Cell, Table};

const COLUMNS: &[(&str, &str)] = &[
    ("python", "Python"),
    ("build", "build"),
    ("workload", "workload"),
    ("held", "in holds"),
    ("exact", "exactly right"),
    ("leaf_line", "but for leaf line"),
    ("truncated", "cut, rest right"),
    ("unknown", "unknown"),
    ("wrong", "WRONG"),
    ("stacks", "stacks"),
    ("attributed", "of all: attributed"),
    ("unattributed", "not"),
    ("reasons", "reasons"),
];

/// Lines that are shown of the end of what a failed program said.
const LAST_LINES: usize = 12;

/// One run's result.
pub struct Row {
    /// The Python's name: `3.11.7`.
    pub python: String,
    /// What is special about its build.
    pub build: String,
    /// The program's name.
    pub workload: String,
    /// What came of it, or how it failed.
    pub outcome: anyhow::Result<Outcome>,
}

impl Row {
    /// What came of it, in a line.
    pub fn line(&self) -> String {
        let said = match &self.outcome {
            Ok(Outcome::Compared(compared)) => {
                let counts = &compared.counts;
                let right = counts.exact + counts.truncated;
                format!("{} samples in holds, {right} right, {} WRONG", counts.held(), counts.wrong)
            }
            Ok(Outcome::NotRun(reason)) => format!("not run: {reason}"),
            Err(error) => format!("FAILED: {}", error.to_string().lines().next().unwrap_or_default()),
        };
        format!("{} on Python {}: {said}", self.workload, self.python)
    }
}

/// All results.
#[derive(Default)]
pub struct Results {
    /// In the order in which they were run.
    pub rows: Vec<Row>,
}

impl Results {
    /// The sums over all runs.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for row in &self.rows {
            if let Ok(Outcome::Compared(compared)) = &row.outcome {
                total += &compared.counts;
            }
        }
        total
    }

    /// What makes the whole a failure: lies, and runs that failed.
    pub fn failures(&self) -> Vec<String> {
        let failure = |row: &Row| {
            let (python, workload) = (&row.python, &row.workload);
            match &row.outcome {
                Err(error) => Some(format!("{workload} on Python {python}: {}", ends(&format!("{error:#}")))),
                Ok(Outcome::Compared(compared)) if compared.counts.wrong > 0 => Some(format!(
                    "{workload} on Python {python}: {} WRONG; the first of them:\n{}",
                    compared.counts.wrong,
                    compared.examples.join("\n")
                )),
                Ok(_) => None,
            }
        };
        self.rows.iter().filter_map(failure).collect()
    }

    /// The table with its totals.
    pub fn table(&self, seconds: f64) -> Table {
        let title = format!("truth: samples of stacks that were held still, {seconds} s each");
        let mut table = Table::new("truth", title, COLUMNS);
        for row in &self.rows {
            let names = [&row.python, &row.build, &row.workload].map(|name| Cell::text(name.as_str()));
            let cells = match &row.outcome {
                Ok(Outcome::Compared(compared)) => cells(&compared.counts, Some(compared.stacks)),
                Ok(Outcome::NotRun(reason)) => said(&format!("not run: {}", without_folders(reason))),
                Err(error) => {
                    said(&format!("FAILED: {}", error.to_string().lines().next().unwrap_or_default()))
                }
            };
            table.rows.push(names.into_iter().chain(cells).collect());
            if let Ok(Outcome::Compared(compared)) = &row.outcome {
                let (workload, python) = (&row.workload, &row.python);
                let note = |example: &String| format!("{workload} on Python {python}: {example}");
                table.notes.extend(compared.examples.iter().map(note));
            }
        }
        let names = ["all", "", ""].map(Cell::text);
        table.rows.push(names.into_iter().chain(cells(&self.total(), None)).collect());
        table
    }

    /// One paragraph: what the numbers say.
    pub fn summary(&self) -> String {
        let total = self.total();
        let (held, unknown) = (total.held(), total.unknown.values().sum::<u64>());
        let unattributed: u64 = total.unattributed.values().sum();
        let all = total.attributed + unattributed;
        // Rounded down: a single wrong one never hides behind 100 %.
        let percent = |part: u64, of: u64| (100_000 * part).checked_div(of).unwrap_or_default() as f64 / 1e3;
        let right = total.exact + total.truncated;
        [
            format!("{held} samples were taken while a stack was held still."),
            format!("Of {unknown} firetower said itself that it did not know."),
            format!("Of the others {right} ({:.3} %) are the truth:", percent(right, held - unknown)),
            format!("{} in every frame and every line,", total.exact),
            format!("and {}, marked as cut at the root, in all that was kept.", total.truncated),
            format!("{} have another line at the leaf only, {} are wrong.", total.leaf_line, total.wrong),
            format!(
                "Of all {all} samples of these runs {:.3} % are attributed.",
                percent(total.attributed, all)
            ),
        ]
        .join(" ")
    }

    /// The page `TRUTH.md`: `machine` says in words where it was measured.
    pub fn markdown(&self, seconds: f64, machine: &str) -> String {
        let table = self.table(seconds);
        let mut page = String::from(
            "# How often a stack is exactly right\n\n\
             What `cargo xtask truth` printed. Programs hold their stack still and note it from inside, with the time;\n\
             `xtask/src/truth/mod.rs` says how, and what the columns are.\n\n",
        );
        // Writing to a String can't fail.
        let _ =
            writeln!(page, "{}\n\nMeasured on {machine}, {seconds} s for each program.\n", self.summary());
        let heads = table.columns.iter().map(|(_, head)| *head).collect::<Vec<_>>().join(" | ");
        let rules = table.columns.iter().map(|_| "---").collect::<Vec<_>>().join(" | ");
        let _ = writeln!(page, "| {heads} |\n| {rules} |");
        for row in &table.rows {
            let cells =
                row.iter().map(|cell| cell.to_string().replace('|', "\\|")).collect::<Vec<_>>().join(" | ");
            let _ = writeln!(page, "| {cells} |");
        }
        for note in &table.notes {
            let _ = writeln!(page, "\n```text\n{note}\n```");
        }
        page
    }
}

fn cells(counts: &Counts, stacks: Option<usize>) -> Vec<Cell> {
    let number = |count: u64| Cell::Number(count as f64, 0);
    vec![
        number(counts.held()),
        number(counts.exact),
        number(counts.leaf_line),
        number(counts.truncated),
        number(counts.unknown.values().sum()),
        number(counts.wrong),
        stacks.map_or(Cell::text(""), |stacks| number(stacks as u64)),
        number(counts.attributed),
        number(counts.unattributed.values().sum()),
        Cell::text(reasons(counts)),
    ]
}

/// The reasons of unknown samples in holds, and of all that were not attributed.
fn reasons(counts: &Counts) -> String {
    let list = |reasons: &BTreeMap<String, u64>| {
        reasons.iter().map(|(reason, count)| format!("{reason} {count}")).collect::<Vec<_>>().join(", ")
    };
    match (counts.unknown.is_empty(), counts.unattributed.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!("of all: {}", list(&counts.unattributed)),
        _ => format!("in holds: {}; of all: {}", list(&counts.unknown), list(&counts.unattributed)),
    }
}

/// Words that are paths without their folders, which are others on each machine.
fn without_folders(text: &str) -> String {
    let name = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    text.split(' ').map(name).collect::<Vec<_>>().join(" ")
}

/// The first line of a message and its last ones: a program may have said a lot before it failed.
fn ends(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    match lines.split_first() {
        Some((first, rest)) if rest.len() > LAST_LINES => {
            format!("{first}\n…\n{}", rest[rest.len() - LAST_LINES..].join("\n"))
        }
        _ => text.to_owned(),
    }
}

/// A row without numbers.
fn said(text: &str) -> Vec<Cell> {
    let mut cells = vec![Cell::text(""); COLUMNS.len() - 4];
    cells.push(Cell::text(text));
    cells
}

#[cfg(test)]
mod tests {
    use super::super::compare::Compared;
    use super::*;

    fn row(outcome: anyhow::Result<Outcome>) -> Row {
        Row { python: "3.12".to_owned(), build: String::new(), workload: "forms".to_owned(), outcome }
    }

    fn compared(exact: u64, wrong: u64) -> anyhow::Result<Outcome> {
        let counts = Counts { exact, wrong, attributed: exact + wrong, ..Counts::default() };
        Ok(Outcome::Compared(Compared { counts, stacks: 3, examples: vec!["expected, seen".to_owned()] }))
    }

    #[test]
    fn one_wrong_stack_or_failed_run_is_a_failure_and_what_is_not_run_is_none() {
        let not_run = || Ok(Outcome::NotRun("no Flask".to_owned()));
        let good = Results { rows: vec![row(compared(100, 0)), row(not_run())] };
        assert_eq!(good.failures(), [] as [String; 0]);
        let bad = Results { rows: vec![row(compared(100, 1)), row(Err(anyhow::anyhow!("too few")))] };
        let failures = bad.failures();
        assert!(failures[0].contains("1 WRONG") && failures[0].contains("expected, seen"), "{failures:?}");
        assert!(failures[1].contains("too few") && failures.len() == 2, "{failures:?}");
    }

    #[test]
    fn totals_and_the_page_have_all_rows() {
        let results = Results {
            rows: vec![row(compared(100, 0)), row(compared(50, 2)), row(Ok(Outcome::NotRun("a|b".into())))],
        };
        let total = results.total();
        assert_eq!((total.exact, total.wrong, total.held()), (150, 2, 152));
        let page = results.markdown(4.0, "a machine");
        assert!(
            page.contains("not run: a\\|b")
                && page.contains("152 samples were taken")
                && page.contains("150 (98.684 %)"),
            "{page}"
        );
        assert_eq!(page.lines().filter(|line| line.starts_with('|')).count(), 2 + 3 + 1);
    }
}
