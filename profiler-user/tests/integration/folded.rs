//! Folded stacks as the tests read them.

use std::collections::BTreeMap;

use crate::program::Seen;

/// One line of folded stacks, kernel frames apart.
#[derive(Clone, Debug)]
pub struct Line {
    /// Texts of all frames but those of the kernel, root first.
    pub frames: Vec<String>,
    /// How many kernel frames it had at its leaf end.
    pub kernel: usize,
    pub count: u64,
}

impl Line {
    /// Its Python frames, if it has nothing else (labels of processes and threads are to be taken off before).
    pub fn python(&self) -> Option<Vec<Seen>> {
        self.frames.iter().map(|frame| Seen::parse(frame)).collect()
    }

    /// The reason in brackets that it has instead of a whole, named stack.
    pub fn unknown(&self) -> Option<&str> {
        let bracketed =
            |frame: &&String| frame.starts_with('[') && frame.ends_with(']') && *frame != "[truncated]";
        self.frames.iter().find(bracketed).map(String::as_str)
    }

    /// Whether a frame is of this function.
    pub fn has(&self, function: &str) -> bool {
        self.frames
            .iter()
            .any(|frame| frame.strip_prefix(function).is_some_and(|rest| rest.starts_with(" (")))
    }
}

/// All lines. Panics on what is no folded text.
pub fn parse(folded: &str) -> Vec<Line> {
    folded.lines().map(parse_line).collect()
}

fn parse_line(line: &str) -> Line {
    let (stack, count) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no count in {line:?}"));
    let count = count.parse().unwrap_or_else(|_| panic!("no count in {line:?}"));
    let mut frames: Vec<String> = stack.split(';').map(str::to_owned).collect();
    let all = frames.len();
    while frames.last().is_some_and(|frame| frame.ends_with("_[k]")) {
        frames.pop();
    }
    assert!(
        !frames.iter().any(|frame| frame.ends_with("_[k]")),
        "kernel frames are at the leaf end only: {line}"
    );
    let kernel = all - frames.len();
    Line { frames, kernel, count }
}

/// Samples in all.
pub fn total(lines: &[Line]) -> u64 {
    lines.iter().map(|line| line.count).sum()
}

/// Samples by reason, of those without a whole, named stack.
pub fn unknown(lines: &[Line]) -> BTreeMap<&str, u64> {
    let mut reasons = BTreeMap::new();
    for line in lines {
        if let Some(reason) = line.unknown() {
            *reasons.entry(reason).or_default() += line.count;
        }
    }
    reasons
}

/// Samples of stacks that have this function.
pub fn with(lines: &[Line], function: &str) -> u64 {
    lines.iter().filter(|line| line.has(function)).map(|line| line.count).sum()
}

/// Takes the process frames off: lines by pid and the text of the frame.
pub fn by_process(lines: &[Line]) -> BTreeMap<(u32, String), Vec<Line>> {
    let mut processes: BTreeMap<_, Vec<Line>> = BTreeMap::new();
    for line in lines {
        let (process, frames) = line.frames.split_first().expect("a process frame");
        let pid = process.strip_prefix("process ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        let pid = pid.unwrap_or_else(|| panic!("{process} is no process frame"));
        let line = Line { frames: frames.to_vec(), ..line.clone() };
        processes.entry((pid, process.clone())).or_default().push(line);
    }
    processes
}

/// Takes the thread frames off: lines by thread id.
pub fn by_thread(lines: &[Line]) -> BTreeMap<u32, Vec<Line>> {
    let mut threads: BTreeMap<_, Vec<Line>> = BTreeMap::new();
    for line in lines {
        let (thread, frames) = line.frames.split_first().expect("a thread frame");
        let tid = thread.strip_prefix("thread ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        let tid = tid.unwrap_or_else(|| panic!("{thread} is no thread frame"));
        threads.entry(tid).or_default().push(Line { frames: frames.to_vec(), ..line.clone() });
    }
    threads
}
