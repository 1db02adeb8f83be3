//! The values that caveats are evaluated with, and their one canonical byte form.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ir::Name;

/// Values by parameter name: what a tuple stores, or what a request brings along.
pub type Context = BTreeMap<Name, Value>;

/// A value of a caveat parameter. Integers of 64 bits, unsigned, bytes, durations and timestamps are exact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, borsh::BorshSerialize, borsh::BorshDeserialize)]
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
        /// Whole nanoseconds; CEL's range of about ± 290 years fits.
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

/// A double that is equal to itself: never NaN, and zero is never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, borsh::BorshSerialize, borsh::BorshDeserialize)]
pub struct Double(u64);
