//! Names of the store's files, and what they say: table, node, day, level and which numbers of the log a file covers.
//!
//! `samples/node=web-1/date=2026-11-24/0-00000007-00000007.parquet`: numbers, not times, name files, so that a clock that
//! jumps back harms nothing. Names are the same whenever a step is done again, so doing it again after a crash overwrites
//! what was there. It must not know what is in a file.

use std::sync::Arc;

use object_store::path::Path;

/// A table of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// What was running: see [`SAMPLES`](super::schema::SAMPLES).
    Samples,
    /// The stacks that `samples` names: see [`STACKS`](super::schema::STACKS).
    Stacks,
    /// When samples were taken: see [`TICKS`](super::schema::TICKS).
    Ticks,
}

impl Table {
    /// All.
    pub const ALL: [Table; 3] = [Table::Samples, Table::Stacks, Table::Ticks];

    /// The folder that its files are in.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Samples => "samples",
            Table::Stacks => "stacks",
            Table::Ticks => "ticks",
        }
    }
}

/// The files of one node and day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The machine's name.
    pub node: Arc<str>,
    /// Days since 1970, UTC.
    pub date: i32,
}

/// How much was put together in a file: one log, the files of an hour, those of some hours, or those of a day gone by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// From one log.
    Sealed,
    /// From several sealed files.
    Compacted,
    /// From as many of those as one job may read. The id of a stack is 16 bytes that no compression makes smaller, once in
    /// each file that has the stack: in files of an hour they are most of the bytes.
    Gathered,
    /// Samples: in steps of a minute. Stacks: of the whole day.
    RolledUp,
}

impl Level {
    /// From the lowest.
    pub const ALL: [Level; 4] = [Level::Sealed, Level::Compacted, Level::Gathered, Level::RolledUp];

    /// In words, for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Sealed => "sealed",
            Level::Compacted => "compacted",
            Level::Gathered => "gathered",
            Level::RolledUp => "rolled_up",
        }
    }
}

/// What a file's name says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// Its table.
    pub table: Table,
    /// Its node and day.
    pub partition: Partition,
    /// The number of the first log that it covers.
    pub first: u32,
    /// The number of the last.
    pub last: u32,
    /// How much was put together.
    pub level: Level,
}

impl SegmentName {
    /// The file's name.
    pub fn path(&self) -> Path {
        Path::from_iter([
            self.table.name().to_owned(),
            format!("node={}", self.partition.node),
            format!("date={}", date_text(self.partition.date)),
            format!("{}-{:08}-{:08}.parquet", self.level as u8, self.first, self.last),
        ])
    }

    /// What a path says. `None`: it is no file of the store.
    pub fn parse(path: &Path) -> Option<SegmentName> {
        let parts: Vec<_> = path.parts().collect();
        let [table, node, date, file] = parts.as_slice() else { return None };
        let table = Table::ALL.into_iter().find(|known| known.name() == table.as_ref())?;
        let node = decoded(node.as_ref().strip_prefix("node=")?)?;
        let date = parse_date(date.as_ref().strip_prefix("date=")?)?;
        let mut numbers = file.as_ref().strip_suffix(".parquet")?.split('-');
        let mut number = || numbers.next()?.parse::<u32>().ok();
        let (level, first, last) = (number()?, number()?, number()?);
        let level = *Level::ALL.get(level as usize)?;
        let name =
            SegmentName { table, partition: Partition { node: node.into(), date }, first, last, level };
        // Another way to write the same is not ours: two files would have one name.
        (first <= last && name.path() == *path).then_some(name)
    }

    /// Whether all that is in the other file is in this one too: it was put together from it.
    pub fn supersedes(&self, other: &SegmentName) -> bool {
        self.level > other.level
            && (self.table, &self.partition) == (other.table, &other.partition)
            && self.first <= other.first
            && other.last <= self.last
    }
}

/// Undoes the percent signs that `Path` writes; the check that a name leads back to its path does the rest.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, after @ ..] = rest {
        (bytes, rest) = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let text = [*high, *low];
                let code = u8::from_str_radix(std::str::from_utf8(&text).ok()?, 16).ok()?;
                bytes.push(code);
                (bytes, after)
            }
            _ => {
                bytes.push(*first);
                (bytes, after)
            }
        };
    }
    String::from_utf8(bytes).ok()
}

/// `2026-11-24` for days since 1970. Days that no calendar has are shown as the nearest that it has.
pub fn date_text(date: i32) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    let span = jiff::SignedDuration::from_hours(24 * i64::from(date));
    epoch.saturating_add(span).to_string()
}

fn parse_date(text: &str) -> Option<i32> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let days = date.duration_since(jiff::civil::date(1970, 1, 1)).as_hours() / 24;
    i32::try_from(days).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(node: &str, level: Level, first: u32, last: u32) -> SegmentName {
        let partition = Partition { node: node.into(), date: 20781 };
        SegmentName { table: Table::Samples, partition, level, first, last }
    }

    #[test]
    fn a_name_is_what_the_contract_says_and_leads_back() {
        let sealed = name("web-1", Level::Sealed, 7, 7);
        assert_eq!(sealed.path().as_ref(), "samples/node=web-1/date=2026-11-24/0-00000007-00000007.parquet");
        for node in ["web-1", "a/b", "ü %25", "..", "x=1#2"] {
            let name = SegmentName { table: Table::Stacks, ..name(node, Level::RolledUp, 1, u32::MAX) };
            assert_eq!(SegmentName::parse(&name.path()), Some(name));
        }
    }

    #[test]
    fn other_files_are_not_ours() {
        for path in [
            "samples/node=a/date=2026-11-24/0-7-7.parquet",
            "samples/node=a/date=2026-11-24/0-00000007-00000006.parquet",
            "samples/node=a/date=2026-11-24/4-00000007-00000007.parquet",
            "samples/node=a/date=2026-13-24/0-00000007-00000007.parquet",
            "samples/node=a/date=+002026-11-24/0-00000007-00000007.parquet",
            "samples/node=a/date=2026-11-24/0-00000007-00000007-1.parquet",
            "samples/node=a/date=2026-11-24/x.parquet",
            "samples/date=2026-11-24/0-00000007-00000007.parquet",
            "other/node=a/date=2026-11-24/0-00000007-00000007.parquet",
            "samples",
        ] {
            assert_eq!(SegmentName::parse(&Path::from(path)), None, "{path}");
        }
        assert_eq!(SegmentName::parse(&Path::parse("samples/node=%/date=2026-11-24/a").unwrap()), None);
    }

    #[test]
    fn a_file_supersedes_those_that_it_was_made_of() {
        let hour = name("a", Level::Compacted, 3, 9);
        assert!(
            hour.supersedes(&name("a", Level::Sealed, 3, 3))
                && hour.supersedes(&name("a", Level::Sealed, 9, 9))
        );
        assert!(name("a", Level::Gathered, 3, 20).supersedes(&hour) && !hour.supersedes(&hour));
        for other in [
            name("a", Level::Sealed, 10, 10),
            name("b", Level::Sealed, 4, 4),
            name("a", Level::Compacted, 4, 5),
            name("a", Level::RolledUp, 4, 4),
            SegmentName { table: Table::Stacks, ..name("a", Level::Sealed, 4, 4) },
        ] {
            assert!(!hour.supersedes(&other), "{other:?}");
        }
    }

    #[test]
    fn dates_beyond_the_calendar_are_bounded() {
        assert_eq!(date_text(i32::MAX), "9999-12-31");
        assert_eq!(parse_date(&date_text(0)), Some(0));
    }
}
