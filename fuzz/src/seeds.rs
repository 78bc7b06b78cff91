//! Inputs to start from, made of the recordings when a target starts.

use std::fs;
use std::path::Path;

/// Writes each input into the folder that `$FIRETOWER_SEEDS` names; does nothing if there is none.
pub fn write_seeds(seeds: impl FnOnce() -> Vec<Vec<u8>>) {
    let Some(folder) = std::env::var_os("FIRETOWER_SEEDS") else { return };
    for (index, seed) in seeds().into_iter().enumerate() {
        fs::write(Path::new(&folder).join(format!("recorded-{index:03}")), seed)
            .expect("the folder is there");
    }
}
