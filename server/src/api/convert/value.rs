//! Caveat contexts: values between the wire and the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use dhow_engine::tuple::check_name;
use dhow_proto::v1;
use dhow_proto::v1::value::Kind;
use dhow_schema::value::{Context, Double, Value, canonical_bytes, time};

use crate::api::request::{FieldProblem, RequestError, ValueProblem};
use crate::limits::{Limit, VALUE_DEPTH};

/// The context in field `field`; a missing one is empty.
///
/// # Errors
/// When a name or value is not valid, or it is too large or nested too deep.
pub(crate) fn context(field: &str, context: Option<v1::Context>, limit: &Limit) -> Result<Context, RequestError> {
    let Some(context) = context else { return Ok(Context::new()) };
    let mut values = Context::new();
    for (name, wire) in context.values {
        let within = |error: RequestError| error.within(format!("{field}.values[{name:?}]"));
        check_name(&name).map_err(|error| within(RequestError::new("", error)))?;
        let converted = value(wire, 0).map_err(within)?;
        values.insert(Arc::from(name.as_str()), converted);
    }
    let too_large = |got| RequestError::new(field, FieldProblem::ContextTooLarge { got, max: limit.value });
    let got = canonical_bytes(&values).map_err(|_| too_large(usize::MAX))?.len();
    if got > limit.count() { Err(too_large(got)) } else { Ok(values) }
}

/// One value, `depth` lists and maps inside the context.
fn value(wire: v1::Value, depth: u64) -> Result<Value, RequestError> {
    let problem = |problem: ValueProblem| RequestError::new("", FieldProblem::Value(problem));
    if depth > VALUE_DEPTH.value {
        return Err(RequestError::new("", FieldProblem::ContextTooDeep { max: VALUE_DEPTH.value }));
    }
    Ok(match wire.kind.ok_or_else(|| problem(ValueProblem::Unset))? {
        Kind::Null(_) => Value::Null,
        Kind::Bool(value) => Value::Bool(value),
        Kind::Int(value) => Value::Int(value),
        Kind::Uint(value) => Value::UInt(value),
        Kind::Double(value) => Value::Double(Double::new(value).ok_or_else(|| problem(ValueProblem::NaN))?),
        Kind::String(value) => Value::String(value.into()),
        Kind::Bytes(value) => Value::Bytes(value),
        Kind::DurationNs(nanoseconds) => Value::Duration { nanoseconds },
        Kind::Timestamp(prost_types::Timestamp { seconds, nanos }) => {
            let nanoseconds = u32::try_from(nanos).map_err(|_| problem(ValueProblem::Timestamp))?;
            if !time::is_timestamp(seconds, nanoseconds) {
                return Err(problem(ValueProblem::Timestamp));
            }
            Value::Timestamp { seconds, nanoseconds }
        }
        Kind::List(list) => {
            let items = list.items.into_iter().enumerate();
            let items = items.map(|(i, item)| value(item, depth + 1).map_err(|error| error.within(format!("[{i}]"))));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        Kind::Map(map) => {
            let entries = map.values.into_iter().map(|(key, item)| {
                let converted = value(item, depth + 1).map_err(|error| error.within(format!("[{key:?}]")))?;
                Ok::<_, RequestError>((Arc::from(key.as_str()), converted))
            });
            Value::Map(entries.collect::<Result<BTreeMap<_, _>, _>>()?)
        }
    })
}

/// A context, for the wire.
pub(crate) fn context_to_wire(context: &Context) -> v1::Context {
    v1::Context { values: context.iter().map(|(name, value)| (name.to_string(), value_to_wire(value))).collect() }
}

fn value_to_wire(value: &Value) -> v1::Value {
    let kind = match value {
        Value::Null => Kind::Null(true),
        Value::Bool(value) => Kind::Bool(*value),
        Value::Int(value) => Kind::Int(*value),
        Value::UInt(value) => Kind::Uint(*value),
        Value::Double(value) => Kind::Double(value.get()),
        Value::String(value) => Kind::String(value.to_string()),
        Value::Bytes(value) => Kind::Bytes(value.clone()),
        Value::Duration { nanoseconds } => Kind::DurationNs(*nanoseconds),
        Value::Timestamp { seconds, nanoseconds } => {
            Kind::Timestamp(prost_types::Timestamp { seconds: *seconds, nanos: i32::try_from(*nanoseconds).unwrap_or_default() })
        }
        Value::List(items) => Kind::List(v1::ListValue { items: items.iter().map(value_to_wire).collect() }),
        Value::Map(entries) => {
            Kind::Map(v1::Context { values: entries.iter().map(|(key, value)| (key.to_string(), value_to_wire(value))).collect() })
        }
    };
    v1::Value { kind: Some(kind) }
}
