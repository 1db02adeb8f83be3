//! `duration(…)`, `timestamp(…)`, and what can be asked of both.

use cel_core::time::{TimestampComponent, parse_timezone};
use cel_core::{Timestamp, Value};

use crate::value::time;

use super::bridge;

/// `duration(text)`, exact.
pub(super) fn duration(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Duration(_)] => arguments.first().cloned().unwrap_or(Value::Null),
        [Value::String(text)] => match time::parse_duration(text) {
            Some(nanoseconds) => bridge::duration(nanoseconds),
            None => super::invalid("`duration` needs text such as `1h30m`"),
        },
        _ => super::no_overload("duration", arguments),
    }
}

/// `timestamp(text)` and `timestamp(seconds since 1970)`.
pub(super) fn timestamp(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Timestamp(_)] => arguments.first().cloned().unwrap_or(Value::Null),
        [Value::Int(seconds)] if time::is_timestamp(*seconds, 0) => bridge::timestamp(*seconds, 0),
        [Value::Int(_)] => super::invalid("the timestamp is outside years 1 to 9999"),
        [Value::String(text)] => match time::parse_timestamp(text) {
            Some((seconds, nanoseconds)) => bridge::timestamp(seconds, nanoseconds),
            None => super::invalid("`timestamp` needs an RFC 3339 time such as `2024-01-31T12:00:00Z`"),
        },
        _ => super::no_overload("timestamp", arguments),
    }
}

/// The implementation of `getHours` and its like, if `name` is one.
pub(super) fn accessor(name: &str) -> Option<impl Fn(&[Value]) -> Value + Send + Sync + use<>> {
    // The second part: how many nanoseconds make one, and after how many it starts again, for those that durations have.
    let (component, of_duration) = match name {
        "getFullYear" => (TimestampComponent::FullYear, None),
        "getMonth" => (TimestampComponent::Month, None),
        "getDate" => (TimestampComponent::Date, None),
        "getDayOfMonth" => (TimestampComponent::DayOfMonth, None),
        "getDayOfWeek" => (TimestampComponent::DayOfWeek, None),
        "getDayOfYear" => (TimestampComponent::DayOfYear, None),
        "getHours" => (TimestampComponent::Hours, Some((3_600_000_000_000, i128::MAX))),
        "getMinutes" => (TimestampComponent::Minutes, Some((60_000_000_000, i128::MAX))),
        "getSeconds" => (TimestampComponent::Seconds, Some((1_000_000_000, i128::MAX))),
        "getMilliseconds" => (TimestampComponent::Milliseconds, Some((1_000_000, 1_000))),
        _ => return None,
    };
    let name = name.to_owned();
    Some(move |arguments: &[Value]| match (arguments, of_duration) {
        ([Value::Timestamp(at)], _) => in_zone(component, *at, "UTC"),
        ([Value::Timestamp(at), Value::String(zone)], _) => in_zone(component, *at, zone),
        ([Value::Duration(duration)], Some((unit, cycle))) => {
            let whole = bridge::nanoseconds(*duration) / unit % cycle;
            i64::try_from(whole).map_or_else(|_| super::invalid("the duration is out of range"), Value::Int)
        }
        _ => super::no_overload(&name, arguments),
    })
}

fn in_zone(component: TimestampComponent, at: Timestamp, zone: &str) -> Value {
    // A name has a letter; what has none must be an offset that exists, which cel-core would not check.
    if !zone.contains(|c: char| c.is_ascii_alphabetic()) && !is_offset(zone) {
        return super::invalid("a time zone is a name such as `Europe/Paris` or an offset such as `+05:30`");
    }
    match parse_timezone(zone).ok().and_then(|zone| zone.datetime_from_timestamp(&at)) {
        Some(local) => Value::Int(component.extract(&local)),
        None => super::invalid("the time zone is unknown"),
    }
}

/// `05:30`, with or without sign.
fn is_offset(zone: &str) -> bool {
    let digits = zone.strip_prefix(['+', '-']).unwrap_or(zone);
    let (Some((hours, minutes)), 5) = (digits.split_once(':'), digits.len()) else {
        return false;
    };
    let below = |text: &str, limit: u8| text.len() == 2 && text.parse::<u8>().is_ok_and(|number| number < limit);
    below(hours, 24) && below(minutes, 60)
}
