//! The store itself, as `serve` uses it. (For now by hand.)

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use firetower::aggregate::Window;
use firetower::model::select::{Select, Selected};
use firetower::store::encode::encode;
use firetower::store::merge;
use firetower::store::names::Partition;
use firetower::store::objects::Objects;
use firetower::store::select::{Content, Source, Sources, select};

pub struct Store {
    objects: Objects,
    sources: Sources,
    known: HashSet<(i32, [u8; 16])>,
    held: Vec<firetower::store::encode::Encoded>,
    pub samples_bytes: u64,
    pub stacks_bytes: u64,
    pub stacks: u64,
    files: u64,
}

impl Store {
    pub fn open(folder: &Path) -> Result<Store> {
        Ok(Store {
            objects: Objects::local(folder)?,
            sources: Sources::default(),
            known: HashSet::new(),
            held: Vec::new(),
            samples_bytes: 0,
            stacks_bytes: 0,
            stacks: 0,
            files: 0,
        })
    }

    pub fn submit(&mut self, window: &Window) -> Result<()> {
        let known = &self.known;
        let encoded = encode(window, "node-1", |date, hash| !known.contains(&(date, *hash)));
        self.stacks += encoded.hashes.len() as u64;
        self.known.extend(encoded.hashes.iter().map(|hash| (encoded.date, *hash)));
        if self.held.last().is_some_and(|held| held.date != encoded.date) || self.held.len() >= 360 {
            self.seal()?;
        }
        self.held.push(encoded);
        Ok(())
    }

    pub fn seal(&mut self) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        let Some(first) = held.first() else { return Ok(()) };
        let partition = Partition { node: "node-1".into(), date: first.date };
        let samples = held.iter().map(|encoded| merge::slices(&encoded.samples)).collect();
        let stacks = held.iter().map(|encoded| merge::slices(&encoded.stacks)).collect();
        self.files += 1;
        let mut times = 0..i64::MAX;
        if let Some((bytes, footer)) = merge::samples(&partition, samples, None)? {
            let (since, until) = footer.times.expect("times");
            times = since..until;
            self.samples_bytes += bytes.len() as u64;
            self.sources.samples.push(self.put("samples", bytes, times.clone())?);
        }
        if let Some((bytes, _)) = merge::stacks(&partition, stacks)? {
            self.stacks_bytes += bytes.len() as u64;
            self.sources.stacks.push(self.put("stacks", bytes, times)?);
        }
        Ok(())
    }

    fn put(&self, table: &str, bytes: bytes::Bytes, times: std::ops::Range<i64>) -> Result<Source> {
        let path = object_store::path::Path::from(format!("{table}/{}", self.files));
        let size = bytes.len() as u64;
        self.objects.put(&path, bytes)?;
        Ok(Source { content: Content::Object { path, size }, times })
    }

    /// The milliseconds that a flame graph takes.
    pub fn flame_graph(&self, since: u64, until: u64) -> Result<(f64, Selected)> {
        let question = Select { since, until, stacks: true, ..Select::default() };
        let begin = Instant::now();
        let selected = select(&self.objects, &self.sources, &question)?;
        ensure!(!selected.rows.is_empty(), "an answer without rows");
        Ok((begin.elapsed().as_secs_f64() * 1000.0, selected))
    }
}
