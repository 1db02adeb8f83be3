//! Where the brokers are, what the topic is like, and what goes to librdkafka as it stands.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;

use super::ChangelogError;
use super::message::MAX_MESSAGE_BYTES;

/// The topic, unless another is named.
pub(crate) const DEFAULT_TOPIC: &str = "dhow.changelog";

/// Partitions of a topic that dhow makes.
pub(crate) const DEFAULT_PARTITIONS: u32 = 8;

/// How long the topic keeps messages, unless told otherwise: a week.
pub(crate) const DEFAULT_RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How to reach the changelog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `host:port`, several with commas between them.
    pub(crate) brokers: String,
    /// The topic.
    pub(crate) topic: String,
    /// Over how many partitions stores are spread. Never made smaller.
    pub(crate) partitions: u32,
    /// How long the topic is to keep messages.
    pub(crate) retention: Duration,
    /// Copies of each partition in a topic that dhow makes; `None`: what the brokers are set to.
    pub(crate) replication: Option<u32>,
    /// Properties of librdkafka, for TLS and SASL.
    pub(crate) client: BTreeMap<String, String>,
}

/// Properties that dhow sets itself: order, durability and delay hang on them.
const OURS: [&str; 18] = [
    "bootstrap.servers",
    "metadata.broker.list",
    "acks",
    "request.required.acks",
    "enable.idempotence",
    "transactional.id",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.max.bytes",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "partitioner",
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "auto.offset.reset",
    "isolation.level",
];

impl Settings {
    /// The settings of these brokers, everything else at its default.
    pub(crate) fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            topic: DEFAULT_TOPIC.to_owned(),
            partitions: DEFAULT_PARTITIONS,
            retention: DEFAULT_RETENTION,
            replication: None,
            client: BTreeMap::new(),
        }
    }

    /// What the command line and the configuration file come to; `None` where neither names brokers.
    pub(crate) fn of(brokers: Option<String>, file: Option<Self>) -> Option<Self> {
        match (brokers, file) {
            (Some(brokers), Some(file)) => Some(Self { brokers, ..file }),
            (Some(brokers), None) => Some(Self::new(brokers)),
            (None, file) => file,
        }
    }

    /// Refuses properties that are dhow's own, and those that librdkafka does not take, before anything is connected.
    ///
    /// # Errors
    /// [`ChangelogError::Reserved`], [`ChangelogError::Client`].
    pub(crate) fn check(&self) -> Result<(), ChangelogError> {
        if let Some(name) = self.client.keys().find(|name| OURS.contains(&name.as_str())) {
            return Err(ChangelogError::Reserved { name: name.clone() });
        }
        self.consumer().create_native_config().map(drop).map_err(ChangelogError::client)
    }

    fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "dhow");
        // OpenSSL is built in, and so does not know where this system keeps its authorities; those that are named win.
        if self.client.get("security.protocol").is_some_and(|protocol| protocol.to_ascii_lowercase().contains("ssl")) {
            config.set("ssl.ca.location", "probe");
        }
        for (name, value) in &self.client {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.brokers);
        // After an outage the first attempts come soon, and none later than a second.
        config.set("reconnect.backoff.ms", "50").set("reconnect.backoff.max.ms", "1000");
        config
    }

    /// For asking about topics and making them.
    pub(super) fn admin(&self) -> ClientConfig {
        self.base()
    }

    /// For publishing: in order, each message once, on disk of all brokers that are in sync, and at once.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.base();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("compression.type", "lz4")
            .set("message.max.bytes", MAX_MESSAGE_BYTES.to_string())
            // A message never gives up by itself, which would let later ones pass it: the relay decides, by its lease.
            .set("message.timeout.ms", "0")
            .set("queue.buffering.max.messages", "10000");
        config
    }

    /// For reading partitions that are assigned by hand: no group is joined, no place is kept at the broker.
    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = self.base();
        config
            .set("group.id", "dhow")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            // So long the broker holds a fetch that finds nothing: a bound of how late a message can be where a fetch for other
            // partitions was under way (docs/decisions/0011).
            .set("fetch.wait.max.ms", "5")
            .set("fetch.error.backoff.ms", "50")
            .set("fetch.message.max.bytes", MAX_MESSAGE_BYTES.to_string())
            .set("queued.max.messages.kbytes", "32768");
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_order_and_durability_hang_on_is_not_for_settings() {
        for name in OURS {
            let mut settings = Settings::new("127.0.0.1:1");
            settings.client.insert(name.to_owned(), "1".to_owned());
            assert_eq!(settings.check().unwrap_err().code(), "DH-L002", "{name}");
        }
    }

    #[test]
    fn tls_and_sasl_are_plain_properties() {
        let mut settings = Settings::new("127.0.0.1:1");
        for (name, value) in
            [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "SCRAM-SHA-512"), ("sasl.username", "dhow"), ("sasl.password", "secret")]
        {
            settings.client.insert(name.to_owned(), value.to_owned());
        }
        settings.check().unwrap();
        assert_eq!(settings.base().get("ssl.ca.location"), Some("probe"));
        settings.client.insert("ssl.ca.location".to_owned(), "/authority.pem".to_owned());
        assert_eq!(settings.base().get("ssl.ca.location"), Some("/authority.pem"));
        settings.client.insert("sasl.mechanizm".to_owned(), "PLAIN".to_owned());
        assert_eq!(settings.check().unwrap_err().code(), "DH-L001");
    }
}
