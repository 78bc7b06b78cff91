//! Bytes at some places of a large, mostly empty space: an address space or a file of which parts are known.
//!
//! It must not know what the space is, nor what the bytes mean.

use std::collections::BTreeMap;

/// Ranges of bytes; what lies between them is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sparse {
    /// Place of the first byte → bytes, never none. No two ranges overlap or touch.
    ranges: BTreeMap<u64, Vec<u8>>,
}

impl Sparse {
    /// Adds the bytes from `place` on; where some are known already, these take their place. What would lie at or
    /// behind `u64::MAX` is left out.
    pub fn insert(&mut self, place: u64, bytes: &[u8]) {
        let room = usize::try_from(u64::MAX - place).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        if bytes.is_empty() {
            return;
        }
        let end = place + bytes.len() as u64;
        // Whatever starts before the end and reaches the start becomes one with it: such ranges lie side by side.
        let met: Vec<u64> = self
            .ranges
            .range(..=end)
            .rev()
            .take_while(|(start, known)| **start + known.len() as u64 >= place)
            .map(|(start, _)| *start)
            .collect();
        let mut merged = bytes.to_vec();
        let mut merged_start = place;
        for start in met {
            let known = self.ranges.remove(&start).unwrap_or_default();
            let behind = (start + known.len() as u64).saturating_sub(end) as usize;
            merged.extend_from_slice(&known[known.len() - behind..]);
            if start < merged_start {
                let before = (merged_start - start) as usize;
                merged.splice(..0, known[..before].iter().copied());
                merged_start = start;
            }
        }
        self.ranges.insert(merged_start, merged);
    }

    /// Forgets `length` bytes from `place` on.
    pub fn remove(&mut self, place: u64, length: u64) {
        let end = place.saturating_add(length);
        let met: Vec<u64> = self.ranges.range(..end).map(|(start, _)| *start).collect();
        for start in met {
            let known = self.ranges.remove(&start).unwrap_or_default();
            let known_end = start + known.len() as u64;
            let before = place.saturating_sub(start).min(known.len() as u64) as usize;
            let behind = known_end.saturating_sub(end).min(known.len() as u64) as usize;
            self.insert(start, &known[..before]);
            self.insert(known_end - behind as u64, &known[known.len() - behind..]);
        }
    }

    /// Fills `buffer` with the bytes from `place` on.
    ///
    /// # Errors
    /// The first place that is not known; `buffer`'s content is not specified then.
    pub fn read(&self, place: u64, buffer: &mut [u8]) -> Result<(), u64> {
        if buffer.is_empty() {
            return Ok(());
        }
        let known = self.from(place);
        match known.get(..buffer.len()) {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(place.saturating_add(known.len() as u64)),
        }
    }

    /// The known bytes from `place` on, up to the first that is not known.
    pub fn from(&self, place: u64) -> &[u8] {
        let range = self.ranges.range(..=place).next_back();
        range.and_then(|(start, bytes)| bytes.get((place - start) as usize..)).unwrap_or_default()
    }

    /// The ranges, by place.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.ranges.iter().map(|(&place, bytes)| (place, bytes.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_that_touch_or_overlap_become_one_and_the_later_bytes_hold() {
        let mut sparse = Sparse::default();
        sparse.insert(10, &[1; 4]);
        sparse.insert(20, &[2; 4]);
        sparse.insert(14, &[3; 3]);
        sparse.insert(12, &[4; 10]);
        let ranges: Vec<(u64, Vec<u8>)> =
            sparse.ranges().map(|(place, bytes)| (place, bytes.to_vec())).collect();
        assert_eq!(ranges, [(10, vec![1, 1, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 2, 2])]);
        sparse.insert(u64::MAX - 1, &[5; 4]);
        assert_eq!(sparse.from(u64::MAX - 1), [5]);
        assert_eq!(sparse.read(u64::MAX - 1, &mut [0; 2]), Err(u64::MAX));
    }

    #[derive(Clone, Debug)]
    enum Change {
        Insert(u64, Vec<u8>),
        Remove(u64, u64),
    }

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let insert = (0..64_u64, proptest::collection::vec(any::<u8>(), 0..16));
        let change = prop_oneof![
            insert.prop_map(|(place, bytes)| Change::Insert(place, bytes)),
            (0..64_u64, 0..16_u64).prop_map(|(place, length)| Change::Remove(place, length)),
        ];
        proptest::collection::vec(change, 0..20)
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_array_would(changes in changes()) {
            let mut sparse = Sparse::default();
            let mut plain = [None; 96];
            for change in changes {
                match change {
                    Change::Insert(place, bytes) => {
                        sparse.insert(place, &bytes);
                        for (slot, byte) in plain[place as usize..].iter_mut().zip(bytes) {
                            *slot = Some(byte);
                        }
                    }
                    Change::Remove(place, length) => {
                        sparse.remove(place, length);
                        plain[place as usize..(place + length) as usize].fill(None);
                    }
                }
            }
            for (place, byte) in plain.iter().enumerate() {
                prop_assert_eq!(sparse.from(place as u64).first(), byte.as_ref());
            }
            let mut end = None;
            for (place, bytes) in sparse.ranges() {
                prop_assert!(!bytes.is_empty() && end.is_none_or(|end| end < place));
                end = Some(place + bytes.len() as u64);
            }
        }
    }
}
