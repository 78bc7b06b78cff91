//! CPython from 3.13 on: the process carries `_Py_DebugOffsets`, which says where most fields lie, and this file what
//! it does not say. Builds with and without the GIL differ in their offsets, and in little else.
//!
//! Only final releases are read: `_Py_DebugOffsets` itself changes while a version is developed.

use firetower_ebpf::abi::{ABSENT, PyLayout, flags};

use super::super::debug_offsets::{BuildFacts, DebugOffsets, SelfDescribed};
use super::super::line_table::Format;
use super::super::objects::{BytesFields, CodeFields, Objects, References, Text, UnicodeFields};
use super::Facts;

/// What `_Py_DebugOffsets` does not say: 3.13 Include/internal/pycore_frame.h (`FRAME_OWNED_BY_CSTACK`),
/// Include/cpython/pystate.h (`_status`), Include/cpython/code.h. What is [`ABSENT`] here is replaced by what it says,
/// except for what the version does not have: `cframe_current_frame`, `code_name`.
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
    code_fingerprint: ABSENT,
    flags: flags::INSTR_IS_POINTER,
    tstate_size: 0,
    tstate_status: ABSENT,
    status_active: 1 << 4,
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

/// What `_Py_DebugOffsets` does not say: that `qualname` exists, and how line tables are encoded. What differs between
/// builds is in [`BuildFacts`].
const OBJECTS_3_13: Objects = Objects {
    references: References::Counted { ob_refcnt: ABSENT, flag_bits: 0 },
    ob_type: ABSENT,
    tp_name: ABSENT,
    tp_flags: ABSENT,
    code: CodeFields {
        fingerprint: ABSENT,
        filename: ABSENT,
        name: ABSENT,
        qualname: Some(ABSENT),
        firstlineno: ABSENT,
        line_table: ABSENT,
        first_traceable: Some(ABSENT),
        ob_size: ABSENT,
        // `co_version` is 36 bytes into the fingerprint's.
        content_counts: false,
    },
    text: Text::Unicode(UnicodeFields {
        length: ABSENT,
        state: ABSENT,
        kind_shift: ABSENT,
        ascii_data: ABSENT,
        compact_data: ABSENT,
    }),
    bytes: BytesFields { ob_size: ABSENT, ob_sval: ABSENT },
    line_table: Format::Locations,
};

/// CPython 3.13 Include/object.h of a build with `Py_GIL_DISABLED`.
const BIASED: References = References::Biased { ob_ref_local: 12, ob_ref_shared: 16 };

/// CPython 3.13 Include/object.h, Include/cpython/code.h, unicodeobject.h.
pub(super) const PYTHON_3_13: Facts = Facts::SelfDescribed(SelfDescribed {
    fields: DEBUG_OFFSETS_3_13,
    layout: LAYOUT_3_13,
    objects: OBJECTS_3_13,
    datastack_top_from_chunk: 8,
    compact_from_ascii: 16,
    fingerprint_before_filename: 56,
    with_gil: BuildFacts {
        references: References::Counted { ob_refcnt: 0, flag_bits: 0 },
        ob_type: 8,
        first_traceable_before_code: 16,
        kind_shift: 2,
    },
    free_threaded: BuildFacts {
        references: BIASED,
        ob_type: 24,
        first_traceable_before_code: 16,
        kind_shift: 2,
    },
});

/// CPython 3.14 Include/object.h (16 bits of flags above the count), Include/cpython/code.h (`co_tlbc`),
/// unicodeobject.h (`interned` is a byte without the GIL), Include/internal/pycore_interpframe_structs.h
/// (`FRAME_OWNED_BY_INTERPRETER`, and `FRAME_OWNED_BY_CSTACK` above it).
pub(super) const PYTHON_3_14: Facts =
    Facts::SelfDescribed(SelfDescribed { fields: DEBUG_OFFSETS_3_14, ..SELF_DESCRIBED_3_14 });

/// CPython 3.15, the same headers. `FRAME_OWNED_BY_CSTACK` is gone.
pub(super) const PYTHON_3_15: Facts =
    Facts::SelfDescribed(SelfDescribed { fields: DEBUG_OFFSETS_3_15, ..SELF_DESCRIBED_3_14 });

const SELF_DESCRIBED_3_14: SelfDescribed = SelfDescribed {
    fields: DEBUG_OFFSETS_3_14,
    layout: PyLayout { flags: flags::INSTR_IS_POINTER | flags::CODE_IS_TAGGED, ..LAYOUT_3_13 },
    objects: OBJECTS_3_13,
    datastack_top_from_chunk: 8,
    compact_from_ascii: 16,
    fingerprint_before_filename: 56,
    with_gil: BuildFacts {
        references: References::Counted { ob_refcnt: 0, flag_bits: 16 },
        ob_type: 8,
        first_traceable_before_code: 16,
        kind_shift: 2,
    },
    free_threaded: BuildFacts {
        references: BIASED,
        ob_type: 24,
        first_traceable_before_code: 24,
        kind_shift: 8,
    },
};

/// CPython 3.13 Include/internal/pycore_runtime.h, `_Py_DebugOffsets`.
const DEBUG_OFFSETS_3_13: DebugOffsets = DebugOffsets {
    size: 584,
    free_threaded: 16,
    runtime_interpreters_head: 40,
    interpreter_id: 56,
    interpreter_next: 64,
    interpreter_threads_head: 72,
    thread_next: 168,
    thread_current_frame: 184,
    thread_id: 192,
    thread_datastack_chunk: 208,
    thread_status: 216,
    frame_previous: 232,
    frame_executable: 240,
    frame_instr_ptr: 248,
    frame_owner: 264,
    frame_tlbc_index: ABSENT,
    code_filename: 280,
    code_name: 288,
    code_qualname: 296,
    code_linetable: 304,
    code_firstlineno: 312,
    code_adaptive: 344,
    code_tlbc: ABSENT,
    object_ob_type: 360,
    type_tp_name: 376,
    type_tp_flags: 392,
    bytes_ob_size: 520,
    bytes_ob_sval: 528,
    unicode_state: 544,
    unicode_length: 552,
    unicode_asciiobject_size: 560,
};

/// CPython 3.14 Include/internal/pycore_debug_offsets.h, `_Py_DebugOffsets`.
const DEBUG_OFFSETS_3_14: DebugOffsets = DebugOffsets {
    size: 760,
    free_threaded: 16,
    runtime_interpreters_head: 40,
    interpreter_id: 56,
    interpreter_next: 64,
    interpreter_threads_head: 72,
    thread_next: 192,
    thread_current_frame: 208,
    thread_id: 216,
    thread_datastack_chunk: 232,
    thread_status: 240,
    frame_previous: 256,
    frame_executable: 264,
    frame_instr_ptr: 272,
    frame_owner: 288,
    frame_tlbc_index: 304,
    code_filename: 320,
    code_name: 328,
    code_qualname: 336,
    code_linetable: 344,
    code_firstlineno: 352,
    code_adaptive: 384,
    code_tlbc: 392,
    object_ob_type: 408,
    type_tp_name: 424,
    type_tp_flags: 440,
    bytes_ob_size: 600,
    bytes_ob_sval: 608,
    unicode_state: 624,
    unicode_length: 632,
    unicode_asciiobject_size: 640,
};

/// CPython 3.15 Include/internal/pycore_debug_offsets.h, `_Py_DebugOffsets`.
const DEBUG_OFFSETS_3_15: DebugOffsets = DebugOffsets {
    size: 888,
    free_threaded: 16,
    runtime_interpreters_head: 40,
    interpreter_id: 56,
    interpreter_next: 64,
    interpreter_threads_head: 72,
    thread_next: 192,
    thread_current_frame: 208,
    thread_id: 240,
    thread_datastack_chunk: 256,
    thread_status: 264,
    frame_previous: 320,
    frame_executable: 328,
    frame_instr_ptr: 336,
    frame_owner: 352,
    frame_tlbc_index: 368,
    code_filename: 384,
    code_name: 392,
    code_qualname: 400,
    code_linetable: 408,
    code_firstlineno: 416,
    code_adaptive: 448,
    code_tlbc: 456,
    object_ob_type: 472,
    type_tp_name: 488,
    type_tp_flags: 504,
    bytes_ob_size: 696,
    bytes_ob_sval: 704,
    unicode_state: 720,
    unicode_length: 728,
    unicode_asciiobject_size: 736,
};
