//! Values of ours as values of cel-core.

use std::sync::Arc;

use cel_core::{Duration, MapKey, Timestamp, ValueMap};

use crate::caveat::parameter::ParameterType;
use crate::value::Value;

use super::address::Address;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// The value that an expression sees for one that was converted to `declared`.
pub(in crate::caveat) fn to_cel(value: &Value, declared: &ParameterType) -> cel_core::Value {
    let any = ParameterType::Any;
    match value {
        Value::Null => cel_core::Value::Null,
        Value::Bool(value) => cel_core::Value::Bool(*value),
        Value::Int(value) => cel_core::Value::Int(*value),
        Value::UInt(value) => cel_core::Value::UInt(*value),
        Value::Double(value) => cel_core::Value::Double(value.get()),
        Value::String(text) => match (declared, text.parse()) {
            (ParameterType::IpAddress, Ok(address)) => cel_core::Value::Message(Box::new(Address(address))),
            _ => cel_core::Value::String(text.clone()),
        },
        Value::Bytes(bytes) => cel_core::Value::Bytes(Arc::from(bytes.as_slice())),
        Value::Duration { nanoseconds } => duration(i128::from(*nanoseconds)),
        Value::Timestamp { seconds, nanoseconds } => timestamp(*seconds, *nanoseconds),
        Value::List(items) => {
            let item_type = if let ParameterType::List(item) = declared { item } else { &any };
            cel_core::Value::List(items.iter().map(|item| to_cel(item, item_type)).collect())
        }
        Value::Map(entries) => {
            let item_type = if let ParameterType::Map(item) = declared { item } else { &any };
            let entries = entries.iter().map(|(key, item)| (MapKey::String(key.clone()), to_cel(item, item_type)));
            cel_core::Value::Map(Arc::new(ValueMap::from_entries(entries)))
        }
    }
}

/// A duration as cel-core's arithmetic leaves it: the fraction is never negative, so that equal durations are equal values.
pub(super) fn duration(nanoseconds: i128) -> cel_core::Value {
    let seconds = nanoseconds.div_euclid(i128::from(NANOS_PER_SECOND));
    let rest = nanoseconds.rem_euclid(i128::from(NANOS_PER_SECOND));
    match (i64::try_from(seconds), i32::try_from(rest)) {
        (Ok(seconds), Ok(rest)) if Duration::new(seconds, rest).is_valid() => cel_core::Value::Duration(Duration::new(seconds, rest)),
        _ => super::invalid("the duration is out of range"),
    }
}

/// The nanoseconds of a duration, whole.
pub(super) fn nanoseconds(duration: Duration) -> i128 {
    i128::from(duration.seconds) * i128::from(NANOS_PER_SECOND) + i128::from(duration.nanos)
}

pub(super) fn timestamp(seconds: i64, nanoseconds: u32) -> cel_core::Value {
    cel_core::Value::Timestamp(Timestamp::new(seconds, i32::try_from(nanoseconds).unwrap_or_default()))
}
