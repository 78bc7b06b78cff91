//! `threading.Thread.name` of a process's threads.
//!
//! It must not know versions, nor how the objects on the way keep what they have. The way is that of
//! `threading.current_thread()`: the module, as the interpreter knows it, has a dict `_active` with the `Thread` object
//! of each `threading.get_ident()`. A thread that Python's `threading` does not know has none: one that was started by
//! other means, or any while nothing has imported the module.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::dicts::{self, Dicts};
use super::instances::Instances;
use super::objects::{ObjectError, senseless};
use super::threads::{At, ThreadState};
use super::{Interpreter, ints, versions};
use crate::process::memory::{Memory, MemoryError};
use crate::process::pages::Pages;

/// How often an interpreter's names are looked for: what is being changed contradicts itself for a few instructions.
const TRIES: u32 = 5;
/// Most entries of dicts that are looked at and bytes of names that are taken in one reading. A thread takes about thirty.
const MOST_ALTOGETHER: u64 = 1 << 21;

/// Facts about the way to a thread's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameFacts {
    /// `PyInterpreterState.modules`, later `imports.modules`: the dict that `sys.modules` is.
    pub modules: At,
    /// How dicts keep entries.
    pub dicts: dicts::Format,
    /// How ints keep values.
    pub ints: ints::Format,
    /// Where objects have attributes.
    pub instances: Instances,
    /// The attribute of a `Thread` that is its name.
    pub attribute: &'static str,
}

/// Names by the interpreter's address and `threading.get_ident()`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadNames(HashMap<(u64, u64), Arc<str>>);

impl ThreadNames {
    /// Reads the names of these thread states: once, so what it finds may be torn. What can't be read is left out, as is
    /// everything of a version of which the way is not known.
    pub fn read(memory: &dyn Memory, interpreter: &Interpreter, states: &[ThreadState]) -> ThreadNames {
        let mut names = ThreadNames::default();
        let Some(facts) = versions::name_facts(interpreter.version, &interpreter.objects) else {
            return names;
        };
        let Ok(modules) = facts.modules.offset(memory, interpreter.runtime) else { return names };
        let mut idents: HashMap<u64, HashSet<u64>> = HashMap::new();
        for state in states {
            idents.entry(state.interpreter).or_default().insert(state.thread_id);
        }
        let left = Cell::new(MOST_ALTOGETHER);
        for (address, idents) in idents {
            for _ in 0..TRIES {
                let pages = Pages::new(memory);
                let dicts = Dicts::new(&pages, &interpreter.objects, facts.dicts, &left);
                let way = Way { facts, dicts };
                match way.names(address.wrapping_add(modules), &idents) {
                    Ok(found) => {
                        names.0.extend(found.into_iter().map(|(ident, name)| ((address, ident), name)));
                        break;
                    }
                    Err(ObjectError::Memory(MemoryError::Gone | MemoryError::Denied)) => return names,
                    Err(_) => {}
                }
            }
        }
        names
    }

    /// The name of a thread state's thread.
    pub fn of(&self, state: &ThreadState) -> Option<&Arc<str>> {
        self.0.get(&(state.interpreter, state.thread_id))
    }

    /// Those that another reading has, too.
    pub fn agreed(mut self, other: &ThreadNames) -> ThreadNames {
        self.0.retain(|thread, name| other.0.get(thread) == Some(name));
        self
    }
}

/// One reading.
struct Way<'a> {
    facts: &'a NameFacts,
    dicts: Dicts<'a>,
}

impl Way<'_> {
    /// The names of those threads of an interpreter whose idents these are. `modules` is the address of the pointer to
    /// its modules.
    fn names(&self, modules: u64, idents: &HashSet<u64>) -> Result<HashMap<u64, Arc<str>>, ObjectError> {
        let mut names = HashMap::new();
        let modules = self.dicts.memory.read_u64(modules)?;
        let Some(threading) = self.dicts.get(modules, "threading")? else { return Ok(names) };
        let Some(active) = self.dicts.get(self.module_dict(threading)?, "_active")? else { return Ok(names) };
        for thread in self.dicts.entries(active)? {
            let ident = match self.facts.ints.read(self.dicts.memory, self.dicts.objects, thread.key) {
                Ok(ident) if idents.contains(&ident) => ident,
                // Threads of other interpreters and of no interpreter, greenlets.
                Ok(_) | Err(ObjectError::Senseless(_)) => continue,
                Err(error) => return Err(error),
            };
            let attributes = self.facts.instances.attributes(&self.dicts, thread.value)?;
            let Some(name) = self.dicts.find(&attributes, self.facts.attribute)? else { continue };
            self.dicts.objects.read_alive(self.dicts.memory, name, 0)?;
            let name = self.dicts.objects.read_text(self.dicts.memory, name)?;
            self.dicts.take(name.len() as u64)?;
            if names.insert(ident, name.into()).is_some() {
                return senseless(format!("two threads with the ident {ident:#x}"));
            }
        }
        Ok(names)
    }

    /// The dict of a module: `PyModuleObject.md_dict`, the first field that is its own. CPython
    /// Include/internal/pycore_moduleobject.h, Objects/moduleobject.c.
    fn module_dict(&self, module: u64) -> Result<u64, ObjectError> {
        let (memory, objects) = (self.dicts.memory, self.dicts.objects);
        let header = objects.read_alive(memory, module, 8)?;
        let class = header.u64(objects.ob_type)?;
        let tp_name = memory.read_u64(class.wrapping_add(objects.tp_name.into()))?;
        let mut name = [0; 7];
        memory.read(tp_name, &mut name)?;
        if &name != b"module\0" {
            return senseless(format!("the object at {module:#x} is no module"));
        }
        header.u64(objects.header_size())
    }
}
