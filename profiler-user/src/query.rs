//! Selects from an [`Aggregate`] and shapes the answer into a [`Profile`]: which time, which processes, by function
//! or by line, with or without process and thread frames.
//!
//! It must not know any wire format, nor how a profile is drawn.

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use indexmap::{IndexMap, IndexSet};

use crate::aggregate::{Aggregate, SeriesId};
use crate::model::labels::LabelSet;
use crate::model::{About, Frame, FrameKind, Pid, Profile, SampleLabels, Series, StackId, Stacks, Weight};

const NANOSECONDS: u64 = 1_000_000_000;

/// What to select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// From this time on, Unix nanoseconds. Seconds that overlap are taken whole.
    pub since: u64,
    /// Up to but not including this time, Unix nanoseconds.
    pub until: u64,
    /// These processes. `None`: all.
    pub pids: Option<Vec<Pid>>,
}

impl Selection {
    /// Everything from `started` (Unix nanoseconds) to `now`.
    pub fn whole(started: u64, now: u64) -> Selection {
        Selection { since: started, until: now, pids: None }
    }

    /// The last `seconds` that are over at `now` (Unix nanoseconds). The second that is running is left out: with it,
    /// rates would swing with the fraction of it that has passed.
    pub fn last(seconds: u64, now: u64) -> Selection {
        let until = now - now % NANOSECONDS;
        Selection { since: until.saturating_sub(seconds.saturating_mul(NANOSECONDS)), until, pids: None }
    }

    fn wants(&self, series: &Series) -> bool {
        self.pids.as_ref().is_none_or(|pids| pids.contains(&series.pid))
    }
}

/// How to look at what was selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Lines of one function are frames of their own. Else they are one frame.
    pub lines: bool,
    /// Each stack stands on a frame for its thread.
    pub threads: bool,
    /// Each stack stands on a frame for its process (below the thread's).
    pub processes: bool,
}

/// The profile of a selection, all labels together. [`About::frequency`] is 0: the aggregate does not know it.
///
/// Takes time in proportion to the entries in the selected seconds and the distinct stacks among them.
pub fn profile(aggregate: &Aggregate, selection: &Selection, view: View) -> Profile {
    shape(aggregate, selection, view, |_| None)
}

/// The same, apart by the labels of each series: [`Profile::labels`].
pub fn labelled(aggregate: &Aggregate, selection: &Selection, view: View) -> Profile {
    let mut sets: IndexSet<LabelSet, FxBuildHasher> = IndexSet::default();
    let mut of: FxHashMap<SeriesId, u32> = FxHashMap::default();
    let mut profile = shape(aggregate, selection, view, |id| {
        let set =
            of.entry(id).or_insert_with(|| sets.insert_full(aggregate.series_of(id).all_labels()).0 as u32);
        Some(*set)
    });
    profile.labels.sets = sets.into_iter().collect();
    profile
}

/// Makes the profile; samples that `label` answers differently for are apart.
fn shape(
    aggregate: &Aggregate,
    selection: &Selection,
    view: View,
    mut label: impl FnMut(SeriesId) -> Option<u32>,
) -> Profile {
    // Ids are the keys, not the series themselves: there may be a million entries and their labels are text.
    let mut wanted: FxHashMap<SeriesId, bool> = FxHashMap::default();
    let mut sums: FxHashMap<(SeriesId, StackId), Weight> = FxHashMap::default();
    for (series, stack, weight) in aggregate.weights(selection.since, selection.until) {
        if *wanted.entry(series).or_insert_with(|| selection.wants(aggregate.series_of(series))) {
            *sums.entry((series, stack)).or_default() += weight;
        }
    }
    let mut sums: Vec<(SeriesId, &Series, StackId, Weight)> = sums
        .into_iter()
        .map(|((series, stack), weight)| (series, aggregate.series_of(series), stack, weight))
        .collect();
    // A map has no order; the same selection shall give the same profile.
    sums.sort_unstable_by(|(_, left, left_stack, _), (_, right, right_stack, _)| {
        let key = |series: &Series| (series.pid, series.tid, series.interpreter);
        (key(left), left_stack, &left.command, &left.thread, &left.python, &left.labels).cmp(&(
            key(right),
            right_stack,
            &right.command,
            &right.thread,
            &right.python,
            &right.labels,
        ))
    });
    let mut shaper =
        Shaper { from: aggregate.stacks(), view, into: Stacks::default(), nodes: FxHashMap::default() };
    let mut samples: IndexMap<(StackId, Option<u32>), Weight, FxBuildHasher> = IndexMap::default();
    for (id, series, stack, weight) in &sums {
        let root = shaper.root(series);
        *samples.entry((shaper.copy(root, *stack), label(*id))).or_default() += *weight;
    }
    let since = selection.since.max(aggregate.complete_since()).min(selection.until);
    let about = About {
        start: since,
        duration: selection.until - since,
        frequency: 0,
        subject: subject(selection, sums.iter().map(|(_, series, _, _)| *series)),
    };
    let labels = SampleLabels { sets: Vec::new(), of: samples.keys().filter_map(|(_, set)| *set).collect() };
    let samples = samples.into_iter().map(|((stack, _), weight)| (stack, weight)).collect();
    Profile { stacks: shaper.into, samples, labels, about }
}

/// Copies stacks from the aggregate's table to the profile's.
struct Shaper<'a> {
    from: &'a Stacks,
    view: View,
    into: Stacks,
    /// (root in `into`, stack in `from`) → stack in `into`.
    nodes: FxHashMap<(Option<StackId>, StackId), StackId>,
}

impl Shaper<'_> {
    /// The frames for process, thread and sub-interpreter that a series' stacks stand on.
    fn root(&mut self, series: &Series) -> Option<StackId> {
        let mut root = None;
        if self.view.processes {
            root = Some(
                self.push(root, Frame::bare(FrameKind::Process, process_name(series.pid, &series.command))),
            );
        }
        if self.view.threads {
            let name = format!("thread {} ({})", series.tid, or_unknown(&series.thread));
            root = Some(self.push(root, Frame::bare(FrameKind::Thread, name)));
        }
        // The main interpreter is what everybody expects; another one must be seen, however the profile is looked at.
        if let Some(number @ 1..) = series.interpreter {
            let name = format!("interpreter {number} (sub-interpreter)");
            root = Some(self.push(root, Frame::bare(FrameKind::Interpreter, name)));
        }
        root
    }

    fn push(&mut self, parent: Option<StackId>, frame: Frame) -> StackId {
        let frame = self.into.intern_frame(frame);
        self.into.push(parent, frame)
    }

    /// The stack on top of `root`. Walks only until a part that was copied before.
    fn copy(&mut self, root: Option<StackId>, stack: StackId) -> StackId {
        let mut missing = Vec::new();
        let mut next = Some(stack);
        let mut copied = root;
        while let Some(node) = next {
            if let Some(&known) = self.nodes.get(&(root, node)) {
                copied = Some(known);
                break;
            }
            let (parent, frame) = self.from.node(node);
            missing.push((node, frame));
            next = parent;
        }
        for (node, frame) in missing.into_iter().rev() {
            let frame = self.from.frame(frame);
            let frame = if self.view.lines { frame.clone() } else { frame.by_function() };
            let pushed = self.push(copied, frame);
            self.nodes.insert((root, node), pushed);
            copied = Some(pushed);
        }
        copied.expect("a stack has a frame")
    }
}

/// `process 4242 (python app.py)`.
fn process_name(pid: Pid, command: &str) -> String {
    format!("process {pid} ({})", or_unknown(command))
}

fn or_unknown(name: &str) -> &str {
    if name.is_empty() { "?" } else { name }
}

/// What a profile is of, in words.
fn subject<'a>(selection: &Selection, series: impl Iterator<Item = &'a Series>) -> String {
    let mut pids = FxHashSet::default();
    let mut command = "";
    for series in series {
        pids.insert(series.pid);
        command = &series.command;
    }
    match (&selection.pids, pids.len()) {
        (_, 1) => {
            let pid = pids.iter().next().copied().unwrap_or(Pid(0));
            format!("{} (pid {pid})", or_unknown(command))
        }
        (Some(asked), 0) if asked.len() == 1 => format!("pid {}", asked[0]),
        (Some(asked), 0) => format!("{} processes", asked.len()),
        (None, 0) => "all processes".to_owned(),
        (_, count) => format!("{count} processes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Retention;
    use crate::model::{Labels, Tid};

    const START: u64 = 1000 * NANOSECONDS;

    fn python(name: &str, line: u32) -> Frame {
        Frame { file: "app.py".into(), line, first_line: 1, ..Frame::bare(FrameKind::Python, name) }
    }

    fn add(aggregate: &mut Aggregate, second: u64, (pid, tid): (u32, u32), frames: &[(&str, u32)]) {
        let series = aggregate.series(&Series {
            pid: Pid(pid),
            command: format!("python app{pid}.py").into(),
            labels: Labels::none(),
            tid: Tid(tid),
            thread: "worker".into(),
            python: "3.12.1".into(),
            interpreter: Some(0),
        });
        let stack = aggregate.intern(frames.iter().map(|(name, line)| python(name, *line)).collect());
        let weight = Weight { samples: 1, nanoseconds: 10 };
        assert_eq!(aggregate.add(START + second * NANOSECONDS, series, stack, weight), None);
    }

    fn filled() -> Aggregate {
        let mut aggregate = Aggregate::new(Retention::live(60), START);
        add(&mut aggregate, 0, (1, 1), &[("main", 5), ("work", 7)]);
        add(&mut aggregate, 1, (1, 1), &[("main", 5), ("work", 8)]);
        add(&mut aggregate, 2, (1, 2), &[("main", 5), ("work", 7)]);
        add(&mut aggregate, 2, (3, 3), &[("main", 5)]);
        aggregate
    }

    fn lines(profile: &Profile) -> Vec<String> {
        let mut lines: Vec<String> = profile
            .samples
            .iter()
            .map(|(stack, weight)| {
                let frames: Vec<String> = profile
                    .stacks
                    .root_first(*stack)
                    .iter()
                    .map(|frame| format!("{}:{}", frame.function, frame.line))
                    .collect();
                format!("{} {}", frames.join(";"), weight.samples)
            })
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn by_function_lines_are_one_frame() {
        let everything = Selection::last(10, START + 5 * NANOSECONDS);
        assert_eq!(lines(&profile(&filled(), &everything, View::default())), ["main:0 1", "main:0;work:0 3"]);
    }

    #[test]
    fn by_line_they_are_apart() {
        let everything = Selection::last(10, START + 5 * NANOSECONDS);
        let view = View { lines: true, ..View::default() };
        assert_eq!(
            lines(&profile(&filled(), &everything, view)),
            ["main:5 1", "main:5;work:7 2", "main:5;work:8 1"]
        );
    }

    #[test]
    fn processes_and_threads_are_root_frames() {
        let selection =
            Selection { pids: Some(vec![Pid(1)]), ..Selection::last(10, START + 5 * NANOSECONDS) };
        let view = View { threads: true, processes: true, lines: false };
        assert_eq!(
            lines(&profile(&filled(), &selection, view)),
            [
                "process 1 (python app1.py):0;thread 1 (worker):0;main:0;work:0 2",
                "process 1 (python app1.py):0;thread 2 (worker):0;main:0;work:0 1",
            ]
        );
    }

    #[test]
    fn with_labels_the_same_stack_of_two_threads_is_two_samples() {
        let everything = Selection::last(10, START + 5 * NANOSECONDS);
        let (aggregate, view) = (filled(), View::default());
        let labelled = labelled(&aggregate, &everything, view);
        let mut seen: Vec<String> = Vec::new();
        for (index, (stack, weight)) in labelled.samples.iter().enumerate() {
            let labels = labelled.labels.of_sample(index);
            let value =
                |name: &str| labels.iter().find(|(known, _)| **known == *name).map_or("", |(_, value)| value);
            let leaf = labelled.stacks.frame(labelled.stacks.node(*stack).1);
            seen.push(format!("{} {} {} {}", value("pid"), value("tid"), leaf.function, weight.samples));
            assert_eq!((value("thread"), value("python_version")), ("worker", "3.12.1"));
            assert!(labels.iter().all(|(_, value)| !value.is_empty()), "{labels:?}");
        }
        assert_eq!(seen, ["1 1 work 2", "1 2 work 1", "3 3 main 1"]);
        let together = profile(&aggregate, &everything, view);
        assert_eq!((together.total(), together.labels), (labelled.total(), SampleLabels::default()));
    }

    #[test]
    fn the_running_second_is_left_out() {
        let selection = Selection::last(2, START + 2 * NANOSECONDS + 500);
        assert_eq!((selection.since, selection.until), (START, START + 2 * NANOSECONDS));
        assert_eq!(lines(&profile(&filled(), &selection, View::default())), ["main:0;work:0 2"]);
    }

    #[test]
    fn the_duration_is_what_was_really_covered() {
        let about = profile(&filled(), &Selection::last(60, START + 5 * NANOSECONDS), View::default()).about;
        assert_eq!((about.start, about.duration), (START, 5 * NANOSECONDS));
        assert_eq!(about.subject, "2 processes");
    }

    #[test]
    fn a_selection_without_samples_says_what_it_was_of() {
        let selection =
            Selection { pids: Some(vec![Pid(9)]), ..Selection::last(10, START + 5 * NANOSECONDS) };
        let profile = profile(&filled(), &selection, View::default());
        assert!(profile.samples.is_empty());
        assert_eq!(profile.about.subject, "pid 9");
    }

    #[test]
    fn the_same_selection_gives_the_same_profile() {
        let selection = Selection::last(10, START + 5 * NANOSECONDS);
        let view = View { threads: true, processes: true, lines: true };
        let (one, two) = (profile(&filled(), &selection, view), profile(&filled(), &selection, view));
        assert_eq!(one.samples, two.samples);
        assert_eq!(lines(&one), lines(&two));
    }
}
