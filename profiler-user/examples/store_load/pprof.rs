//! The obvious alternative: a gzipped pprof file for each process and window.
//!
//! As continuous profilers write them, with what a sample of the store has and no more: CPU time, number of samples,
//! thread, function, file and line. Field numbers are those of pprof's profile.proto.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use firetower::aggregate::Window;
use firetower::model::{Frame, FrameId, FrameKind, Pid, StackId, Stacks, Weight};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct Profile {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    r#type: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<Label>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    str: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
    #[prost(int64, tag = "5")]
    start_line: i64,
}

/// A profile that is being made.
#[derive(Default)]
struct Building {
    profile: Profile,
    strings: HashMap<String, i64>,
    functions: HashMap<(Arc<str>, Arc<str>, u32), u64>,
    locations: HashMap<FrameId, u64>,
}

impl Building {
    fn string(&mut self, text: &str) -> i64 {
        if let Some(&known) = self.strings.get(text) {
            return known;
        }
        let number = self.profile.string_table.len() as i64;
        self.profile.string_table.push(text.to_owned());
        self.strings.insert(text.to_owned(), number);
        number
    }

    fn location(&mut self, id: FrameId, frame: &Frame) -> u64 {
        if let Some(&known) = self.locations.get(&id) {
            return known;
        }
        let key = (frame.function.clone(), frame.file.clone(), frame.first_line);
        let function_id = match self.functions.get(&key) {
            Some(&known) => known,
            None => {
                let id = self.functions.len() as u64 + 1;
                let (name, filename) = (self.string(&frame.function), self.string(&frame.file));
                let start_line = i64::from(frame.first_line);
                self.profile.function.push(Function { id, name, filename, start_line });
                self.functions.insert(key, id);
                id
            }
        };
        let number = self.locations.len() as u64 + 1;
        let line = vec![Line { function_id, line: i64::from(frame.line) }];
        self.profile.location.push(Location { id: number, line });
        self.locations.insert(id, number);
        number
    }
}

/// Writes a window into a folder.
pub fn write(window: &Window, folder: &Path) -> Result<()> {
    let mut profiles: HashMap<Pid, Building> = HashMap::new();
    for row in &window.rows {
        let series = &window.series[row.series as usize];
        let building = profiles.entry(series.pid).or_insert_with(|| {
            let mut building = Building::default();
            let number = ["", "samples", "count", "cpu", "nanoseconds"].map(|text| building.string(text));
            building.profile.sample_type = vec![
                ValueType { r#type: number[1], unit: number[2] },
                ValueType { r#type: number[3], unit: number[4] },
            ];
            building.profile.time_nanos = window.start as i64;
            building.profile.duration_nanos = window.length as i64;
            building
        });
        let mut location_id = Vec::new();
        let mut next = Some(row.stack);
        while let Some(stack) = next {
            let (parent, frame) = window.stacks.node(stack);
            location_id.push(building.location(frame, window.stacks.frame(frame)));
            next = parent;
        }
        let value = vec![row.weight.samples as i64, row.weight.nanoseconds as i64];
        let label = vec![Label { key: building.string("thread"), str: building.string(&series.thread) }];
        building.profile.sample.push(Sample { location_id, value, label });
    }
    for (pid, building) in profiles {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&building.profile.encode_to_vec())?;
        let name = format!("{pid}-{}.pb.gz", window.start);
        fs::write(folder.join(&name), gzip.finish()?).with_context(|| format!("can't write {name}"))?;
    }
    Ok(())
}

/// The sum of files: a flame graph's stacks, with lines.
pub fn flame_graph(files: &[PathBuf]) -> Result<(Stacks, HashMap<StackId, Weight>)> {
    let mut stacks = Stacks::default();
    let mut sums: HashMap<StackId, Weight> = HashMap::new();
    for file in files {
        let mut bytes = Vec::new();
        GzDecoder::new(fs::File::open(file)?).read_to_end(&mut bytes)?;
        let profile = Profile::decode(&*bytes)?;
        let strings: Vec<Arc<str>> = profile.string_table.iter().map(|text| text.as_str().into()).collect();
        let frames = profile.location.iter().map(|location| {
            let line = &location.line[0];
            let function = &profile.function[line.function_id as usize - 1];
            stacks.intern_frame(Frame {
                kind: FrameKind::Python,
                function: strings[function.name as usize].clone(),
                file: strings[function.filename as usize].clone(),
                line: line.line as u32,
                first_line: function.start_line as u32,
            })
        });
        let frames: Vec<FrameId> = frames.collect();
        for sample in &profile.sample {
            let mut stack = None;
            for location in sample.location_id.iter().rev() {
                stack = Some(stacks.push(stack, frames[*location as usize - 1]));
            }
            let weight = Weight { samples: sample.value[0] as u64, nanoseconds: sample.value[1] as u64 };
            *sums.entry(stack.context("a stack has a frame")?).or_default() += weight;
        }
    }
    Ok((stacks, sums))
}
