//! The stacks of all files: read, merged, in the order in which they are drawn. It must not know how.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::options::{Reading, allowed};
use crate::cli::exit::{Exit, Failure};
use crate::cli::input::Input;
use crate::import::folded::{self, Count};
use crate::import::{self, Format, ImportError, Imported, Measure, pyflame};
use crate::query::Unit;
use crate::render::frame_text;

/// The sum of all counts, at most: what is drawn of them is exact, and can't overflow.
const MAX_TOTAL: u128 = 1 << 53;
const BILLION: u128 = 1_000_000_000;

/// Counts in billionths: fractions are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    before: u128,
    after: u128,
}

/// Stacks that are being gathered.
pub(super) struct Rows {
    reading: Reading,
    /// By text, and whether there are two counts.
    rows: IndexMap<(String, bool), Counts, FxBuildHasher>,
    in_order: Vec<((String, bool), Counts)>,
    unit: Option<(Unit, String)>,
    skipped: u64,
    /// What is to be said of the files.
    remarks: Vec<String>,
}

/// Stacks in the order in which they are drawn.
#[derive(Debug)]
pub(super) struct Drawn {
    /// Texts, each with the count before, if there is one, and the count; whole numbers.
    pub(super) rows: Vec<(String, Option<u64>, u64)>,
    /// What counts are to be multiplied by.
    pub(super) factor: f64,
    pub(super) unit: Unit,
    /// Of counts.
    pub(super) total: u64,
    /// What was not taken over of the files, for the user.
    pub(super) remarks: Vec<String>,
}

impl Rows {
    pub(super) fn new(reading: Reading) -> Rows {
        Rows {
            reading,
            rows: IndexMap::default(),
            in_order: Vec::new(),
            unit: None,
            skipped: 0,
            remarks: Vec::new(),
        }
    }

    /// Adds a file's stacks. Text that `flamegraph.pl` reads itself stays as it is, unless a format was asked for.
    ///
    /// # Errors
    /// If it is no profile, or counts something else than the files before.
    pub(super) fn read(&mut self, input: &Input, asked: Option<Format>) -> Result<(), Failure> {
        let failed = |error: ImportError| input.failure(&error);
        let bytes = import::unpacked(&input.bytes).map_err(failed)?;
        let format = match asked {
            Some(format) => format,
            None => match import::recognise(&bytes) {
                // As `flamegraph.pl` has it: other files may have some.
                Err(ImportError::Unrecognised) if is_text(&bytes) => Format::Folded,
                format => format.map_err(failed)?,
            },
        };
        let text = import::text(&bytes);
        let is_as_it_is = match format {
            Format::Folded => true,
            Format::Pyflame => asked.is_none() && !pyflame::has_times(&text),
            Format::Austin => asked.is_none() && !text.lines().any(|line| line.trim_end() == "# mode: full"),
            _ => false,
        };
        if is_as_it_is {
            self.folded(input, &text)
        } else {
            match import::read_as(&bytes, format) {
                Err(error) if error.is_empty() => {
                    self.remarks.extend(input.remarks(0, &[error.to_string()]));
                    Ok(())
                }
                imported => self.imported(input, &imported.map_err(failed)?),
            }
        }
    }

    fn folded(&mut self, input: &Input, text: &str) -> Result<(), Failure> {
        self.counts(input, Unit::Samples)?;
        let mut skipped = 0;
        for line in text.lines().filter(|line| !folded::is_comment(line)) {
            // Without a name there is nothing to draw.
            let parts = folded::split(line).filter(|parts| !parts.stack.trim_end_matches(';').is_empty());
            let Some(parts) = parts else {
                skipped += 1;
                continue;
            };
            let frames = parts.stack.trim_end_matches(';').split(';').map(str::to_owned);
            let counts =
                Counts { before: parts.before.map_or(0, billionths), after: billionths(parts.count) };
            self.add(frames, parts.before.is_some(), counts);
        }
        self.skipped += skipped;
        self.remarks.extend(input.remarks(skipped, &[]));
        Ok(())
    }

    fn imported(&mut self, input: &Input, imported: &Imported) -> Result<(), Failure> {
        let unit = match imported.measure {
            Measure::Nanoseconds => Unit::Nanoseconds,
            Measure::Samples | Measure::Both => Unit::Samples,
        };
        self.counts(input, unit)?;
        let samples = if self.reading.in_order { &imported.in_order } else { &imported.profile.samples };
        let stacks = &imported.profile.stacks;
        let texts: Vec<String> = stacks.frames().map(frame_text).collect();
        for (stack, weight) in samples {
            let mut frames = Vec::new();
            let mut next = Some(*stack);
            while let Some(node) = next {
                let (parent, frame) = stacks.node(node);
                frames.push(texts[frame.index()].clone());
                next = parent;
            }
            let counts = Counts { before: 0, after: u128::from(unit.of(*weight)) * BILLION };
            self.add(frames.into_iter().rev(), false, counts);
        }
        self.remarks.extend(input.remarks(imported.skipped, &imported.notes));
        Ok(())
    }

    /// Holds that all files count the same.
    fn counts(&mut self, input: &Input, unit: Unit) -> Result<(), Failure> {
        match &self.unit {
            Some((known, of)) if *known != unit => Err(Failure::new(
                Exit::BadInput,
                format!("{of} and {} can't be merged: one counts samples, the other time", input.name),
            )
            .hint("draw them apart")),
            Some(_) => Ok(()),
            None => {
                self.unit = Some((unit, input.name.clone()));
                Ok(())
            }
        }
    }

    fn add(&mut self, frames: impl DoubleEndedIterator<Item = String>, has_two: bool, counts: Counts) {
        let mut text = String::new();
        let mut push = |frame: &str| {
            text.push_str(frame);
            text.push(';');
        };
        if self.reading.reverse {
            frames.rev().for_each(|frame| push(&frame));
        } else {
            frames.for_each(|frame| push(&frame));
        }
        text.pop();
        let key = (allowed(&text), has_two);
        if self.reading.in_order {
            self.in_order.push((key, counts));
        } else {
            let sum = self.rows.entry(key).or_default();
            sum.before += counts.before;
            sum.after += counts.after;
        }
    }

    /// The stacks in the order in which they are drawn: that of the files, or else by frames.
    ///
    /// # Errors
    /// [`Exit::NoSamples`] if there are none, [`Exit::BadInput`] if there are too many.
    pub(super) fn finish(self) -> Result<Drawn, Failure> {
        let Rows { reading, rows, in_order, unit, skipped, remarks } = self;
        let mut rows: Vec<((String, bool), Counts)> =
            if reading.in_order { in_order } else { rows.into_iter().collect() };
        let totals = rows.iter().fold(Counts::default(), |sum, (_, counts)| Counts {
            before: sum.before + counts.before,
            after: sum.after + counts.after,
        });
        if totals.after == 0 {
            let lines = if skipped == 1 { "line is no stack" } else { "lines are no stacks" };
            return Err(Failure::new(Exit::NoSamples, format!("no stack counts found: {skipped} {lines}"))
                .hint("a stack is a line such as `main;work 12`: frames, a space, a count"));
        }
        if !reading.in_order {
            // By frames, not by bytes: what begins with the same frames must be side by side.
            rows.sort_by(|(left, _), (right, _)| {
                left.0.split(';').cmp(right.0.split(';')).then(left.1.cmp(&right.1))
            });
        }
        let unit_size = scale(&rows, totals)?;
        let whole = |count: u128| ((count + unit_size / 2) / unit_size) as u64;
        let rows: Vec<(String, Option<u64>, u64)> = rows
            .into_iter()
            .map(|((text, has_two), counts)| {
                (text, has_two.then_some(whole(counts.before)), whole(counts.after))
            })
            .collect();
        Ok(Drawn {
            total: rows.iter().map(|(_, _, count)| count).sum(),
            rows,
            factor: unit_size as f64 / BILLION as f64,
            unit: unit.map_or(Unit::Samples, |(unit, _)| unit),
            remarks,
        })
    }
}

fn is_text(bytes: &[u8]) -> bool {
    !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok()
}

fn billionths(count: Count) -> u128 {
    u128::from(count.whole) * BILLION + u128::from(count.billionths)
}

/// Billionths of the unit in which counts become whole numbers: the largest power of ten in which all of them are, or the
/// smallest in which the sum is not too large.
fn scale(rows: &[((String, bool), Counts)], totals: Counts) -> Result<u128, Failure> {
    let total = totals.before.max(totals.after);
    if total / BILLION > MAX_TOTAL {
        return Err(Failure::new(Exit::BadInput, format!("the counts add up to more than {MAX_TOTAL}"))
            .hint("divide them all by the same number"));
    }
    let mut size = BILLION;
    let is_whole = |size: u128| {
        rows.iter().all(|(_, counts)| counts.before.is_multiple_of(size) && counts.after.is_multiple_of(size))
    };
    while size > 1 && !is_whole(size) && total / (size / 10) <= MAX_TOTAL {
        size /= 10;
    }
    Ok(size)
}
