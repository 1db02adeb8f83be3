//! The canonical bytes of values: borsh, with everything refused on decode that encode would not write.
//!
//! A byte for the kind, then the content: integers little-endian, lengths as `u32`, map entries in ascending order of their keys,
//! doubles as bit patterns. The order of the kinds is part of stored data: never renumber.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use super::{Context, Double, MAX_DEPTH, Value, time};

/// Elements reserved ahead of decoding: a length is a claim of the sender, the elements are its proof.
const MAX_RESERVED: usize = 256;

/// The canonical bytes of a context: the same for equal contexts, different for different ones.
///
/// # Errors
/// Only if a value nests deeper than [`MAX_DEPTH`] or a length does not fit in 32 bits.
pub fn canonical_bytes(context: &Context) -> Result<Vec<u8>> {
    borsh::to_vec(context)
}

impl BorshSerialize for Value {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        write_value(self, writer, 0)
    }
}

impl BorshDeserialize for Value {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        read_value(reader, 0)
    }
}

fn refuse(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

fn deeper(depth: usize) -> Result<usize> {
    if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(refuse("a value nests too deeply")) }
}

fn write_len<W: Write>(len: usize, writer: &mut W) -> Result<()> {
    u32::try_from(len).map_err(|_| refuse("a value is too long"))?.serialize(writer)
}

fn write_value<W: Write>(value: &Value, writer: &mut W, depth: usize) -> Result<()> {
    match value {
        Value::Null => 0u8.serialize(writer),
        Value::Bool(value) => (1u8, value).serialize(writer),
        Value::Int(value) => (2u8, value).serialize(writer),
        Value::UInt(value) => (3u8, value).serialize(writer),
        Value::Double(Double(bits)) => (4u8, bits).serialize(writer),
        Value::String(value) => (5u8, value.as_ref()).serialize(writer),
        Value::Bytes(value) => (6u8, value).serialize(writer),
        Value::Duration { nanoseconds } => (7u8, nanoseconds).serialize(writer),
        Value::Timestamp { seconds, nanoseconds } => (8u8, seconds, nanoseconds).serialize(writer),
        Value::List(items) => {
            let depth = deeper(depth)?;
            9u8.serialize(writer)?;
            write_len(items.len(), writer)?;
            items.iter().try_for_each(|item| write_value(item, writer, depth))
        }
        Value::Map(entries) => {
            let depth = deeper(depth)?;
            10u8.serialize(writer)?;
            write_len(entries.len(), writer)?;
            entries.iter().try_for_each(|(key, value)| {
                key.as_ref().serialize(writer)?;
                write_value(value, writer, depth)
            })
        }
    }
}

fn read_value<R: Read>(reader: &mut R, depth: usize) -> Result<Value> {
    Ok(match u8::deserialize_reader(reader)? {
        0 => Value::Null,
        1 => Value::Bool(bool::deserialize_reader(reader)?),
        2 => Value::Int(i64::deserialize_reader(reader)?),
        3 => Value::UInt(u64::deserialize_reader(reader)?),
        4 => Value::Double(read_double(reader)?),
        5 => Value::String(Arc::from(String::deserialize_reader(reader)?)),
        6 => Value::Bytes(Vec::deserialize_reader(reader)?),
        7 => Value::Duration { nanoseconds: i64::deserialize_reader(reader)? },
        8 => {
            let (seconds, nanoseconds) = <(i64, u32)>::deserialize_reader(reader)?;
            if !time::is_timestamp(seconds, nanoseconds) {
                return Err(refuse("a timestamp is outside years 1 to 9999"));
            }
            Value::Timestamp { seconds, nanoseconds }
        }
        9 => {
            let depth = deeper(depth)?;
            let len = read_len(reader)?;
            let mut items = Vec::with_capacity(len.min(MAX_RESERVED));
            for _ in 0..len {
                items.push(read_value(reader, depth)?);
            }
            Value::List(items)
        }
        10 => {
            let depth = deeper(depth)?;
            let mut entries = BTreeMap::<Arc<str>, Value>::new();
            for _ in 0..read_len(reader)? {
                let key = Arc::<str>::from(String::deserialize_reader(reader)?);
                if entries.last_key_value().is_some_and(|(last, _)| *last >= key) {
                    return Err(refuse("map entries are not in ascending order"));
                }
                entries.insert(key, read_value(reader, depth)?);
            }
            Value::Map(entries)
        }
        _ => return Err(refuse("an unknown kind of value")),
    })
}

fn read_len<R: Read>(reader: &mut R) -> Result<usize> {
    usize::try_from(u32::deserialize_reader(reader)?).map_err(|_| refuse("a value is too long"))
}

fn read_double<R: Read>(reader: &mut R) -> Result<Double> {
    let bits = u64::deserialize_reader(reader)?;
    Double::new(f64::from_bits(bits)).filter(|double| double.0 == bits).ok_or_else(|| refuse("a double is NaN or negative zero"))
}
