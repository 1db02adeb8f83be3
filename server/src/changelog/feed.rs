//! What a relay needs of whoever has the log: a lease, what is not published yet, the entries, and a place to keep how far it got.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use dhow_engine::entry::{Chain, StoreId};

use crate::store::{DatastoreError, LogRecord, StoreInfo};

/// The right to publish, for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    /// Its number: higher than that of every lease before it.
    pub(crate) epoch: u64,
    /// How long it holds from when it was asked for, unless it is extended.
    pub(crate) lifetime: Duration,
}

/// How far a store's log is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The newest entry that Kafka has taken.
    pub(crate) revision: u64,
    /// The chain up to it.
    pub(crate) chain: Chain,
}

/// A store whose log goes on behind its place, or does not have its place any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Behind {
    /// The store.
    pub(crate) store: StoreInfo,
    /// The partition that its messages go to, for good.
    pub(crate) partition: u32,
    /// How far it is published, as noted; `None`: nothing is.
    pub(crate) place: Option<Place>,
}

/// A store that was removed after something of it was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Removed {
    /// The store.
    pub(crate) store: StoreId,
    /// The partition that its entries are in.
    pub(crate) partition: u32,
}

/// The log of many stores, and the one lease to publish it.
///
/// **Invariants.** Epochs only grow, and grow with each lease that is taken. [`Feed::note`] notes nothing for whoever lost the lease:
/// so what is noted was taken by Kafka before anything that a later lease publishes, which is what lets readers drop messages of a
/// lower epoch than they have seen.
#[async_trait]
pub(crate) trait Feed: Send + Sync + Debug {
    /// Takes the lease if nobody else holds it, or takes it again, with an epoch above `above` and above all before; `None`: somebody
    /// else holds it.
    async fn take(&self, above: u64) -> Result<Option<Lease>, DatastoreError>;

    /// Extends the lease by its lifetime; `false`: it is lost.
    async fn extend(&self, epoch: u64) -> Result<bool, DatastoreError>;

    /// Gives the lease back, so that nobody has to wait for its end. Says nothing: it would have ended by itself.
    async fn give_back(&self, epoch: u64);

    /// At most `limit` stores whose head is not their place. One query, whatever number of stores there are.
    async fn behind(&self, limit: usize) -> Result<Vec<Behind>, DatastoreError>;

    /// As [`crate::store::Datastore::log`].
    async fn log(&self, store: StoreId, after: u64, limit: usize) -> Result<Vec<LogRecord>, DatastoreError>;

    /// Notes what Kafka has taken; `false`: the lease is lost, and nothing was noted. What was noted may be forgotten in a crash, which
    /// publishes it once more.
    async fn note(&self, epoch: u64, places: &[(StoreId, Place)]) -> Result<bool, DatastoreError>;

    /// At most `limit` stores that were removed, and of which readers were not told yet.
    async fn removed(&self, limit: usize) -> Result<Vec<Removed>, DatastoreError>;

    /// Notes that Kafka has taken the messages that tell of removed stores; `false`: the lease is lost, and they are told once more.
    async fn told_removed(&self, epoch: u64, stores: &[StoreId]) -> Result<bool, DatastoreError>;

    /// Waits until something may have been committed; returning early costs a query.
    async fn changed(&self);
}

/// The partition of a store that has none noted: spread evenly, because store ids are random.
pub(crate) fn partition_of(store: StoreId, partitions: u32) -> u32 {
    let [a, b, c, d, ..] = store.0;
    u32::from_be_bytes([a, b, c, d]) % partitions.max(1)
}
