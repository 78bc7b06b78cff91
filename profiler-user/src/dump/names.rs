//! From raw frames to named ones, each code object read once. It must not know how frames were found.

use std::collections::HashMap;

use crate::dump::Frames;
use crate::model::{Frame, FrameKind, Reason};
use crate::process::memory::Memory;
use crate::python::code::Code;
use crate::python::frames::RawStack;
use crate::python::objects::Objects;

/// Most code objects that are remembered: who names stacks for long must not grow with a program that makes code.
const MOST_CODES: usize = 1 << 16;

/// Code objects that were read.
pub(crate) struct Names<'a> {
    memory: &'a dyn Memory,
    objects: &'a Objects,
    /// By address and fingerprint.
    codes: HashMap<(u64, u32), Code>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(memory: &'a dyn Memory, objects: &'a Objects) -> Names<'a> {
        Names { memory, objects, codes: HashMap::new() }
    }

    /// The stack in names, and why the first frame that has none has none.
    pub(crate) fn of(&mut self, stack: &RawStack) -> (Frames, Option<Reason>) {
        if self.codes.len() > MOST_CODES {
            self.codes.clear();
        }
        let mut failure = None;
        let mut frames = Vec::with_capacity(stack.frames.len());
        for (_, raw) in &stack.frames {
            match self.code(raw.code(), raw.fingerprint) {
                Ok(code) if code.is_shim => {}
                Ok(code) => frames.push(Frame {
                    kind: FrameKind::Python,
                    function: code.name.clone(),
                    file: code.file.clone(),
                    line: code.line_at(raw.instr),
                    first_line: code.first_line,
                }),
                Err(reason) => {
                    failure.get_or_insert(reason);
                    frames.push(Frame::unknown(reason));
                }
            }
        }
        (Frames { frames, truncated: stack.truncated }, failure)
    }

    fn code(&mut self, address: u64, fingerprint: u32) -> Result<&Code, Reason> {
        use std::collections::hash_map::Entry;
        match self.codes.entry((address, fingerprint)) {
            Entry::Occupied(code) => Ok(code.into_mut()),
            Entry::Vacant(place) => {
                let code = Code::read(self.memory, self.objects, address, fingerprint);
                Ok(place.insert(code.map_err(|error| error.reason())?))
            }
        }
    }
}
