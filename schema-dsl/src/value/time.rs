//! Timestamps and durations as text: RFC 3339 and the duration syntax of CEL (`1h30m`, `-1.5s`), both exact to the nanosecond.
//!
//! Written here because the parsers at hand are lenient (spaces for `T`, sixtieth seconds) or compute fractions in floating point,
//! and a stored value must mean the same on every node for good.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

/// 0001-01-01T00:00:00Z.
pub const MIN_TIMESTAMP_SECONDS: i64 = -62_135_596_800;

/// 9999-12-31T23:59:59Z.
pub const MAX_TIMESTAMP_SECONDS: i64 = 253_402_300_799;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// Whether (seconds, nanoseconds) since the Unix epoch is in years 1 to 9999.
#[must_use]
pub fn is_timestamp(seconds: i64, nanoseconds: u32) -> bool {
    (MIN_TIMESTAMP_SECONDS..=MAX_TIMESTAMP_SECONDS).contains(&seconds) && nanoseconds < 1_000_000_000
}

/// (seconds, nanoseconds) since the Unix epoch of an RFC 3339 text: `2024-02-29T12:00:00.5+02:00`.
///
/// `None` if it is not one, has more than nine digits of fraction, or is outside years 1 to 9999.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<(i64, u32)> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't'])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let [year, month, day] = fields(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = fields(clock, ':', [2, 2, 2])?;
    let (nanoseconds, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let (fraction, zone) = rest.split_at_checked(digits)?;
            (parse_fraction(fraction)?, zone)
        }
        None => (0, rest),
    };
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let time = Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, 0).ok()?;
    let local = date.to_datetime(time).duration_since(epoch()).as_secs();
    let seconds = local - parse_offset_s(zone)?;
    is_timestamp(seconds, nanoseconds).then_some((seconds, nanoseconds))
}

fn epoch() -> DateTime {
    DateTime::constant(1970, 1, 1, 0, 0, 0, 0)
}

/// Exactly N numbers of the given widths between separators.
fn fields<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i16; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(separator);
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// One to nine digits after a decimal point, as nanoseconds.
fn parse_fraction(digits: &str) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    format!("{digits:0<9}").parse().ok()
}

/// `Z`, `+02:00` or `-05:30`, in seconds east of UTC.
fn parse_offset_s(zone: &str) -> Option<i64> {
    if zone == "Z" || zone == "z" {
        return Some(0);
    }
    let sign = match zone.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let [hours, minutes] = fields(zone.get(1..)?, ':', [2, 2])?;
    (hours < 24 && minutes < 60).then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

/// The RFC 3339 text of a timestamp, in UTC, with as many digits of fraction as it needs.
#[must_use]
pub fn format_timestamp(seconds: i64, nanoseconds: u32) -> String {
    match epoch().checked_add(SignedDuration::from_secs(seconds)) {
        Ok(at) => format!("{at}{}Z", fraction_text(nanoseconds)),
        // Only a value that was never checked gets here; say what it holds rather than nothing.
        Err(_) => format!("{seconds}s after 1970"),
    }
}

fn fraction_text(nanoseconds: u32) -> String {
    if nanoseconds == 0 {
        return String::new();
    }
    let digits = format!("{nanoseconds:09}");
    format!(".{}", digits.trim_end_matches('0'))
}

/// The nanoseconds of a duration text: an optional sign, then numbers with units (`h`, `m`, `s`, `ms`, `us`, `µs`, `ns`), or just `0`.
///
/// Fractions are exact; what is finer than a nanosecond is cut off. `None` if it is not a duration or does not fit.
#[must_use]
pub fn parse_duration(text: &str) -> Option<i128> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0i128;
    loop {
        let (number, after) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?)?;
        let (unit, after) = after.split_at_checked(after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len()))?;
        total = total.checked_add(parse_decimal(number, unit_nanoseconds(unit)?)?)?;
        rest = after;
        if rest.is_empty() {
            return Some(if negative { -total } else { total });
        }
    }
}

fn unit_nanoseconds(unit: &str) -> Option<i128> {
    Some(match unit {
        "h" => 3600 * NANOS_PER_SECOND,
        "m" => 60 * NANOS_PER_SECOND,
        "s" => NANOS_PER_SECOND,
        "ms" => 1_000_000,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ns" => 1,
        _ => return None,
    })
}

/// `12.5` units, in nanoseconds. At most 20 digits before and 15 after the point count, so that nothing can overflow.
fn parse_decimal(number: &str, unit_ns: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.trim_start_matches('0');
    if number.trim_matches('.').is_empty() || whole.len() > 20 || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let digits = fraction.get(..fraction.len().min(15)).unwrap_or_default();
    let part: i128 = format!("{digits:0<15}").parse().ok()?;
    Some(whole * unit_ns + part * unit_ns / 1_000_000_000_000_000)
}

/// The text of a duration in seconds: `90s`, `-1.5s`.
#[must_use]
pub fn format_duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let magnitude = nanoseconds.unsigned_abs();
    let fraction = u32::try_from(magnitude % 1_000_000_000).unwrap_or_default();
    format!("{sign}{}{}s", magnitude / 1_000_000_000, fraction_text(fraction))
}
