//! The attributes of an object of a Python class, in each of the places that they had.
//!
//! It must not know versions: [`Instances`] is data from [`super::versions`]. Everything that it reads is hostile.

use super::dicts::{Dicts, Entry};
use super::objects::{ObjectError, senseless};

/// `Py_TPFLAGS_INLINE_VALUES`. CPython 3.13 Include/object.h.
const TPFLAGS_INLINE_VALUES: u64 = 1 << 2;
/// `Py_TPFLAGS_MANAGED_DICT`. CPython 3.11 Include/object.h.
const TPFLAGS_MANAGED_DICT: u64 = 1 << 4;
/// `Py_TPFLAGS_HEAPTYPE`. CPython Include/object.h.
const TPFLAGS_HEAPTYPE: u64 = 1 << 9;

/// Where an object's attributes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instances {
    /// `PyTypeObject.tp_dictoffset`: where in an object the pointer to its dict is.
    pub tp_dictoffset: u32,
    /// Where they are if the interpreter manages them, which a flag of the type tells; `None`: it never does.
    pub managed: Option<Managed>,
}

/// Attributes that the interpreter manages. Their keys are the type's, `ht_cached_keys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Managed {
    /// `PyHeapTypeObject.ht_cached_keys`.
    pub cached_keys: u32,
    /// Where their values are.
    pub place: Place,
}

/// Where values, or the dict that has them, are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Four words in front of the object a pointer to values; if it is null, three words in front one to a dict.
    /// CPython 3.11 Include/internal/pycore_object.h.
    Pointers,
    /// Three words in front of the object a pointer to a dict, or one to values, less 1, which makes it odd. CPython
    /// 3.12, ditto, `_PyDictOrValues_GetValues`.
    Tagged,
    /// So many words in front of the object a pointer to a dict; if it is null, the values are behind the object.
    /// CPython 3.13, ditto, `MANAGED_DICT_OFFSET`, `_PyObject_InlineValues`.
    Inline {
        /// How many words in front.
        words: u8,
        /// `PyTypeObject.tp_basicsize`.
        tp_basicsize: u32,
    },
}

impl Instances {
    /// The attributes of the object at `object` itself: those of its class are not among them.
    pub(super) fn attributes(&self, dicts: &Dicts<'_>, object: u64) -> Result<Vec<Entry>, ObjectError> {
        let memory = dicts.memory;
        let header = dicts.objects.read_alive(memory, object, 0)?;
        let class = header.u64(dicts.objects.ob_type)?;
        let flags = memory.read_u64(class.wrapping_add(dicts.objects.tp_flags.into()))?;
        if let Some(managed) = self.managed
            && flags & TPFLAGS_MANAGED_DICT != 0
        {
            if flags & TPFLAGS_HEAPTYPE == 0 {
                return senseless(format!("the type at {class:#x} has no keys"));
            }
            return managed.attributes(dicts, object, (class, flags));
        }
        let offset = memory.read_u64(class.wrapping_add(self.tp_dictoffset.into()))?;
        // A negative one counts from the end of an object of variable size.
        if offset < u64::from(dicts.objects.header_size()) || offset as i64 <= 0 {
            return senseless(format!("objects of the type at {class:#x} have no dict"));
        }
        dicts.entries(memory.read_u64(object.wrapping_add(offset))?)
    }
}

impl Managed {
    fn attributes(
        &self,
        dicts: &Dicts<'_>,
        object: u64,
        (class, flags): (u64, u64),
    ) -> Result<Vec<Entry>, ObjectError> {
        let memory = dicts.memory;
        let in_front = |words: u64| memory.read_u64(object.wrapping_sub(8 * words));
        let values = match self.place {
            Place::Pointers => match in_front(4)? {
                0 => return dicts.entries(in_front(3)?),
                values => values,
            },
            Place::Tagged => match in_front(3)? {
                dict if dict & 1 == 0 => return dicts.entries(dict),
                values => values.wrapping_add(1),
            },
            Place::Inline { words, tp_basicsize } => match in_front(words.into())? {
                0 if flags & TPFLAGS_INLINE_VALUES != 0 => {
                    object.wrapping_add(memory.read_u64(class.wrapping_add(tp_basicsize.into()))?)
                }
                dict => return dicts.entries(dict),
            },
        };
        let keys = memory.read_u64(class.wrapping_add(self.cached_keys.into()))?;
        dicts.shared(keys, values)
    }
}
