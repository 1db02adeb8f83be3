//! Reading the topic: partitions assigned by hand, entries as they come, each partition in its order.
//!
//! Whether an entry continues what a reader has is the reader's to see, by revision and chain: a gap, a repetition and a fork look
//! different there. What is dropped here is only what nobody has to see: messages of a relay whose term was over (docs/decisions/0011).

use std::collections::BTreeMap;
use std::sync::Arc;

use dhow_engine::entry::StoreId;
use dhow_engine::time::Timestamp;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::message::{self, Incoming, MessageError, Said};
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
    /// Everything that was answered as written before a time stands before this in its partition.
    Mark {
        /// Where it stands.
        at: Spot,
        /// The time, by the relay's clock.
        time: Timestamp,
    },
    /// A store was removed.
    Gone {
        /// Where it stands.
        at: Spot,
        /// Which.
        store: StoreId,
    },
    /// What the topic had when reading began is read; told once.
    CaughtUp,
    /// A message that cannot be read. It is skipped; if it was an entry, its store has a gap now.
    Unreadable {
        /// Where it stands.
        at: Spot,
        /// The store that its key names, if it names one.
        store: Option<StoreId>,
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
    /// Where reading began.
    began: Vec<Spot>,
    /// The partitions that were longer when reading began than what is read, and how long they were.
    left: BTreeMap<i32, i64>,
    /// Whether it was told that none is left.
    told: bool,
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
        let Assignment { began, left } = assignment.await.map_err(|_| ChangelogError::Stopping)??;
        let mut config = settings.consumer();
        config.set("enable.partition.eof", "true");
        let consumer: StreamConsumer<Reporter> =
            StreamConsumer::from_config_and_context(&config, Reporter::new(clock)).map_err(ChangelogError::client)?;
        let failed = ChangelogError::request("read the topic");
        let mut assigned = TopicPartitionList::new();
        for Spot { partition, offset } in &began {
            assigned.add_partition_offset(&settings.topic, *partition, Offset::Offset(*offset)).map_err(&failed)?;
        }
        consumer.assign(&assigned).map_err(&failed)?;
        Ok(Self { consumer, epochs: BTreeMap::new(), began, left, told: false })
    }

    /// Where reading began, one place for each partition of the topic.
    pub(crate) fn began(&self) -> &[Spot] {
        &self.began
    }

    /// Waits for the next message, or for trouble. Giving up waiting loses nothing.
    pub(crate) async fn next(&mut self) -> Followed {
        let (message, at) = loop {
            if self.left.is_empty() && !self.told {
                self.told = true;
                return Followed::CaughtUp;
            }
            match self.consumer.recv().await {
                Ok(message) => {
                    let at = Spot { partition: message.partition(), offset: message.offset() };
                    break (message, at);
                }
                Err(KafkaError::PartitionEOF(partition)) => drop(self.left.remove(&partition)),
                Err(error) => return Followed::Trouble(error),
            }
        };
        let decoded = message::decode(message.payload().unwrap_or_default());
        let key = message.key().and_then(|key| std::str::from_utf8(key).ok()?.parse().ok());
        drop(message);
        if self.left.get(&at.partition).is_some_and(|end| at.offset + 1 >= *end) {
            self.left.remove(&at.partition);
        }
        let (epoch, said) = match decoded {
            Ok(decoded) => decoded,
            Err(error) => return Followed::Unreadable { at, store: key, error },
        };
        let highest = self.epochs.entry(at.partition).or_default();
        if epoch < *highest {
            return Followed::Stale { at, epoch };
        }
        *highest = epoch;
        match said {
            Said::Entry(incoming) => Followed::Entry { at, incoming },
            Said::Mark(time) => Followed::Mark { at, time },
            Said::Gone(store) => Followed::Gone { at, store },
        }
    }
}

/// Where reading begins, and which partitions have something from there on.
struct Assignment {
    began: Vec<Spot>,
    left: BTreeMap<i32, i64>,
}

/// Every partition, with the place where reading it begins.
fn assignment(consumer: &BaseConsumer<Reporter>, topic: &str, start: Start) -> Result<Assignment, ChangelogError> {
    let failed = ChangelogError::request("find where to begin");
    let partitions = i32::try_from(topic::count(consumer, topic)?).unwrap_or(i32::MAX);
    // Found out now: `Offset::End` would be found out by the client some time later, and what came meanwhile not be read.
    let (mut began, mut ends) = (Vec::new(), BTreeMap::new());
    for partition in 0..partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition, ANSWER_TIMEOUT).map_err(&failed)?;
        let offset = match start {
            Start::Beginning => low,
            Start::End | Start::At(_) => high,
        };
        began.push(Spot { partition, offset });
        ends.insert(partition, high);
    }
    if let Start::At(time) = start {
        let mut wanted = TopicPartitionList::new();
        for Spot { partition, .. } in &began {
            let milliseconds = Offset::Offset(time.microseconds().max(0).div_euclid(1_000));
            wanted.add_partition_offset(topic, *partition, milliseconds).map_err(&failed)?;
        }
        let found = consumer.offsets_for_times(wanted, ANSWER_TIMEOUT).map_err(&failed)?;
        for spot in &mut began {
            // None is that young where the answer is the end: what has come since the end was asked for is read as well.
            if let Some(Offset::Offset(offset)) = found.find_partition(topic, spot.partition).map(|found| found.offset()) {
                spot.offset = spot.offset.min(offset);
            }
        }
    }
    let is_left = |spot: &&Spot| ends.get(&spot.partition).is_some_and(|end| spot.offset < *end);
    let left = began.iter().filter(is_left).filter_map(|spot| Some((spot.partition, *ends.get(&spot.partition)?))).collect();
    Ok(Assignment { began, left })
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
