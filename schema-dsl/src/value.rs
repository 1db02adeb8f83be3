//! The values that caveats are evaluated with, and their one canonical byte form.
//!
//! A [`Value`] is exact: integers keep their 64 bits, durations and timestamps their nanoseconds, and equal values have equal bytes,
//! because the bytes go into digest and chain. So doubles are never NaN and zero is never negative, map entries are sorted, and bytes
//! that would decode to anything else are refused (`codec`). Nesting is limited to [`MAX_DEPTH`] on every way in and out (JSON,
//! bytes), so that no value overflows a stack. Nothing here knows what a parameter is declared as; that is [`crate::caveat`]'s.
//! Every operation is linear in the size of the value.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ir::Name;

mod codec;
mod json;
pub mod time;

pub use codec::canonical_bytes;
pub use json::{CODES, JsonError, JsonErrorKind, context_from_json_object, context_to_json, from_json, to_json};

/// Values by parameter name: what a tuple stores, or what a request brings along.
pub type Context = BTreeMap<Name, Value>;

/// How deep lists and maps may nest: `[1]` is one level, a plain `1` none.
pub const MAX_DEPTH: usize = 32;

/// The most canonical bytes that a tuple's context may have.
pub const MAX_CONTEXT_BYTES: usize = 16 * 1024;

/// A value of a caveat parameter. Integers of 64 bits, unsigned, bytes, durations and timestamps are exact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// `null`.
    Null,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `uint`.
    UInt(u64),
    /// `double`: finite or infinite, never NaN.
    Double(Double),
    /// `string`, and `ipaddress` in its text form.
    String(Arc<str>),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `duration`, in nanoseconds.
    Duration {
        /// Whole nanoseconds; about ± 290 years fit.
        nanoseconds: i64,
    },
    /// `timestamp` since the Unix epoch (RFC 3339 years 1 to 9999).
    Timestamp {
        /// Whole seconds since 1970-01-01T00:00:00Z.
        seconds: i64,
        /// The rest, 0 to 999,999,999 ns.
        nanoseconds: u32,
    },
    /// `list<…>`.
    List(Vec<Value>),
    /// `map<…>`: keys are strings.
    Map(BTreeMap<Arc<str>, Value>),
}

impl Value {
    /// What a person calls this kind of value, as in the schema language (`null` has no name there).
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::UInt(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Duration { .. } => "duration",
            Self::Timestamp { .. } => "timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }
}

/// A double that is equal to itself: never NaN, and zero is never negative.
///
/// `Ord` compares bit patterns: a fixed order for sets and maps, not the numeric one.
///
/// ```
/// use dhow_schema::value::Double;
/// assert_eq!(Double::new(-0.0), Double::new(0.0));
/// assert_eq!(Double::new(f64::NAN), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Double(u64);

impl Double {
    /// The double, unless it is NaN; `-0.0` becomes `0.0`.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        if value.is_nan() {
            return None;
        }
        Some(Self(if value == 0.0 { 0 } else { value.to_bits() }))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

#[cfg(test)]
pub(crate) mod tests;
