//! Line tables: every code object of the standard library against the interpreter's own word, and arbitrary bytes.

use std::process::Command;

use firetower::python::line_table::{Format, LineTable};
use firetower::python::versions::{Facts, RELEASES};
use proptest::prelude::*;

use crate::pythons::{Process, fixture, python, supported};

/// What an interpreter said about one code object.
struct Said {
    table: LineTable,
    /// Bytes of code.
    length: u32,
    /// Where the line changes, and to what.
    starts: Vec<(u32, Option<u32>)>,
}

impl Said {
    fn parse(format: Format, line: &str) -> Said {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, first_line, table, length, starts] = fields[..] else { panic!("{line}") };
        let starts = starts.split(',').filter(|start| *start != "-").map(|start| {
            let (offset, line) = start.split_once(':').expect("offset:line");
            (offset.parse().expect("an offset"), line.parse().ok())
        });
        let table =
            LineTable { format, first_line: first_line.parse().expect("a line"), bytes: unhex(table).into() };
        Said { table, length: length.parse().expect("a length"), starts: starts.collect() }
    }

    /// Compares the line of every instruction: both agree on all if they change at the same places to the same.
    fn check(&self) {
        let mut end = 0;
        let mut changes: Vec<(u32, Option<u32>)> = Vec::new();
        for range in self.table.ranges() {
            assert_eq!(range.start, end, "a gap in {:?}", self.table);
            end = range.end;
            let changed = changes.last().is_none_or(|(_, line)| *line != range.line);
            if changed && range.start < range.end.min(self.length) {
                changes.push((range.start, range.line));
            }
        }
        assert!(end >= self.length, "the ranges end at {end}: {:?}", self.table);
        assert_eq!(changes, self.starts, "{:?}", self.table);
        // Looking one up is linear, so the long tables would take quadratic time.
        for window in changes.windows(2).take(50) {
            let [(_, before), (start, line)] = window else { panic!("a window of two") };
            assert_eq!(self.table.line_at(start - 1), *before);
            assert_eq!(self.table.line_at(*start), *line);
        }
    }
}

pub fn unhex(text: &str) -> Vec<u8> {
    let digits = if text == "-" { "" } else { text };
    let byte = |index| u8::from_str_radix(&digits[index..index + 2], 16).expect("hex");
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn format_of(minor: &str) -> Format {
    let release = RELEASES.iter().find(|release| format!("{}.{}", release.major, release.minor) == minor);
    match &release.expect("supported").facts {
        Facts::Fixed { build, .. } => build.objects.line_table,
        Facts::SelfDescribed(facts) => facts.objects.line_table,
    }
}

/// Decodes every line table of one interpreter's standard library.
fn check_standard_library(minor: &str) {
    let format = format_of(minor);
    let mut process =
        Process::start(Command::new(python(minor)).args(["-W", "ignore"]).arg(fixture("line_tables.py")));
    let (mut codes, mut skipped) = (0, 0);
    let files = loop {
        let line =
            process.line().unwrap_or_else(|| panic!("Python {minor} stopped after {codes} code objects"));
        match line.as_bytes()[0] {
            b'F' => {
                Said::parse(format, &line).check();
                codes += 1;
            }
            b'S' => skipped += 1,
            _ => break line[2..].parse::<u32>().expect("the number of files"),
        }
    };
    // Distributions leave the tests out.
    assert!(files > 500 && codes > 15_000 && skipped < files / 50, "{minor}: {files} {codes} {skipped}");
}

#[test]
fn every_instruction_of_the_standard_library_has_the_interpreters_own_line() {
    std::thread::scope(|scope| {
        for minor in supported() {
            scope.spawn(move || check_standard_library(&minor));
        }
    });
}

fn any_table() -> impl Strategy<Value = LineTable> {
    let format = prop_oneof![
        Just(Format::LnotabUnsigned),
        Just(Format::LnotabSigned),
        Just(Format::Linetable),
        Just(Format::Locations),
    ];
    (format, any::<i32>(), proptest::collection::vec(any::<u8>(), 0..600))
        .prop_map(|(format, first_line, bytes)| LineTable { format, first_line, bytes: bytes.into() })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_give_ranges_in_order_and_an_end(table in any_table(), instr in any::<u32>()) {
        let mut end = 0;
        let mut count = 0;
        for range in table.ranges() {
            prop_assert_eq!(range.start, end);
            prop_assert!(range.end >= range.start);
            end = range.end;
            count += 1;
        }
        prop_assert!(count <= table.bytes.len() + 1);
        let line = table.line_at(instr);
        prop_assert!(instr < end || line.is_none());
    }
}
