//! The code objects that are known of one process, and how a child process has its parent's. It must not know how they
//! are read.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::python::code::Code;

/// Address and fingerprint of a code object.
pub type CodeKey = (u64, u32);

/// Code objects that are remembered of one process; a process that makes more is read anew.
const MAX_CODES: usize = 65_536;
/// Generations of ancestors that are kept apart. Looking through more takes longer than copying them once.
const MAX_DEPTH: usize = 8;

/// Code objects of one process.
///
/// A fork costs no copy: what was known by then is shared from then on, and each side has a map of its own for what
/// comes later. It must not be one map for both, since either may free a code object and make another one at its address
/// that the other process does not have.
#[derive(Debug, Default)]
pub struct Codes {
    own: FxHashMap<CodeKey, Arc<Code>>,
    shared: Option<Arc<Shared>>,
}

#[derive(Debug)]
struct Shared {
    codes: FxHashMap<CodeKey, Arc<Code>>,
    older: Option<Arc<Shared>>,
    /// Of this and the older ones.
    depth: usize,
    count: usize,
}

impl Codes {
    /// The code object with this key, if it was read in this process, or in an ancestor before the fork.
    pub fn get(&self, key: &CodeKey) -> Option<Arc<Code>> {
        let mut older = self.shared.as_ref();
        let shared = std::iter::from_fn(|| {
            let here = older?;
            older = here.older.as_ref();
            Some(&here.codes)
        });
        std::iter::once(&self.own).chain(shared).find_map(|codes| codes.get(key)).cloned()
    }

    /// Remembers a code object.
    pub fn insert(&mut self, key: CodeKey, code: Arc<Code>) {
        if self.count() >= MAX_CODES {
            *self = Codes::default();
        }
        self.own.insert(key, code);
    }

    /// What a child of this process has.
    pub fn fork(&mut self) -> Codes {
        if !self.own.is_empty() {
            let own = std::mem::take(&mut self.own);
            self.shared = Some(Arc::new(Shared::over(own, self.shared.take())));
        }
        Codes { own: FxHashMap::default(), shared: self.shared.clone() }
    }

    fn count(&self) -> usize {
        self.own.len() + self.shared.as_ref().map_or(0, |shared| shared.count)
    }
}

impl Shared {
    fn over(mut codes: FxHashMap<CodeKey, Arc<Code>>, older: Option<Arc<Shared>>) -> Shared {
        let Some(older) = older else {
            return Shared { count: codes.len(), codes, older: None, depth: 1 };
        };
        if older.depth < MAX_DEPTH {
            let (depth, count) = (older.depth + 1, codes.len() + older.count);
            return Shared { codes, older: Some(older), depth, count };
        }
        let mut next = Some(&older);
        while let Some(layer) = next {
            for (key, code) in &layer.codes {
                codes.entry(*key).or_insert_with(|| code.clone());
            }
            next = layer.older.as_ref();
        }
        Shared { count: codes.len(), codes, older: None, depth: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::line_table::{Format, LineTable};

    fn code(name: &str) -> Arc<Code> {
        let line_table = LineTable { format: Format::Locations, first_line: 1, bytes: Box::default() };
        Arc::new(Code { name: name.into(), file: "".into(), first_line: 1, line_table, is_shim: false })
    }

    fn name(codes: &Codes, address: u64) -> Option<String> {
        codes.get(&(address, 0)).map(|code| code.name.to_string())
    }

    #[test]
    fn a_child_has_what_was_known_at_the_fork_and_nothing_of_what_comes_later() {
        let mut parent = Codes::default();
        parent.insert((1, 0), code("before"));
        let mut child = parent.fork();
        parent.insert((2, 0), code("of the parent"));
        child.insert((2, 0), code("of the child"));
        assert_eq!(name(&child, 1).as_deref(), Some("before"));
        assert_eq!(name(&child, 2).as_deref(), Some("of the child"));
        assert_eq!(name(&parent, 2).as_deref(), Some("of the parent"));
        assert_eq!(name(&parent.fork(), 1).as_deref(), Some("before"));
    }

    #[test]
    fn many_generations_are_one_map_again_and_lose_nothing() {
        let mut codes = Codes::default();
        for generation in 0..100 {
            codes.insert((generation, 0), code(&generation.to_string()));
            codes.insert((1000, 0), code(&generation.to_string()));
            codes = codes.fork();
            assert!(codes.shared.as_ref().is_some_and(|shared| shared.depth <= MAX_DEPTH));
        }
        for generation in 0..100 {
            assert_eq!(name(&codes, generation), Some(generation.to_string()));
        }
        assert_eq!(name(&codes, 1000).as_deref(), Some("99"));
    }

    #[test]
    fn a_process_that_makes_too_many_is_read_anew() {
        let mut codes = Codes::default();
        let code = code("f");
        for address in 0..=MAX_CODES as u64 {
            codes.insert((address, 0), code.clone());
        }
        assert_eq!(codes.count(), 1);
    }
}
