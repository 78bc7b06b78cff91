//! What to do next with the files that are there: put together, roll up, delete.
//!
//! Pure: a list of files and the time in, the next job out. Files that are put together are neighbours by their numbers, with
//! none of a higher level in between, so that the range of the new file covers what it was made of and nothing else. It must
//! not know how any of it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::names::{Level, Partition, SegmentName, Table};
use super::options::{Intervals, Limits};

const DAY_MS: i64 = 24 * 3600 * 1000;
/// Most files that one job reads: each takes one or two megabytes while it does. The logs of an hour are fewer, unless they
/// are so large that they are sealed early.
const MOST_INPUTS: usize = 8;
/// Most bytes that one job reads: they are in memory, and so is what is made of them.
const MOST_BYTES: u64 = 8 << 20;

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What its name says.
    pub name: SegmentName,
    /// Its size.
    pub bytes: u64,
    /// When its first window began and when its last was over, Unix milliseconds; of `stacks`: the day.
    pub times: (i64, i64),
    /// Whether it is read only, as it has columns of a later version.
    pub unknown_columns: bool,
}

/// The day of a partition, Unix milliseconds.
pub fn day(partition: &Partition) -> (i64, i64) {
    let start = i64::from(partition.date) * DAY_MS;
    (start, start.saturating_add(DAY_MS))
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Make one file of several.
    Merge {
        /// These.
        inputs: Vec<Arc<Segment>>,
        /// The new one.
        output: SegmentName,
    },
    /// It is too old, or there is no room.
    Delete(Arc<Segment>),
    /// It is of `ticks`, and its day is rolled up.
    Forget(Arc<Segment>),
}

/// What a plan is made by.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// All files.
    pub segments: &'a [Arc<Segment>],
    /// Partitions of what is in memory: their stacks are needed.
    pub in_use: &'a BTreeSet<Partition>,
    /// Bytes of all other files.
    pub other_bytes: u64,
    /// Unix milliseconds.
    pub now: i64,
    /// Whether it is time to put sealed files together.
    pub compact: bool,
}

/// The next job: what frees room first.
pub fn next(situation: &Situation<'_>, limits: &Limits, intervals: &Intervals) -> Option<Job> {
    if let Some(segment) = too_old(situation, limits).or_else(|| too_much(situation, limits)) {
        return Some(Job::Delete(segment));
    }
    if let Some(segment) = rolled_up_ticks(situation, intervals) {
        return Some(Job::Forget(segment));
    }
    let mut partitions: BTreeMap<(Table, &Partition), Vec<&Arc<Segment>>> = BTreeMap::new();
    for segment in situation.segments {
        partitions.entry((segment.name.table, &segment.name.partition)).or_default().push(segment);
    }
    let many =
        (2 * intervals.compact.as_nanos() / intervals.seal.as_nanos().max(1)).clamp(2, MOST_INPUTS as u128);
    for ((table, partition), mut segments) in partitions {
        segments.sort_by_key(|segment| (segment.name.first, segment.name.last));
        if segments.windows(2).any(|pair| pair[1].name.first <= pair[0].name.last) {
            // Not made by us: a file that covers one that it was not made of must not come to be.
            continue;
        }
        let over = is_over(partition, situation, intervals);
        let sealed = segments.iter().filter(|segment| segment.name.level == Level::Sealed).count();
        // Samples change when they are rolled up, even if they are in one file.
        let least = if over && table == Table::Samples { 1 } else { 2 };
        let found = if over {
            neighbours(&segments, Level::RolledUp, least).map(|inputs| (Level::RolledUp, inputs))
        } else {
            let due = situation.compact || sealed as u128 > many;
            let compacted = if due { neighbours(&segments, Level::Compacted, least) } else { None };
            compacted.map(|inputs| (Level::Compacted, inputs)).or_else(|| {
                let ended = day(partition).1.saturating_add(milliseconds(intervals.compact)) <= situation.now;
                gathered(&segments, ended).map(|inputs| (Level::Gathered, inputs))
            })
        };
        if let Some((level, inputs)) = found {
            let (first, last) = (inputs[0].name.first, inputs[inputs.len() - 1].name.last);
            let output = SegmentName { table, partition: partition.clone(), first, last, level };
            return Some(Job::Merge { inputs, output });
        }
    }
    None
}

/// Whether a day is to be rolled up.
fn is_over(partition: &Partition, situation: &Situation<'_>, intervals: &Intervals) -> bool {
    day(partition).1.saturating_add(milliseconds(intervals.roll_up)) <= situation.now
}

/// Milliseconds of a day of which minutes are kept.
fn rolled_up_ticks(situation: &Situation<'_>, intervals: &Intervals) -> Option<Arc<Segment>> {
    let mut ticks = situation.segments.iter().filter(|segment| segment.name.table == Table::Ticks);
    ticks.find(|segment| is_over(&segment.name.partition, situation, intervals)).cloned()
}

/// The first files side by side that are of a lower level, as many as may be read at once and at least `least`.
fn neighbours(segments: &[&Arc<Segment>], output: Level, least: usize) -> Option<Vec<Arc<Segment>>> {
    runs(segments, output).into_iter().find(|run| run.len() >= least)
}

/// The first files side by side to which no other will come, as they are as many as may be read at once; in a day that has
/// `ended`, all.
fn gathered(segments: &[&Arc<Segment>], ended: bool) -> Option<Vec<Arc<Segment>>> {
    // Sealed files at the end are put together among themselves first.
    let is_settled = |segment: &&Arc<Segment>| ended || segment.name.level > Level::Sealed;
    let settled = segments.iter().rposition(is_settled).map_or(0, |last| last + 1);
    let last = segments[..settled].last().map(|segment| &segment.name);
    let is_full = |run: &Vec<Arc<Segment>>| {
        let more_may_come =
            !ended && run.len() < MOST_INPUTS && run.last().map(|segment| &segment.name) == last;
        run.len() >= 2 && !more_may_come
    };
    runs(&segments[..settled], Level::Gathered).into_iter().find(is_full)
}

/// All files that are of a lower level, each with those beside it that may be read with it.
fn runs(segments: &[&Arc<Segment>], output: Level) -> Vec<Vec<Arc<Segment>>> {
    let mut runs: Vec<Vec<Arc<Segment>>> = Vec::new();
    let (mut open, mut bytes) = (false, 0);
    for segment in segments {
        let fits = segment.name.level < output && !segment.unknown_columns;
        let run = runs
            .last_mut()
            .filter(|run| open && run.len() < MOST_INPUTS && bytes + segment.bytes <= MOST_BYTES);
        match run {
            Some(run) if fits => {
                bytes += segment.bytes;
                run.push((*segment).clone());
            }
            _ if fits => {
                bytes = segment.bytes;
                runs.push(vec![(*segment).clone()]);
            }
            _ => {}
        }
        open = fits;
    }
    runs
}

fn too_old(situation: &Situation<'_>, limits: &Limits) -> Option<Arc<Segment>> {
    let oldest = situation.now.saturating_sub(milliseconds(limits.max_age));
    let old = aged(situation).filter(|segment| segment.times.1 < oldest).min_by_key(|segment| age(segment));
    old.cloned().or_else(|| orphaned_stacks(situation))
}

fn too_much(situation: &Situation<'_>, limits: &Limits) -> Option<Arc<Segment>> {
    let bytes: u64 = situation.segments.iter().map(|segment| segment.bytes).sum();
    if bytes.saturating_add(situation.other_bytes) <= limits.max_bytes {
        return None;
    }
    aged(situation).min_by_key(|segment| age(segment)).cloned()
}

/// What goes by its age: stacks stay as long as there are samples.
fn aged<'a>(situation: &Situation<'a>) -> impl Iterator<Item = &'a Arc<Segment>> {
    situation.segments.iter().filter(|segment| segment.name.table != Table::Stacks)
}

fn samples<'a>(situation: &Situation<'a>) -> impl Iterator<Item = &'a Arc<Segment>> {
    situation.segments.iter().filter(|segment| segment.name.table == Table::Samples)
}

/// Stacks of a day of which no samples are left.
fn orphaned_stacks(situation: &Situation<'_>) -> Option<Arc<Segment>> {
    let with_samples: BTreeSet<&Partition> =
        samples(situation).map(|segment| &segment.name.partition).chain(situation.in_use).collect();
    let mut stacks = situation.segments.iter().filter(|segment| segment.name.table == Table::Stacks);
    stacks.find(|segment| !with_samples.contains(&segment.name.partition)).cloned()
}

fn age(segment: &Segment) -> (i64, u32) {
    (segment.times.1, segment.name.first)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: i32 = 20_000;
    const HOUR: i64 = 3_600_000;

    fn segment(level: Level, first: u32, last: u32) -> Arc<Segment> {
        let name = SegmentName {
            table: Table::Samples,
            partition: Partition { node: "n".into(), date: DATE },
            first,
            last,
            level,
        };
        let start = day(&name.partition).0 + i64::from(first) * 600_000;
        Arc::new(Segment { name, bytes: 1000, times: (start, start + 600_000), unknown_columns: false })
    }

    fn plan(segments: &[Arc<Segment>], hours: i64, compact: bool) -> Option<Job> {
        let limits = Limits { max_age: Duration::from_secs(14 * 24 * 3600), max_bytes: 100_000 };
        plan_with(segments, hours, compact, &limits)
    }

    fn plan_with(segments: &[Arc<Segment>], hours: i64, compact: bool, limits: &Limits) -> Option<Job> {
        let now = i64::from(DATE) * DAY_MS + hours * HOUR;
        let in_use = BTreeSet::new();
        let situation = Situation { segments, in_use: &in_use, other_bytes: 0, now, compact };
        next(&situation, limits, &super::super::options::Options::new("".into(), "n".into()).intervals)
    }

    fn merged(job: Option<Job>) -> Option<(Level, u32, u32, usize)> {
        match job? {
            Job::Merge { inputs, output } => Some((output.level, output.first, output.last, inputs.len())),
            Job::Delete(segment) | Job::Forget(segment) => panic!("{segment:?} is not to be deleted"),
        }
    }

    #[test]
    fn sealed_files_are_put_together_when_it_is_time() {
        let six: Vec<_> = (1..=6).map(|number| segment(Level::Sealed, number, number)).collect();
        assert_eq!(plan(&six, 2, false), None);
        assert_eq!(merged(plan(&six, 2, true)), Some((Level::Compacted, 1, 6, 6)));
        assert_eq!(plan(&six[..1], 2, true), None, "one file is as it should be");
        let many: Vec<_> = (1..=13).map(|number| segment(Level::Sealed, number, number)).collect();
        assert_eq!(
            merged(plan(&many, 2, false)),
            Some((Level::Compacted, 1, 8, 8)),
            "however often we start"
        );
    }

    #[test]
    fn a_day_gone_by_is_rolled_up() {
        let files = [segment(Level::Gathered, 1, 6), segment(Level::Sealed, 7, 7)];
        assert_eq!(plan(&files, 47, false), None);
        assert_eq!(merged(plan(&files, 48, false)), Some((Level::RolledUp, 1, 7, 2)));
        assert_eq!(merged(plan(&files[1..], 48, false)), Some((Level::RolledUp, 7, 7, 1)));
        assert_eq!(plan(&[segment(Level::RolledUp, 1, 7)], 48, true), None);
    }

    #[test]
    fn files_are_gathered_when_there_are_as_many_as_one_job_may_read() {
        let hours: Vec<_> =
            (0..8).map(|hour| segment(Level::Compacted, 6 * hour + 1, 6 * hour + 6)).collect();
        assert_eq!(plan(&hours[..7], 7, true), None);
        assert_eq!(merged(plan(&hours, 8, false)), Some((Level::Gathered, 1, 48, 8)));
        let mut files = hours[..7].to_vec();
        files.push(segment(Level::Sealed, 43, 43));
        assert_eq!(plan(&files, 7, true), None, "a sealed file waits for those of its hour");
        files[3] = segment(Level::Sealed, 19, 24);
        files.push(segment(Level::Compacted, 44, 49));
        let all = Some((Level::Gathered, 1, 43, 8));
        assert_eq!(merged(plan(&files, 8, false)), all, "one alone in its hour goes along");
    }

    #[test]
    fn files_are_gathered_earlier_if_they_are_large_or_the_day_has_ended() {
        let large = |number| {
            let bytes = MOST_BYTES / 3;
            Arc::new(Segment { bytes, ..(*segment(Level::Compacted, number, number)).clone() })
        };
        let files: Vec<_> = (1..=4).map(large).collect();
        let limits = Limits { max_age: Duration::MAX, max_bytes: u64::MAX };
        assert_eq!(plan_with(&files[..3], 3, true, &limits), None, "a fourth may be small");
        assert_eq!(merged(plan_with(&files, 4, false, &limits)), Some((Level::Gathered, 1, 3, 3)));

        let few = [
            segment(Level::Compacted, 1, 6),
            segment(Level::Compacted, 7, 12),
            segment(Level::Sealed, 13, 13),
        ];
        assert_eq!(plan(&few, 24, false), None);
        assert_eq!(merged(plan(&few, 25, false)), Some((Level::Gathered, 1, 13, 3)));
        let before = [segment(Level::Gathered, 1, 12), segment(Level::Compacted, 13, 14)];
        assert_eq!(plan(&before, 25, false), None, "one file is as it should be");
    }

    #[test]
    fn a_new_file_covers_only_what_it_was_made_of() {
        let files = [
            segment(Level::Sealed, 5, 5),
            segment(Level::Compacted, 6, 9),
            segment(Level::Sealed, 10, 10),
            segment(Level::Sealed, 11, 11),
        ];
        assert_eq!(merged(plan(&files, 2, true)), Some((Level::Compacted, 10, 11, 2)));
        let overlapping =
            [segment(Level::Compacted, 1, 6), segment(Level::Sealed, 6, 6), segment(Level::Sealed, 7, 7)];
        assert_eq!(plan(&overlapping, 2, true), None);
    }

    #[test]
    fn one_job_reads_so_much_and_no_more() {
        let large: Vec<_> = (1..=4)
            .map(|number| {
                Arc::new(Segment {
                    bytes: MOST_BYTES / 2,
                    ..(*segment(Level::Sealed, number, number)).clone()
                })
            })
            .collect();
        let limits = Limits { max_age: Duration::MAX, max_bytes: u64::MAX };
        assert_eq!(merged(plan_with(&large, 2, true, &limits)), Some((Level::Compacted, 1, 2, 2)));
    }

    #[test]
    fn files_with_columns_of_a_later_version_stay_as_they_are() {
        let later = Arc::new(Segment { unknown_columns: true, ..(*segment(Level::Sealed, 2, 2)).clone() });
        let files =
            [segment(Level::Sealed, 1, 1), later, segment(Level::Sealed, 3, 3), segment(Level::Sealed, 4, 4)];
        assert_eq!(merged(plan(&files, 2, true)), Some((Level::Compacted, 3, 4, 2)));
    }

    #[test]
    fn the_oldest_goes_first_and_stacks_with_the_last_samples_of_their_day() {
        let samples: Vec<_> = (1..=3).map(|number| segment(Level::Sealed, number, number)).collect();
        let name = SegmentName { table: Table::Stacks, ..samples[0].name.clone() };
        let stacks = Arc::new(Segment { name, ..(*samples[0]).clone() });
        let mut files = vec![samples[2].clone(), stacks.clone(), samples[0].clone(), samples[1].clone()];
        let limits = Limits { max_age: Duration::MAX, max_bytes: 3500 };
        assert_eq!(plan_with(&files, 2, false, &limits), Some(Job::Delete(samples[0].clone())));
        files.remove(2);
        assert_eq!(plan_with(&files, 2, false, &limits), None);
        let limits = Limits { max_age: Duration::from_secs(60), max_bytes: 3500 };
        assert_eq!(plan_with(&files, 24, false, &limits), Some(Job::Delete(samples[1].clone())));
        assert_eq!(
            plan_with(std::slice::from_ref(&stacks), 24, false, &limits),
            Some(Job::Delete(stacks.clone()))
        );
    }

    #[test]
    fn ticks_are_put_together_as_samples_are_and_go_when_their_day_is_rolled_up() {
        let ticks: Vec<_> = (1..=3)
            .map(|number| {
                let sealed = segment(Level::Sealed, number, number);
                let name = SegmentName { table: Table::Ticks, ..sealed.name.clone() };
                Arc::new(Segment { name, ..(*sealed).clone() })
            })
            .collect();
        assert_eq!(merged(plan(&ticks, 2, true)), Some((Level::Compacted, 1, 3, 3)));
        assert_eq!(plan(&ticks, 48, false), Some(Job::Forget(ticks[0].clone())));
        let samples = segment(Level::Sealed, 2, 2);
        let files = [samples.clone(), ticks[0].clone(), ticks[1].clone()];
        let limits = Limits { max_age: Duration::MAX, max_bytes: 2500 };
        assert_eq!(plan_with(&files, 2, false, &limits), Some(Job::Delete(ticks[0].clone())));
        assert_eq!(plan_with(&files[..2], 2, false, &limits), None);
        let limits = Limits { max_age: Duration::from_secs(60), max_bytes: 2500 };
        assert_eq!(plan_with(&ticks[..1], 24, false, &limits), Some(Job::Delete(ticks[0].clone())));
    }

    #[test]
    fn stacks_of_what_is_in_memory_stay() {
        let name = SegmentName { table: Table::Stacks, ..segment(Level::Sealed, 1, 1).name.clone() };
        let stacks = [Arc::new(Segment { name: name.clone(), ..(*segment(Level::Sealed, 1, 1)).clone() })];
        let in_use = BTreeSet::from([name.partition]);
        let situation =
            Situation { segments: &stacks, in_use: &in_use, other_bytes: 0, now: i64::MAX, compact: false };
        let options = super::super::options::Options::new("".into(), "n".into());
        assert_eq!(next(&situation, &options.limits, &options.intervals), None);
    }
}
