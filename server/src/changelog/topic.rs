//! The topic: made where it is not there, held against the settings where it is.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;

use super::message::MAX_MESSAGE_BYTES;
use super::quiet::Reporter;
use super::{ChangelogError, Settings};
use crate::clock::Clock;

/// How long a broker may take to answer about a topic.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes the topic, unless it is there, and says in the log where one that is there falls short of the settings. Gives the number of its
/// partitions.
///
/// # Errors
/// When no broker answers, or the topic cannot be made, or has fewer partitions than stores are spread over.
pub(super) async fn ensure(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<u32, ChangelogError> {
    let (asker, topic) = (asker(settings, clock)?, settings.topic.clone());
    // Asking blocks its thread until a broker answers.
    let found = tokio::task::spawn_blocking(move || count(&asker, &topic)).await.map_err(|_| ChangelogError::Stopping)?;
    let client = AdminClient::from_config_and_context(&settings.admin(), Reporter::new(clock)).map_err(ChangelogError::client)?;
    match found {
        Ok(found) => {
            hold_against(settings, &client, found).await?;
            Ok(u32::try_from(found).unwrap_or(u32::MAX))
        }
        Err(ChangelogError::NoTopic { .. }) => {
            make(settings, &client).await?;
            Ok(settings.partitions)
        }
        Err(error) => Err(error),
    }
}

/// A client to ask by.
///
/// # Errors
/// When librdkafka does not take the settings.
pub(super) fn asker(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<BaseConsumer<Reporter>, ChangelogError> {
    let mut config = settings.consumer();
    config.set("enable.partition.eof", "true");
    BaseConsumer::from_config_and_context(&config, Reporter::new(clock)).map_err(ChangelogError::client)
}

/// How many partitions the topic has. What an outage of the brokers looks like is told from a topic that is not there. Blocks.
///
/// # Errors
/// When no broker answers, or there is no such topic.
pub(super) fn count(asker: &BaseConsumer<Reporter>, topic: &str) -> Result<usize, ChangelogError> {
    let metadata = asker.fetch_metadata(Some(topic), ANSWER_TIMEOUT).map_err(|error| {
        // The client says why only while it is being polled.
        drop(asker.poll(Duration::from_millis(100)));
        ChangelogError::request("ask for the topic")(error).because(asker.context().failure())
    })?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    match found {
        Some(found) if found.error().is_none() && !found.partitions().is_empty() => Ok(found.partitions().len()),
        Some(_) | None => Err(ChangelogError::NoTopic { topic: topic.to_owned() }),
    }
}

async fn make(settings: &Settings, client: &AdminClient<Reporter>) -> Result<(), ChangelogError> {
    let partitions = i32::try_from(settings.partitions).unwrap_or(i32::MAX);
    // -1: what the brokers are set to.
    let replication = settings.replication.map_or(-1, |copies| i32::try_from(copies).unwrap_or(i32::MAX));
    let (retention, bytes) = (settings.retention.as_millis().to_string(), MAX_MESSAGE_BYTES.to_string());
    let topic = NewTopic::new(&settings.topic, partitions, TopicReplication::Fixed(replication))
        .set("retention.ms", &retention)
        .set("retention.bytes", "-1")
        .set("cleanup.policy", "delete")
        .set("max.message.bytes", &bytes);
    let doing = ChangelogError::request("make the topic");
    for made in client.create_topics([&topic], &options()).await.map_err(&doing)? {
        match made {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(doing(rdkafka::error::KafkaError::AdminOp(code))),
        }
    }
    tracing::info!(topic = settings.topic, partitions = settings.partitions, "made the changelog's topic");
    Ok(())
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER_TIMEOUT)).operation_timeout(Some(ANSWER_TIMEOUT))
}

/// What a topic that is there lacks.
async fn hold_against(settings: &Settings, client: &AdminClient<Reporter>, found: usize) -> Result<(), ChangelogError> {
    if found < usize::try_from(settings.partitions).unwrap_or(usize::MAX) {
        return Err(ChangelogError::Partitions { topic: settings.topic.clone(), found, expected: settings.partitions });
    }
    let described = client.describe_configs([&ResourceSpecifier::Topic(&settings.topic)], &options()).await;
    // Somebody else may administer topics, and keep their settings to himself.
    let Some(config) = described.ok().into_iter().flatten().flatten().next() else {
        tracing::warn!(topic = settings.topic, "the topic's retention cannot be seen: is the right to describe its configuration missing?");
        return Ok(());
    };
    let number = |name: &str| config.get(name).and_then(|entry| entry.value.as_deref()).and_then(|value| value.parse::<i128>().ok());
    let told = Shortcomings {
        retention_ms: number("retention.ms"),
        retention_bytes: number("retention.bytes"),
        max_message_bytes: number("max.message.bytes"),
        compacted: config.get("cleanup.policy").and_then(|entry| entry.value.as_deref()).is_some_and(|policy| policy.contains("compact")),
    };
    for line in told.lines(settings.retention) {
        tracing::warn!(topic = settings.topic, code = "DH-L009", "{line}");
    }
    Ok(())
}

/// What a topic is set to.
#[derive(Debug, Clone, Copy)]
struct Shortcomings {
    retention_ms: Option<i128>,
    retention_bytes: Option<i128>,
    max_message_bytes: Option<i128>,
    compacted: bool,
}

impl Shortcomings {
    /// A sentence for each thing that is less than it has to be.
    fn lines(self, retention: Duration) -> Vec<String> {
        let wanted_ms = i128::try_from(retention.as_millis()).unwrap_or(i128::MAX);
        let mut lines = Vec::new();
        if let Some(ms) = self.retention_ms.filter(|ms| (0..wanted_ms).contains(ms)) {
            lines.push(format!("the topic keeps messages for {ms} ms, the settings say {wanted_ms}: who was away for longer meets a gap"));
        }
        if let Some(bytes) = self.retention_bytes.filter(|bytes| *bytes >= 0) {
            lines.push(format!("the topic keeps at most {bytes} bytes a partition, however young: set retention.bytes to -1"));
        }
        if let Some(bytes) = self.max_message_bytes.filter(|bytes| *bytes < i128::try_from(MAX_MESSAGE_BYTES).unwrap_or(i128::MAX)) {
            lines.push(format!("the topic takes messages of {bytes} bytes, an entry may need {MAX_MESSAGE_BYTES}: set max.message.bytes"));
        }
        if self.compacted {
            lines.push(
                "the topic is compacted, which removes all but the newest entry of each store: set cleanup.policy to delete".to_owned(),
            );
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_topic_that_loses_entries_early_is_told() {
        let sound = Shortcomings {
            retention_ms: Some(86_400_000),
            retention_bytes: Some(-1),
            max_message_bytes: Some(i128::try_from(MAX_MESSAGE_BYTES).unwrap()),
            compacted: false,
        };
        assert_eq!(sound.lines(DAY), Vec::<String>::new());
        assert_eq!(Shortcomings { retention_ms: Some(-1), ..sound }.lines(DAY), Vec::<String>::new());
        for (short, says) in [
            (Shortcomings { retention_ms: Some(86_399_999), ..sound }, "86399999 ms"),
            (Shortcomings { retention_bytes: Some(1_000), ..sound }, "retention.bytes"),
            (Shortcomings { max_message_bytes: Some(1_048_588), ..sound }, "max.message.bytes"),
            (Shortcomings { compacted: true, ..sound }, "compacted"),
        ] {
            let lines = short.lines(DAY);
            assert!(lines.len() == 1 && lines[0].contains(says), "{lines:?}");
        }
    }
}
