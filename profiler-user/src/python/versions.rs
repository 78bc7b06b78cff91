//! THE version table: what is known of each CPython. The only place where versions are compared.
//!
//! It must not know how the facts are used. To add a version: an entry in [`RELEASES`], and, if its line tables have
//! a new encoding, a codec in [`super::line_table`]. Sources are the headers of the release named at each constant,
//! checked against the DWARF of pyenv's builds (x86-64, glibc); other release builds for 64-bit Linux agree, since
//! none of these structures depends on the configuration, except on `Py_TRACE_REFS` and `Py_GIL_DISABLED`, which are
//! refused.

use std::fmt;

use firetower_ebpf::abi::{ABSENT, PyLayout, flags};

use super::debug_offsets::{DebugOffsets, SelfDescribed};
use super::line_table::Format;
use super::objects::{BytesFields, CodeFields, Objects, Text, UnicodeFields};

mod threads;

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
    /// The symbol that everything starts from.
    pub runtime_symbol: &'static str,
    /// Where its fields lie.
    pub facts: Facts,
}

/// Where the facts about a version come from.
#[derive(Debug)]
pub enum Facts {
    /// From this table.
    Fixed {
        /// For the kernel side.
        layout: PyLayout,
        /// For reading code objects.
        objects: Objects,
    },
    /// From the process itself, which carries `_Py_DebugOffsets`.
    SelfDescribed(SelfDescribed),
}

/// The name of `_PyRuntime`. CPython Include/internal/pycore_runtime.h.
pub const PY_RUNTIME: &str = "_PyRuntime";
/// The name of the variable that leads to the interpreters where there is no runtime structure: static, so in
/// `.symtab` only. CPython 2.7 Python/pystate.c.
const INTERP_HEAD: &str = "interp_head";

/// Every version that firetower reads, by age.
pub const RELEASES: &[Release] = &[
    Release {
        major: 2,
        minor: 7,
        runtime_symbol: INTERP_HEAD,
        facts: Facts::Fixed { layout: LAYOUT_2_7, objects: OBJECTS_2_7 },
    },
    Release {
        major: 3,
        minor: 8,
        runtime_symbol: PY_RUNTIME,
        facts: Facts::Fixed { layout: LAYOUT_3_8, objects: OBJECTS_3_8 },
    },
    Release {
        major: 3,
        minor: 11,
        runtime_symbol: PY_RUNTIME,
        facts: Facts::Fixed { layout: LAYOUT_3_11, objects: OBJECTS_3_11 },
    },
    Release {
        major: 3,
        minor: 12,
        runtime_symbol: PY_RUNTIME,
        facts: Facts::Fixed { layout: LAYOUT_3_12, objects: OBJECTS_3_12 },
    },
    Release {
        major: 3,
        minor: 13,
        runtime_symbol: PY_RUNTIME,
        facts: Facts::SelfDescribed(SelfDescribed {
            fields: DEBUG_OFFSETS_3_13,
            layout: LAYOUT_3_13,
            objects: OBJECTS_3_13,
            datastack_top_from_chunk: 8,
            compact_from_ascii: 16,
            first_traceable_before_code: 16,
        }),
    },
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

/// Frames are heap objects, each the frame of a C call of its own (to 3.10).
const FRAME_OBJECTS: PyLayout = PyLayout {
    runtime_interpreters_head: 0,
    interp_next: 0,
    interp_threads_head: 8,
    tstate_next: 0,
    tstate_thread_id: 0,
    tstate_frame: 0,
    tstate_datastack_chunk: ABSENT,
    tstate_datastack_top: ABSENT,
    cframe_current_frame: ABSENT,
    frame_size: 0,
    frame_code: 32,
    frame_previous: 24,
    frame_instr: 0,
    frame_owner: ABSENT,
    owner_shim: ABSENT,
    code_instructions: 0,
    code_fingerprint: 0,
    flags: flags::EVERY_FRAME_IS_ENTRY,
    tstate_size: 0,
    tstate_status: ABSENT,
    status_active: 0,
    code_name: ABSENT,
    name_content: ABSENT,
    code_line_table: ABSENT,
    table_content: ABSENT,
    code_tlbc: ABSENT,
    frame_tlbc_index: ABSENT,
    reserved: 0,
};

/// CPython 2.7 Include/pystate.h, frameobject.h, code.h. The fingerprint starts with `co_stacksize`.
const LAYOUT_2_7: PyLayout = PyLayout {
    tstate_next: 0,
    tstate_frame: 16,
    tstate_thread_id: 144,
    frame_instr: 120,
    frame_size: 128,
    code_fingerprint: OBJECTS_2_7.code.fingerprint,
    ..FRAME_OBJECTS
};

/// CPython 2.7 Include/object.h, code.h, stringobject.h.
const OBJECTS_2_7: Objects = Objects {
    ob_refcnt: 0,
    ob_type: 8,
    tp_name: 24,
    tp_flags: 168,
    code: CodeFields {
        fingerprint: 24,
        filename: 80,
        name: 88,
        qualname: None,
        firstlineno: 96,
        line_table: 104,
        first_traceable: None,
        ob_size: 0,
    },
    text: Text::Bytes,
    bytes: BytesFields { ob_size: 16, ob_sval: 36 },
    line_table: Format::LnotabUnsigned,
};

/// CPython 3.8 Include/internal/pycore_pystate.h, Include/cpython/pystate.h, frameobject.h, code.h. The fingerprint
/// starts with `co_firstlineno`.
const LAYOUT_3_8: PyLayout = PyLayout {
    runtime_interpreters_head: 32,
    tstate_next: 8,
    tstate_frame: 24,
    tstate_thread_id: 176,
    frame_instr: 104,
    frame_size: 112,
    code_fingerprint: OBJECTS_3_8.code.fingerprint,
    ..FRAME_OBJECTS
};

/// CPython 3.8 Include/cpython/object.h, unicodeobject.h, code.h, bytesobject.h.
const OBJECTS_3_8: Objects = Objects {
    code: CodeFields {
        fingerprint: 40,
        filename: 104,
        name: 112,
        qualname: None,
        firstlineno: 40,
        line_table: 120,
        first_traceable: None,
        ob_size: 0,
    },
    text: Text::Unicode(UnicodeFields {
        length: 16,
        state: 32,
        kind_shift: 2,
        ascii_data: 48,
        compact_data: 72,
    }),
    bytes: BytesFields { ob_size: 16, ob_sval: 32 },
    line_table: Format::LnotabSigned,
    ..OBJECTS_2_7
};

/// CPython 3.11 Include/internal/pycore_runtime.h, pycore_interp.h, pycore_frame.h, Include/cpython/pystate.h, code.h.
/// The fingerprint starts with `co_argcount`, behind `co_warmup`, which counts.
const LAYOUT_3_11: PyLayout = PyLayout {
    runtime_interpreters_head: 40,
    interp_next: 0,
    interp_threads_head: 16,
    tstate_next: 8,
    tstate_thread_id: 152,
    tstate_frame: 56,
    tstate_datastack_chunk: 296,
    tstate_datastack_top: 304,
    cframe_current_frame: 8,
    frame_size: 72,
    frame_code: 32,
    frame_previous: 48,
    frame_instr: 56,
    frame_owner: 68,
    owner_shim: ABSENT,
    code_instructions: 184,
    code_fingerprint: OBJECTS_3_11.code.fingerprint,
    flags: flags::INSTR_IS_POINTER | flags::OWNER_IS_ENTRY,
    tstate_size: 0,
    tstate_status: ABSENT,
    status_active: 0,
    code_name: ABSENT,
    name_content: ABSENT,
    code_line_table: ABSENT,
    table_content: ABSENT,
    code_tlbc: ABSENT,
    frame_tlbc_index: ABSENT,
    reserved: 0,
};

/// CPython 3.11 Include/cpython/code.h, unicodeobject.h.
const OBJECTS_3_11: Objects = Objects {
    code: CodeFields {
        fingerprint: 56,
        filename: 112,
        name: 120,
        qualname: Some(128),
        firstlineno: 72,
        line_table: 136,
        first_traceable: Some(168),
        ob_size: 16,
    },
    line_table: Format::Locations,
    ..OBJECTS_3_8
};

/// CPython 3.12 Include/internal/pycore_runtime.h, pycore_interp.h, pycore_frame.h (`FRAME_OWNED_BY_CSTACK`,
/// `FRAME_OWNED_BY_THREAD`), Include/cpython/pystate.h, code.h.
const LAYOUT_3_12: PyLayout = PyLayout {
    interp_threads_head: 72,
    tstate_thread_id: 136,
    tstate_datastack_chunk: 232,
    tstate_datastack_top: 240,
    cframe_current_frame: 0,
    frame_code: 0,
    frame_previous: 8,
    frame_owner: 70,
    owner_shim: 3,
    code_instructions: 192,
    code_fingerprint: OBJECTS_3_12.code.fingerprint,
    flags: flags::INSTR_IS_POINTER,
    ..LAYOUT_3_11
};

/// CPython 3.12 Include/cpython/code.h, unicodeobject.h (no `wstr` any more).
const OBJECTS_3_12: Objects = Objects {
    code: CodeFields { firstlineno: 68, first_traceable: Some(176), ..OBJECTS_3_11.code },
    text: Text::Unicode(UnicodeFields {
        length: 16,
        state: 32,
        kind_shift: 2,
        ascii_data: 40,
        compact_data: 56,
    }),
    ..OBJECTS_3_11
};

/// CPython 3.13 Include/internal/pycore_frame.h, Include/cpython/code.h: what `_Py_DebugOffsets` does not carry. It
/// carries all that is [`ABSENT`] here, except `cframe_current_frame`, which is gone.
const LAYOUT_3_13: PyLayout = PyLayout {
    runtime_interpreters_head: ABSENT,
    interp_next: ABSENT,
    interp_threads_head: ABSENT,
    tstate_next: ABSENT,
    tstate_thread_id: ABSENT,
    tstate_frame: ABSENT,
    tstate_datastack_chunk: ABSENT,
    tstate_datastack_top: ABSENT,
    cframe_current_frame: ABSENT,
    frame_size: ABSENT,
    frame_code: ABSENT,
    frame_previous: ABSENT,
    frame_instr: ABSENT,
    frame_owner: ABSENT,
    owner_shim: 3,
    code_instructions: ABSENT,
    code_fingerprint: OBJECTS_3_13.code.fingerprint,
    flags: flags::INSTR_IS_POINTER,
    tstate_size: 0,
    tstate_status: ABSENT,
    status_active: 0,
    code_name: ABSENT,
    name_content: ABSENT,
    code_line_table: ABSENT,
    table_content: ABSENT,
    code_tlbc: ABSENT,
    frame_tlbc_index: ABSENT,
    reserved: 0,
};

/// CPython 3.13 Include/cpython/code.h, unicodeobject.h: what `_Py_DebugOffsets` does not carry.
const OBJECTS_3_13: Objects = Objects {
    ob_refcnt: 0, // Not told by the debug offsets; before `ob_type` in every build with a GIL.
    ob_type: ABSENT,
    tp_name: ABSENT,
    tp_flags: ABSENT,
    code: CodeFields {
        fingerprint: 56,
        filename: ABSENT,
        name: ABSENT,
        qualname: Some(ABSENT),
        firstlineno: ABSENT,
        line_table: ABSENT,
        first_traceable: None, // Follows from `co_code_adaptive`.
        ob_size: 16,
    },
    text: Text::Unicode(UnicodeFields {
        length: ABSENT,
        state: ABSENT,
        kind_shift: 2,
        ascii_data: ABSENT,
        compact_data: ABSENT,
    }),
    bytes: BytesFields { ob_size: ABSENT, ob_sval: ABSENT },
    line_table: Format::Locations,
};

/// CPython 3.13 Include/internal/pycore_runtime.h, `_Py_DebugOffsets`.
const DEBUG_OFFSETS_3_13: DebugOffsets = DebugOffsets {
    size: 584,
    version: 8,
    free_threaded: 16,
    runtime_interpreters_head: 40,
    interpreter_next: 64,
    interpreter_threads_head: 72,
    thread_next: 168,
    thread_current_frame: 184,
    thread_id: 192,
    thread_datastack_chunk: 208,
    frame_previous: 232,
    frame_executable: 240,
    frame_instr_ptr: 248,
    frame_owner: 264,
    code_filename: 280,
    code_name: 288,
    code_qualname: 296,
    code_linetable: 304,
    code_firstlineno: 312,
    code_adaptive: 344,
    object_ob_type: 360,
    type_tp_name: 376,
    type_tp_flags: 392,
    bytes_ob_size: 520,
    bytes_ob_sval: 528,
    unicode_state: 544,
    unicode_length: 552,
    unicode_asciiobject_size: 560,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixed_entry_is_valid_and_unique() {
        for (index, release) in RELEASES.iter().enumerate() {
            let version = PythonVersion { major: release.major, minor: release.minor, micro: None };
            assert!(RELEASES[..index].iter().all(|other| !other.covers(version)), "{version} is there twice");
            if let Facts::Fixed { layout, objects } = release.facts {
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
