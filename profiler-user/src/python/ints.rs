//! The value of an `int` that fits 64 bits and is not negative, in each of the forms that ints had.
//!
//! It must not know versions: a [`Format`] is data from [`super::versions`]. Everything that it reads is hostile.

use super::objects::{ObjectError, Objects, senseless};
use crate::process::memory::Memory;

/// `Py_TPFLAGS_INT_SUBCLASS`. CPython 2.7 Include/object.h.
const TPFLAGS_INT: u64 = 1 << 23;
/// `Py_TPFLAGS_LONG_SUBCLASS`. CPython Include/object.h.
const TPFLAGS_LONG: u64 = 1 << 24;

/// Bits of a digit: `PyLong_SHIFT` where it is not configured otherwise. CPython Include/longintrepr.h.
const DIGIT_BITS: u32 = 30;

/// How an int keeps its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As a C `long`. CPython 2.7 Include/intobject.h, `PyIntObject`.
    Word,
    /// In digits of 32 bits, lowest first; `ob_size` is their number, negative if the int is. CPython 3.6
    /// Include/longintrepr.h.
    Sized,
    /// In such digits; `lv_tag` is their number, times eight, and in its lowest two bits 0 if the int is positive.
    /// CPython 3.12 Include/cpython/longintrepr.h.
    Tagged,
}

impl Format {
    /// The value of the int at `address`; an error if that is no int, or negative, or has more than two digits.
    pub(super) fn read(
        self,
        memory: &dyn Memory,
        objects: &Objects,
        address: u64,
    ) -> Result<u64, ObjectError> {
        let start = objects.header_size();
        let flag = if self == Format::Word { TPFLAGS_INT } else { TPFLAGS_LONG };
        let header = objects.read_header(memory, address, start + 8, flag)?;
        let word = header.u64(start)?;
        let digits = match self {
            Format::Word => return Ok(word),
            Format::Sized => word,
            Format::Tagged if word & 3 == 0 => word >> 3,
            Format::Tagged => 0,
        };
        // No `pthread_t` is 0, nor has one more bits than this.
        if !matches!(digits, 1 | 2) {
            return senseless(format!("the int at {address:#x} has the size {word:#x}"));
        }
        let first = address.wrapping_add(u64::from(start) + 8);
        let mut value = 0;
        for digit in (0..digits).rev() {
            value = value << DIGIT_BITS | u64::from(memory.read_u32(first.wrapping_add(4 * digit))?);
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::versions::{Facts, RELEASES};
    use super::*;
    use crate::process::memory::RecordedMemory;

    const TYPE: u64 = 0x1000;
    const INT: u64 = 0x2000;

    /// What an int with these words behind its type is.
    fn value(format: Format, flags: u64, words: [u64; 2]) -> Option<u64> {
        let fixed = RELEASES.iter().find_map(|release| match &release.facts {
            Facts::Fixed { build, .. } => Some(build.objects),
            Facts::SelfDescribed(_) => None,
        });
        let objects = fixed.expect("a version with fixed offsets");
        let mut memory = RecordedMemory::default();
        let mut class = [0; 64];
        class[objects.tp_flags as usize / 8] = flags;
        for (address, words) in [(TYPE, &class[..]), (INT, &[1, TYPE, words[0], words[1]])] {
            memory.record(address, words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>());
        }
        format.read(&memory, &objects, INT).ok()
    }

    #[test]
    fn each_form_gives_its_value() {
        let value_of = 0x7f01_2345_6789;
        let digits = (value_of >> 30) << 32 | (value_of & ((1 << 30) - 1));
        assert_eq!(value(Format::Word, TPFLAGS_INT, [value_of, 0]), Some(value_of));
        assert_eq!(value(Format::Sized, TPFLAGS_LONG, [2, digits]), Some(value_of));
        assert_eq!(value(Format::Tagged, TPFLAGS_LONG, [2 << 3, digits]), Some(value_of));
        assert_eq!(value(Format::Sized, TPFLAGS_LONG, [1, digits]), Some(value_of & ((1 << 30) - 1)));
    }

    #[test]
    fn what_is_no_such_int_is_refused() {
        assert_eq!(value(Format::Word, TPFLAGS_LONG, [1, 0]), None);
        assert_eq!(value(Format::Sized, TPFLAGS_INT, [1, 1]), None);
        for size in [0, 3, u64::MAX, u64::MAX - 1] {
            assert_eq!(value(Format::Sized, TPFLAGS_LONG, [size, 1]), None, "{size:#x}");
        }
        // Zero, a negative one, one of three digits, and more than any.
        for tag in [1, 1 << 3 | 2, 3 << 3, !7] {
            assert_eq!(value(Format::Tagged, TPFLAGS_LONG, [tag, 1]), None, "{tag:#x}");
        }
    }
}
