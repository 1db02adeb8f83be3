//! Messages to Kafka, in order, each known to be taken or not.

use std::sync::Arc;

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::quiet::Reporter;
use super::{ChangelogError, Settings};
use crate::clock::Clock;

/// One producer: idempotent, so what it sends to a partition arrives in that order and once, for as long as it lives.
///
/// A message that was handed over never gives up by itself. Whoever does not want it to arrive any more drops the publisher, which
/// throws away what is still on its way.
pub(super) struct Publisher {
    producer: FutureProducer<Reporter>,
    topic: String,
}

/// A message that was handed over.
pub(super) struct Sent(DeliveryFuture);

impl Publisher {
    /// A producer. Nothing is connected yet.
    ///
    /// # Errors
    /// When librdkafka does not take the settings.
    pub(super) fn new(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Self, ChangelogError> {
        let producer =
            FutureProducer::from_config_and_context(&settings.producer(), Reporter::new(clock)).map_err(ChangelogError::client)?;
        Ok(Self { producer, topic: settings.topic.clone() })
    }

    /// Hands a message over: what is handed over later to this partition arrives later.
    ///
    /// # Errors
    /// When the client's queue is full, or it is broken.
    pub(super) fn send(&self, partition: u32, key: Option<&str>, payload: &[u8]) -> Result<Sent, ChangelogError> {
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let record = FutureRecord { key, ..FutureRecord::to(&self.topic) }.partition(partition).payload(payload);
        self.producer.send_result(record).map(Sent).map_err(|(source, _)| ChangelogError::Publish { source })
    }
}

impl Sent {
    /// Waits until all brokers in sync have it.
    ///
    /// # Errors
    /// When it was not taken; it may be there all the same.
    pub(super) async fn taken(self) -> Result<(), ChangelogError> {
        match self.0.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((source, _))) => Err(ChangelogError::Publish { source }),
            Err(_) => Err(ChangelogError::Publish { source: rdkafka::error::KafkaError::Canceled }),
        }
    }
}
