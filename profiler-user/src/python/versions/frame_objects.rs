//! CPython 2.7 and 3.6 to 3.10: frames are heap objects, each the frame of a C call of its own.
//!
//! Offsets are from the headers named at each constant, and agree with the DWARF of builds of the last release of
//! each version.

use firetower_ebpf::abi::{ABSENT, PyLayout, flags};

use super::super::line_table::Format;
use super::super::objects::{BytesFields, CodeFields, Objects, References, Text, UnicodeFields};
use super::{Build, CurrentTstate, Facts};

/// What 3.x has in common, except for the code object. CPython 3.8 Include/cpython/pystate.h, frameobject.h,
/// unicodeobject.h, Include/bytesobject.h.
const FRAME_OBJECTS: PyLayout = PyLayout {
    runtime_interpreters_head: 32,
    interp_next: 0,
    interp_threads_head: 8,
    tstate_next: 8,
    tstate_thread_id: 176,
    tstate_frame: 24,
    tstate_datastack_chunk: ABSENT,
    tstate_datastack_top: ABSENT,
    cframe_current_frame: ABSENT,
    frame_size: 112,
    frame_code: 32,
    frame_previous: 24,
    frame_instr: 104,
    frame_owner: ABSENT,
    owner_shim: ABSENT,
    code_instructions: 0,
    code_fingerprint: 0,
    flags: flags::EVERY_FRAME_IS_ENTRY,
    tstate_size: 0,
    tstate_status: ABSENT,
    status_active: 0,
    code_name: ABSENT,
    name_content: 0,
    name_data: 0,
    code_line_table: 0,
    table_content: 0,
    table_data: 0,
    code_tlbc: ABSENT,
    frame_tlbc_index: 0,
    reserved: 0,
};

/// CPython 2.7 Include/object.h, code.h, stringobject.h. The fingerprint starts with `co_stacksize`.
const OBJECTS_2_7: Objects = Objects {
    references: References::Counted { ob_refcnt: 0, flag_bits: 0 },
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
        content_counts: true,
    },
    text: Text::Bytes,
    bytes: BytesFields { ob_size: 16, ob_sval: 36 },
    line_table: Format::LnotabUnsigned,
};

/// CPython 2.7 Include/pystate.h, frameobject.h, code.h; Python/pystate.c.
pub(super) const PYTHON_2_7: Facts = Facts::Fixed {
    build: Build {
        layout: PyLayout {
            runtime_interpreters_head: 0,
            tstate_next: 0,
            tstate_frame: 16,
            tstate_thread_id: 144,
            frame_instr: 120,
            frame_size: 128,
            code_fingerprint: OBJECTS_2_7.code.fingerprint,
            ..FRAME_OBJECTS
        },
        objects: OBJECTS_2_7,
        interp_id: None,
    },
    current_tstate: CurrentTstate::Symbol,
};

/// CPython 3.6 Include/object.h, unicodeobject.h, code.h, bytesobject.h. The fingerprint starts with `co_flags`.
const OBJECTS_3_6: Objects = Objects {
    code: CodeFields {
        fingerprint: 32,
        filename: 96,
        name: 104,
        qualname: None,
        firstlineno: 36,
        line_table: 112,
        first_traceable: None,
        ob_size: 0,
        content_counts: true,
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

/// CPython 3.6 Include/pystate.h, frameobject.h, code.h; Python/pystate.c.
pub(super) const PYTHON_3_6: Facts = Facts::Fixed {
    build: Build {
        layout: PyLayout {
            runtime_interpreters_head: 0,
            tstate_thread_id: 152,
            frame_instr: 120,
            frame_size: 128,
            code_fingerprint: OBJECTS_3_6.code.fingerprint,
            ..FRAME_OBJECTS
        },
        objects: OBJECTS_3_6,
        interp_id: None,
    },
    current_tstate: CurrentTstate::Symbol,
};

/// CPython 3.7 Include/internal/pystate.h, Include/pystate.h, frameobject.h, code.h. `_PyRuntime` grew in a bug-fix
/// release, before `gilstate`: its size tells whether the offset holds.
pub(super) const PYTHON_3_7: Facts = Facts::Fixed {
    build: Build {
        layout: PyLayout {
            runtime_interpreters_head: 24,
            code_fingerprint: OBJECTS_3_6.code.fingerprint,
            ..FRAME_OBJECTS
        },
        objects: OBJECTS_3_6,
        interp_id: Some(16),
    },
    current_tstate: CurrentTstate::InRuntime { offset: 1480, runtime_size: Some(1520) },
};

/// CPython 3.8 Include/cpython/object.h, unicodeobject.h, code.h, bytesobject.h. The fingerprint starts with
/// `co_firstlineno`.
const OBJECTS_3_8: Objects = Objects {
    code: CodeFields {
        fingerprint: 40,
        filename: 104,
        name: 112,
        firstlineno: 40,
        line_table: 120,
        ..OBJECTS_3_6.code
    },
    ..OBJECTS_3_6
};

/// CPython 3.8 Include/internal/pycore_pystate.h, Include/cpython/pystate.h, frameobject.h, code.h.
pub(super) const PYTHON_3_8: Facts = Facts::Fixed {
    build: Build {
        layout: PyLayout { code_fingerprint: OBJECTS_3_8.code.fingerprint, ..FRAME_OBJECTS },
        objects: OBJECTS_3_8,
        interp_id: Some(16),
    },
    current_tstate: CurrentTstate::InRuntime { offset: 1368, runtime_size: None },
};

/// CPython 3.9 Include/internal/pycore_runtime.h, pycore_interp.h, Include/cpython/pystate.h, frameobject.h, code.h.
pub(super) const PYTHON_3_9: Facts = Facts::Fixed {
    build: Build {
        layout: PyLayout { code_fingerprint: OBJECTS_3_8.code.fingerprint, ..FRAME_OBJECTS },
        objects: OBJECTS_3_8,
        interp_id: Some(24),
    },
    current_tstate: CurrentTstate::InRuntime { offset: 568, runtime_size: None },
};

/// CPython 3.10 Include/internal/pycore_runtime.h, pycore_interp.h, Include/cpython/pystate.h, frameobject.h, code.h.
pub(super) const PYTHON_3_10: Facts = Facts::Fixed {
    build: Build {
        layout: PyLayout {
            frame_instr: 96,
            frame_size: 104,
            flags: flags::EVERY_FRAME_IS_ENTRY | flags::INSTR_IN_CODE_UNITS,
            code_fingerprint: OBJECTS_3_8.code.fingerprint,
            ..FRAME_OBJECTS
        },
        objects: Objects { line_table: Format::Linetable, ..OBJECTS_3_8 },
        interp_id: Some(24),
    },
    current_tstate: CurrentTstate::InRuntime { offset: 568, runtime_size: None },
};

/// For what comes after: strings were as in 3.6 until 3.11.
pub(super) const OBJECTS_BEFORE_3_11: Objects = OBJECTS_3_8;
