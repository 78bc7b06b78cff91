//! What is known of the way to a thread's name in Python: a row a version and build.
//!
//! The same headers as for the layouts, and: dictobject.h, pycore_dict.h, pycore_object.h, Include/cpython/object.h for
//! `PyHeapTypeObject`. From 3.13 on `_Py_DebugOffsets` says where the modules are. Each row agrees with what an
//! interpreter of it finds in its own memory.

use super::super::dicts::{Format, Values};
use super::super::instances::{Instances, Managed, Place};
use super::super::ints;
use super::super::objects::{Objects, References};
use super::super::thread_names::NameFacts;
use super::super::threads::At;
use super::PythonVersion;

/// Facts about this version, with or without the GIL as its objects are. `None` from 3.14 on without the GIL: there
/// was no such build to hold them against.
pub fn name_facts(version: PythonVersion, objects: &Objects) -> Option<&'static NameFacts> {
    let free_threaded = matches!(objects.references, References::Biased { .. });
    let version = (version.major, version.minor, free_threaded);
    ROWS.iter().find(|(major, minor, free, _)| (*major, *minor, *free) == version).map(|(.., facts)| facts)
}

/// By version, and whether the build is free-threaded.
const ROWS: &[(u8, u8, bool, NameFacts)] = &[
    (2, 7, false, FACTS_2_7),
    (3, 6, false, FACTS_3_6),
    (3, 7, false, NameFacts { modules: At::Here(40), ..FACTS_3_6 }),
    (3, 8, false, NameFacts { modules: At::Here(56), ..FACTS_3_6 }),
    (3, 9, false, NameFacts { modules: At::Here(856), ..FACTS_3_6 }),
    (3, 10, false, NameFacts { modules: At::Here(856), ..FACTS_3_6 }),
    (3, 11, false, FACTS_3_11),
    (3, 12, false, FACTS_3_12),
    (3, 13, false, FACTS_3_13),
    (3, 13, true, FACTS_3_13_FREE_THREADED),
    (3, 14, false, NameFacts { modules: At::Said(96), ..FACTS_3_13 }),
    (3, 15, false, FACTS_3_15),
];

/// The name is `Thread.__name`: mangled.
const FACTS_2_7: NameFacts = NameFacts {
    modules: At::Here(16),
    dicts: Format::Slots,
    ints: ints::Format::Word,
    instances: Instances { tp_dictoffset: 288, managed: None },
    attribute: "_Thread__name",
};

const FACTS_3_6: NameFacts =
    NameFacts { dicts: Format::Ordered, ints: ints::Format::Sized, attribute: "_name", ..FACTS_2_7 };

const FACTS_3_11: NameFacts = NameFacts {
    modules: At::Here(888),
    dicts: Format::Kinds(Values::Bare),
    instances: managed(872, Place::Pointers),
    ..FACTS_3_6
};

const FACTS_3_12: NameFacts = NameFacts {
    modules: At::Here(944),
    ints: ints::Format::Tagged,
    instances: managed(880, Place::Tagged),
    ..FACTS_3_11
};

const FACTS_3_13: NameFacts = NameFacts {
    modules: At::Said(88),
    dicts: Format::Kinds(Values::Headed),
    instances: managed(880, Place::Inline { words: 3, tp_basicsize: 32 }),
    ..FACTS_3_12
};

/// Every object starts with 16 bytes more, and there is no header of the garbage collector in front of it.
const FACTS_3_13_FREE_THREADED: NameFacts = NameFacts {
    instances: Instances {
        tp_dictoffset: 304,
        managed: Some(Managed { cached_keys: 896, place: Place::Inline { words: 1, tp_basicsize: 48 } }),
    },
    ..FACTS_3_13
};

const FACTS_3_15: NameFacts = NameFacts {
    modules: At::Said(96),
    instances: managed(888, Place::Inline { words: 3, tp_basicsize: 32 }),
    ..FACTS_3_13
};

const fn managed(cached_keys: u32, place: Place) -> Instances {
    Instances { tp_dictoffset: 288, managed: Some(Managed { cached_keys, place }) }
}

#[cfg(test)]
mod tests {
    use super::super::RELEASES;
    use super::*;

    #[test]
    fn every_release_has_a_row() {
        for release in RELEASES {
            let is_of = |(major, minor, free, _): &&(u8, u8, bool, NameFacts)| {
                (*major, *minor, *free) == (release.major, release.minor, false)
            };
            assert_eq!(ROWS.iter().filter(is_of).count(), 1, "{}.{}", release.major, release.minor);
        }
    }
}
