//! The types of caveat parameters: their names, and what a value must look like to be of one.
//!
//! Conversion is what makes a JSON-ish value exact: text becomes bytes, durations, timestamps or addresses, whole numbers become
//! `int` or `uint`. It is idempotent: a converted value converts to itself, so stored context may be converted again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ir::Name;
use crate::value::{Double, MAX_DEPTH, Value, time};

/// How deep `list<…>` and `map<…>` may nest in a type.
pub const MAX_TYPE_DEPTH: usize = 16;

/// What a caveat parameter is declared as. `Display` and `FromStr` use the schema language's words (`list<string>`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParameterType {
    /// `any`: every value, as it comes.
    Any,
    /// `bool`.
    Bool,
    /// `int`: 64 bits, signed; also from whole numbers of other kinds and decimal text.
    Int,
    /// `uint`: 64 bits, unsigned; also from whole numbers of other kinds and decimal text.
    UInt,
    /// `double`: also from integers and decimal text.
    Double,
    /// `string`.
    String,
    /// `bytes`: also from base64 text.
    Bytes,
    /// `duration`: also from text such as `1h30m`.
    Duration,
    /// `timestamp`: also from RFC 3339 text.
    Timestamp,
    /// `ipaddress`: text of an IPv4 or IPv6 address.
    IpAddress,
    /// `list<…>`.
    List(Box<ParameterType>),
    /// `map<…>`: keys are strings.
    Map(Box<ParameterType>),
}

/// The type names that stand alone.
const PLAIN: [(&str, ParameterType); 10] = [
    ("any", ParameterType::Any),
    ("bool", ParameterType::Bool),
    ("int", ParameterType::Int),
    ("uint", ParameterType::UInt),
    ("double", ParameterType::Double),
    ("string", ParameterType::String),
    ("bytes", ParameterType::Bytes),
    ("duration", ParameterType::Duration),
    ("timestamp", ParameterType::Timestamp),
    ("ipaddress", ParameterType::IpAddress),
];

impl fmt::Display for ParameterType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::UInt => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Duration => f.write_str("duration"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::IpAddress => f.write_str("ipaddress"),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::Map(item) => write!(f, "map<{item}>"),
        }
    }
}

/// Why a text is no parameter type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterTypeError {
    /// Not a type's name.
    #[error("unknown parameter type `{name}`")]
    Unknown {
        /// What was written.
        name: String,
        /// The nearest name, if one is near.
        suggestion: Option<&'static str>,
    },
    /// `list` or `map` without `<…>`.
    #[error("`{0}` needs the type of what it holds, such as `{0}<string>`")]
    WithoutItem(&'static str),
    /// `string<int>`, a missing `>`, or text after the type.
    #[error("the angle brackets of the type do not match")]
    Brackets,
    /// Nested deeper than [`MAX_TYPE_DEPTH`].
    #[error("the type nests deeper than {MAX_TYPE_DEPTH} levels")]
    TooDeep,
}

impl FromStr for ParameterType {
    type Err = ParameterTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut rest = text.trim();
        let mut wrappers = Vec::new();
        while let Some((outer, inner)) = rest.split_once('<') {
            let wrapper = match outer.trim() {
                "list" => Self::List as fn(Box<Self>) -> Self,
                "map" => Self::Map,
                other => return Err(Self::plain(other).err().unwrap_or(ParameterTypeError::Brackets)),
            };
            wrappers.push(wrapper);
            if wrappers.len() > MAX_TYPE_DEPTH {
                return Err(ParameterTypeError::TooDeep);
            }
            rest = inner.trim().strip_suffix('>').ok_or(ParameterTypeError::Brackets)?.trim();
        }
        if rest.contains('>') {
            return Err(ParameterTypeError::Brackets);
        }
        let innermost = Self::plain(rest)?;
        Ok(wrappers.into_iter().rev().fold(innermost, |item, wrapper| wrapper(Box::new(item))))
    }
}

impl ParameterType {
    /// Every name that can begin a type, for help texts.
    pub const NAMES: [&'static str; 12] =
        ["any", "bool", "int", "uint", "double", "string", "bytes", "duration", "timestamp", "ipaddress", "list", "map"];

    fn plain(name: &str) -> Result<Self, ParameterTypeError> {
        if let Some((_, found)) = PLAIN.iter().find(|(plain, _)| *plain == name) {
            return Ok(found.clone());
        }
        Err(match name {
            "list" => ParameterTypeError::WithoutItem("list"),
            "map" => ParameterTypeError::WithoutItem("map"),
            _ => ParameterTypeError::Unknown { name: name.to_owned(), suggestion: super::nearest(name, Self::NAMES) },
        })
    }

    /// The value as one of this type, canonical: what is stored, and what the expression sees.
    ///
    /// # Errors
    /// [`Mismatch`] if the value is of another kind, or text or a number that does not stand for one of this type.
    pub fn convert(&self, value: &Value) -> Result<Value, Mismatch> {
        self.convert_at(value, 0)
    }

    fn convert_at(&self, value: &Value, depth: usize) -> Result<Value, Mismatch> {
        let converted = match self {
            Self::Any => return checked_depth(value, depth).map(|()| value.clone()),
            Self::Bool => matches!(value, Value::Bool(_)).then(|| value.clone()),
            Self::Int => int_of(value).map(Value::Int),
            Self::UInt => uint_of(value).map(Value::UInt),
            Self::Double => double_of(value).map(Value::Double),
            Self::String => matches!(value, Value::String(_)).then(|| value.clone()),
            Self::Bytes => bytes_of(value).map(Value::Bytes),
            Self::Duration => duration_of(value),
            Self::Timestamp => timestamp_of(value),
            Self::IpAddress => address_of(value),
            Self::List(item) => return self.convert_list(item, value, depth),
            Self::Map(item) => return self.convert_map(item, value, depth),
        };
        converted.ok_or_else(|| self.mismatch(value))
    }

    fn convert_list(&self, item: &Self, value: &Value, depth: usize) -> Result<Value, Mismatch> {
        let Value::List(items) = value else {
            return Err(self.mismatch(value));
        };
        let convert = |(index, value)| item.convert_at(value, depth + 1).map_err(|error| error.below(&format!("[{index}]")));
        Ok(Value::List(items.iter().enumerate().map(convert).collect::<Result<_, _>>()?))
    }

    fn convert_map(&self, item: &Self, value: &Value, depth: usize) -> Result<Value, Mismatch> {
        let Value::Map(entries) = value else {
            return Err(self.mismatch(value));
        };
        let convert = |(key, value): (&Arc<str>, &Value)| {
            Ok((key.clone(), item.convert_at(value, depth + 1).map_err(|error: Mismatch| error.below(&format!(".{key}")))?))
        };
        Ok(Value::Map(entries.iter().map(convert).collect::<Result<BTreeMap<_, _>, Mismatch>>()?))
    }

    fn mismatch(&self, value: &Value) -> Mismatch {
        let found = match (self, value) {
            (Self::Int | Self::UInt, Value::Int(_) | Value::UInt(_)) => "a number that is out of its range",
            (Self::Int | Self::UInt, Value::Double(_)) => "a number that is not whole or out of its range",
            (Self::Int | Self::UInt | Self::Double, Value::String(_)) => "text that is no such number",
            (Self::Bytes, Value::String(_)) => "text that is no base64",
            (Self::Duration, Value::String(_)) => "text that is no duration such as `1h30m`",
            (Self::Timestamp, Value::String(_)) => "text that is no RFC 3339 time such as `2024-01-31T12:00:00Z`",
            (Self::IpAddress, Value::String(_)) => "text that is no IP address",
            _ => value.kind(),
        };
        Mismatch { path: String::new(), expected: self.clone(), found: Cow::Borrowed(found) }
    }
}

/// A value that is not of the type it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct Mismatch {
    /// Where in the value: empty for the value itself, else steps such as `[3].name`.
    pub path: String,
    /// The type that is declared there.
    pub expected: ParameterType,
    /// What is there, in words; never the value itself, which may be a secret.
    pub found: Cow<'static, str>,
}

impl Mismatch {
    fn below(mut self, step: &str) -> Self {
        self.path.insert_str(0, step);
        self
    }

    /// The error as one of a caveat's parameter.
    #[must_use]
    pub fn of_parameter(self, parameter: &Name) -> ParameterError {
        ParameterError { parameter: parameter.clone(), mismatch: self }
    }
}

/// A parameter's value that is not of its declared type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("parameter `{parameter}{}`: {mismatch}", mismatch.path)]
pub struct ParameterError {
    /// The parameter.
    pub parameter: Name,
    /// What is wrong with its value.
    pub mismatch: Mismatch,
}

/// `any` takes everything but nesting that no other way in would have let through.
fn checked_depth(value: &Value, depth: usize) -> Result<(), Mismatch> {
    let too_deep =
        || Mismatch { path: String::new(), expected: ParameterType::Any, found: Cow::Borrowed("lists and maps nested too deeply") };
    match value {
        Value::List(_) | Value::Map(_) if depth >= MAX_DEPTH => Err(too_deep()),
        Value::List(items) => items.iter().try_for_each(|item| checked_depth(item, depth + 1)),
        Value::Map(entries) => entries.values().try_for_each(|item| checked_depth(item, depth + 1)),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::UInt(_)
        | Value::Double(_)
        | Value::String(_)
        | Value::Bytes(_)
        | Value::Duration { .. }
        | Value::Timestamp { .. } => Ok(()),
    }
}

/// The whole number that a value stands for; every `i64` and `u64` fits, and so does every whole double that either can hold.
fn whole_of(value: &Value) -> Option<i128> {
    match value {
        Value::Int(value) => Some(i128::from(*value)),
        Value::UInt(value) => Some(i128::from(*value)),
        Value::Double(value) if value.get().fract() == 0.0 && value.get().abs() < 1e20 =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "whole and far below the bounds of i128")]
            Some(value.get() as i128)
        }
        Value::String(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain = !digits.is_empty() && digits.len() <= 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain { text.parse().ok() } else { None }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Double(_)
        | Value::Bytes(_)
        | Value::Duration { .. }
        | Value::Timestamp { .. }
        | Value::List(_)
        | Value::Map(_) => None,
    }
}

fn int_of(value: &Value) -> Option<i64> {
    i64::try_from(whole_of(value)?).ok()
}

fn uint_of(value: &Value) -> Option<u64> {
    u64::try_from(whole_of(value)?).ok()
}

#[expect(clippy::cast_precision_loss, reason = "a double parameter takes integers as the nearest double, as JSON does")]
fn double_of(value: &Value) -> Option<Double> {
    match value {
        Value::Double(value) => Some(*value),
        Value::Int(value) => Double::new(*value as f64),
        Value::UInt(value) => Double::new(*value as f64),
        Value::String(text) => match text.as_ref() {
            "Infinity" => Double::new(f64::INFINITY),
            "-Infinity" => Double::new(f64::NEG_INFINITY),
            text => text.parse().ok().filter(|double: &f64| double.is_finite()).and_then(Double::new),
        },
        Value::Null
        | Value::Bool(_)
        | Value::Bytes(_)
        | Value::Duration { .. }
        | Value::Timestamp { .. }
        | Value::List(_)
        | Value::Map(_) => None,
    }
}

fn text_of(value: &Value) -> Option<&str> {
    if let Value::String(text) = value { Some(text) } else { None }
}

fn bytes_of(value: &Value) -> Option<Vec<u8>> {
    if let Value::Bytes(bytes) = value {
        return Some(bytes.clone());
    }
    STANDARD.decode(text_of(value)?).ok()
}

fn duration_of(value: &Value) -> Option<Value> {
    if let Value::Duration { .. } = value {
        return Some(value.clone());
    }
    let nanoseconds = i64::try_from(time::parse_duration(text_of(value)?)?).ok()?;
    Some(Value::Duration { nanoseconds })
}

fn timestamp_of(value: &Value) -> Option<Value> {
    if let Value::Timestamp { seconds, nanoseconds } = value {
        return time::is_timestamp(*seconds, *nanoseconds).then(|| value.clone());
    }
    let (seconds, nanoseconds) = time::parse_timestamp(text_of(value)?)?;
    Some(Value::Timestamp { seconds, nanoseconds })
}

/// One text for each address, so that equal addresses are equal values.
fn address_of(value: &Value) -> Option<Value> {
    let address: IpAddr = text_of(value)?.parse().ok()?;
    Some(Value::String(Arc::from(address.to_string())))
}
