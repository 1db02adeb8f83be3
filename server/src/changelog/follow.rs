//! Reading the topic: partitions assigned by hand, entries as they come, each partition in its order.
//!
//! Whether an entry continues what a reader has is the reader's to see, by revision and chain: a gap, a repetition and a fork look
//! different there. What is dropped here is only what nobody has to see: messages of a relay whose term was over (docs/decisions/0011).

use std::collections::BTreeMap;
use std::sync::Arc;

use dhow_engine::time::Timestamp;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::message::{self, Incoming, MessageError};
use super::quiet::Reporter;
use super::topic::{self, ANSWER_TIMEOUT};
use super::{ChangelogError, Settings};
use crate::clock::Clock;

/// Messages at the end of a partition that are looked at for their epoch: as many as a relay has under way at once.
const LOOKED_AT: i64 = 1_000;

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the oldest message that the topic still has.
    Beginning,
    /// Behind the newest one.
    End,
    /// At the first one that came to the topic at this time or later.
    At(Timestamp),
}

/// What came next.
#[derive(Debug)]
pub(crate) enum Followed {
    /// An entry.
    Entry {
        /// Where it stands.
        at: Spot,
        /// The entry.
        incoming: Box<Incoming>,
    },
    /// A message that cannot be read. It is skipped; if it was an entry, its store has a gap now.
    Unreadable {
        /// Where it stands.
        at: Spot,
        /// Why.
        error: MessageError,
    },
    /// A message of a relay whose term was over; it is skipped, and whoever came after that relay has published what is to be read.
    Stale {
        /// Where it stands.
        at: Spot,
        /// The term that was over.
        epoch: u64,
    },
    /// Kafka is in trouble; the client goes on trying.
    Trouble(KafkaError),
}

/// A place in the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The partition.
    pub(crate) partition: i32,
    /// The message's number there.
    pub(crate) offset: i64,
}

/// A reader of all partitions.
pub(crate) struct Follower {
    consumer: StreamConsumer<Reporter>,
    /// The highest epoch of each partition.
    epochs: BTreeMap<i32, u64>,
}

impl Follower {
    /// Begins to read. What is published once this has returned is read, wherever reading begins.
    ///
    /// # Errors
    /// When no broker answers, or there is no such topic.
    pub(crate) async fn open(settings: &Settings, start: Start, clock: &Arc<dyn Clock>) -> Result<Self, ChangelogError> {
        let (asker, topic) = (topic::asker(settings, clock)?, settings.topic.clone());
        // Asking blocks its thread until a broker answers.
        let assignment = tokio::task::spawn_blocking(move || assignment(&asker, &topic, start));
        let assignment = assignment.await.map_err(|_| ChangelogError::Stopping)??;
        let consumer: StreamConsumer<Reporter> =
            StreamConsumer::from_config_and_context(&settings.consumer(), Reporter::new(clock)).map_err(ChangelogError::client)?;
        consumer.assign(&assignment).map_err(ChangelogError::request("read the topic"))?;
        Ok(Self { consumer, epochs: BTreeMap::new() })
    }

    /// Waits for the next message, or for trouble. Giving up waiting loses nothing.
    pub(crate) async fn next(&mut self) -> Followed {
        let message = match self.consumer.recv().await {
            Ok(message) => message,
            Err(error) => return Followed::Trouble(error),
        };
        let at = Spot { partition: message.partition(), offset: message.offset() };
        let decoded = message::decode(message.payload().unwrap_or_default());
        drop(message);
        let incoming = match decoded {
            Ok(incoming) => Box::new(incoming),
            Err(error) => return Followed::Unreadable { at, error },
        };
        let highest = self.epochs.entry(at.partition).or_default();
        if incoming.epoch < *highest {
            return Followed::Stale { at, epoch: incoming.epoch };
        }
        *highest = incoming.epoch;
        Followed::Entry { at, incoming }
    }
}

/// Every partition, with the place where reading it begins.
fn assignment(consumer: &BaseConsumer<Reporter>, topic: &str, start: Start) -> Result<TopicPartitionList, ChangelogError> {
    let failed = ChangelogError::request("find where to begin");
    let partitions = i32::try_from(topic::count(consumer, topic)?).unwrap_or(i32::MAX);
    // Found out now: `Offset::End` would be found out by the client some time later, and what came meanwhile not be read.
    let end =
        |partition| consumer.fetch_watermarks(topic, partition, ANSWER_TIMEOUT).map(|(_, high)| Offset::Offset(high)).map_err(&failed);
    let mut wanted = TopicPartitionList::new();
    for partition in 0..partitions {
        let offset = match start {
            Start::Beginning => Offset::Beginning,
            Start::End => end(partition)?,
            Start::At(time) => Offset::Offset(time.microseconds().max(0).div_euclid(1_000)),
        };
        wanted.add_partition_offset(topic, partition, offset).map_err(&failed)?;
    }
    if matches!(start, Start::At(_)) {
        let found = consumer.offsets_for_times(wanted, ANSWER_TIMEOUT).map_err(&failed)?;
        wanted = TopicPartitionList::new();
        for element in found.elements() {
            let offset = if element.offset() == Offset::End { end(element.partition())? } else { element.offset() };
            wanted.add_partition_offset(topic, element.partition(), offset).map_err(&failed)?;
        }
    }
    Ok(wanted)
}

/// The highest epoch at the end of the topic: 0 if no message has one.
///
/// # Errors
/// When no broker answers, or there is no such topic.
pub(super) async fn highest_epoch(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<u64, ChangelogError> {
    let consumer = topic::asker(settings, clock)?;
    let (topic, clock) = (settings.topic.clone(), Arc::clone(clock));
    let looked = tokio::task::spawn_blocking(move || look(&consumer, &topic, &*clock)).await;
    looked.map_err(|_| ChangelogError::Stopping)?
}

fn look(consumer: &BaseConsumer<Reporter>, topic: &str, clock: &dyn Clock) -> Result<u64, ChangelogError> {
    let failed = ChangelogError::request("look at the end of the topic");
    let partitions = i32::try_from(topic::count(consumer, topic)?).unwrap_or(i32::MAX);
    let mut ends = TopicPartitionList::new();
    let mut left = 0;
    for partition in 0..partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition, ANSWER_TIMEOUT).map_err(&failed)?;
        if low < high {
            left += 1;
            ends.add_partition_offset(topic, partition, Offset::Offset(low.max(high.saturating_sub(LOOKED_AT)))).map_err(&failed)?;
        }
    }
    consumer.assign(&ends).map_err(&failed)?;
    let (mut highest, mut heard) = (0, clock.monotonic());
    while left > 0 {
        match consumer.poll(std::time::Duration::from_millis(100)) {
            Some(Ok(message)) => {
                heard = clock.monotonic();
                highest = highest.max(message.payload().and_then(message::epoch).unwrap_or(0));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => {
                heard = clock.monotonic();
                left -= 1;
            }
            Some(Err(error)) if clock.monotonic().saturating_sub(heard) >= ANSWER_TIMEOUT => return Err(failed(error)),
            // The client goes on trying.
            Some(Err(_)) => {}
            None if clock.monotonic().saturating_sub(heard) >= ANSWER_TIMEOUT => {
                return Err(failed(KafkaError::MessageConsumption(rdkafka::error::RDKafkaErrorCode::OperationTimedOut)));
            }
            None => {}
        }
    }
    Ok(highest)
}
