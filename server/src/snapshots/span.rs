//! A span of time as people write it in settings: `30s`, `15m`, `6h`, `7d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// See the module. At least a millisecond, at most ten years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) Duration);

/// The longest one, in milliseconds.
const LONGEST_MS: u64 = 10 * 366 * 86_400_000;

/// A text that is no span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a number and its unit, such as 30s, 15m, 6h or 7d; at most ten years")]
pub(crate) struct NotASpan;

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| NotASpan)?;
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(NotASpan),
        };
        let milliseconds = number.checked_mul(unit_ms).filter(|milliseconds| (1..=LONGEST_MS).contains(milliseconds));
        milliseconds.map(|milliseconds| Self(Duration::from_millis(milliseconds))).ok_or(NotASpan)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
        match units.into_iter().find(|(_, unit_ms)| milliseconds.is_multiple_of(*unit_ms)) {
            Some((unit, unit_ms)) => write!(f, "{}{unit}", milliseconds / unit_ms),
            None => write!(f, "{milliseconds}ms"),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_carry_their_unit() {
        for text in ["500ms", "30s", "15m", "6h", "7d", "90m"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("24h".parse::<Span>(), "1d".parse());
        for wrong in ["", "7", "d", "0s", "-1h", "1w", "1 h", "1.5h", "4000d", "99999999999999999999s"] {
            assert_eq!(wrong.parse::<Span>(), Err(NotASpan), "{wrong}");
        }
    }
}
