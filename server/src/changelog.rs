//! The changelog: every committed entry of every store, published to a Kafka topic and read from there.
//!
//! Kafka carries entries and is never asked what is true: an entry counts because it is in the log, and a reader folds one because its
//! revision and chain continue what it has. So messages may be lost, repeated, late or out of order, and all that costs is time
//! (docs/decisions/0011; the topic is described for its readers in docs/changelog.md).
//!
//! The [`relay`] publishes; a [`feed`] is what it reads, with the one lease to do so; a [`follow::Follower`] reads the topic. Nothing
//! here knows SQL, evaluates a permission or folds an entry.

mod error;
pub(crate) mod feed;
pub(crate) mod follow;
pub(crate) mod local;
pub(crate) mod message;
mod publish;
mod quiet;
pub(crate) mod relay;
mod settings;
pub(crate) mod shared;
#[cfg(test)]
mod tests;
mod topic;

pub(crate) use error::ChangelogError;
pub(crate) use settings::{DEFAULT_PARTITIONS, DEFAULT_RETENTION, DEFAULT_TOPIC, Settings};
