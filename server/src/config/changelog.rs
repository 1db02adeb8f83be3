//! The `[changelog]` section: where entries are published.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::{Placed, Problem, positive};
use crate::changelog::{DEFAULT_PARTITIONS, DEFAULT_RETENTION, DEFAULT_TOPIC, Settings};

/// The keys of the section.
pub(super) const KEYS: &[&str] = &["brokers", "topic", "partitions", "retention_hours", "replication", "client"];

/// The section as it is written.
#[derive(Debug, Deserialize)]
pub(super) struct Raw {
    brokers: String,
    topic: Option<String>,
    partitions: Option<Spanned<u32>>,
    retention_hours: Option<Spanned<u32>>,
    replication: Option<Spanned<u32>>,
    client: Option<Spanned<BTreeMap<String, Value>>>,
}

impl Raw {
    /// The settings that it comes to.
    pub(super) fn settings(self) -> Result<Settings, Placed> {
        let (span, client) = match self.client {
            Some(client) => (Some(client.span()), client.into_inner()),
            None => (None, BTreeMap::new()),
        };
        let mut properties = BTreeMap::new();
        for (name, value) in client {
            flatten(name, value, &mut properties);
        }
        let retention = positive(self.retention_hours)?.map_or(DEFAULT_RETENTION, |hours| Duration::from_secs(u64::from(hours) * 3_600));
        let settings = Settings {
            brokers: self.brokers,
            topic: self.topic.unwrap_or_else(|| DEFAULT_TOPIC.to_owned()),
            partitions: positive(self.partitions)?.unwrap_or(DEFAULT_PARTITIONS),
            retention,
            replication: positive(self.replication)?,
            client: properties,
        };
        settings.check().map_err(|source| (span, Problem::Changelog { source: Box::new(source) }))?;
        Ok(settings)
    }
}

/// `security.protocol = "ssl"` is a table in a table to TOML, and one property to librdkafka.
fn flatten(name: String, value: Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Table(table) => {
            for (inner, value) in table {
                flatten(format!("{name}.{inner}"), value, into);
            }
        }
        Value::String(text) => drop(into.insert(name, text)),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
            into.insert(name, items.join(","));
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => drop(into.insert(name, value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::*;

    #[test]
    fn a_section_becomes_settings() {
        let text = "[changelog]\nbrokers = \"a:1,b:2\"\ntopic = \"t\"\npartitions = 3\nretention_hours = 48\nreplication = 3\n[changelog.client]\n\
                    security.protocol = \"sasl_ssl\"\n\"sasl.mechanism\" = \"PLAIN\"\nsocket.keepalive.enable = true\n";
        let settings = File::parse(text, "dhow.toml").unwrap().changelog.unwrap();
        let client = [("sasl.mechanism", "PLAIN"), ("security.protocol", "sasl_ssl"), ("socket.keepalive.enable", "true")];
        let client: BTreeMap<String, String> = client.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let expected = Settings {
            brokers: "a:1,b:2".to_owned(),
            topic: "t".to_owned(),
            partitions: 3,
            retention: Duration::from_secs(48 * 3_600),
            replication: Some(3),
            client,
        };
        assert_eq!(settings, expected);
    }
}
