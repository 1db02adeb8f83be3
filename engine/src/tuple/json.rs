//! Contexts as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use dhow_schema::value::{Context, Value};
use serde_json::Value as Json;

/// A JSON value that no caveat can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no number that can be kept")]
pub(super) struct JsonError(String);

pub(super) fn from_json(object: &serde_json::Map<String, Json>) -> Result<Context, JsonError> {
    object.iter().map(|(name, json)| Ok((Arc::from(name.as_str()), value(json)?))).collect()
}

fn value(json: &Json) -> Result<Value, JsonError> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => Value::Int(i),
            (None, Some(u)) => Value::UInt(u),
            (None, None) => return Err(JsonError(n.to_string())),
        },
        Json::String(s) => Value::String(Arc::from(s.as_str())),
        Json::Array(items) => Value::List(items.iter().map(value).collect::<Result<_, _>>()?),
        Json::Object(map) => Value::Map(from_json(map)?),
    })
}

pub(super) fn to_json(context: &BTreeMap<Arc<str>, Value>) -> Json {
    Json::Object(context.iter().map(|(name, value)| (name.to_string(), json(value))).collect())
}

fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::from(*b),
        Value::Int(i) => Json::from(*i),
        Value::UInt(u) => Json::from(*u),
        Value::String(s) => Json::from(&**s),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(map) => to_json(map),
        Value::Double(_) | Value::Bytes(_) | Value::Duration { .. } | Value::Timestamp { .. } => Json::from(format!("{value:?}")),
    }
}
