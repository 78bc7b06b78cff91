//! Files that were tampered with or cut off: there is an answer or an error, whatever is in them.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use proptest::prelude::*;
use proptest::sample::Index;

use super::tests::{SECOND, START, everything, parquet, windows};
use super::*;
use crate::model::select::SelectTicks;
use crate::store::encode::encode;

/// A change of a file.
#[derive(Clone, Debug)]
enum Edit {
    /// A byte becomes another.
    Byte(Index, u8),
    /// A bit is flipped near the end: the footer is where a file's structure is.
    Footer(Index, u8),
    /// Nothing is left from here on, or only the last bytes.
    Cut(Index, bool),
    /// A part is copied over another of the same length.
    Copy(Index, Index, u8),
}

fn edit(bytes: &mut Vec<u8>, edit: &Edit) {
    if bytes.is_empty() {
        return;
    }
    match edit {
        Edit::Byte(at, byte) => *at.get_mut(bytes) = *byte,
        Edit::Footer(at, bit) => {
            let end = bytes.len();
            // The footer's length is in the 4 bytes before the magic number.
            let length =
                end.checked_sub(8).map_or(0, |at| usize::from(bytes[at]) | usize::from(bytes[at + 1]) << 8);
            let start = end.saturating_sub(8 + length);
            *at.get_mut(&mut bytes[start..]) ^= 1 << (bit % 8);
        }
        Edit::Cut(at, true) => bytes.truncate(at.index(bytes.len())),
        Edit::Cut(at, false) => drop(bytes.drain(..at.index(bytes.len()))),
        Edit::Copy(from, to, length) => {
            let room = bytes.len().saturating_sub(usize::from(*length)).max(1);
            let (from, to) = (from.index(room), to.index(room));
            let length = usize::from(*length).min(bytes.len() - from.max(to));
            bytes.copy_within(from..from + length, to);
        }
    }
}

fn any_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Byte(at, byte)),
        8 => (any::<Index>(), any::<u8>()).prop_map(|(at, bit)| Edit::Footer(at, bit)),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(at, head)| Edit::Cut(at, head)),
        1 => (any::<Index>(), any::<Index>(), any::<u8>()).prop_map(|(from, to, length)| Edit::Copy(from, to, length)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// The files are those of a store; their sizes are as they are after the change, as a listing would have them.
    #[test]
    fn there_is_always_an_outcome(
        damaged in 0..3usize,
        edits in proptest::collection::vec(any_edit(), 1..4),
    ) {
        let rows: Vec<_> = (0..60).map(|n| (0, n % 9, n * 5 % 23, u64::from(n))).collect();
        let encoded = encode(&windows(&rows)[0], "node", |_, _| true);
        let mut files = [encoded.samples, encoded.stacks, encoded.ticks].map(|batch| parquet(&[batch]));
        edits.iter().for_each(|change| edit(&mut files[damaged], change));
        let objects = Objects::new(Arc::new(InMemory::new())).expect("objects");
        let sources = ["samples", "stacks", "ticks"].into_iter().zip(files).map(|(name, bytes)| {
            let (path, size) = (Path::from(name), bytes.len() as u64);
            objects.put(&path, bytes.into()).expect("kept");
            vec![Source { content: Content::Object { path, size }, times: 0..i64::MAX }]
        });
        let [samples, stacks, ticks] = <[_; 3]>::try_from(sources.collect::<Vec<_>>()).expect("three");
        let question = Select {
            stacks: true,
            by: ["service", "pid", "interpreter", "team"].map(Arc::from).to_vec(),
            step: Some(5_000_000_000),
            ..everything()
        };
        let windows = Select { since: START, until: START + 3000 * SECOND, by: vec![], ..question.clone() };
        let (since, until) = (windows.since, windows.until);
        let moments = SelectTicks { since, until, part: 1000, ..SelectTicks::default() };
        match count_ticks(&objects, &ticks, &moments, &windows) {
            Ok(counted) => prop_assert_eq!(counted.parts.len(), 3000),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
        match select(&objects, &Sources { samples, stacks, ..Sources::default() }, &question) {
            Ok(selected) => prop_assert!(selected.rows.len() <= 60),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
