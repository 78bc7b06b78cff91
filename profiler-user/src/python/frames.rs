//! The frames of one thread state, by the same layout of facts as the kernel side's walk: `profiler-ebpf/src/python.rs`
//! says why each rule is there.
//!
//! Unlike there, the thread may run on while its frames are read; whether it did is the caller's to know. A walk over
//! frames that change may give a stack that never was, or [`Reason::InconsistentFrames`], and always ends. It must not
//! know version numbers, nor names.

use std::collections::{HashMap, HashSet};

use firetower_ebpf::abi::{ABSENT, PyLayout, RawFrame, flags};

use super::code;
use super::objects::{Header, Objects};
use crate::model::Reason;
use crate::process::memory::{Memory, MemoryError};

/// Most frames of a stack; a deeper one keeps this many from the leaf end.
pub const MOST_FRAMES: usize = 1 << 14;
/// The first address that no process has, on x86-64 with four-level paging.
const USER_END: u64 = 1 << 47;
/// How far in front of its first instruction a frame may point before it runs.
const BEFORE_FIRST: u64 = 16;
/// The lowest bits of a `_PyStackRef` that are no part of the pointer.
const TAG: u64 = 7;

/// A stack as it lies in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawStack {
    /// Leaf first: address of the frame, and what it runs.
    pub frames: Vec<(u64, RawFrame)>,
    /// Whether the root end is missing.
    pub truncated: bool,
}

/// Walks the frames of the thread state at `tstate`.
///
/// [`Reason::NoPythonFrame`]: it executes no Python function.
pub fn walk(
    memory: &dyn Memory,
    layout: &PyLayout,
    objects: &Objects,
    tstate: u64,
) -> Result<RawStack, Reason> {
    let field = |offset: u32| read_u64(memory, tstate.wrapping_add(offset.into()));
    let dead = if layout.tstate_datastack_top == ABSENT {
        u64::MAX..u64::MAX
    } else {
        field(layout.tstate_datastack_top)?..field(layout.tstate_datastack_top.saturating_add(8))?
    };
    let stack = RawStack { frames: Vec::new(), truncated: false };
    let mut walk = Walk { memory, layout, objects, dead, stack, fingerprints: HashMap::new() };
    let at = field(layout.tstate_frame)?;
    if layout.cframe_current_frame == ABSENT || at == 0 {
        walk.run(at)?;
        return Ok(walk.stack);
    }
    let current = at.wrapping_add(layout.cframe_current_frame.into());
    match walk.run(read_u64(memory, current)?) {
        Err(reason) if walk.stack.frames.is_empty() => {
            // The `_PyCFrame` was linked before its `current_frame` was written: the stack is still that of the
            // calling one, to which `previous` points.
            let previous = read_u64(memory, current.wrapping_add(8))?;
            if previous == 0 {
                return Err(reason);
            }
            walk.run(read_u64(memory, previous.wrapping_add(layout.cframe_current_frame.into()))?)?;
        }
        result => result?,
    }
    Ok(walk.stack)
}

/// A walk and how far it has come.
struct Walk<'a> {
    memory: &'a dyn Memory,
    layout: &'a PyLayout,
    objects: &'a Objects,
    /// The free part of the data stack's chunk: frames there are dead.
    dead: std::ops::Range<u64>,
    stack: RawStack,
    /// By code object.
    fingerprints: HashMap<u64, u32>,
}

impl Walk<'_> {
    /// Walks from `frame` to the root, or until there is no more room.
    fn run(&mut self, frame: u64) -> Result<(), Reason> {
        let (mut at, mut seen, mut last_is_entry) = (frame, HashSet::new(), false);
        while at != 0 {
            if at % 8 != 0 || self.dead.contains(&at) || !seen.insert(at) {
                return Err(Reason::InconsistentFrames);
            }
            let frame = Header(self.read(at, self.layout.frame_size)?);
            let previous = field(frame.u64(self.layout.frame_previous))?;
            let owner = self.owner(&frame)?;
            if owner.is_some_and(|owner| owner >= self.layout.owner_shim) {
                if let Some((_, called)) = self.stack.frames.last_mut() {
                    called.set_entry();
                }
                last_is_entry = true;
            } else if self.stack.frames.len() == MOST_FRAMES {
                self.stack.truncated = true;
                return Ok(());
            } else {
                let raw = self.function(&frame, owner)?;
                last_is_entry = raw.is_entry();
                self.stack.frames.push((at, raw));
            }
            // Shims alternate with functions at most.
            if seen.len() > 2 * MOST_FRAMES + 2 {
                return Err(Reason::InconsistentFrames);
            }
            at = previous;
        }
        if self.stack.frames.is_empty() {
            return Err(Reason::NoPythonFrame);
        }
        // A generator's frame has no caller while it is being switched to or from: then the chain ends too early.
        if last_is_entry { Ok(()) } else { Err(Reason::InconsistentFrames) }
    }

    fn owner(&self, frame: &Header) -> Result<Option<u32>, Reason> {
        if self.layout.frame_owner == ABSENT {
            return Ok(None);
        }
        let byte = frame.0.get(self.layout.frame_owner as usize);
        byte.map(|&owner| Some(owner.into())).ok_or(Reason::InconsistentFrames)
    }

    /// What the frame of a function runs.
    fn function(&mut self, frame: &Header, owner: Option<u32>) -> Result<RawFrame, Reason> {
        let has = |flag: u32| self.layout.flags & flag != 0;
        let mut code = field(frame.u64(self.layout.frame_code))?;
        if has(flags::CODE_IS_TAGGED) {
            code &= !TAG;
        }
        if code == 0 || code >= USER_END {
            return Err(Reason::InconsistentFrames);
        }
        let instr = if has(flags::INSTR_IS_POINTER) {
            let pointer = field(frame.u64(self.layout.frame_instr))?;
            let from = pointer.wrapping_sub(self.first_instruction(frame, code)?).wrapping_add(BEFORE_FIRST);
            i32::try_from(from).map_err(|_| Reason::InconsistentFrames)? - BEFORE_FIRST as i32
        } else {
            let units = field(frame.u32(self.layout.frame_instr))? as i32;
            // -1 before the first instruction: any number below zero says that.
            if has(flags::INSTR_IN_CODE_UNITS) { units.saturating_mul(2) } else { units }
        };
        let entry = has(flags::EVERY_FRAME_IS_ENTRY) || (has(flags::OWNER_IS_ENTRY) && owner == Some(1));
        let fingerprint = match self.fingerprints.get(&code) {
            Some(&fingerprint) => fingerprint,
            None => {
                let fingerprint =
                    code::fingerprint(self.memory, self.objects, code).map_err(MemoryError::reason)?;
                self.fingerprints.insert(code, fingerprint);
                fingerprint
            }
        };
        Ok(RawFrame::new(code, instr, fingerprint, entry))
    }

    /// Where the instructions begin that the frame runs: in its code object, or in its thread's copy of them.
    /// CPython 3.14 Include/cpython/code.h, `_PyCodeArray`.
    fn first_instruction(&self, frame: &Header, code: u64) -> Result<u64, Reason> {
        let own = code.wrapping_add(self.layout.code_instructions.into());
        if self.layout.code_tlbc == ABSENT {
            return Ok(own);
        }
        let index = field(frame.u32(self.layout.frame_tlbc_index))?;
        if index == 0 {
            return Ok(own);
        }
        let copies = read_u64(self.memory, code.wrapping_add(self.layout.code_tlbc.into()))?;
        if copies == 0 || u64::from(index) >= read_u64(self.memory, copies)? {
            return Err(Reason::InconsistentFrames);
        }
        read_u64(self.memory, copies.wrapping_add(8 + 8 * u64::from(index)))
    }

    fn read(&self, address: u64, size: u32) -> Result<Vec<u8>, Reason> {
        self.memory.read_bytes(address, size.into(), size.into()).map_err(MemoryError::reason)
    }
}

fn read_u64(memory: &dyn Memory, address: u64) -> Result<u64, Reason> {
    memory.read_u64(address).map_err(MemoryError::reason)
}

/// A field that its frame does not have: the layout was not validated.
fn field<T>(value: Result<T, super::objects::ObjectError>) -> Result<T, Reason> {
    value.map_err(|_| Reason::InconsistentFrames)
}
