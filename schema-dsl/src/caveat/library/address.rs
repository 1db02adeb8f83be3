//! `ipaddress`: an opaque type of CEL, and `in_cidr`.
//!
//! IPv4 and IPv6 are worlds apart: an address of one is in no range of the other, and `::ffff:10.0.0.1` is an IPv6 address. Who
//! wants mapped addresses treated as IPv4 sends them as IPv4.

use std::any::Any;
use std::net::IpAddr;

use cel_core::{MessageValue, Value};

/// The type's name in messages.
pub(in crate::caveat) const TYPE_NAME: &str = "ipaddress";

/// An address as a value of cel-core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address(pub(super) IpAddr);

impl MessageValue for Address {
    fn type_name(&self) -> &str {
        TYPE_NAME
    }

    fn eq_message(&self, other: &dyn MessageValue) -> bool {
        other.as_any().downcast_ref::<Self>() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn clone_boxed(&self) -> Box<dyn MessageValue> {
        Box::new(*self)
    }
}

/// A range of addresses: those that share its first `bits` bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::caveat) struct Cidr {
    base: IpAddr,
    bits: u32,
}

impl Cidr {
    /// The range of a text such as `10.0.0.0/8` or `2001:db8::/32`; bits after the prefix do not matter.
    pub(in crate::caveat) fn parse(text: &str) -> Option<Self> {
        let (base, bits) = text.split_once('/')?;
        let base: IpAddr = base.parse().ok()?;
        let plain = (1..=3).contains(&bits.len()) && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits: u32 = bits.parse().ok().filter(|_| plain && (bits == "0" || !bits.starts_with('0')))?;
        (bits <= if base.is_ipv4() { 32 } else { 128 }).then_some(Self { base, bits })
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => (base.to_bits() ^ address.to_bits()).checked_shr(32 - self.bits).unwrap_or(0) == 0,
            (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits() ^ address.to_bits()).checked_shr(128 - self.bits).unwrap_or(0) == 0,
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// `address.in_cidr(range)`.
pub(super) fn in_cidr(arguments: &[Value]) -> Value {
    let [Value::Message(address), Value::String(range)] = arguments else {
        return super::no_overload("in_cidr", arguments);
    };
    let Some(Address(address)) = address.as_any().downcast_ref() else {
        return super::no_overload("in_cidr", arguments);
    };
    match Cidr::parse(range) {
        Some(cidr) => Value::Bool(cidr.contains(*address)),
        None => super::invalid("`in_cidr` needs a range such as `10.0.0.0/8`"),
    }
}
