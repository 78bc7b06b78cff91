//! Hands the rows of an hour to `sqlite.py`, which stores and asks: with Python's own SQLite, as another in Rust would have
//! to be built with every check.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use firetower::aggregate::Window;
use firetower::model::Series;
use serde_json::Value;

/// What is written for the script.
pub struct Export {
    folder: PathBuf,
    rows: BufWriter<File>,
    stacks: BufWriter<File>,
    series: HashMap<Series, usize>,
    known: HashMap<String, usize>,
}

impl Export {
    /// Files in a folder.
    pub fn new(folder: &Path) -> Result<Export> {
        let file = |name: &str| -> Result<BufWriter<File>> {
            let path = folder.join(name);
            Ok(BufWriter::new(
                File::create(&path).with_context(|| format!("can't write {}", path.display()))?,
            ))
        };
        let (rows, stacks) = (file("rows.csv")?, file("stacks.txt")?);
        Ok(Export { folder: folder.to_owned(), rows, stacks, series: HashMap::new(), known: HashMap::new() })
    }

    /// Adds a window.
    pub fn add(&mut self, window: &Window) -> Result<()> {
        for row in &window.rows {
            let next = self.series.len();
            let series = *self.series.entry(window.series[row.series as usize].clone()).or_insert(next);
            let frames = window.stacks.root_first(row.stack).into_iter();
            let frames = frames.map(|f| format!("{} ({}:{}:{})", f.function, f.file, f.line, f.first_line));
            let frames = frames.collect::<Vec<_>>().join(";");
            let next = self.known.len();
            let stack = match self.known.get(&frames) {
                Some(&known) => known,
                None => {
                    writeln!(self.stacks, "{frames}")?;
                    self.known.insert(frames, next);
                    next
                }
            };
            let (time, weight) = (window.start / 1_000_000, row.weight);
            writeln!(self.rows, "{time},{series},{stack},{},{}", weight.samples, weight.nanoseconds)?;
        }
        Ok(())
    }

    /// Runs the script: what it prints.
    pub fn finish(self) -> Result<Value> {
        let Export { folder, rows, stacks, .. } = self;
        drop((rows.into_inner()?, stacks.into_inner()?));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/store_load/sqlite.py");
        let path = |name: &str| folder.join(name);
        let output = Command::new("python3")
            .arg(script)
            .args([path("samples.sqlite"), path("rows.csv"), path("stacks.txt")])
            .output()
            .context("can't run python3")?;
        if !output.status.success() {
            bail!("sqlite.py failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).context("sqlite.py printed no JSON")
    }
}
