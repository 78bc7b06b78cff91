//! THE version table: what is known of each CPython. The only place where versions are compared.
//!
//! It must not know how the facts are used. To add a version: an entry in [`RELEASES`], its facts in the file of its
//! family, and, if its line tables have a new encoding, a codec in [`super::line_table`]. Sources are the headers of
//! the release named at each constant, for x86-64; none of the structures depends on the C library. Nor, from 3.8 on,
//! on `Py_DEBUG`. `Py_TRACE_REFS` (implied by `Py_DEBUG` to 3.7), which lengthens every object, is refused.

use std::fmt;

use firetower_ebpf::abi::PyLayout;

use super::debug_offsets::SelfDescribed;
use super::objects::Objects;

mod frame_objects;
mod interpreter_frames;
mod names;
mod self_described;
mod threads;

pub use names::name_facts;
pub use threads::thread_facts;

/// A CPython version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PythonVersion {
    /// 3 of 3.11.7.
    pub major: u8,
    /// 11 of 3.11.7.
    pub minor: u8,
    /// 7 of 3.11.7, where it is known: before 3.11 nothing in the file tells it.
    pub micro: Option<u8>,
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        self.micro.map_or(Ok(()), |micro| write!(f, ".{micro}"))
    }
}

impl PythonVersion {
    /// From the value of `PY_VERSION_HEX`, and whether that is a final release. CPython Include/patchlevel.h.
    pub fn from_hex(hex: u64) -> (PythonVersion, bool) {
        let byte = |shift: u32| (hex >> shift) as u8;
        let version = PythonVersion { major: byte(24), minor: byte(16), micro: Some(byte(8)) };
        (version, hex >> 4 & 0xf == 0xf && hex >> 32 == 0)
    }

    /// From the name of a library or executable: `libpython3.8.so.1.0`, `libpython3.7m.so.1.0`, `python2.7`. `None`
    /// if the name has no minor version, like `libpython3.so`.
    pub fn from_file_name(name: &str) -> Option<PythonVersion> {
        let (_, rest) = name.split_once("python")?;
        let (major, rest) = rest.split_once('.')?;
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        Some(PythonVersion { major: major.parse().ok()?, minor: rest[..digits].parse().ok()?, micro: None })
    }
}

/// What is known of one minor version of CPython.
#[derive(Debug)]
pub struct Release {
    /// Major version.
    pub major: u8,
    /// Minor version.
    pub minor: u8,
    /// What everything starts from.
    pub root: Root,
    /// Where its fields lie.
    pub facts: Facts,
}

/// What everything starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// `interp_head`, the pointer to the first interpreter: a static variable, so it is in `.symtab` only, and
    /// `PyInterpreterState_Head` returns it. CPython 2.7 and 3.6 Python/pystate.c.
    InterpHead,
    /// `_PyRuntime`, a structure. CPython 3.7 Include/internal/pystate.h.
    Runtime,
}

impl Root {
    /// The name of its symbol.
    pub fn symbol(self) -> &'static str {
        match self {
            Root::InterpHead => "interp_head",
            Root::Runtime => PY_RUNTIME,
        }
    }
}

/// Where the facts about a version come from.
#[derive(Debug)]
pub enum Facts {
    /// From this table.
    Fixed {
        /// They are the same for every build that is read.
        build: Build,
        /// Where it says which thread holds the GIL.
        current_tstate: CurrentTstate,
    },
    /// From the process itself, which carries `_Py_DebugOffsets`.
    SelfDescribed(SelfDescribed),
}

/// Facts about one build of an interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// For the kernel side.
    pub layout: PyLayout,
    /// For reading code objects.
    pub objects: Objects,
    /// `PyInterpreterState.id`, an `int64_t`: 0 is the main interpreter. `None`: interpreters have no numbers.
    pub interp_id: Option<u32>,
}

/// Where the pointer to the thread state that holds the GIL lies, as long as all interpreters share one GIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurrentTstate {
    /// At the symbol [`PY_THREAD_STATE_CURRENT`].
    Symbol,
    /// In `_PyRuntime`: `gilstate.tstate_current`.
    InRuntime {
        /// Bytes from its start.
        offset: u32,
        /// The size of a `_PyRuntime` for which that holds; `None`: it holds for every release.
        runtime_size: Option<u64>,
    },
    /// There is none (from 3.12).
    Absent,
}

/// The name of `_PyRuntime`. CPython Include/internal/pycore_runtime.h.
pub const PY_RUNTIME: &str = "_PyRuntime";
/// The section that from 3.10 on holds `_PyRuntime` and nothing else, also in a file without symbols. CPython 3.10
/// Python/pylifecycle.c.
pub const PY_RUNTIME_SECTION: &str = ".PyRuntime";

/// The name of the pointer to the thread state that holds the GIL, to 3.6. CPython 2.7 Python/pystate.c.
pub const PY_THREAD_STATE_CURRENT: &str = "_PyThreadState_Current";

/// Every version that firetower reads, by age.
pub const RELEASES: &[Release] = &[
    Release { major: 2, minor: 7, root: Root::InterpHead, facts: frame_objects::PYTHON_2_7 },
    Release { major: 3, minor: 6, root: Root::InterpHead, facts: frame_objects::PYTHON_3_6 },
    Release { major: 3, minor: 7, root: Root::Runtime, facts: frame_objects::PYTHON_3_7 },
    Release { major: 3, minor: 8, root: Root::Runtime, facts: frame_objects::PYTHON_3_8 },
    Release { major: 3, minor: 9, root: Root::Runtime, facts: frame_objects::PYTHON_3_9 },
    Release { major: 3, minor: 10, root: Root::Runtime, facts: frame_objects::PYTHON_3_10 },
    Release { major: 3, minor: 11, root: Root::Runtime, facts: interpreter_frames::PYTHON_3_11 },
    Release { major: 3, minor: 12, root: Root::Runtime, facts: interpreter_frames::PYTHON_3_12 },
    Release { major: 3, minor: 13, root: Root::Runtime, facts: self_described::PYTHON_3_13 },
    Release { major: 3, minor: 14, root: Root::Runtime, facts: self_described::PYTHON_3_14 },
    Release { major: 3, minor: 15, root: Root::Runtime, facts: self_described::PYTHON_3_15 },
];

impl Release {
    /// What is known of this version.
    pub fn find(version: PythonVersion) -> Option<&'static Release> {
        RELEASES.iter().find(|release| release.covers(version))
    }

    /// Whether this is the minor version of `version`.
    pub fn covers(&self, version: PythonVersion) -> bool {
        (self.major, self.minor) == (version.major, version.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixed_entry_is_valid_and_unique() {
        for (index, release) in RELEASES.iter().enumerate() {
            let version = PythonVersion { major: release.major, minor: release.minor, micro: None };
            assert!(RELEASES[..index].iter().all(|other| !other.covers(version)), "{version} is there twice");
            if let Facts::Fixed { build: Build { layout, objects, .. }, .. } = release.facts {
                assert_eq!(layout.validate(), Ok(()), "{version}");
                assert_eq!(objects.validate(), Ok(()), "{version}");
                assert_eq!(layout.code_fingerprint, objects.code.fingerprint, "{version}");
            }
        }
    }

    #[test]
    fn versions_are_read_from_names() {
        let minor = |name| PythonVersion::from_file_name(name).map(|version| (version.major, version.minor));
        assert_eq!(minor("libpython3.8.so.1.0"), Some((3, 8)));
        assert_eq!(minor("libpython3.7m.so.1.0"), Some((3, 7)));
        assert_eq!(minor("python2.7"), Some((2, 7)));
        assert_eq!(minor("python3.13t"), Some((3, 13)));
        for name in
            ["libpython3.so", "python3", "python", "python3.x", "libpyt3.8", "python.3", "python3.999"]
        {
            assert_eq!(minor(name), None, "{name}");
        }
    }

    #[test]
    fn versions_are_read_from_their_hex_form() {
        let (version, is_final) = PythonVersion::from_hex(0x030b_07f0);
        assert_eq!((version.to_string().as_str(), is_final), ("3.11.7", true));
        let (version, is_final) = PythonVersion::from_hex(0x030d_00c2);
        assert_eq!((version.to_string().as_str(), is_final), ("3.13.0", false));
    }
}
