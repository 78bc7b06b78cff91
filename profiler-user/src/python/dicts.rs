//! The entries of a dict, in each of the forms that dicts had.
//!
//! It must not know versions: a [`Format`] is data from [`super::versions`]. Everything that it reads is hostile and may
//! change meanwhile: tables are bounded, and so is what is looked at altogether.

use std::cell::Cell;

use super::objects::{Header, ObjectError, Objects, senseless};
use crate::process::memory::Memory;

/// Most entries of a dict, used and unused ones.
const MOST_ENTRIES: u64 = 1 << 16;
/// Most bytes of a hash table in front of its entries: more than one of [`MOST_ENTRIES`] ever has.
const MOST_INDEX_BYTES: u64 = 1 << 26;

/// `Py_TPFLAGS_DICT_SUBCLASS`. CPython Include/object.h.
const TPFLAGS_DICT: u64 = 1 << 29;

/// `DICT_KEYS_GENERAL`: entries have a hash, a key and a value; those of all other kinds have no hash. CPython 3.11
/// Include/internal/pycore_dict.h.
const KIND_GENERAL: u8 = 0;
/// `DICT_KEYS_SPLIT`: the values lie elsewhere.
const KIND_SPLIT: u8 = 2;

/// How a dict keeps its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// In the slots of one table, `ma_table`, `ma_mask + 1` of them: hash, key, value. CPython 2.7
    /// Include/dictobject.h.
    Slots,
    /// In order, behind a table of indices whose size is `dk_size`, in `ma_keys`. Dicts may share that, and have their
    /// values in `ma_values`. CPython 3.6 Objects/dict-common.h.
    Ordered,
    /// The same, with `dk_log2_index_bytes` and `dk_kind`, which tells whether there are hashes. CPython 3.11
    /// Include/internal/pycore_dict.h.
    Kinds(Values),
}

/// What the values of a dict that shares its keys lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// An array. CPython 3.11 Include/internal/pycore_dict.h, `_dictvalues`.
    Bare,
    /// An array behind four bytes, `capacity`, `size`, `embedded`, `valid`, and padding. CPython 3.13, ditto.
    Headed,
}

/// An entry's objects, by address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: u64,
    /// Its value.
    pub value: u64,
}

/// The entries of a table of keys, by where they lie in it.
struct Keys {
    /// Key, and value if it is there.
    entries: Vec<Entry>,
    /// Whether the values lie elsewhere.
    split: bool,
}

/// A reader of dicts.
pub(super) struct Dicts<'a> {
    pub(super) memory: &'a dyn Memory,
    pub(super) objects: &'a Objects,
    format: Format,
    /// How many entries may still be looked at, by all readers that share this.
    left: &'a Cell<u64>,
}

impl<'a> Dicts<'a> {
    /// A reader that takes each entry that it looks at from `left`, and reads no dict that has more than are left.
    pub(super) fn new(
        memory: &'a dyn Memory,
        objects: &'a Objects,
        format: Format,
        left: &'a Cell<u64>,
    ) -> Dicts<'a> {
        Dicts { memory, objects, format, left }
    }

    /// The value that the dict at `dict` has for a `str`, ASCII, if it has one.
    pub(super) fn get(&self, dict: u64, text: &str) -> Result<Option<u64>, ObjectError> {
        self.find(&self.entries(dict)?, text)
    }

    /// The same of entries.
    pub(super) fn find(&self, entries: &[Entry], text: &str) -> Result<Option<u64>, ObjectError> {
        for entry in entries {
            match self.objects.text_is(self.memory, entry.key, text) {
                Ok(true) => return Ok(Some(entry.value)),
                // A key may be anything.
                Ok(false) | Err(ObjectError::Senseless(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// All entries of the dict at `dict` that are in use.
    pub(super) fn entries(&self, dict: u64) -> Result<Vec<Entry>, ObjectError> {
        let fields = self.objects.header_size();
        let header = self.objects.read_header(self.memory, dict, fields + 32, TPFLAGS_DICT)?;
        if !self.objects.references.alive(&header.0) {
            return senseless(format!("the dict at {dict:#x} has been freed"));
        }
        if self.format == Format::Slots {
            let slots = header.u64(fields + 16)?.saturating_add(1);
            // An entry that is unused has no value; a removed one has a key.
            let mut entries = self.table(header.u64(fields + 24)?, slots, 3)?;
            entries.retain(|entry| entry.value != 0);
            return Ok(entries);
        }
        let (keys, values) = (header.u64(fields + 16)?, header.u64(fields + 24)?);
        if values != 0 {
            return self.shared(keys, values);
        }
        let Keys { mut entries, split } = self.keys(keys)?;
        if split {
            return senseless(format!("the dict at {dict:#x} has no values"));
        }
        entries.retain(|entry| entry.value != 0);
        Ok(entries)
    }

    /// The entries whose keys are in the shared table at `keys` and whose values are at `values`.
    pub(super) fn shared(&self, keys: u64, values: u64) -> Result<Vec<Entry>, ObjectError> {
        let Keys { mut entries, split } = self.keys(keys)?;
        if !split && self.format != Format::Ordered {
            return senseless(format!("the keys at {keys:#x} are not shared"));
        }
        let mut at = values;
        if self.format == Format::Kinds(Values::Headed) {
            let mut header = [0; 4];
            self.memory.read(values, &mut header)?;
            let [capacity, _, _, valid] = header;
            if valid != 1 || usize::from(capacity) < entries.len() {
                return senseless(format!("the values at {values:#x} are not in use"));
            }
            at = values.wrapping_add(8);
        }
        let bytes = self.memory.read_bytes(at, 8 * entries.len() as u64, 8 * MOST_ENTRIES)?;
        for (entry, value) in entries.iter_mut().zip(words(&bytes)) {
            entry.value = value;
        }
        entries.retain(|entry| entry.value != 0);
        Ok(entries)
    }

    /// `PyDictKeysObject`. Its fields are the same with and without the GIL.
    fn keys(&self, at: u64) -> Result<Keys, ObjectError> {
        let header = Header(self.memory.read_bytes(at, 40, 40)?);
        let (start, index_bytes, entries, has_hash, split) = match self.format {
            Format::Slots => return senseless("a dict of slots has no keys of its own"),
            Format::Ordered => {
                let size = header.u64(8)?;
                let width = match size {
                    0..=0xff => 1,
                    0x100..=0xffff => 2,
                    _ => 4,
                };
                if !size.is_power_of_two() {
                    return senseless(format!("the keys at {at:#x} have the size {size:#x}"));
                }
                (40, size.saturating_mul(width), header.u64(32)?, true, false)
            }
            Format::Kinds(_) => {
                let [_, log2_index_bytes, kind, ..] = header.u64(8)?.to_ne_bytes();
                if kind > KIND_SPLIT {
                    return senseless(format!("the keys at {at:#x} are of kind {kind}"));
                }
                let index_bytes = 1_u64.checked_shl(log2_index_bytes.into()).unwrap_or(u64::MAX);
                (32, index_bytes, header.u64(24)?, kind == KIND_GENERAL, kind == KIND_SPLIT)
            }
        };
        if index_bytes > MOST_INDEX_BYTES {
            return senseless(format!("the keys at {at:#x} have {index_bytes} bytes of indices"));
        }
        let first = at.wrapping_add(start + index_bytes);
        Ok(Keys { entries: self.table(first, entries, if has_hash { 3 } else { 2 })?, split })
    }

    /// Takes so many from what is left.
    pub(super) fn take(&self, entries: u64) -> Result<(), ObjectError> {
        match self.left.get().checked_sub(entries) {
            Some(left) => self.left.set(left),
            None => return senseless("there is more than is looked at"),
        }
        Ok(())
    }

    /// Entries that lie side by side, each of so many words, of which key and value are the last two.
    fn table(&self, at: u64, entries: u64, words_each: u64) -> Result<Vec<Entry>, ObjectError> {
        if entries > MOST_ENTRIES {
            return senseless(format!("a dict of {entries} entries at {at:#x}"));
        }
        self.take(entries)?;
        let bytes = self.memory.read_bytes(at, 8 * words_each * entries, 8 * words_each * MOST_ENTRIES)?;
        let words: Vec<u64> = words(&bytes).collect();
        let entry = |words: &[u64]| match *words {
            [.., key, value] => Some(Entry { key, value }),
            _ => None,
        };
        Ok(words.chunks_exact(words_each as usize).filter_map(entry).collect())
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks().0.iter().map(|word| u64::from_ne_bytes(*word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::versions::{Facts, RELEASES};
    use super::*;
    use crate::process::memory::RecordedMemory;

    const TYPE: u64 = 0x1000;
    const DICT: u64 = 0x2000;
    const KEYS: u64 = 0x3000;
    const VALUES: u64 = 0x8000;
    const FORMATS: [Format; 4] =
        [Format::Slots, Format::Ordered, Format::Kinds(Values::Bare), Format::Kinds(Values::Headed)];

    /// Where fields lie in objects of a version with the GIL: their start is the same in all.
    fn objects() -> Objects {
        let fixed = RELEASES.iter().find_map(|release| match &release.facts {
            Facts::Fixed { build, .. } => Some(build.objects),
            Facts::SelfDescribed(_) => None,
        });
        fixed.expect("a version with fixed offsets")
    }

    fn bytes(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    /// A dict that has these words behind its type, and `keys` where its keys or slots are.
    fn memory(references: u64, fields: [u64; 4], keys: &[u64]) -> RecordedMemory {
        let mut memory = RecordedMemory::default();
        let mut class = [0; 64];
        class[objects().tp_flags as usize / 8] = TPFLAGS_DICT;
        memory.record(TYPE, bytes(&class));
        memory.record(DICT, bytes(&[&[references, TYPE][..], &fields].concat()));
        memory.record(KEYS, bytes(keys));
        memory
    }

    fn entries(memory: &RecordedMemory, format: Format, most: u64) -> Option<Vec<(u64, u64)>> {
        let (objects, left) = (objects(), Cell::new(most));
        let entries = Dicts::new(memory, &objects, format, &left).entries(DICT).ok()?;
        Some(entries.iter().map(|entry| (entry.key, entry.value)).collect())
    }

    /// The words of a table of keys with eight indices: two used entries, one unused between.
    fn ordered() -> [u64; 15] {
        [1, 8, 0, 5, 3, 0, 11, 12, 13, 21, 0, 0, 31, 32, 33]
    }

    #[test]
    fn each_form_gives_the_entries_that_are_in_use() {
        let two = Some(vec![(12, 13), (32, 33)]);
        let slots = [11, 12, 13, 21, 22, 0, 0, 0, 0, 31, 32, 33];
        assert_eq!(entries(&memory(1, [3, 2, 3, KEYS], &slots), Format::Slots, 4), two);
        assert_eq!(entries(&memory(1, [2, 0, KEYS, 0], &ordered()), Format::Ordered, 3), two);
        let general = [1, 0x00_0303, 5, 3, 0, 11, 12, 13, 21, 0, 0, 31, 32, 33];
        let unicode = [1, 0x01_0303, 5, 3, 0, 12, 13, 0, 0, 32, 33];
        for format in &FORMATS[2..] {
            assert_eq!(entries(&memory(1, [2, 0, KEYS, 0], &general), *format, 3), two);
            assert_eq!(entries(&memory(1, [2, 0, KEYS, 0], &unicode), *format, 3), two);
        }
    }

    #[test]
    fn values_that_lie_elsewhere_are_read_if_they_are_in_use() {
        let split = [1, 0x02_0303, 5, 3, 0, 12, 0, 22, 0, 32, 0];
        let with_values = |values: &[u64]| {
            let mut memory = memory(1, [2, 0, KEYS, VALUES], &split);
            memory.record(VALUES, bytes(values));
            memory
        };
        let two = Some(vec![(12, 13), (32, 33)]);
        let bare = Format::Kinds(Values::Bare);
        assert_eq!(entries(&with_values(&[13, 0, 33]), bare, 3), two);
        let headed = Format::Kinds(Values::Headed);
        assert_eq!(entries(&with_values(&[0x0101_0203, 13, 0, 33]), headed, 3), two);
        assert_eq!(entries(&with_values(&[0x0001_0203, 13, 0, 33]), headed, 3), None, "not valid");
        assert_eq!(entries(&with_values(&[0x0101_0202, 13, 0, 33]), headed, 3), None, "fewer than keys");
        assert_eq!(entries(&memory(1, [2, 0, KEYS, 0], &split), bare, 3), None, "nowhere");
        let mut memory = memory(1, [2, 0, KEYS, VALUES], &ordered());
        memory.record(VALUES, bytes(&[13, 0, 33]));
        assert_eq!(entries(&memory, Format::Ordered, 3), two);
    }

    #[test]
    fn what_is_too_much_or_freed_is_refused() {
        let keys = ordered();
        assert_eq!(
            entries(&memory(1, [2, 0, KEYS, 0], &keys), Format::Ordered, 2),
            None,
            "more than is left"
        );
        assert_eq!(entries(&memory(0, [2, 0, KEYS, 0], &keys), Format::Ordered, 3), None, "freed");
        for (at, word) in [(1, 7), (1, 1 << 40), (4, MOST_ENTRIES + 1), (4, u64::MAX)] {
            let mut keys = keys;
            keys[at] = word;
            let memory = memory(1, [2, 0, KEYS, 0], &keys);
            assert_eq!(entries(&memory, Format::Ordered, u64::MAX), None, "{word:#x} at {at}");
        }
        for word in [0x03_0303, 0x00_2003, 0x00_ff03] {
            let memory = memory(1, [2, 0, KEYS, 0], &[1, word, 5, 0, 0]);
            assert_eq!(entries(&memory, FORMATS[2], u64::MAX), None, "{word:#x}");
        }
    }

    proptest! {
        #[test]
        fn any_words_give_entries_or_none(
            words in proptest::collection::vec(prop_oneof![0..16_u64, Just(KEYS), any::<u64>()], 4..64),
        ) {
            for format in FORMATS {
                let fields = [words[0], words[1], words[2], words[3]];
                for fields in [fields, [2, 0, KEYS, 0], [2, 0, KEYS, KEYS], [3, 2, words[0], KEYS]] {
                    if let Some(entries) = entries(&memory(1, fields, &words), format, 1000) {
                        prop_assert!(entries.len() <= 1000);
                    }
                }
            }
        }
    }
}
