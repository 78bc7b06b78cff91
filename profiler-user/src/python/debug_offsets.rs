//! `_Py_DebugOffsets`: the offsets that a CPython from 3.13 on carries about itself, at the start of `_PyRuntime`.
//!
//! It must not know versions: where each offset lies is data from [`super::versions`]. What a process says about
//! itself is hostile; the results are validated before anyone uses them.

use firetower_ebpf::abi::{ABSENT, PyLayout};

use super::Obstacle;
use super::objects::{Header, Objects, References, Text};
use super::versions::{Build, PythonVersion};
use crate::process::memory::Memory;

/// What `_Py_DebugOffsets` starts with. CPython 3.13 Include/internal/pycore_runtime.h, `_Py_Debug_Cookie`.
const COOKIE: &[u8; 8] = b"xdebugpy";

/// Facts about a version that describes itself: where to find what it says, and what it does not say.
#[derive(Debug)]
pub struct SelfDescribed {
    /// Where each offset lies.
    pub fields: DebugOffsets,
    /// The rest for the kernel side; what the process says replaces what is absent here.
    pub layout: PyLayout,
    /// The rest for code objects; likewise.
    pub objects: Objects,
    /// From `PyThreadState.datastack_chunk` to `datastack_top`.
    pub datastack_top_from_chunk: u32,
    /// From `sizeof(PyASCIIObject)` to `sizeof(PyCompactUnicodeObject)`.
    pub compact_from_ascii: u32,
    /// From the first byte of a code object's fingerprint to `co_filename`.
    pub fingerprint_before_filename: u32,
    /// A build with the GIL.
    pub with_gil: BuildFacts,
    /// A build without (`Py_GIL_DISABLED`).
    pub free_threaded: BuildFacts,
}

/// What a build does not say of itself.
#[derive(Debug)]
pub struct BuildFacts {
    /// How references are counted.
    pub references: References,
    /// `PyObject.ob_type`, which it does say: another one means that objects start with something else
    /// (`Py_TRACE_REFS`).
    pub ob_type: u32,
    /// From `PyCodeObject._co_firsttraceable` to `co_code_adaptive`.
    pub first_traceable_before_code: u32,
    /// As in `UnicodeFields`.
    pub kind_shift: u32,
}

/// Where the fields of `_Py_DebugOffsets` lie in it, in bytes; each is a `uint64_t`. `code_filename` here is
/// `code_object.filename` there, and so on.
#[derive(Debug)]
pub struct DebugOffsets {
    /// Bytes of the whole.
    pub size: u64,
    pub free_threaded: u32,
    pub runtime_interpreters_head: u32,
    pub interpreter_id: u32,
    pub interpreter_next: u32,
    pub interpreter_threads_head: u32,
    pub thread_next: u32,
    pub thread_current_frame: u32,
    pub thread_id: u32,
    pub thread_datastack_chunk: u32,
    pub thread_status: u32,
    pub frame_previous: u32,
    pub frame_executable: u32,
    pub frame_instr_ptr: u32,
    pub frame_owner: u32,
    /// [`ABSENT`] where there is no such field.
    pub frame_tlbc_index: u32,
    pub code_filename: u32,
    pub code_name: u32,
    pub code_qualname: u32,
    pub code_linetable: u32,
    pub code_firstlineno: u32,
    pub code_adaptive: u32,
    /// [`ABSENT`] where there is no such field.
    pub code_tlbc: u32,
    pub object_ob_type: u32,
    pub type_tp_name: u32,
    pub type_tp_flags: u32,
    pub bytes_ob_size: u32,
    pub bytes_ob_sval: u32,
    pub unicode_state: u32,
    pub unicode_length: u32,
    pub unicode_asciiobject_size: u32,
}

/// The version that a `_Py_DebugOffsets` says that it is of, and whether that is a final release; `None` if `start`,
/// its first 16 bytes, are not those of one. In every version they are the cookie and `PY_VERSION_HEX`.
pub(super) fn version(start: &[u8]) -> Option<(PythonVersion, bool)> {
    let hex = start.strip_prefix(COOKIE)?.first_chunk()?;
    Some(PythonVersion::from_hex(u64::from_ne_bytes(*hex)))
}

impl SelfDescribed {
    /// Reads what the process says at `runtime`, the address of its `_PyRuntime`, and completes it.
    ///
    /// `expected` is the version that the file says; the process must say the same.
    pub(super) fn read(
        &self,
        memory: &dyn Memory,
        runtime: u64,
        expected: PythonVersion,
    ) -> Result<Build, Obstacle> {
        let bytes = memory
            .read_bytes(runtime, self.fields.size, self.fields.size)
            .map_err(|error| Obstacle::memory("_Py_DebugOffsets", error))?;
        let Some((says, _)) = version(&bytes) else {
            return Err(Obstacle::unreadable("_PyRuntime does not start with _Py_DebugOffsets"));
        };
        if says != expected {
            return Err(Obstacle::unreadable(format_args!(
                "the file is CPython {expected}, but the process says {says}"
            )));
        }
        let said = Said(Header(bytes));
        let free_threaded = said.value(self.fields.free_threaded)? != 0;
        let build = if free_threaded { &self.free_threaded } else { &self.with_gil };
        if said.offset(self.fields.object_ob_type)? != build.ob_type {
            let why = "its objects have a longer header, as with Py_TRACE_REFS";
            return Err(Obstacle::unsupported(format_args!("CPython {expected}: {why}")));
        }
        let mut layout = self.layout(&said)?;
        let mut objects = self.objects(&said, build)?;
        // It is told apart from another code object by a part that starts in front of the file's name.
        let fingerprint = objects.code.filename.checked_sub(self.fingerprint_before_filename);
        let fingerprint = fingerprint.ok_or_else(|| Obstacle::unreadable("code.co_filename is too low"))?;
        (layout.code_fingerprint, objects.code.fingerprint) = (fingerprint, fingerprint);
        if free_threaded && self.fields.code_tlbc != ABSENT {
            layout.code_tlbc = said.offset(self.fields.code_tlbc)?;
            layout.frame_tlbc_index = said.offset(self.fields.frame_tlbc_index)?;
            layout.frame_size = layout.frame_size.max((layout.frame_tlbc_index + 4).next_multiple_of(8));
        }
        let interp_id = Some(said.offset(self.fields.interpreter_id)?);
        Ok(Build { layout, objects, interp_id })
    }

    fn layout(&self, said: &Said) -> Result<PyLayout, Obstacle> {
        let at = &self.fields;
        let chunk = said.offset(at.thread_datastack_chunk)?;
        let code = said.offset(at.frame_executable)?;
        let previous = said.offset(at.frame_previous)?;
        let instr = said.offset(at.frame_instr_ptr)?;
        let owner = said.offset(at.frame_owner)?;
        let end = (code + 8).max(previous + 8).max(instr + 8).max(owner + 1);
        Ok(PyLayout {
            runtime_interpreters_head: said.offset(at.runtime_interpreters_head)?,
            interp_next: said.offset(at.interpreter_next)?,
            interp_threads_head: said.offset(at.interpreter_threads_head)?,
            tstate_next: said.offset(at.thread_next)?,
            tstate_thread_id: said.offset(at.thread_id)?,
            tstate_frame: said.offset(at.thread_current_frame)?,
            tstate_datastack_chunk: chunk,
            tstate_datastack_top: chunk + self.datastack_top_from_chunk,
            tstate_status: said.offset(at.thread_status)?,
            frame_size: end.next_multiple_of(8),
            frame_code: code,
            frame_previous: previous,
            frame_instr: instr,
            frame_owner: owner,
            code_instructions: said.offset(at.code_adaptive)?,
            ..self.layout
        })
    }

    fn objects(&self, said: &Said, build: &BuildFacts) -> Result<Objects, Obstacle> {
        let at = &self.fields;
        let mut objects = self.objects;
        objects.references = build.references;
        objects.ob_type = build.ob_type;
        objects.tp_name = said.offset(at.type_tp_name)?;
        objects.tp_flags = said.offset(at.type_tp_flags)?;
        objects.bytes.ob_size = said.offset(at.bytes_ob_size)?;
        objects.bytes.ob_sval = said.offset(at.bytes_ob_sval)?;
        objects.code.filename = said.offset(at.code_filename)?;
        objects.code.name = said.offset(at.code_name)?;
        objects.code.qualname = Some(said.offset(at.code_qualname)?);
        objects.code.firstlineno = said.offset(at.code_firstlineno)?;
        objects.code.line_table = said.offset(at.code_linetable)?;
        objects.code.first_traceable =
            said.offset(at.code_adaptive)?.checked_sub(build.first_traceable_before_code);
        // `ob_size` lies at the same place in all objects that have one.
        objects.code.ob_size = objects.bytes.ob_size;
        if let Text::Unicode(unicode) = &mut objects.text {
            unicode.length = said.offset(at.unicode_length)?;
            unicode.state = said.offset(at.unicode_state)?;
            unicode.kind_shift = build.kind_shift;
            unicode.ascii_data = said.offset(at.unicode_asciiobject_size)?;
            unicode.compact_data = unicode.ascii_data + self.compact_from_ascii;
        }
        Ok(objects)
    }
}

/// The bytes of a process's `_Py_DebugOffsets`.
struct Said(Header);

impl Said {
    fn value(&self, at: u32) -> Result<u64, Obstacle> {
        self.0.u64(at).map_err(Obstacle::unreadable)
    }

    /// An offset that is small enough to be calculated with.
    fn offset(&self, at: u32) -> Result<u32, Obstacle> {
        let value = self.value(at)?;
        u32::try_from(value).ok().filter(|&offset| offset < 1 << 20).ok_or_else(|| {
            Obstacle::unreadable(format_args!("the offset at {at} in _Py_DebugOffsets is {value:#x}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use firetower_ebpf::reason::Reason;
    use proptest::prelude::*;

    use super::super::versions::{Facts, RELEASES};
    use super::*;
    use crate::process::memory::RecordedMemory;

    const RUNTIME: u64 = 0x1000;

    /// The versions that describe themselves.
    fn described() -> impl Iterator<Item = (&'static SelfDescribed, u64)> {
        RELEASES.iter().filter_map(|release| match &release.facts {
            Facts::SelfDescribed(facts) => {
                Some((facts, u64::from(release.major) << 24 | u64::from(release.minor) << 16 | 0xf0))
            }
            Facts::Fixed { .. } => None,
        })
    }

    /// What a process with the GIL may say: every offset is `offset`.
    fn said(facts: &SelfDescribed, hex: u64, offset: u64) -> Vec<u64> {
        let mut words = vec![offset; facts.fields.size as usize / 8];
        words[0] = u64::from_ne_bytes(*COOKIE);
        words[1] = hex;
        words[facts.fields.free_threaded as usize / 8] = 0;
        words[facts.fields.object_ob_type as usize / 8] = facts.with_gil.ob_type.into();
        words
    }

    fn read(facts: &SelfDescribed, words: &[u64], hex: u64) -> Result<Build, Obstacle> {
        let mut memory = RecordedMemory::default();
        memory.record(RUNTIME, words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>());
        facts.read(&memory, RUNTIME, PythonVersion::from_hex(hex).0)
    }

    fn reason(result: Result<Build, Obstacle>) -> Option<Reason> {
        result.err().map(|obstacle| obstacle.reason)
    }

    #[test]
    fn a_process_that_contradicts_its_file_is_not_believed() {
        for (facts, hex) in described() {
            let words = said(facts, hex, 64);
            assert_eq!(reason(read(facts, &words, hex)), None);
            assert_eq!(reason(read(facts, &words, hex + 0x100)), Some(Reason::InterpreterUnreadable));
            assert_eq!(reason(read(facts, &words[..40], hex)), Some(Reason::InterpreterUnreadable));
            let mut other = words;
            other[0] += 1;
            assert_eq!(reason(read(facts, &other, hex)), Some(Reason::InterpreterUnreadable));
        }
    }

    #[test]
    fn objects_that_start_with_something_else_are_refused_with_and_without_the_gil() {
        for (facts, hex) in described() {
            let mut words = said(facts, hex, 64);
            words[facts.fields.object_ob_type as usize / 8] = facts.free_threaded.ob_type.into();
            assert_eq!(reason(read(facts, &words, hex)), Some(Reason::UnsupportedPython));
            words[facts.fields.free_threaded as usize / 8] = 1;
            let build = read(facts, &words, hex).expect("a free-threaded build");
            assert_eq!(build.objects.references, facts.free_threaded.references);
            assert_eq!(build.layout.code_tlbc == ABSENT, facts.fields.code_tlbc == ABSENT);
            words[facts.fields.object_ob_type as usize / 8] += 16;
            assert_eq!(reason(read(facts, &words, hex)), Some(Reason::UnsupportedPython));
        }
    }

    #[test]
    fn an_offset_that_is_too_large_to_be_one_is_refused() {
        for (facts, hex) in described() {
            for offset in [1 << 20, u64::from(u32::MAX), u64::MAX] {
                let words = said(facts, hex, offset);
                assert_eq!(
                    reason(read(facts, &words, hex)),
                    Some(Reason::InterpreterUnreadable),
                    "{offset:#x}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn any_offsets_are_refused_or_give_facts_that_can_be_validated(
            offsets in proptest::collection::vec(prop_oneof![0..256_u64, 0..0x10_0000_u64, any::<u64>()], 120),
            sane in any::<bool>(),
            free_threaded in any::<bool>(),
        ) {
            for (facts, hex) in described() {
                let mut words = said(facts, hex, 0);
                for (word, offset) in words.iter_mut().zip(&offsets).skip(3) {
                    *word = if sane { offset & 0xfffff } else { *offset };
                }
                let build = if free_threaded { &facts.free_threaded } else { &facts.with_gil };
                words[facts.fields.object_ob_type as usize / 8] = build.ob_type.into();
                words[facts.fields.free_threaded as usize / 8] = free_threaded.into();
                if let Ok(build) = read(facts, &words, hex) {
                    let _ = build.layout.validate();
                    let _ = build.objects.validate();
                }
            }
        }
    }
}
