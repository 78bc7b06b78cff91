//! The store as what remembers more than memory does. It must not know how a store works.

use super::source::{History, Snapshot};
use crate::aggregate::Window;
use crate::model::select::{Select, SelectError, SelectTicks, Selected, SelectedTicks};
use crate::store::{self, Store};

impl History for Store {
    fn snapshot(&self, pending: Vec<Window>) -> Box<dyn Snapshot> {
        Box::new(Store::snapshot(self, pending))
    }

    fn complete_since(&self) -> u64 {
        Store::snapshot(self, Vec::new()).complete_since()
    }
}

impl Snapshot for store::Snapshot {
    fn select(&self, select: &Select) -> Result<Selected, SelectError> {
        store::Snapshot::select(self, select)
    }

    fn ticks(&self, select: &SelectTicks) -> Result<SelectedTicks, SelectError> {
        store::Snapshot::ticks(self, select)
    }

    fn resolution(&self, since: u64) -> u64 {
        store::Snapshot::resolution(self, since)
    }
}
