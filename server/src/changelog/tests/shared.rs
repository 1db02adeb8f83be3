//! A feed that several relays share, as they share a database: one lease, places, and relays that can be held up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use dhow_engine::entry::StoreId;
use tokio::sync::{Semaphore, watch};

use super::super::feed::{Behind, Feed, Lease, Place, Removed, partition_of};
use crate::clock::{Clock, ManualClock};
use crate::store::{Datastore, DatastoreError, LogRecord};

pub(super) const LIFETIME: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
struct Inner {
    epoch: u64,
    holder: Option<(&'static str, Duration)>,
    places: BTreeMap<StoreId, Place>,
}

/// What all of them share.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) datastore: Arc<dyn Datastore>,
    pub(super) clock: ManualClock,
    inner: Arc<Mutex<Inner>>,
}

impl Database {
    pub(super) fn new(datastore: Arc<dyn Datastore>) -> Self {
        let clock = ManualClock::at("2030-01-01T12:00:00Z".parse().unwrap());
        Self { datastore, clock, inner: Arc::default() }
    }

    pub(super) fn place(&self, store: StoreId) -> Option<Place> {
        self.inner.lock().unwrap().places.get(&store).copied()
    }

    /// Sets the place of a store, as a database does that was restored.
    pub(super) fn set_place(&self, store: StoreId, place: Place) {
        self.inner.lock().unwrap().places.insert(store, place);
    }
}

/// One server's feed.
#[derive(Debug)]
pub(super) struct Shared {
    name: &'static str,
    database: Database,
    /// Each read of the log takes a permit before it goes on.
    pub(super) gate: Semaphore,
    /// How many reads of the log have begun.
    pub(super) reads: watch::Sender<usize>,
}

impl Shared {
    pub(super) fn new(name: &'static str, database: &Database) -> Arc<Self> {
        let gate = Semaphore::new(Semaphore::MAX_PERMITS);
        Arc::new(Self { name, database: database.clone(), gate, reads: watch::Sender::new(0) })
    }

    /// Holds up the next read of the log.
    pub(super) fn hold(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn release(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }
}

#[async_trait]
impl Feed for Shared {
    async fn take(&self, above: u64) -> Result<Option<Lease>, DatastoreError> {
        let now = self.database.clock.monotonic();
        let mut inner = self.database.inner.lock().unwrap();
        if inner.holder.is_some_and(|(name, until)| name != self.name && now < until) {
            return Ok(None);
        }
        inner.epoch = inner.epoch.max(above) + 1;
        inner.holder = Some((self.name, now + LIFETIME));
        Ok(Some(Lease { epoch: inner.epoch, lifetime: LIFETIME }))
    }

    async fn extend(&self, epoch: u64) -> Result<bool, DatastoreError> {
        let now = self.database.clock.monotonic();
        let mut inner = self.database.inner.lock().unwrap();
        if inner.epoch != epoch {
            return Ok(false);
        }
        inner.holder = Some((self.name, now + LIFETIME));
        Ok(true)
    }

    async fn give_back(&self, epoch: u64) {
        let mut inner = self.database.inner.lock().unwrap();
        if inner.epoch == epoch {
            inner.holder = None;
        }
    }

    async fn behind(&self, _limit: usize) -> Result<Vec<Behind>, DatastoreError> {
        let mut behind = Vec::new();
        for store in self.database.datastore.list_stores().await? {
            let head = self.database.datastore.head(store.id).await?;
            let place = self.database.place(store.id);
            if place.map_or(0, |place| place.revision) != head.revision || place.is_some_and(|place| place.chain != head.chain) {
                behind.push(Behind { partition: partition_of(store.id, 3), store, place });
            }
        }
        Ok(behind)
    }

    async fn log(&self, store: StoreId, after: u64, limit: usize) -> Result<Vec<LogRecord>, DatastoreError> {
        let read = self.database.datastore.log(store, after, limit).await;
        self.reads.send_modify(|reads| *reads += 1);
        drop(self.gate.acquire().await.unwrap());
        read
    }

    async fn note(&self, epoch: u64, places: &[(StoreId, Place)]) -> Result<bool, DatastoreError> {
        let mut inner = self.database.inner.lock().unwrap();
        if inner.epoch != epoch {
            return Ok(false);
        }
        inner.places.extend(places.iter().copied());
        Ok(true)
    }

    async fn removed(&self, _limit: usize) -> Result<Vec<Removed>, DatastoreError> {
        Ok(Vec::new())
    }

    async fn told_removed(&self, _epoch: u64, _stores: &[StoreId]) -> Result<bool, DatastoreError> {
        Ok(true)
    }

    async fn changed(&self) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
