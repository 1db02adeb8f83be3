//! Options that several commands share: where the server is, what is read, how answers are printed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use dhow_proto::v1;

/// Where a server listens unless it is told otherwise.
pub(crate) const DEFAULT_ENDPOINT: &str = "127.0.0.1:7171";

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line; its fields stay as they are from version to version.
    Json,
}

/// How to print.
#[derive(Debug, Clone, Args)]
pub(crate) struct OutputOptions {
    /// How to print answers. Text: answers on stdout, remarks (token, revision) on stderr. JSON: one object a line on stdout, errors
    /// as `{"error": {"code", "message", "help"}}` on stderr
    #[arg(long, value_enum, env = "DHOW_OUTPUT", default_value_t = Format::Text, help_heading = "Output")]
    pub(crate) output: Format,
}

/// The longest time that a command waits, in milliseconds: a day. The transport takes no time of any length.
const TIMEOUT_MAX_MS: u64 = 86_400_000;

/// Which server, which store.
#[derive(Debug, Clone, Args)]
pub(crate) struct Connection {
    /// The server: `host:port`, or `https://host:port` for TLS, which --tls-ca implies
    #[arg(long, env = "DHOW_ENDPOINT", default_value = DEFAULT_ENDPOINT, help_heading = "Connection")]
    pub(crate) endpoint: String,
    /// The bearer key to show to the server; better given as DHOW_KEY, because other users of a machine can see command lines
    #[arg(long, visible_alias = "token", env = "DHOW_KEY", hide_env_values = true, help_heading = "Connection")]
    pub(crate) key: Option<String>,
    /// The store, by name or id [default: the key's own store, or the only one there is]
    #[arg(long, env = "DHOW_STORE", default_value = "", hide_default_value = true, help_heading = "Connection")]
    pub(crate) store: String,
    /// A PEM file with the authority that signed the server's certificate [default: those the system trusts]
    #[arg(long, env = "DHOW_TLS_CA", value_name = "FILE", help_heading = "Connection")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// How long to wait for an answer, such as `500ms`, `10s` or `2m`
    #[arg(long, env = "DHOW_TIMEOUT", default_value = "10s", value_parser = parse_duration, help_heading = "Connection")]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// At which revision to read.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReadOptions {
    /// How fresh the answer must be: `fully-consistent`, `minimize-latency`, `at-least:TOKEN` or `exact:TOKEN`
    #[arg(long, default_value = "fully-consistent", value_parser = parse_consistency, help_heading = "Reading")]
    pub(crate) consistency: Consistency,
}

/// Under which schema to evaluate.
#[derive(Debug, Clone, Args)]
pub(crate) struct SchemaOption {
    /// Evaluate under this schema version [default: the one in force at the revision]
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "VERSION", help_heading = "Reading")]
    pub(crate) schema_version: u64,
}

/// A page of a long list.
#[derive(Debug, Clone, Args)]
pub(crate) struct PageOptions {
    /// At most so many; the cursor of the rest is printed
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "COUNT", help_heading = "Paging")]
    pub(crate) limit: u32,
    /// Go on where an earlier page ended
    #[arg(long, default_value = "", hide_default_value = true, help_heading = "Paging")]
    pub(crate) cursor: String,
}

/// How fresh an answer must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Consistency {
    FullyConsistent,
    MinimizeLatency,
    AtLeast(String),
    Exact(String),
}

impl Consistency {
    /// As the wire has it.
    pub(crate) fn to_wire(&self) -> v1::Consistency {
        use v1::consistency::Requirement;
        let requirement = match self {
            Self::FullyConsistent => Requirement::FullyConsistent(true),
            Self::MinimizeLatency => Requirement::MinimizeLatency(true),
            Self::AtLeast(token) => Requirement::AtLeastAsFresh(token.clone()),
            Self::Exact(token) => Requirement::AtExactSnapshot(token.clone()),
        };
        v1::Consistency { requirement: Some(requirement) }
    }
}

fn parse_consistency(text: &str) -> Result<Consistency, String> {
    match text.split_once(':') {
        None if text == "fully-consistent" => Ok(Consistency::FullyConsistent),
        None if text == "minimize-latency" => Ok(Consistency::MinimizeLatency),
        Some(("at-least", token)) if !token.is_empty() => Ok(Consistency::AtLeast(token.to_owned())),
        Some(("exact", token)) if !token.is_empty() => Ok(Consistency::Exact(token.to_owned())),
        None | Some(_) => Err("write fully-consistent, minimize-latency, at-least:TOKEN or exact:TOKEN".to_owned()),
    }
}

/// `500ms`, `10s`, `2m`, `1h`; a bare number is seconds. At least a millisecond, at most a day.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let refused = || "write a number and its unit, such as 500ms, 10s or 2m".to_owned();
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| refused())?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "s" | "" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    match milliseconds.ok_or_else(refused)? {
        0 => Err("wait at least 1ms".to_owned()),
        milliseconds @ 1..=TIMEOUT_MAX_MS => Ok(Duration::from_millis(milliseconds)),
        _ => Err("wait at most 24h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_their_unit() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_duration("10"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("24h"), Ok(Duration::from_secs(86_400)));
        for wrong in ["", "ms", "10 s", "-1s", "1d", "0", "0ms", "25h", "100000000000h", "99999999999999999999s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_consistency_is_named() {
        assert_eq!(parse_consistency("fully-consistent"), Ok(Consistency::FullyConsistent));
        assert_eq!(parse_consistency("minimize-latency"), Ok(Consistency::MinimizeLatency));
        assert_eq!(parse_consistency("at-least:abc"), Ok(Consistency::AtLeast("abc".to_owned())));
        assert_eq!(parse_consistency("exact:abc"), Ok(Consistency::Exact("abc".to_owned())));
        for wrong in ["", "exact:", "at-least", "strong"] {
            assert!(parse_consistency(wrong).is_err(), "{wrong}");
        }
    }
}
