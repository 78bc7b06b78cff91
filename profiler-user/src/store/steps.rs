//! Where a test may step in: every moment at which something changes on the disk.
//!
//! A crash between two of them must lose nothing, and a test proves it by ending the process at each. An error that is
//! returned takes the place of the operation's. It must not know what is being done.

use std::sync::Arc;

/// What is called with the name of each step: `write wal/00000001.wal`.
pub type Step = Arc<dyn Fn(&str) -> std::io::Result<()> + Send + Sync>;

/// The steps of one store. By default nobody steps in.
#[derive(Clone, Default)]
pub struct Steps(Option<Step>);

impl Steps {
    /// This is called at each step.
    pub fn new(step: Step) -> Steps {
        Steps(Some(step))
    }

    /// A step is about to be taken, or was taken.
    pub(super) fn at(&self, name: impl FnOnce() -> String) -> std::io::Result<()> {
        match &self.0 {
            Some(step) => step(&name()),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Steps(watched)" } else { "Steps" })
    }
}
