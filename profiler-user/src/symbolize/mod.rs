//! Symbolization: raw frames to named frames, with caches. It must not know what a sample weighs or where it goes.
//!
//! A code object is read from its process once, and known by its address and fingerprint from then on. What can't be
//! named becomes a frame that says why; the first such reason is the reason of the whole stack.

mod codes;

use std::sync::Arc;

use firetower_ebpf::abi::RawFrame;
use rustc_hash::FxHashMap;

use crate::capture::StackDefinition;
use crate::merge;
use crate::model::{Frame, FrameKind, Pid, Reason};
use crate::native::kallsyms::Kallsyms;
use crate::process::memory::Memory;
use crate::python::Interpreter;
use crate::python::code::Code;

use codes::Codes;

/// A stack in names.
#[derive(Debug)]
pub struct Symbolized {
    /// All of its frames, root first.
    pub frames: Vec<Frame>,
    /// Why it is not whole, if a frame has no name.
    pub reason: Option<Reason>,
}

/// Names frames, and remembers what it read.
#[derive(Debug)]
pub struct Symbolizer {
    kernel: Kallsyms,
    codes: FxHashMap<Pid, Codes>,
    failures: FxHashMap<Reason, u64>,
}

impl Symbolizer {
    /// A symbolizer with these kernel symbols.
    pub fn new(kernel: Kallsyms) -> Symbolizer {
        Symbolizer { kernel, codes: FxHashMap::default(), failures: FxHashMap::default() }
    }

    /// Names every frame of a stack of this process, reading code objects that were not seen before from its memory.
    pub fn symbolize(
        &mut self,
        pid: Pid,
        memory: &dyn Memory,
        interpreter: &Interpreter,
        stack: &StackDefinition,
    ) -> Symbolized {
        let mut reason = None;
        let python = stack
            .python
            .iter()
            .filter_map(|raw| {
                self.python_frame(pid, memory, interpreter, raw).unwrap_or_else(|why| {
                    reason.get_or_insert(why);
                    *self.failures.entry(why).or_default() += 1;
                    Some(Frame::unknown(why))
                })
            })
            .collect();
        let kernel = stack
            .kernel
            .iter()
            .enumerate()
            .map(|(depth, &address)| self.kernel_frame(depth, address))
            .collect();
        Symbolized { frames: merge::merge(stack.truncated, python, kernel), reason }
    }

    /// A child process starts with its parent's memory, and so with the code objects that are known of the parent; what
    /// either makes later is its own.
    pub fn inherit(&mut self, child: Pid, parent: Pid) {
        if let Some(codes) = self.codes.get_mut(&parent) {
            let inherited = codes.fork();
            self.codes.insert(child, inherited);
        }
    }

    /// Drops what is known of a process that has ended, or runs another program now.
    pub fn forget(&mut self, pid: Pid) {
        self.codes.remove(&pid);
    }

    /// Frames that could not be named, by reason, since the start.
    pub fn failures(&self) -> impl Iterator<Item = (Reason, u64)> {
        self.failures.iter().map(|(&reason, &count)| (reason, count))
    }

    /// `None`: the interpreter's own frame, which is nobody's function.
    fn python_frame(
        &mut self,
        pid: Pid,
        memory: &dyn Memory,
        interpreter: &Interpreter,
        raw: &RawFrame,
    ) -> Result<Option<Frame>, Reason> {
        let codes = self.codes.entry(pid).or_default();
        let key = (raw.code(), raw.fingerprint);
        let code = match codes.get(&key) {
            Some(code) => code,
            None => {
                let code = Code::read(memory, &interpreter.objects, raw.code(), raw.fingerprint)
                    .map(Arc::new)
                    .map_err(|error| {
                        tracing::debug!(%pid, "code object at {:#x}: {error}", raw.code());
                        error.reason()
                    })?;
                codes.insert(key, code.clone());
                code
            }
        };
        if code.is_shim {
            return Ok(None);
        }
        Ok(Some(Frame {
            kind: FrameKind::Python,
            function: code.name.clone(),
            file: code.file.clone(),
            line: code.line_at(raw.instr),
            first_line: code.first_line,
        }))
    }

    /// Only the leaf address is an instruction that runs; the others are return addresses, whose call lies one byte
    /// before them.
    fn kernel_frame(&self, depth: usize, address: u64) -> Frame {
        let within = if depth == 0 { address } else { address.wrapping_sub(1) };
        match self.kernel.lookup(within) {
            Some(name) => Frame::bare(FrameKind::Kernel, name),
            None => Frame::bare(FrameKind::Kernel, format!("{address:#x}")),
        }
    }
}
