//! pprof files as the tests read them: by the wire format of protocol buffers and the field numbers of google/pprof's
//! `proto/profile.proto`, with no code of firetower's and no messages; and the rules that a profile has to keep.
//!
//! The rules are those of `CheckValid` in google/pprof's `profile` package, and Parca's, which also wants ids that count
//! from 1.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

/// A field of a message.
#[derive(Clone, Debug)]
enum Field {
    Varint(u64),
    Bytes(Vec<u8>),
}

/// A message: the values of each field number, in their order.
struct Message(HashMap<u64, Vec<Field>>);

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().expect("a whole varint");
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
    }
    panic!("a varint of more than ten bytes");
}

impl Message {
    /// <https://protobuf.dev/programming-guides/encoding/>
    fn parse(mut bytes: &[u8]) -> Message {
        let mut fields: HashMap<u64, Vec<Field>> = HashMap::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let field = match tag & 7 {
                0 => Field::Varint(varint(&mut bytes)),
                2 => {
                    let length = varint(&mut bytes) as usize;
                    let (value, rest) = bytes.split_at(length);
                    bytes = rest;
                    Field::Bytes(value.to_vec())
                }
                kind => panic!("wire type {kind} is in no field of a profile"),
            };
            fields.entry(tag >> 3).or_default().push(field);
        }
        Message(fields)
    }

    fn all(&self, number: u64) -> &[Field] {
        self.0.get(&number).map_or(&[], Vec::as_slice)
    }

    /// Numbers of a repeated field, packed or not.
    fn numbers(&self, number: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        for field in self.all(number) {
            match field {
                Field::Varint(value) => numbers.push(*value),
                Field::Bytes(packed) => {
                    let mut rest = packed.as_slice();
                    while !rest.is_empty() {
                        numbers.push(varint(&mut rest));
                    }
                }
            }
        }
        numbers
    }

    /// A single number; 0 if it is not there.
    fn number(&self, number: u64) -> u64 {
        match self.numbers(number)[..] {
            [] => 0,
            [value] => value,
            ref several => panic!("field {number} is there {} times", several.len()),
        }
    }

    fn messages(&self, number: u64) -> Vec<Message> {
        let parse = |field: &Field| match field {
            Field::Bytes(bytes) => Message::parse(bytes),
            Field::Varint(_) => panic!("field {number} is no message"),
        };
        self.all(number).iter().map(parse).collect()
    }
}

/// A sample.
#[derive(Debug)]
pub struct Sample {
    /// Root first: function, file, line.
    pub frames: Vec<(String, String, u64)>,
    pub samples: u64,
    pub nanoseconds: u64,
    pub labels: BTreeMap<String, String>,
}

/// A whole profile.
pub struct Profile {
    pub samples: Vec<Sample>,
    pub period: u64,
    pub duration: u64,
}

/// Reads a file and holds every rule.
pub fn parse(file: &[u8]) -> Profile {
    assert_eq!(&file[4..8], [0; 4], "no time in the header of gzip, RFC 1952");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).expect("gzip");
    let profile = Message::parse(&bytes);
    let texts: Vec<String> = profile
        .all(6)
        .iter()
        .map(|field| match field {
            Field::Bytes(text) => String::from_utf8(text.clone()).expect("UTF-8"),
            Field::Varint(_) => panic!("a text"),
        })
        .collect();
    assert_eq!(texts.first().map(String::as_str), Some(""), "string_table[0] is the empty text");
    let text = |index: u64| texts.get(index as usize).unwrap_or_else(|| panic!("text {index}")).clone();

    let kind = |message: &Message| (text(message.number(1)), text(message.number(2)));
    let kinds: Vec<_> = profile.messages(1).iter().map(kind).collect();
    let named = |kind: &str, unit: &str| (kind.to_owned(), unit.to_owned());
    assert_eq!(kinds, [named("samples", "count"), named("cpu", "nanoseconds")]);
    assert_eq!(profile.messages(11).iter().map(kind).collect::<Vec<_>>(), [named("cpu", "nanoseconds")]);
    assert_eq!(text(profile.number(14)), "cpu", "what is shown unless asked otherwise");

    let mappings = profile.messages(3);
    for (id, mapping) in (1..).zip(&mappings) {
        assert_eq!(mapping.number(1), id, "ids of mappings count from 1");
        assert!(!text(mapping.number(5)).is_empty() && mapping.number(7) == 1, "named, with functions");
    }
    let mut functions = Vec::new();
    for (id, function) in (1..).zip(&profile.messages(5)) {
        assert_eq!(function.number(1), id, "ids of functions count from 1");
        let (name, file) = (text(function.number(2)), text(function.number(4)));
        assert!(!name.is_empty(), "a function without a name counts as not symbolized");
        functions.push((name, file));
    }
    let mut locations = Vec::new();
    for (id, location) in (1..).zip(&profile.messages(4)) {
        assert_eq!(location.number(1), id, "ids of locations count from 1");
        assert!(location.number(2) <= mappings.len() as u64, "a mapping that is there, or none");
        let lines = location.messages(4);
        let [line] = &lines[..] else { panic!("{} lines", lines.len()) };
        let function = line.number(1).checked_sub(1).expect("a function");
        let (name, file) = functions.get(function as usize).expect("a function that is there").clone();
        locations.push((name, file, line.number(2)));
    }
    let samples = profile.messages(2).into_iter().map(|sample| {
        let [samples, nanoseconds] = sample.numbers(2)[..] else { panic!("a value for each type") };
        let mut frames: Vec<_> = sample
            .numbers(1)
            .iter()
            .map(|id| {
                let index = id.checked_sub(1).expect("ids are not 0");
                locations.get(index as usize).expect("a location that is there").clone()
            })
            .collect();
        assert!(!frames.is_empty(), "a stack has a frame");
        frames.reverse();
        let mut labels = BTreeMap::new();
        for label in sample.messages(3) {
            let (key, value) = (text(label.number(1)), text(label.number(2)));
            assert!(!key.is_empty() && !value.is_empty() && label.all(3).is_empty(), "a text label");
            assert!(labels.insert(key, value).is_none(), "each key once");
        }
        Sample { frames, samples, nanoseconds, labels }
    });
    let samples = samples.collect();
    Profile { samples, period: profile.number(12), duration: profile.number(10) }
}
