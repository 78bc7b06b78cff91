//! What is known of thread states besides what the kernel side needs: a row a version.
//!
//! The same headers as for the layouts: pystate.h, pycore_interp.h, pycore_gil.h, and `_Py_DebugOffsets` from 3.13 on.

use super::super::threads::{At, GilFacts, ThreadFacts};
use super::PythonVersion;

/// Facts about thread states of this version.
pub fn thread_facts(version: PythonVersion) -> Option<&'static ThreadFacts> {
    let is_of =
        |(major, minor, _): &&(u8, u8, ThreadFacts)| (*major, *minor) == (version.major, version.minor);
    ROWS.iter().find(is_of).map(|(_, _, facts)| facts)
}

const ROWS: &[(u8, u8, ThreadFacts)] = &[
    (2, 7, ThreadFacts { interp: At::Here(8), ..SHARED_GIL }),
    (3, 6, SHARED_GIL),
    (3, 7, SHARED_GIL),
    (3, 8, SHARED_GIL),
    (3, 9, SHARED_GIL),
    (3, 10, SHARED_GIL),
    (3, 11, FACTS_3_11),
    (3, 12, FACTS_3_12),
    (3, 13, FACTS_3_13),
    (3, 14, FACTS_3_14),
    (3, 15, FACTS_3_15),
];

/// One GIL for all interpreters (to 3.11).
const SHARED_GIL: ThreadFacts =
    ThreadFacts { interp: At::Here(16), native_thread_id: None, gil: GilFacts::Shared };

const FACTS_3_11: ThreadFacts = ThreadFacts { native_thread_id: Some(At::Here(160)), ..SHARED_GIL };

const FACTS_3_12: ThreadFacts = ThreadFacts {
    interp: At::Here(16),
    native_thread_id: Some(At::Here(144)),
    gil: GilFacts::OfInterpreter {
        interp_gil: At::Here(384),
        locked: At::Here(16),
        last_holder: At::Here(8),
        free_threaded: None,
    },
};

const FACTS_3_13: ThreadFacts = ThreadFacts {
    interp: At::Said(176),
    native_thread_id: Some(At::Said(200)),
    gil: GilFacts::OfInterpreter {
        interp_gil: At::Said(112),
        locked: At::SaidFrom(136, 120),
        last_holder: At::SaidFrom(144, 120),
        free_threaded: Some(16),
    },
};

const FACTS_3_14: ThreadFacts = ThreadFacts {
    interp: At::Said(200),
    native_thread_id: Some(At::Said(224)),
    gil: GilFacts::OfInterpreter {
        interp_gil: At::Said(120),
        locked: At::SaidFrom(144, 128),
        last_holder: At::SaidFrom(152, 128),
        free_threaded: Some(16),
    },
};

const FACTS_3_15: ThreadFacts = ThreadFacts { native_thread_id: Some(At::Said(248)), ..FACTS_3_14 };

#[cfg(test)]
mod tests {
    use super::super::RELEASES;
    use super::*;

    #[test]
    fn every_release_has_a_row() {
        for release in RELEASES {
            let version = PythonVersion { major: release.major, minor: release.minor, micro: None };
            assert!(thread_facts(version).is_some(), "{version}");
        }
    }
}
