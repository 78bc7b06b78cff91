//! `serve --store`: where a node's history is kept, how much of it, and what is said if that fails.
//!
//! It must not know how a store works.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::exit::{Exit, Failure};
use crate::cli::units;
use crate::store::{FolderError, Limits, Opened, Options, Store, StoreError};

/// Where and how much.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "History")]
pub struct StoreArgs {
    /// Directory that history is kept in, in Parquet files
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/lib/firetower")]
    store: PathBuf,
    /// Keep no history: what is in memory (--retention) is all that there is
    #[arg(long, conflicts_with_all = ["store", "store_max_age", "store_max_bytes", "node"])]
    no_store: bool,
    /// Delete history that is older: 12h, 14d, 8w
    #[arg(long, value_name = "AGE", default_value = "14d", value_parser = units::age)]
    store_max_age: Duration,
    /// Delete the oldest history when all of it takes more: 500MB, 5GB, 2GiB
    #[arg(long, value_name = "BYTES", default_value = "5GB", value_parser = store_bytes)]
    store_max_bytes: u64,
    /// Name of this machine in the history; its host name if not told
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
}

impl StoreArgs {
    /// Opens the store, with its thread; so privileges must have been dropped. `None`: none is wanted.
    ///
    /// # Errors
    /// If it can't be used.
    pub fn open(&self) -> Result<Option<Arc<Store>>, Failure> {
        if self.no_store {
            return Ok(None);
        }
        let node = match &self.node {
            Some(node) => node.clone(),
            None => host_name()?,
        };
        let limits = Limits { max_age: self.store_max_age, max_bytes: self.store_max_bytes };
        let options = Options { limits, ..Options::new(self.store.clone(), node) };
        let (store, opened) = Store::open(options).map_err(|error| self.cannot_open(&error))?;
        self.tell(&opened);
        Ok(Some(Arc::new(store)))
    }

    fn tell(&self, opened: &Opened) {
        if opened.windows > 0 || opened.torn_bytes > 0 {
            tracing::info!(
                "the last run ended early: {} windows were in its log, {} bytes of one that was being written are lost",
                opened.windows,
                opened.torn_bytes
            );
        }
        for file in &opened.set_aside {
            tracing::error!(
                "a file of the store {:?} could not be read and was set aside: {file}",
                self.store
            );
        }
        if opened.strangers > 0 {
            tracing::warn!(
                "{} files in the store {:?} are not its own and are left alone",
                opened.strangers,
                self.store
            );
        }
    }

    fn cannot_open(&self, error: &StoreError) -> Failure {
        let failure = |exit| Failure::new(exit, error.to_string());
        match error {
            StoreError::Folder(FolderError::InUse(_)) => failure(Exit::StoreInUse),
            StoreError::Node(_) => failure(Exit::Usage).hint("--node NAME"),
            _ => failure(Exit::OutputFolder)
                .hint("choose a directory that this user can write to with --store, or keep no history with --no-store"),
        }
    }
}

/// The least that a store may take, bytes: below it, the log alone would leave no room for what is older.
const LEAST_BYTES: u64 = 100_000_000;

fn store_bytes(text: &str) -> Result<u64, String> {
    match units::bytes(text)? {
        bytes if bytes < LEAST_BYTES => Err("at least 100MB: the log alone takes some of it".to_owned()),
        bytes => Ok(bytes),
    }
}

/// Closes a store that nobody else uses any more.
///
/// # Errors
/// If something could not be written.
pub fn close(store: Option<Arc<Store>>) -> Result<(), Failure> {
    // Whoever still has it closes it when they let it go; nobody is left to be told then.
    let Some(store) = store.and_then(Arc::into_inner) else { return Ok(()) };
    let status = store.close();
    if status.windows_queued == 0 {
        return Ok(());
    }
    let why: Vec<&str> = status.failing.values().map(String::as_str).collect();
    let message = format!(
        "the last {} windows of 10 s could not be written to the store: {}",
        status.windows_queued,
        why.join("; ")
    );
    Err(Failure::new(Exit::WriteFailed, message))
}

fn host_name() -> Result<String, Failure> {
    let name = nix::unistd::gethostname().map_err(|error| {
        Failure::new(Exit::Internal, format!("this machine has no name: {error}")).hint("--node NAME")
    })?;
    Ok(name.to_string_lossy().into_owned())
}
