//! From an answer to a [`Profile`]: by function or by line, with or without frames for process and thread.
//!
//! It must not know who answered.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use super::LOOK_EVERY;
use crate::aggregate::Aggregate;
use crate::model::copier::Copier;
use crate::model::labels::NAMES;
use crate::model::select::{Select, SelectError, Selected, SelectedRow};
use crate::model::{About, Frame, FrameKind, Profile, SampleLabels, StackId, Stacks, Weight};

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

impl View {
    /// The labels that [`Select::by`] must have for this view.
    pub fn labels(self) -> Vec<Arc<str>> {
        let processes = self.processes.then_some(["pid", "command"]);
        let threads = self.threads.then_some(["tid", "thread"]);
        let names = processes.into_iter().chain(threads).flatten();
        // The main interpreter is what everybody expects; another one must be seen, however the profile is looked at.
        names.chain(["interpreter"]).map(Arc::from).collect()
    }
}

/// Every label that [`Select::by`] must have for a profile that is [`labelled`]; `extra` are those that processes gave
/// themselves.
pub fn every_label(extra: Vec<Arc<str>>) -> Vec<Arc<str>> {
    NAMES.into_iter().map(Arc::from).chain(extra).collect()
}

/// The profile of an answer to `select`, which had [`View::labels`] at least. [`About::frequency`] is 0 and the subject
/// empty: the answer does not know them.
///
/// # Errors
/// [`SelectError::Cancelled`].
pub fn profile(selected: &Selected, select: &Select, view: View) -> Result<Profile, SelectError> {
    shape(selected, select, view, |_| None)
}

/// The same, apart by the labels that were asked for: [`Profile::labels`].
///
/// # Errors
/// [`SelectError::Cancelled`].
pub fn labelled(selected: &Selected, select: &Select, view: View) -> Result<Profile, SelectError> {
    let mut sets = IndexSet::<_, FxBuildHasher>::default();
    let set_of = |group: &Vec<Arc<str>>| {
        let pairs = select.by.iter().cloned().zip(group.iter().cloned());
        sets.insert_full(pairs.filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>()).0 as u32
    };
    let set_of: Vec<u32> = selected.groups.iter().map(set_of).collect();
    let mut profile = shape(selected, select, view, |row| Some(set_of[row.group as usize]))?;
    profile.labels.sets = sets.into_iter().collect();
    Ok(profile)
}

/// The profile of a whole recording from one moment (Unix nanoseconds) to another, apart by labels if it is `is_labelled`.
/// As with [`profile`], frequency and subject are for the caller to say.
///
/// # Errors
/// If it were larger than an answer may be; [`Retention::recording`](crate::aggregate::Retention::recording) keeps less.
pub fn recorded(
    aggregate: &Aggregate,
    (started, ended): (u64, u64),
    view: View,
    is_labelled: bool,
) -> Result<Profile, SelectError> {
    let by = if is_labelled { every_label(aggregate.extra_labels()) } else { view.labels() };
    let select = Select { until: u64::MAX, stacks: true, by, ..Select::default() };
    let selected = aggregate.select(&select)?;
    let mut profile = match is_labelled {
        true => labelled(&selected, &select, view)?,
        false => profile(&selected, &select, view)?,
    };
    profile.about = About { start: started, duration: ended.saturating_sub(started), ..About::default() };
    Ok(profile)
}

/// Makes the profile; samples of rows that `set_of` answers differently for are apart.
pub(super) fn shape(
    selected: &Selected,
    select: &Select,
    view: View,
    set_of: impl Fn(&SelectedRow) -> Option<u32>,
) -> Result<Profile, SelectError> {
    let mut stacks = Stacks::default();
    let shaped = |frame: &Frame| if view.lines { frame.clone() } else { frame.by_function() };
    let mut copier = Copier::new(&selected.stacks, shaped);
    let place = |name: &str| select.by.iter().position(|by| **by == *name);
    let places = Places {
        pid: place("pid"),
        command: place("command"),
        tid: place("tid"),
        thread: place("thread"),
        interpreter: place("interpreter"),
    };
    let roots: Vec<Option<StackId>> =
        selected.groups.iter().map(|group| root(view, &places, group, &mut stacks)).collect();
    let mut samples: IndexMap<(StackId, Option<u32>), Weight, FxBuildHasher> = IndexMap::default();
    for (index, row) in selected.rows.iter().enumerate() {
        if index.is_multiple_of(LOOK_EVERY) && select.cancelled.is_cancelled() {
            return Err(SelectError::Cancelled);
        }
        let Some(stack) = row.stack else { continue };
        let stack = copier.copy(stack, roots[row.group as usize], &mut stacks);
        *samples.entry((stack, set_of(row))).or_default() += row.weight;
    }
    let since = selected.complete_since.clamp(select.since, select.until);
    let about = About { start: since, duration: select.until - since, ..About::default() };
    let labels = SampleLabels { sets: Vec::new(), of: samples.keys().filter_map(|(_, set)| *set).collect() };
    let samples = samples.into_iter().map(|((stack, _), weight)| (stack, weight)).collect();
    Ok(Profile { stacks, samples, labels, about })
}

/// Where in a group the values of labels are.
struct Places {
    pid: Option<usize>,
    command: Option<usize>,
    tid: Option<usize>,
    thread: Option<usize>,
    interpreter: Option<usize>,
}

/// The frames for process, thread and sub-interpreter that a group's stacks stand on.
fn root(view: View, places: &Places, group: &[Arc<str>], into: &mut Stacks) -> Option<StackId> {
    let mut frames = Vec::new();
    if view.processes {
        let (pid, command) = (value(group, places.pid), value(group, places.command));
        let name = format!("process {} ({})", or_none(pid), or_unknown(command));
        frames.push(Frame::bare(FrameKind::Process, name));
    }
    if view.threads {
        let (tid, thread) = (value(group, places.tid), value(group, places.thread));
        let name = format!("thread {} ({})", or_none(tid), or_unknown(thread));
        frames.push(Frame::bare(FrameKind::Thread, name));
    }
    let interpreter = value(group, places.interpreter);
    if !["", "0"].contains(&interpreter) {
        let name = format!("interpreter {interpreter} (sub-interpreter)");
        frames.push(Frame::bare(FrameKind::Interpreter, name));
    }
    into.intern(frames)
}

fn value(group: &[Arc<str>], place: Option<usize>) -> &str {
    place.and_then(|place| group.get(place)).map_or("", |value| value)
}

fn or_unknown(name: &str) -> &str {
    if name.is_empty() { "?" } else { name }
}

/// The id that stands for none: several that found no room, or nobody knows whose.
fn or_none(id: &str) -> &str {
    if id.is_empty() { "0" } else { id }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::NANOSECONDS;
    use super::*;
    use crate::aggregate::Retention;
    use crate::model::{Labels, Pid, Series, Tid};

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
            interpreter: Some(u64::from(pid == 4)),
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

    /// Of stacks of functions without files, each with its samples, 10 ns each.
    pub(crate) fn of_names(stacks: &[(&[&str], u64)]) -> Profile {
        let mut profile = Profile::default();
        for (names, samples) in stacks {
            let frames = names.iter().map(|name| Frame::bare(FrameKind::Python, *name));
            let stack = profile.stacks.intern(frames).unwrap();
            profile.samples.push((stack, Weight { samples: *samples, nanoseconds: samples * 10 }));
        }
        profile
    }

    /// `root:line;…;leaf:line samples`, sorted.
    pub(crate) fn lines(profile: &Profile) -> Vec<String> {
        let line = |(stack, weight): &(StackId, Weight)| {
            let frames = profile.stacks.root_first(*stack);
            let frames: Vec<String> =
                frames.iter().map(|frame| format!("{}:{}", frame.function, frame.line)).collect();
            format!("{} {}", frames.join(";"), weight.samples)
        };
        let mut lines: Vec<String> = profile.samples.iter().map(line).collect();
        lines.sort();
        lines
    }

    fn of(aggregate: &Aggregate, view: View) -> Profile {
        let (since, until) = (START, START + 5 * NANOSECONDS);
        let select = Select { since, until, stacks: true, by: view.labels(), ..Select::default() };
        profile(&aggregate.select(&select).unwrap(), &select, view).unwrap()
    }

    #[test]
    fn by_function_lines_are_one_frame() {
        assert_eq!(lines(&of(&filled(), View::default())), ["main:0 1", "main:0;work:0 3"]);
    }

    #[test]
    fn by_line_they_are_apart() {
        let view = View { lines: true, ..View::default() };
        assert_eq!(lines(&of(&filled(), view)), ["main:5 1", "main:5;work:7 2", "main:5;work:8 1"]);
    }

    #[test]
    fn processes_and_threads_are_root_frames() {
        let view = View { threads: true, processes: true, lines: false };
        assert_eq!(
            lines(&of(&filled(), view)),
            [
                "process 1 (python app1.py):0;thread 1 (worker):0;main:0;work:0 2",
                "process 1 (python app1.py):0;thread 2 (worker):0;main:0;work:0 1",
                "process 3 (python app3.py):0;thread 3 (worker):0;main:0 1",
            ]
        );
    }

    #[test]
    fn a_sub_interpreter_is_seen_in_every_view() {
        let mut aggregate = Aggregate::new(Retention::live(60), START);
        add(&mut aggregate, 0, (4, 4), &[("main", 5)]);
        assert_eq!(lines(&of(&aggregate, View::default())), ["interpreter 1 (sub-interpreter):0;main:0 1"]);
    }

    #[test]
    fn a_recording_is_everything() {
        let mut aggregate = Aggregate::new(Retention::recording(), START + 7);
        add(&mut aggregate, 0, (1, 1), &[("main", 5)]);
        add(&mut aggregate, 9, (1, 2), &[("main", 6)]);
        let one = recorded(&aggregate, (START + 7, START + 10_007), View::default(), false).unwrap();
        assert_eq!(lines(&one), ["main:0 2"]);
        assert_eq!((one.about.start, one.about.duration), (START + 7, 10_000));
    }

    #[test]
    fn with_labels_the_same_stack_of_two_threads_is_two_samples() {
        let aggregate = filled();
        let range = (START, START + 5 * NANOSECONDS);
        let of = |is_labelled| recorded(&aggregate, range, View::default(), is_labelled).unwrap();
        let (apart, together) = (of(true), of(false));
        let mut seen: Vec<String> = Vec::new();
        for (index, (stack, weight)) in apart.samples.iter().enumerate() {
            let labels = apart.labels.of_sample(index);
            let value =
                |name: &str| labels.iter().find(|(known, _)| **known == *name).map_or("", |(_, value)| value);
            let leaf = apart.stacks.frame(apart.stacks.node(*stack).1);
            seen.push(format!("{} {} {} {}", value("pid"), value("tid"), leaf.function, weight.samples));
            assert_eq!((value("thread"), value("python_version")), ("worker", "3.12.1"));
            assert!(labels.iter().all(|(_, value)| !value.is_empty()), "{labels:?}");
        }
        seen.sort();
        assert_eq!(seen, ["1 1 work 2", "1 2 work 1", "3 3 main 1"]);
        assert_eq!((together.total(), together.labels), (apart.total(), SampleLabels::default()));
    }

    #[test]
    fn the_same_question_gives_the_same_profile() {
        let view = View { threads: true, processes: true, lines: true };
        let (one, two) = (of(&filled(), view), of(&filled(), view));
        assert_eq!(one.samples, two.samples);
        assert_eq!(lines(&one), lines(&two));
    }
}
