//! CPython 3.11 and 3.12: frames lie in the thread's data stack, and a `_PyCFrame` on the C stack leads to them.
//!
//! Offsets are from the headers named at each constant, and agree with the DWARF of 3.11.7 and 3.12.1.

use firetower_ebpf::abi::{ABSENT, PyLayout, flags};

use super::super::line_table::Format;
use super::super::objects::{CodeFields, Objects, Text, UnicodeFields};
use super::frame_objects::OBJECTS_BEFORE_3_11;
use super::{Build, CurrentTstate, Facts};

/// CPython 3.11 Include/cpython/code.h, unicodeobject.h. The fingerprint starts with `co_argcount`, behind
/// `co_warmup`, which counts.
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
        content_counts: true,
    },
    line_table: Format::Locations,
    ..OBJECTS_BEFORE_3_11
};

/// CPython 3.11 Include/internal/pycore_runtime.h, pycore_interp.h, pycore_frame.h, Include/cpython/pystate.h, code.h.
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
    name_content: 0,
    name_data: 0,
    code_line_table: 0,
    table_content: 0,
    table_data: 0,
    code_tlbc: ABSENT,
    frame_tlbc_index: 0,
    reserved: 0,
};

/// As above, and CPython 3.11 Include/internal/pycore_gil.h for the size of what lies before `gilstate`.
pub(super) const PYTHON_3_11: Facts = Facts::Fixed {
    build: Build { layout: LAYOUT_3_11, objects: OBJECTS_3_11, interp_id: Some(48) },
    current_tstate: CurrentTstate::InRuntime { offset: 576, runtime_size: None },
};

/// CPython 3.12 Include/internal/pycore_runtime.h, pycore_interp.h, pycore_frame.h (`FRAME_OWNED_BY_CSTACK`,
/// `FRAME_OWNED_BY_THREAD`), Include/cpython/pystate.h (`_status`), code.h, unicodeobject.h (no `wstr` any more).
pub(super) const PYTHON_3_12: Facts = Facts::Fixed {
    build: Build {
        layout: PyLayout {
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
            flags: flags::INSTR_IS_POINTER,
            tstate_status: 24,
            status_active: 1 << 4,
            ..LAYOUT_3_11
        },
        objects: Objects {
            code: CodeFields {
                firstlineno: 68,
                first_traceable: Some(176),
                // `co_version` is at 92.
                content_counts: false,
                ..OBJECTS_3_11.code
            },
            text: Text::Unicode(UnicodeFields {
                length: 16,
                state: 32,
                kind_shift: 2,
                ascii_data: 40,
                compact_data: 56,
            }),
            ..OBJECTS_3_11
        },
        interp_id: Some(8),
    },
    current_tstate: CurrentTstate::Absent,
};
