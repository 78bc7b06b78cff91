//! Compares samples with what the program noted of its own stacks. It must not know how either came about.
//!
//! A note says: between these two moments this thread's stack was exactly this. Each sample of the thread in between is
//! judged by it; frames of the kernel are left out, as a program knows nothing of them. All other samples are only counted.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;
use std::ops::AddAssign;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A frame: function, file, line; line 0 is none.
pub type Frame = (String, String, u32);

/// What a program says of one of its threads.
#[derive(Debug, Deserialize)]
pub struct Note {
    pid: u32,
    tid: u32,
    /// `CLOCK_MONOTONIC` nanoseconds between which the stack was held.
    begin: u64,
    end: u64,
    /// Root first.
    stack: Vec<Frame>,
}

/// A line of the samples' file, its stack not yet looked at.
#[derive(Deserialize)]
struct Sample<'a> {
    time: u64,
    pid: u32,
    tid: u32,
    #[serde(borrow)]
    stack: &'a RawValue,
    reason: Option<String>,
    truncated: bool,
}

/// A frame of it.
#[derive(Deserialize)]
struct SampleFrame {
    kind: String,
    function: String,
    file: Option<String>,
    line: Option<u32>,
}

/// What is said of a sample in a hold.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The same frames with the same lines.
    Exact,
    /// All the same but the line of the leaf.
    LeafLine,
    /// Marked as cut, and what was kept is the same.
    Truncated,
    /// The profiler says itself that it does not know, and why.
    Unknown(String),
    /// It says that it knows, and it is not so.
    Wrong,
}

/// Samples by what was said of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// In holds: the whole stack, with all lines.
    pub exact: u64,
    /// In holds: the whole stack, with another line for the leaf.
    pub leaf_line: u64,
    /// In holds: cut and marked as such, the rest exact.
    pub truncated: u64,
    /// In holds: no stack, by reason.
    pub unknown: BTreeMap<String, u64>,
    /// In holds: not what was.
    pub wrong: u64,
    /// Of the whole run: with a stack.
    pub attributed: u64,
    /// Of the whole run: without, by reason.
    pub unattributed: BTreeMap<String, u64>,
}

impl Counts {
    /// All samples in holds.
    pub fn held(&self) -> u64 {
        self.exact + self.leaf_line + self.truncated + self.wrong + self.unknown.values().sum::<u64>()
    }

    fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Exact => self.exact += 1,
            Verdict::LeafLine => self.leaf_line += 1,
            Verdict::Truncated => self.truncated += 1,
            Verdict::Wrong => self.wrong += 1,
            Verdict::Unknown(reason) => *self.unknown.entry(reason).or_default() += 1,
        }
    }
}

impl AddAssign<&Counts> for Counts {
    fn add_assign(&mut self, other: &Counts) {
        self.exact += other.exact;
        self.leaf_line += other.leaf_line;
        self.truncated += other.truncated;
        self.wrong += other.wrong;
        self.attributed += other.attributed;
        for (sum, of) in [(&mut self.unknown, &other.unknown), (&mut self.unattributed, &other.unattributed)]
        {
            of.iter().for_each(|(reason, count)| *sum.entry(reason.clone()).or_default() += count);
        }
    }
}

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Compared {
    /// The samples.
    pub counts: Counts,
    /// Different stacks that were held while a sample was taken that is not unknown.
    pub stacks: usize,
    /// The first stacks that were not right, expected beside seen.
    pub examples: Vec<String>,
}

/// Most different examples that are kept of one run.
const EXAMPLES: usize = 3;

/// Reads the notes: JSON lines.
pub fn notes(from: impl BufRead) -> Result<Vec<Note>> {
    let note = |line: std::io::Result<String>| {
        let line = line?;
        serde_json::from_str(&line).with_context(|| format!("no note: {line:.200}"))
    };
    from.lines().map(note).collect()
}

/// Judges every sample of `samples`, the lines of a `.jsonl` file of firetower's.
pub fn compare(notes: &[Note], mut samples: impl BufRead) -> Result<Compared> {
    let mut by_thread: HashMap<(u32, u32), Vec<&Note>> = HashMap::new();
    for note in notes {
        by_thread.entry((note.pid, note.tid)).or_default().push(note);
    }
    for notes in by_thread.values_mut() {
        notes.sort_by_key(|note| note.begin);
        if let Some(pair) = notes.windows(2).find(|pair| pair[0].end > pair[1].begin) {
            bail!("two holds of one thread at a time: the witness lies: {:?} and {:?}", pair[0], pair[1]);
        }
    }
    let mut compared = Compared::default();
    let mut held = std::collections::HashSet::new();
    let mut line = String::new();
    while samples.read_line(&mut line)? > 0 {
        let sample: Sample =
            serde_json::from_str(&line).with_context(|| format!("no sample: {line:.200}"))?;
        match &sample.reason {
            None => compared.counts.attributed += 1,
            Some(reason) => *compared.counts.unattributed.entry(reason.clone()).or_default() += 1,
        }
        let notes = by_thread.get(&(sample.pid, sample.tid)).map(Vec::as_slice).unwrap_or_default();
        if let Some(note) = holding(notes, sample.time) {
            let seen = frames(&sample)?;
            let verdict = judge(&note.stack, &seen, &sample);
            if !matches!(verdict, Verdict::Unknown(_)) {
                held.insert(&note.stack);
            }
            if matches!(verdict, Verdict::Wrong | Verdict::LeafLine) && compared.examples.len() < EXAMPLES {
                let example = beside(&note.stack, &seen, sample.truncated);
                if !compared.examples.contains(&example) {
                    compared.examples.push(example);
                }
            }
            compared.counts.add(verdict);
        }
        line.clear();
    }
    compared.stacks = held.len();
    Ok(compared)
}

/// The hold that `time` is in; neither moment that it was noted at belongs to it.
fn holding<'a>(sorted: &[&'a Note], time: u64) -> Option<&'a Note> {
    let after = sorted.partition_point(|note| note.begin < time);
    sorted.get(after.checked_sub(1)?).copied().filter(|note| time < note.end)
}

/// The sample's Python frames, and those of which nothing is known; a program knows of no others.
fn frames(sample: &Sample) -> Result<Vec<Frame>> {
    let frames: Vec<SampleFrame> = serde_json::from_str(sample.stack.get()).context("a sample's stack")?;
    let name = |frame: SampleFrame| match frame.kind.as_str() {
        "python" => Some((frame.function, frame.file.unwrap_or_default(), frame.line.unwrap_or_default())),
        "unknown" => Some(("[unknown]".to_owned(), String::new(), 0)),
        _ => None,
    };
    Ok(frames.into_iter().filter_map(name).collect())
}

fn judge(expected: &[Frame], seen: &[Frame], sample: &Sample) -> Verdict {
    if let Some(reason) = &sample.reason {
        return Verdict::Unknown(reason.clone());
    }
    if sample.truncated {
        // Something must be missing, and something be there.
        let right = seen.len() < expected.len() && !seen.is_empty() && expected.ends_with(seen);
        return if right { Verdict::Truncated } else { Verdict::Wrong };
    }
    if expected == seen {
        return Verdict::Exact;
    }
    let (Some((leaf, rest)), Some((seen_leaf, seen_rest))) = (expected.split_last(), seen.split_last())
    else {
        return Verdict::Wrong;
    };
    let same_code = (&leaf.0, &leaf.1) == (&seen_leaf.0, &seen_leaf.1);
    if rest == seen_rest && same_code { Verdict::LeafLine } else { Verdict::Wrong }
}

/// Both stacks for people, from the last frame that they have in common.
fn beside(expected: &[Frame], seen: &[Frame], truncated: bool) -> String {
    let common = expected.iter().zip(seen).take_while(|(left, right)| left == right).count();
    let from = if truncated { 0 } else { common.saturating_sub(1) };
    // Without the folder, which is another one on each machine.
    let place = |file: &str| file.rsplit('/').next().unwrap_or_default().to_owned();
    let frame = |(name, file, line): &Frame| format!("{name:.60} ({:.60}:{line})", place(file));
    let text = |frames: &[Frame]| frames.iter().skip(from).take(12).map(frame).collect::<Vec<_>>().join("; ");
    format!(
        "{} frames expected, {} seen{}; from frame {from} on\n  expected: {}\n  seen:     {}",
        expected.len(),
        seen.len(),
        if truncated { ", marked as cut" } else { "" },
        text(expected),
        text(seen)
    )
}

#[cfg(test)]
mod tests;
