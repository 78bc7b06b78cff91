//! Sparse bytes in JSON: an object from the place of each range, in hex, to its bytes: two hex digits each, and
//! `(N)` for N zeros. `{"7f0010": "c3(14)01"}` is 16 bytes.
//!
//! It must not know what the bytes are.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::process::sparse::Sparse;

/// Fewer zeros than this are written as digits.
const MIN_ZEROS: usize = 4;
/// Most zeros that one `(N)` may stand for: more than any read gives.
const MAX_ZEROS: usize = 1 << 24;
/// Most bytes of one whole.
const MAX_BYTES: usize = 1 << 26;

pub fn serialize<S: Serializer>(bytes: &Sparse, serializer: S) -> Result<S::Ok, S::Error> {
    let ranges: BTreeMap<String, String> =
        bytes.ranges().map(|(place, bytes)| (format!("{place:012x}"), encode(bytes))).collect();
    ranges.serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sparse, D::Error> {
    let ranges: BTreeMap<String, String> = BTreeMap::deserialize(deserializer)?;
    let mut sparse = Sparse::default();
    let mut total = 0;
    for (place, text) in &ranges {
        let bytes = decode(text)
            .ok_or_else(|| D::Error::custom(format!("bytes at {place}: neither hex digits nor zeros")))?;
        total += bytes.len();
        if total > MAX_BYTES {
            return Err(D::Error::custom(format!("more than {MAX_BYTES} bytes")));
        }
        let place = u64::from_str_radix(place, 16)
            .map_err(|_| D::Error::custom(format!("the place `{place}` is no hex number")))?;
        sparse.insert(place, &bytes);
    }
    Ok(sparse)
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for run in bytes.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
        if run[0] == 0 && run.len() >= MIN_ZEROS {
            text.push_str(&format!("({})", run.len()));
        } else {
            text.push_str(&hex::encode(run));
        }
    }
    text
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut pieces = text.split('(');
    let mut bytes = hex::decode(pieces.next()?).ok()?;
    for piece in pieces {
        let (zeros, digits) = piece.split_once(')')?;
        let zeros = zeros.parse().ok().filter(|&zeros: &usize| zeros <= MAX_ZEROS)?;
        if bytes.len() + zeros > MAX_BYTES {
            return None;
        }
        bytes.resize(bytes.len() + zeros, 0);
        bytes.extend(hex::decode(digits).ok()?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            bytes in proptest::collection::vec(prop_oneof![3 => Just(0), 1 => any::<u8>()], 0..60),
        ) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_bytes_or_refused(text in "[0-9a-f()]{0,40}") {
            prop_assert!(decode(&text).is_none_or(|bytes| bytes.len() <= MAX_BYTES));
        }
    }

    #[test]
    fn zeros_are_short_and_not_without_bound() {
        assert_eq!(encode(&[0xc3, 0, 0, 0, 0, 1, 0]), "c3(4)0100");
        for text in ["c", "(", "(4", "(x)", "zz", "(99999999999)", "4)"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
