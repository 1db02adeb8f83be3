//! The feed of a database that several servers share: Postgres.
//!
//! The lease is a row with an epoch; places are rows that only its holder may change. What other servers commit is found by looking, which
//! is the truth; what this one commits is known at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use dhow_engine::entry::StoreId;
use tokio::time::Instant;

use super::feed::{Behind, Feed, Lease, Place, Removed, partition_of};
use crate::store::postgres::PostgresStore;
use crate::store::postgres::leases::LeaseKey;
use crate::store::postgres::published::PublishedTo;
use crate::store::{Datastore, DatastoreError, LogRecord};

/// What the lease is for.
const LEASE: &str = "changelog";

/// How long a relay that died, or is paused, holds up the others.
const LIFETIME: Duration = Duration::from_secs(10);

/// How long between two looks, at least.
const LOOK: Duration = Duration::from_millis(10);

/// And at most, however long the last look took.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// Looking takes no more than this share of the time, as long as that comes to no longer pause.
const SHARE: u32 = 20;

/// One server's feed of a database that it shares.
#[derive(Debug)]
pub(crate) struct Shared {
    database: Arc<PostgresStore>,
    holder: [u8; 16],
    partitions: u32,
    /// The partitions of the stores that were behind, and how long the last look took.
    seen: Mutex<(HashMap<StoreId, u32>, Duration)>,
}

impl Shared {
    /// The feed of a database, for a topic with so many partitions.
    pub(crate) fn over(database: Arc<PostgresStore>, partitions: u32) -> Arc<dyn Feed> {
        let holder = *uuid::Uuid::new_v4().as_bytes();
        Arc::new(Self { database, holder, partitions, seen: Mutex::default() })
    }

    const fn key(&self, epoch: u64) -> LeaseKey {
        LeaseKey { name: LEASE, holder: self.holder, epoch }
    }
}

#[async_trait]
impl Feed for Shared {
    async fn take(&self, above: u64) -> Result<Option<Lease>, DatastoreError> {
        let taken = self.database.take_lease(self.key(above), LIFETIME).await?;
        Ok(taken.map(|key| Lease { epoch: key.epoch, lifetime: LIFETIME }))
    }

    async fn extend(&self, epoch: u64) -> Result<bool, DatastoreError> {
        self.database.extend_lease(self.key(epoch), LIFETIME).await
    }

    async fn give_back(&self, epoch: u64) {
        if let Err(error) = self.database.give_lease_back(self.key(epoch)).await {
            tracing::debug!(%error, "the changelog's lease could not be given back; it ends by itself");
        }
    }

    async fn behind(&self, limit: usize) -> Result<Vec<Behind>, DatastoreError> {
        let began = Instant::now();
        let found = self.database.unpublished(limit).await?;
        let behind: Vec<Behind> = found
            .into_iter()
            .map(|found| {
                let partition = found.partition.unwrap_or_else(|| partition_of(found.store.id, self.partitions));
                let place = found.place.map(|(revision, chain)| Place { revision, chain });
                Behind { store: found.store, partition, place }
            })
            .collect();
        let partitions = behind.iter().map(|behind| (behind.store.id, behind.partition)).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = (partitions, began.elapsed());
        Ok(behind)
    }

    async fn log(&self, store: StoreId, after: u64, limit: usize) -> Result<Vec<LogRecord>, DatastoreError> {
        self.database.log(store, after, limit).await
    }

    async fn note(&self, epoch: u64, places: &[(StoreId, Place)]) -> Result<bool, DatastoreError> {
        let places: Vec<PublishedTo> = {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let partition = |store| seen.0.get(&store).copied().unwrap_or_else(|| partition_of(store, self.partitions));
            places
                .iter()
                .map(|(store, Place { revision, chain })| PublishedTo {
                    store: *store,
                    partition: partition(*store),
                    revision: *revision,
                    chain: *chain,
                })
                .collect()
        };
        self.database.note_published(self.key(epoch), &places).await
    }

    async fn removed(&self, limit: usize) -> Result<Vec<Removed>, DatastoreError> {
        let removed = self.database.removed(limit).await?;
        Ok(removed.into_iter().map(|(store, partition)| Removed { store, partition }).collect())
    }

    async fn told_removed(&self, epoch: u64, stores: &[StoreId]) -> Result<bool, DatastoreError> {
        self.database.forget_removed(self.key(epoch), stores).await
    }

    async fn changed(&self) {
        let took = self.seen.lock().unwrap_or_else(PoisonError::into_inner).1;
        tokio::time::sleep((took * SHARE).clamp(LOOK, LOOK_MAX)).await;
    }
}
