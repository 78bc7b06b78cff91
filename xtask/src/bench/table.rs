//! A table of results, as text for people and as JSON for programs. It must not know what the numbers mean.

use std::fmt;

use serde_json::{Map, Value, json};

/// One field of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A name.
    Text(String),
    /// A number and how many decimals of it people are shown.
    Number(f64, usize),
    /// There is no number: the note below the table, or the column's meaning, says why.
    Unknown,
}

impl Cell {
    /// A name.
    pub fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    /// `part` of `whole`, with `decimals`; unknown of nothing.
    pub fn ratio(part: f64, whole: f64, decimals: usize) -> Cell {
        if whole > 0.0 { Cell::Number(part / whole, decimals) } else { Cell::Unknown }
    }

    /// `part` of `whole` in percent; unknown of nothing.
    pub fn percent(part: f64, whole: f64) -> Cell {
        Cell::ratio(100.0 * part, whole, 2)
    }

    fn json(&self) -> Value {
        match self {
            Cell::Text(text) => json!(text),
            Cell::Number(number, _) => json!(number),
            Cell::Unknown => Value::Null,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Text(text) => f.pad(text),
            Cell::Number(number, decimals) => f.pad(&format!("{number:.decimals$}")),
            Cell::Unknown => f.pad("?"),
        }
    }
}

/// A table. Each row has a cell for each column.
#[derive(Debug)]
pub struct Table {
    /// Its name in JSON.
    pub key: &'static str,
    /// What is in it, in one line.
    pub title: String,
    /// Each column's name in JSON, and its head for people.
    pub columns: &'static [(&'static str, &'static str)],
    /// The results.
    pub rows: Vec<Vec<Cell>>,
    /// What went wrong or must be known.
    pub notes: Vec<String>,
}

impl Table {
    /// An empty table.
    pub fn new(key: &'static str, title: String, columns: &'static [(&'static str, &'static str)]) -> Table {
        Table { key, title, columns, rows: Vec::new(), notes: Vec::new() }
    }

    /// As `title`, `rows` (an object for each, `null` for unknown) and `notes`.
    pub fn json(&self) -> Value {
        let row = |cells: &Vec<Cell>| -> Map<String, Value> {
            self.columns.iter().zip(cells).map(|((key, _), cell)| ((*key).to_owned(), cell.json())).collect()
        };
        json!({ "title": self.title, "rows": self.rows.iter().map(row).collect::<Vec<_>>(), "notes": self.notes })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        let width = |(column, (_, head)): (usize, &(&str, &str))| {
            let cells = self.rows.iter().map(|row| row[column].to_string().chars().count());
            cells.chain([head.chars().count()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = self.columns.iter().enumerate().map(width).collect();
        let heads: Vec<Cell> = self.columns.iter().map(|(_, head)| Cell::text(*head)).collect();
        for row in [&heads].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                // Names to the left, numbers to the right, and a head as what is below it.
                let below = self.rows.first().map(|row| &row[column]);
                if matches!(below, Some(Cell::Text(_))) {
                    line += &format!("  {cell:<width$}");
                } else {
                    line += &format!("  {cell:>width$}");
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  note: {note}"))
    }
}

/// The middle of some numbers (of two middles the mean), and the least. `None` of none.
pub fn median_and_least(numbers: &[f64]) -> Option<(f64, f64)> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let least = *sorted.first()?;
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    Some((f64::midpoint(low, high), least))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("t", "A table".to_owned(), &[("name", "name"), ("cost", "cost ns")]);
        table.rows = vec![
            vec![Cell::text("one"), Cell::ratio(10.0, 4.0, 1)],
            vec![Cell::text("and two"), Cell::ratio(1.0, 0.0, 1)],
        ];
        table.notes.push("two had no samples".to_owned());
        table
    }

    #[test]
    fn people_see_aligned_columns_and_the_notes() {
        let lines = ["A table", "  name     cost ns", "  one          2.5", "  and two        ?"];
        assert_eq!(table().to_string(), format!("{}\n  note: two had no samples\n", lines.join("\n")));
    }

    #[test]
    fn programs_see_the_whole_number_and_null_for_unknown() {
        let rows = json!([{ "name": "one", "cost": 2.5 }, { "name": "and two", "cost": null }]);
        assert_eq!(table().json()["rows"], rows);
    }

    #[test]
    fn the_middle_of_an_even_number_is_between_two() {
        assert_eq!(median_and_least(&[9.0, 1.0, 5.0]), Some((5.0, 1.0)));
        assert_eq!(median_and_least(&[9.0, 1.0, 5.0, 7.0]), Some((6.0, 1.0)));
        assert_eq!(median_and_least(&[]), None);
    }
}
