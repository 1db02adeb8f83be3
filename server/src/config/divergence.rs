//! Settings of looking for memory and rows that are not what was written (docs/divergence.md).

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::limits::SCRUB_EVERY;
use crate::snapshots::Span;

/// How often is looked, and what follows where it does not heal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Divergence {
    /// See [`SCRUB_EVERY`]; `None`: only when somebody asks.
    pub(crate) scrub_every: Option<Duration>,
    /// What a store is good for that was set aside.
    pub(crate) on_divergence: OnDivergence,
}

impl Default for Divergence {
    fn default() -> Self {
        Self { scrub_every: Some(SCRUB_EVERY.duration()), on_divergence: OnDivergence::default() }
    }
}

impl Divergence {
    /// These settings where they say something, and otherwise what they say already.
    pub(crate) fn with(self, every: Option<ScrubEvery>, policy: Option<OnDivergence>) -> Self {
        Self {
            scrub_every: every.map_or(self.scrub_every, |ScrubEvery(every)| every.map(|Span(every)| every)),
            on_divergence: policy.unwrap_or(self.on_divergence),
        }
    }
}

/// What a store is good for that was set aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnDivergence {
    /// For nothing: every request to it is refused.
    #[default]
    Refuse,
    /// For reads of what was folded last, if that is known to be right: marked as degraded, for `stale_serve_max`.
    Serve,
}

/// How often a pass is made, as people write it: a span, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScrubEvery(pub(crate) Option<Span>);

/// A text that is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a number and its unit, such as 15m, 1h or 1d, or `off`")]
pub(crate) struct NotAnInterval;

impl FromStr for ScrubEvery {
    type Err = NotAnInterval;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(None));
        }
        text.parse().map(|span| Self(Some(span))).map_err(|_| NotAnInterval)
    }
}

impl<'de> Deserialize<'de> for ScrubEvery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::File;

    #[test]
    fn a_pass_is_made_as_often_as_is_said_or_not_at_all() {
        let read = |text: &str| File::parse(text, "dhow.toml").map(|file| file.limits.divergence);
        let hours = |hours: u64| Some(Duration::from_secs(hours * 3_600));
        assert_eq!(read("").unwrap(), Divergence { scrub_every: hours(1), on_divergence: OnDivergence::Refuse });
        let told = read("scrub_every = \"6h\"\non_divergence = \"serve\"").unwrap();
        assert_eq!(told, Divergence { scrub_every: hours(6), on_divergence: OnDivergence::Serve });
        assert_eq!(read("scrub_every = \"off\"").unwrap().scrub_every, None);
        for wrong in ["scrub_every = \"never\"", "scrub_every = \"0s\"", "on_divergence = \"ignore\""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
