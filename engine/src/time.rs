//! Points in time: when an entry was committed, when a tuple expires, when a request is evaluated.
//!
//! The engine has no clock; every [`Timestamp`] comes in as an argument or out of a log entry.

use std::fmt;
use std::io;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};

/// Microseconds since 1970-01-01T00:00:00Z, from year 1 to the end of year 9999 (what RFC 3339 can write).
///
/// ```
/// use dhow_engine::time::Timestamp;
///
/// let t: Timestamp = "2100-01-01T02:00:00+02:00".parse()?;
/// assert_eq!(t.to_string(), "2100-01-01T00:00:00Z");
/// # Ok::<(), dhow_engine::time::TimestampError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct Timestamp(i64);

/// A text that is not an RFC 3339 time of the years 1 to 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an RFC 3339 time")]
pub struct TimestampError {
    text: String,
}

impl TimestampError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "time_invalid"
    }

    /// What to write instead.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        "write a time with its zone, such as `2030-12-31T23:59:59Z`"
    }
}

impl Timestamp {
    /// 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-30T22:00:00Z: the last moment that can be written in every zone.
    pub const MAX: Self = Self(253_402_207_200_000_000);

    /// The time so many microseconds after the Unix epoch, moved to the nearest that RFC 3339 can write ([`Timestamp::MIN`],
    /// [`Timestamp::MAX`]).
    #[must_use]
    pub const fn from_microseconds(microseconds: i64) -> Self {
        if microseconds < Self::MIN.0 {
            Self::MIN
        } else if microseconds > Self::MAX.0 {
            Self::MAX
        } else {
            Self(microseconds)
        }
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn microseconds(self) -> i64 {
        self.0
    }

    /// This time moved by so many microseconds, within the bounds of [`Timestamp::from_microseconds`].
    #[must_use]
    pub const fn plus_microseconds(self, microseconds: i64) -> Self {
        Self::from_microseconds(self.0.saturating_add(microseconds))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => fmt::Display::fmt(&time, f),
            // Out of jiff's range cannot happen between MIN and MAX; the number still tells the time.
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Reads an RFC 3339 time. What is finer than a microsecond is cut towards the past, so that an expiry never comes later than
    /// written.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || TimestampError { text: text.chars().take(64).collect() };
        let time: jiff::Timestamp = text.parse().map_err(|_| refused())?;
        let microseconds = i64::try_from(time.as_nanosecond().div_euclid(1_000)).map_err(|_| refused())?;
        if !(Self::MIN.0..=Self::MAX.0).contains(&microseconds) {
            return Err(refused());
        }
        Ok(Self(microseconds))
    }
}

impl BorshDeserialize for Timestamp {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let microseconds = i64::deserialize_reader(reader)?;
        let time = Self::from_microseconds(microseconds);
        if time.0 == microseconds { Ok(time) } else { Err(io::Error::new(io::ErrorKind::InvalidData, "time out of range")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back_is_identity() {
        for text in ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2024-02-29T12:00:00Z", "9999-12-30T22:00:00Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        assert_eq!(Timestamp::MIN.to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T22:00:00Z");
    }

    #[test]
    fn finer_than_a_microsecond_is_cut_towards_the_past() {
        assert_eq!("1970-01-01T00:00:00.0000019Z".parse::<Timestamp>().unwrap().microseconds(), 1);
        assert_eq!("1969-12-31T23:59:59.9999991Z".parse::<Timestamp>().unwrap().microseconds(), -1);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "tomorrow", "2024-02-30T00:00:00Z", "2024-01-01", "2024-01-01T00:00:00", "-000001-01-01T00:00:00Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap_err().code(), "time_invalid", "{text}");
        }
    }
}
