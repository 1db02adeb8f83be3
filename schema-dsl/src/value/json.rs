//! Values from and to JSON.
//!
//! JSON has fewer kinds than [`Value`]: bytes, durations and timestamps are text there, and become themselves again only once a
//! caveat says what its parameters are. Integers that fit 64 bits, with or without sign, stay exact; other numbers become doubles.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Context, Double, MAX_DEPTH, Value, time};

/// Every code of this module with a few words, for documentation.
pub const CODES: &[(&str, &str)] =
    &[("DH-V001", "context that is no JSON object"), ("DH-V002", "value nested too deeply"), ("DH-V003", "number out of range")];

/// Why a JSON value cannot be a [`Value`], and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at `{path}`")]
pub struct JsonError {
    kind: JsonErrorKind,
    path: String,
}

/// What is wrong with a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// A context is an object; this is something else.
    NotAnObject,
    /// Lists and objects nest deeper than [`MAX_DEPTH`].
    TooDeep,
    /// A number that no 64-bit integer and no finite double can hold.
    NumberOutOfRange,
}

impl JsonError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> JsonErrorKind {
        self.kind
    }

    /// Where: `$` is the whole value, then `.key` and `[index]`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.kind {
            JsonErrorKind::NotAnObject => "DH-V001",
            JsonErrorKind::TooDeep => "DH-V002",
            JsonErrorKind::NumberOutOfRange => "DH-V003",
        }
    }
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => f.write_str("a context is a JSON object; found something else"),
            Self::TooDeep => write!(f, "lists and objects nest deeper than {MAX_DEPTH} levels"),
            Self::NumberOutOfRange => f.write_str("the number is out of range"),
        }
    }
}

/// One step from a JSON value into it; the chain of steps leads back to the root without allocating.
enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("$"),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Path<'_> {
    fn fail(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { kind, path: self.to_string() }
    }
}

/// The value that a JSON value stands for.
///
/// # Errors
/// [`JsonError`] with the path of what does not fit: nesting over [`MAX_DEPTH`], numbers out of range.
///
/// ```
/// use dhow_schema::value::{Value, from_json};
/// assert_eq!(from_json(&serde_json::json!(18446744073709551615u64)), Ok(Value::UInt(u64::MAX)));
/// ```
pub fn from_json(json: &serde_json::Value) -> Result<Value, JsonError> {
    convert(json, &Path::Root, 0)
}

/// The context that a JSON object stands for: one parameter per key.
///
/// # Errors
/// [`JsonError`] as for [`from_json`], and if `json` is not an object.
pub fn context_from_json_object(json: &serde_json::Value) -> Result<Context, JsonError> {
    let serde_json::Value::Object(object) = json else {
        return Err(Path::Root.fail(JsonErrorKind::NotAnObject));
    };
    object.iter().map(|(key, value)| Ok((Arc::from(key.as_str()), convert(value, &Path::Key(&Path::Root, key), 0)?))).collect()
}

fn convert(json: &serde_json::Value, path: &Path<'_>, depth: usize) -> Result<Value, JsonError> {
    let inner = || if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(path.fail(JsonErrorKind::TooDeep)) };
    Ok(match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => convert_number(number).ok_or_else(|| path.fail(JsonErrorKind::NumberOutOfRange))?,
        serde_json::Value::String(value) => Value::String(Arc::from(value.as_str())),
        serde_json::Value::Array(items) => {
            let depth = inner()?;
            let items = items.iter().enumerate().map(|(index, item)| convert(item, &Path::Index(path, index), depth));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        serde_json::Value::Object(entries) => {
            let depth = inner()?;
            let entries = entries.iter().map(|(key, value)| Ok((Arc::from(key.as_str()), convert(value, &Path::Key(path, key), depth)?)));
            Value::Map(entries.collect::<Result<_, _>>()?)
        }
    })
}

fn convert_number(number: &serde_json::Number) -> Option<Value> {
    if let Some(int) = number.as_i64() {
        return Some(Value::Int(int));
    }
    if let Some(uint) = number.as_u64() {
        return Some(Value::UInt(uint));
    }
    number.as_f64().filter(|double| double.is_finite()).and_then(Double::new).map(Value::Double)
}

/// The JSON for a value: bytes as base64, durations as `1.5s`, timestamps as RFC 3339, infinite doubles as `Infinity` and `-Infinity`.
///
/// Reading it back gives the same value once it is converted to the parameter's declared type.
#[must_use]
pub fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::UInt(value) => (*value).into(),
        Value::Double(value) => match serde_json::Number::from_f64(value.get()) {
            Some(number) => serde_json::Value::Number(number),
            None if value.get() > 0.0 => "Infinity".into(),
            None => "-Infinity".into(),
        },
        Value::String(value) => value.as_ref().into(),
        Value::Bytes(value) => STANDARD.encode(value).into(),
        Value::Duration { nanoseconds } => time::format_duration(*nanoseconds).into(),
        Value::Timestamp { seconds, nanoseconds } => time::format_timestamp(*seconds, *nanoseconds).into(),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => entries.iter().map(|(key, value)| (key.to_string(), to_json(value))).collect(),
    }
}

/// The JSON object for a context.
#[must_use]
pub fn context_to_json(context: &Context) -> serde_json::Value {
    context.iter().map(|(name, value)| (name.to_string(), to_json(value))).collect()
}
