//! Stacks as each profiler writes them, and whether they can have been. It must not know how they were taken.

use std::collections::HashSet;

use anyhow::{Context, Result};

/// How a profiler writes stacks: a line for each, with lines of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `name (file:line);… COUNT`, kernel frames end in `_[k]`, `[what is not known]`.
    Firetower,
    /// `name (file:line);… COUNT`.
    PySpy,
    /// `P<pid>;T<tid>;file:name:line;… MICROSECONDS`, one line a sample, `:INVALID:` for what it could not read, `#` for
    /// remarks: Austin 3's text.
    Austin,
}

/// One line: a stack and how often it was seen.
#[derive(Debug, PartialEq, Eq)]
pub struct Stack {
    /// The Python frames (and for firetower what it puts before them), root first; `None`: the profiler says itself
    /// that it does not know them all.
    pub frames: Option<Vec<Frame>>,
    /// Samples.
    pub samples: u64,
}

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    name: String,
    /// From 1; 0 if it has none.
    line: u32,
}

impl Format {
    /// The stacks in `text`.
    ///
    /// # Errors
    /// If a line ends in no number: this is another format.
    pub fn parse(self, text: &str) -> Result<Vec<Stack>> {
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        lines
            .map(|line| self.stack(line).with_context(|| format!("not a stack of {self:?}: {line:?}")))
            .collect()
    }

    fn stack(self, line: &str) -> Option<Stack> {
        let (path, number) = line.rsplit_once(' ')?;
        let number: u64 = number.parse().ok()?;
        let mut texts: Vec<&str> = path.split(';').collect();
        if self == Format::Austin {
            // The process and the thread.
            texts.drain(..texts.len().min(2));
        }
        texts.retain(|text| !text.ends_with("_[k]"));
        let unknown =
            texts.is_empty() || texts.iter().any(|text| text.starts_with(self.unknown_starts_with()));
        let frames = (!unknown).then(|| texts.into_iter().map(|text| self.frame(text)).collect());
        Some(Stack { frames, samples: if self == Format::Austin { 1 } else { number } })
    }

    fn unknown_starts_with(self) -> char {
        if self == Format::Austin { ':' } else { '[' }
    }

    fn frame(self, text: &str) -> Frame {
        let (name, line) = match self {
            Format::Firetower | Format::PySpy => {
                let (name, place) = text.rsplit_once(" (").unwrap_or((text, ""));
                (name, place.rsplit_once(':').map_or("", |(_, line)| line.trim_end_matches(')')))
            }
            Format::Austin => {
                let mut fields = text.rsplitn(3, ':');
                let line = fields.next().unwrap_or_default();
                (fields.next().unwrap_or(text), line)
            }
        };
        Frame { name: name.to_owned(), line: line.parse().unwrap_or(0) }
    }
}

/// The calls that a program makes: all of them.
#[derive(Debug, Default)]
pub struct Calls {
    calls: HashSet<(String, u32, String)>,
    pairs: HashSet<(String, String)>,
}

/// Whether a stack can have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It can.
    Possible,
    /// It has the right functions, and one of them calls from a line where it calls no such function.
    WrongLine,
    /// It does not begin at the program's start, or has two functions next to each other of which the one never calls
    /// the other: frames of different moments.
    Impossible,
    /// The profiler says that it does not know.
    Unknown,
}

impl Calls {
    /// Reads `CALL caller line callee`; other lines are something else.
    pub fn read(text: &str) -> Calls {
        let mut calls = Calls::default();
        for line in text.lines() {
            if let ["CALL", caller, line, callee] = line.split(' ').collect::<Vec<_>>()[..]
                && let Ok(line) = line.parse()
            {
                calls.calls.insert((caller.to_owned(), line, callee.to_owned()));
                calls.pairs.insert((caller.to_owned(), callee.to_owned()));
            }
        }
        calls
    }

    /// Whether there is any call.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Judges a stack. The leaf's line is free: it is run, and calls nothing.
    pub fn judge(&self, stack: &Stack) -> Verdict {
        let Some(frames) = &stack.frames else { return Verdict::Unknown };
        if frames.first().is_none_or(|root| root.name != "<module>") {
            return Verdict::Impossible;
        }
        let mut verdict = Verdict::Possible;
        for pair in frames.windows(2) {
            let [caller, callee] = pair else { continue };
            if !self.pairs.contains(&(caller.name.clone(), callee.name.clone())) {
                return Verdict::Impossible;
            }
            if !self.calls.contains(&(caller.name.clone(), caller.line, callee.name.clone())) {
                verdict = Verdict::WrongLine;
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: &str = "CALL <module> 9 run\nCALL run 3 a\nCALL a 5 b\nREADY\n";

    fn verdicts(format: Format, text: &str) -> Vec<Verdict> {
        let calls = Calls::read(CALLS);
        format.parse(text).expect("stacks").iter().map(|stack| calls.judge(stack)).collect()
    }

    #[test]
    fn each_profilers_stacks_are_judged_alike() {
        use Verdict::{Impossible, Possible, Unknown, WrongLine};
        let firetower = "<module> (x.py:9);run (<c>:3);a (<c>:5);b (<c>:1);asm_irq_[k] 4\n\
                         [not a Python thread] 2\n<module> (x.py:9);run (<c>:3);b (<c>:1) 1\n";
        assert_eq!(verdicts(Format::Firetower, firetower), [Possible, Unknown, Impossible]);
        let py_spy = "<module> (x.py:9);run (<c>:3);a (<c>:77) 4\n<module> (x.py:9);run (<c>:4);a (<c>:5) 4\n\
                      run (<c>:3);a (<c>:5) 1\n";
        assert_eq!(verdicts(Format::PySpy, py_spy), [Possible, WrongLine, Impossible]);
        let austin = "# mode: wall\n\nP1;T0:1;/a/x.py:<module>:9;<c>:run:3;<c>:a:5;<c>:b:2 10107\nP1;T0:1;:INVALID: 9\n\
                      P1;T0:1 9\nP1;T0:1;/a/x.py:<module>:9;<c>:a:5 9\n";
        assert_eq!(verdicts(Format::Austin, austin), [Possible, Unknown, Unknown, Impossible]);
    }

    #[test]
    fn counts_are_samples() {
        let samples = |format: Format, text| format.parse(text).expect("stacks")[0].samples;
        assert_eq!(samples(Format::PySpy, "<module> (x.py:9) 4"), 4);
        assert_eq!(samples(Format::Austin, "P1;T0:1;x.py:<module>:9 10107"), 1);
        assert!(Format::PySpy.parse("<svg>").is_err());
    }

    #[test]
    fn without_known_calls_no_call_is_possible() {
        let stack = Format::PySpy.parse("<module> (x.py:9);run (<c>:3) 1").expect("a stack");
        assert!(Calls::read("READY").is_empty());
        assert_eq!(Calls::read("READY").judge(&stack[0]), Verdict::Impossible);
    }
}
