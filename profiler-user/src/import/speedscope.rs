//! JSON for [speedscope](https://www.speedscope.app), by
//! [its schema](https://www.speedscope.app/file-format-schema.json): all profiles of a file, which share their frames, are
//! one profile here.

use serde::Deserialize;

use super::builder::Builder;
use super::{Format, Found, ImportError, Measure, names};
use crate::model::{FrameId, Weight};

#[derive(Deserialize)]
struct File {
    shared: Shared,
    profiles: Vec<One>,
}

#[derive(Deserialize)]
struct Shared {
    frames: Vec<SharedFrame>,
}

#[derive(Deserialize)]
struct SharedFrame {
    name: String,
    file: Option<String>,
    /// From 1.
    line: Option<f64>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum One {
    Sampled { unit: String, samples: Vec<Vec<u32>>, weights: Vec<f64> },
    Evented { unit: String, events: Vec<Event> },
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: Kind,
    frame: u32,
    at: f64,
}

#[derive(Clone, Copy, Deserialize)]
enum Kind {
    #[serde(rename = "O")]
    Open,
    #[serde(rename = "C")]
    Close,
}

pub(super) fn read(bytes: &[u8]) -> Result<Found, ImportError> {
    let file: File =
        serde_json::from_slice(bytes).map_err(|error| ImportError::json(Format::Speedscope, &error))?;
    let mut builder = Builder::default();
    let frames = file.shared.frames.into_iter().map(|frame| {
        let line = frame
            .line
            .filter(|line| (1.0..=f64::from(u32::MAX)).contains(line))
            .map_or(0, |line| line as u32);
        builder.frame(names::named(&frame.name, &frame.file.unwrap_or_default(), line))
    });
    let frames: Vec<FrameId> = frames.collect();
    let mut unit: Option<Unit> = None;
    let mut filler = Filler { builder, frames };
    for (index, one) in file.profiles.iter().enumerate() {
        let at = format!("profiles[{index}]");
        let own = Unit::of(one, &at)?;
        if unit.is_some_and(|unit| unit.is_time() != own.is_time()) {
            return Err(invalid(
                at,
                "its unit is one of time, that of a profile before is not, or the reverse",
            ));
        }
        unit = Some(own);
        match one {
            One::Sampled { samples, weights, .. } => filler.sampled(samples, weights, own, &at)?,
            One::Evented { events, .. } => filler.evented(events, own, &at)?,
        }
    }
    let is_time = unit.is_some_and(Unit::is_time);
    let measure = if is_time { Measure::Nanoseconds } else { Measure::Samples };
    Ok(Found { builder: filler.builder, measure, skipped: 0, notes: Vec::new() })
}

fn invalid(at: impl Into<String>, what: impl Into<String>) -> ImportError {
    ImportError::invalid(Format::Speedscope, at, what)
}

/// What weights and moments are in.
#[derive(Clone, Copy)]
enum Unit {
    Samples,
    /// With its nanoseconds.
    Time(f64),
}

impl Unit {
    fn of(one: &One, at: &str) -> Result<Unit, ImportError> {
        let (One::Sampled { unit, .. } | One::Evented { unit, .. }) = one;
        match unit.as_str() {
            "none" => Ok(Unit::Samples),
            "nanoseconds" => Ok(Unit::Time(1.0)),
            "microseconds" => Ok(Unit::Time(1e3)),
            "milliseconds" => Ok(Unit::Time(1e6)),
            "seconds" => Ok(Unit::Time(1e9)),
            "bytes" => Err(ImportError::Unsupported {
                what: "a profile of bytes: neither samples nor time".to_owned(),
                hint: "give a CPU profile",
            }),
            other => Err(invalid(format!("{at}.unit"), format!("{other:?} is no unit"))),
        }
    }

    fn is_time(self) -> bool {
        matches!(self, Unit::Time(_))
    }

    /// A weight; `None` if it is negative or no finite number.
    fn weight(self, value: f64) -> Option<Weight> {
        let factor = if let Unit::Time(factor) = self { factor } else { 1.0 };
        let value = (value * factor).round();
        // Above this, the conversion would saturate.
        let whole = (0.0..=i64::MAX as f64).contains(&value).then_some(value as u64)?;
        Some(match self {
            Unit::Samples => Weight { samples: whole, nanoseconds: 0 },
            Unit::Time(_) => Weight { samples: 0, nanoseconds: whole },
        })
    }
}

struct Filler {
    builder: Builder,
    frames: Vec<FrameId>,
}

impl Filler {
    fn frame(&self, index: u32, at: impl Fn() -> String) -> Result<FrameId, ImportError> {
        let frame = self.frames.get(index as usize);
        frame.copied().ok_or_else(|| invalid(at(), format!("there is no frame {index}")))
    }

    fn sampled(
        &mut self,
        samples: &[Vec<u32>],
        weights: &[f64],
        unit: Unit,
        at: &str,
    ) -> Result<(), ImportError> {
        if samples.len() != weights.len() {
            let what = format!("{} samples and {} weights", samples.len(), weights.len());
            return Err(invalid(at, what));
        }
        for (index, (sample, weight)) in samples.iter().zip(weights).enumerate() {
            let ids: Result<Vec<FrameId>, ImportError> =
                sample.iter().map(|&frame| self.frame(frame, || format!("{at}.samples[{index}]"))).collect();
            // Nothing ran.
            let Some(stack) = self.builder.stack(ids?)? else { continue };
            let weight = unit.weight(*weight);
            let weight = weight
                .ok_or_else(|| invalid(format!("{at}.weights[{index}]"), "it is negative or too large"))?;
            self.builder.add(stack, weight)?;
        }
        Ok(())
    }

    /// What is open between two events weighs the time between them.
    fn evented(&mut self, events: &[Event], unit: Unit, at: &str) -> Result<(), ImportError> {
        let mut open: Vec<FrameId> = Vec::new();
        let mut last: Option<f64> = None;
        for (index, event) in events.iter().enumerate() {
            let at = || format!("{at}.events[{index}]");
            let passed = event.at - last.unwrap_or(event.at);
            let weight = unit.weight(passed);
            let weight =
                weight.ok_or_else(|| invalid(at(), "it is before the event before it, or far too late"))?;
            if weight != Weight::default()
                && let Some(stack) = self.builder.stack(open.iter().copied())?
            {
                self.builder.add(stack, weight)?;
            }
            last = Some(event.at);
            let frame = self.frame(event.frame, at)?;
            match event.kind {
                Kind::Open => open.push(frame),
                Kind::Close if open.last() == Some(&frame) => {
                    open.pop();
                }
                Kind::Close => {
                    return Err(invalid(
                        at(),
                        format!("frame {} is closed, but is not the innermost", event.frame),
                    ));
                }
            }
        }
        Ok(())
    }
}
