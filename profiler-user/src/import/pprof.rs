//! pprof: protocol buffers, of any program. Field numbers are those of
//! [`profile.proto`](https://github.com/google/pprof/blob/main/proto/profile.proto).
//!
//! The file is walked field by field and twice, for the tables and for the samples, so that never more than the tables is
//! in memory. Every index and id is checked.

mod messages;

use rustc_hash::FxHashMap;

use super::builder::Builder;
use super::{Format, Found, ImportError, Measure, names};
use crate::model::{Frame, FrameId, FrameKind, Weight};
use messages::{Fields, Function, Location, Mapping, Sample, ValueType, field};

/// Entries of a table, at most.
const MAX_ENTRIES: usize = 5_000_000;

/// Whether these bytes are a profile: every field is whole, and there are types of values and texts, the first of which
/// is empty.
pub(super) fn is_it(bytes: &[u8]) -> bool {
    let mut has_types = false;
    let mut first_text = None;
    for entry in Fields::of(bytes) {
        match entry {
            Err(_) => return false,
            Ok((field::SAMPLE_TYPE, _)) => has_types = true,
            Ok((field::STRING_TABLE, text)) => first_text = first_text.or(Some(text)),
            Ok(_) => {}
        }
    }
    has_types && first_text == Some(messages::Value::Bytes(b""))
}

pub(super) fn read(bytes: &[u8]) -> Result<Found, ImportError> {
    let tables = Tables::read(bytes)?;
    let values = tables.values()?;
    let mut builder = Builder::default();
    let frames = tables.frames(&mut builder)?;
    builder.about.start = u64::try_from(tables.time_nanos).unwrap_or(0);
    builder.about.duration = u64::try_from(tables.duration_nanos).unwrap_or(0);
    let mut number = 0_u64;
    for entry in Fields::of(bytes) {
        let (tag, value) = entry.map_err(|what| invalid("the message", what))?;
        if tag != field::SAMPLE {
            continue;
        }
        number += 1;
        let at = || format!("sample {number}");
        let sample: Sample = value.message().map_err(|what| invalid(at(), what))?;
        if sample.value.len() != tables.sample_type.len() {
            let what = format!("{} values of {} types", sample.value.len(), tables.sample_type.len());
            return Err(invalid(at(), what));
        }
        let mut ids = Vec::with_capacity(sample.location_id.len());
        for id in sample.location_id.iter().rev() {
            let frames = frames.get(id);
            let frames = frames.ok_or_else(|| invalid(at(), format!("there is no location {id}")))?;
            ids.extend_from_slice(frames);
        }
        let Some(stack) = builder.stack(ids)? else { continue };
        let weight = values.weight(&sample.value).map_err(|what| invalid(at(), what))?;
        builder.add(stack, weight)?;
    }
    Ok(Found { builder, measure: values.measure(), skipped: 0, notes: values.notes })
}

fn invalid(at: impl Into<String>, what: impl Into<String>) -> ImportError {
    ImportError::invalid(Format::Pprof, at, what)
}

/// All but the samples.
#[derive(Default)]
struct Tables<'a> {
    sample_type: Vec<ValueType>,
    mapping: FxHashMap<u64, Mapping>,
    location: FxHashMap<u64, Location>,
    function: FxHashMap<u64, Function>,
    strings: Vec<&'a [u8]>,
    time_nanos: i64,
    duration_nanos: i64,
    default_sample_type: i64,
}

impl<'a> Tables<'a> {
    fn read(bytes: &'a [u8]) -> Result<Tables<'a>, ImportError> {
        let mut tables = Tables::default();
        for entry in Fields::of(bytes) {
            let (tag, value) = entry.map_err(|what| invalid("the message", what))?;
            tables.take(tag, value).map_err(|what| invalid(format!("field {tag} of the message"), what))?;
            let most = [
                tables.sample_type.len(),
                tables.mapping.len(),
                tables.location.len(),
                tables.function.len(),
                tables.strings.len(),
            ];
            if most.into_iter().any(|entries| entries > MAX_ENTRIES) {
                return Err(ImportError::TooMuch { what: "entries in a table of pprof", most: MAX_ENTRIES });
            }
        }
        Ok(tables)
    }

    fn take(&mut self, tag: u32, value: messages::Value<'a>) -> Result<(), String> {
        match tag {
            field::SAMPLE_TYPE => self.sample_type.push(value.message()?),
            field::MAPPING => {
                let mapping: Mapping = value.message()?;
                self.mapping.insert(mapping.id, mapping);
            }
            field::LOCATION => {
                let location: Location = value.message()?;
                self.location.insert(location.id, location);
            }
            field::FUNCTION => {
                let function: Function = value.message()?;
                self.function.insert(function.id, function);
            }
            field::STRING_TABLE => self.strings.push(value.bytes()?),
            field::TIME_NANOS => self.time_nanos = value.number()?,
            field::DURATION_NANOS => self.duration_nanos = value.number()?,
            field::DEFAULT_SAMPLE_TYPE => self.default_sample_type = value.number()?,
            _ => {}
        }
        Ok(())
    }

    fn text(&self, index: i64) -> Result<String, String> {
        let bytes = usize::try_from(index).ok().and_then(|index| self.strings.get(index));
        let bytes = bytes.ok_or_else(|| format!("there is no text {index}"))?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The frames of each location, root first: what is inlined in it stands on its caller.
    fn frames(&self, builder: &mut Builder) -> Result<FxHashMap<u64, Vec<FrameId>>, ImportError> {
        let mut frames = FxHashMap::default();
        let mut ids: Vec<&u64> = self.location.keys().collect();
        ids.sort_unstable();
        for id in ids {
            let location = &self.location[id];
            let at = || format!("location {id}");
            let mut of_location = Vec::new();
            for line in location.line.iter().rev() {
                let frame = self.frame(line, location).map_err(|what| invalid(at(), what))?;
                of_location.push(builder.frame(frame));
            }
            if of_location.is_empty() {
                let frame = self.without_symbol(location).map_err(|what| invalid(at(), what))?;
                of_location.push(builder.frame(frame));
            }
            frames.insert(*id, of_location);
        }
        Ok(frames)
    }

    fn frame(&self, line: &messages::Line, location: &Location) -> Result<Frame, String> {
        let function = self.function.get(&line.function_id);
        let function = function.ok_or_else(|| format!("there is no function {}", line.function_id))?;
        let mut name = self.text(function.name)?;
        if name.is_empty() {
            name = self.text(function.system_name)?;
        }
        if name.is_empty() {
            name = "?".to_owned();
        }
        let number = |line: i64| u32::try_from(line).unwrap_or(0);
        let frame = names::named(&name, &self.text(function.filename)?, number(line.line));
        let mapping = self.mapping.get(&location.mapping_id);
        // firetower's mark for Python's code, for the few functions that have no file.
        let is_python = frame.kind == FrameKind::Other
            && mapping.is_some_and(|mapping| self.text(mapping.filename).is_ok_and(|name| name == "python"));
        let kind = if is_python { FrameKind::Python } else { frame.kind };
        Ok(Frame { kind, first_line: number(function.start_line), ..frame })
    }

    /// An address in a file.
    fn without_symbol(&self, location: &Location) -> Result<Frame, String> {
        let file = match self.mapping.get(&location.mapping_id) {
            Some(mapping) => self.text(mapping.filename)?,
            None => String::new(),
        };
        Ok(names::named(&format!("{:#x}", location.address), &file, 0))
    }

    /// Which of a sample's values count.
    fn values(&self) -> Result<Values, ImportError> {
        let mut types = Vec::new();
        for (index, kind) in self.sample_type.iter().enumerate() {
            let text =
                |text: i64| self.text(text).map_err(|what| invalid(format!("sample type {index}"), what));
            types.push((text(kind.kind)?, text(kind.unit)?));
        }
        let default = self.text(self.default_sample_type).unwrap_or_default();
        Values::choose(&types, &default)
    }
}

/// Which of a sample's values are samples and time.
#[derive(Debug, PartialEq)]
struct Values {
    samples: Option<usize>,
    /// With the nanoseconds of one unit.
    time: Option<(usize, u64)>,
    notes: Vec<String>,
}

impl Values {
    /// Time: CPU's, or else what the file shows first, or else the first. Counts: of samples; if there is no time either,
    /// of whatever the file counts, which is then said.
    fn choose(types: &[(String, String)], default: &str) -> Result<Values, ImportError> {
        let nanoseconds = |unit: &str| match unit {
            "nanoseconds" | "ns" => Some(1),
            "microseconds" | "us" => Some(1_000),
            "milliseconds" | "ms" => Some(1_000_000),
            "seconds" | "s" => Some(1_000_000_000),
            _ => None,
        };
        let times = types
            .iter()
            .enumerate()
            .filter_map(|(index, (kind, unit))| Some((index, kind, nanoseconds(unit)?)));
        let time = times
            .min_by_key(|(index, kind, _)| (kind.as_str() != "cpu", kind.as_str() != default, *index))
            .map(|(index, _, factor)| (index, factor));
        let counts = || types.iter().enumerate().filter(|(_, (_, unit))| unit == "count");
        let samples = counts().find(|(_, (kind, _))| ["samples", "sample"].contains(&kind.as_str()));
        let mut notes = Vec::new();
        let mut samples = samples.map(|(index, _)| index);
        if time.is_none() && samples.is_none() {
            let chosen = counts().min_by_key(|(index, (kind, _))| (kind != default, *index));
            let Some((index, (kind, _))) = chosen else {
                let all: Vec<String> = types.iter().map(|(kind, unit)| format!("{kind}/{unit}")).collect();
                return Err(ImportError::Unsupported {
                    what: format!("a profile of neither samples nor time, but of {}", all.join(", ")),
                    hint: "give a CPU profile",
                });
            };
            notes.push(format!("what is counted are not samples but {kind:?}"));
            samples = Some(index);
        }
        if let Some((index, _)) = time.filter(|(index, _)| types[*index].0 != "cpu") {
            notes.push(format!("the time is not CPU time but {:?}", types[index].0));
        }
        Ok(Values { samples, time, notes })
    }

    fn measure(&self) -> Measure {
        match (self.samples, self.time) {
            (Some(_), Some(_)) => Measure::Both,
            (None, Some(_)) => Measure::Nanoseconds,
            (_, None) => Measure::Samples,
        }
    }

    fn weight(&self, values: &[i64]) -> Result<Weight, String> {
        let value = |index: usize| {
            let value = values[index];
            u64::try_from(value)
                .map_err(|_| format!("the value {value}: a difference of profiles is no profile"))
        };
        let samples = self.samples.map_or(Ok(0), value)?;
        let nanoseconds = match self.time {
            Some((index, factor)) => value(index)?.checked_mul(factor).ok_or("the time is too large")?,
            None => 0,
        };
        Ok(Weight { samples, nanoseconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the values count samples, which are time and in how many nanoseconds, and how many notes there are of it.
    type Chosen = (Option<usize>, Option<(usize, u64)>, usize);

    fn choose(types: &[(&str, &str)], default: &str) -> Option<Chosen> {
        let types: Vec<(String, String)> =
            types.iter().map(|(kind, unit)| ((*kind).to_owned(), (*unit).to_owned())).collect();
        Values::choose(&types, default).ok().map(|values| (values.samples, values.time, values.notes.len()))
    }

    #[test]
    fn values_that_count() {
        for (types, default, expected) in [
            (&[("samples", "count"), ("cpu", "nanoseconds")][..], "", Some((Some(0), Some((1, 1)), 0))),
            (&[("wall", "nanoseconds"), ("cpu", "microseconds")], "wall", Some((None, Some((1, 1_000)), 0))),
            (&[("a", "nanoseconds"), ("wall", "ms")], "wall", Some((None, Some((1, 1_000_000)), 1))),
            (
                &[("alloc_objects", "count"), ("alloc_space", "bytes")],
                "alloc_space",
                Some((Some(0), None, 1)),
            ),
            (&[("alloc_space", "bytes")], "", None),
            (&[], "", None),
        ] {
            assert_eq!(choose(types, default), expected, "{types:?}");
        }
    }
}
