//! The messages of pprof as far as they are read, and the fields of the outermost one by one.

use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};

/// Numbers of the outermost message's fields.
pub(super) mod field {
    pub(in super::super) const SAMPLE_TYPE: u32 = 1;
    pub(in super::super) const SAMPLE: u32 = 2;
    pub(in super::super) const MAPPING: u32 = 3;
    pub(in super::super) const LOCATION: u32 = 4;
    pub(in super::super) const FUNCTION: u32 = 5;
    pub(in super::super) const STRING_TABLE: u32 = 6;
    pub(in super::super) const TIME_NANOS: u32 = 9;
    pub(in super::super) const DURATION_NANOS: u32 = 10;
    pub(in super::super) const DEFAULT_SAMPLE_TYPE: u32 = 14;
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct ValueType {
    #[prost(int64, tag = "1")]
    pub(super) kind: i64,
    #[prost(int64, tag = "2")]
    pub(super) unit: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Sample {
    /// Leaf first.
    #[prost(uint64, repeated, tag = "1")]
    pub(super) location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    pub(super) value: Vec<i64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Mapping {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(int64, tag = "5")]
    pub(super) filename: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Location {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(uint64, tag = "2")]
    pub(super) mapping_id: u64,
    #[prost(uint64, tag = "3")]
    pub(super) address: u64,
    /// What is inlined first.
    #[prost(message, repeated, tag = "4")]
    pub(super) line: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Line {
    #[prost(uint64, tag = "1")]
    pub(super) function_id: u64,
    #[prost(int64, tag = "2")]
    pub(super) line: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Function {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(int64, tag = "2")]
    pub(super) name: i64,
    #[prost(int64, tag = "3")]
    pub(super) system_name: i64,
    #[prost(int64, tag = "4")]
    pub(super) filename: i64,
    #[prost(int64, tag = "5")]
    pub(super) start_line: i64,
}

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a type that the message has nowhere.
    Other,
}

impl<'a> Value<'a> {
    pub(super) fn message<M: Message + Default>(self) -> Result<M, String> {
        M::decode(self.bytes()?).map_err(|error| error.to_string())
    }

    pub(super) fn bytes(self) -> Result<&'a [u8], String> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err("it is no message or text".to_owned()),
        }
    }

    pub(super) fn number(self) -> Result<i64, String> {
        match self {
            Value::Number(number) => Ok(number as i64),
            _ => Err("it is no number".to_owned()),
        }
    }
}

/// The fields of a message with their numbers, until one is broken.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Fields<'a> {
        Fields { rest: message }
    }

    fn one(&mut self) -> Result<(u32, Value<'a>), String> {
        let (tag, kind) = decode_key(&mut self.rest).map_err(|error| error.to_string())?;
        let value = match kind {
            WireType::Varint => {
                Value::Number(decode_varint(&mut self.rest).map_err(|error| error.to_string())?)
            }
            WireType::LengthDelimited => {
                let length = decode_varint(&mut self.rest).map_err(|error| error.to_string())?;
                Value::Bytes(self.cut(usize::try_from(length).unwrap_or(usize::MAX))?)
            }
            WireType::ThirtyTwoBit => self.cut(4).map(|_| Value::Other)?,
            WireType::SixtyFourBit => self.cut(8).map(|_| Value::Other)?,
            WireType::StartGroup | WireType::EndGroup => return Err("a field of no known type".to_owned()),
        };
        Ok((tag, value))
    }

    fn cut(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (cut, rest) = self.rest.split_at_checked(length).ok_or("it is cut off")?;
        self.rest = rest;
        Ok(cut)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let one = self.one();
        if one.is_err() {
            self.rest = &[];
        }
        Some(one)
    }
}
