//! The feed of a database that belongs to one process: SQLite.
//!
//! The file's lock is the lease: nobody else has the database open, paused or not. An epoch is the time at which it was taken, so that
//! it grows from process to process without being kept anywhere; should the clock have been turned back, the relay asks for one above
//! those in the topic. What was committed is known without asking, because every write goes through [`Announcing`].

mod announcing;
mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use dhow_engine::entry::StoreId;
use tokio::sync::Notify;

use self::announcing::Announcing;
use self::places::Places;
use super::feed::{Behind, Feed, Lease, Place, Removed, partition_of};
use crate::clock::Clock;
use crate::store::{Datastore, DatastoreError, LogRecord, StoreKey};

/// Nobody can take it away; it is extended so that a relay works the same on every feed.
const LIFETIME: Duration = Duration::from_secs(60);

/// Stores that may have something to publish, each with the number of times that this was said.
#[derive(Debug, Default)]
struct Marks {
    stores: Mutex<BTreeMap<StoreId, u64>>,
    changed: Notify,
}

impl Marks {
    fn set(&self, store: StoreId) {
        *self.stores.lock().unwrap_or_else(PoisonError::into_inner).entry(store).or_default() += 1;
        self.changed.notify_one();
    }

    fn get(&self) -> Vec<(StoreId, u64)> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(store, times)| (*store, *times)).collect()
    }

    /// Takes a mark away, unless it was set again meanwhile.
    fn clear(&self, store: StoreId, times: u64) {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if stores.get(&store) == Some(&times) {
            stores.remove(&store);
        }
    }
}

/// The feed of one process's database.
#[derive(Debug)]
pub(crate) struct Local {
    datastore: Arc<dyn Datastore>,
    marks: Arc<Marks>,
    partitions: u32,
    clock: Arc<dyn Clock>,
    /// The newest epoch that was given out.
    epoch: Mutex<u64>,
    places: Places,
    /// Stores that are gone, and of which readers were not told yet.
    removed: Mutex<BTreeSet<StoreId>>,
}

impl Local {
    /// The feed of a database, and the database to write to so that the feed knows of it. Places are kept in a file; without one, all
    /// is published again when the process has been restarted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn over(
        datastore: Arc<dyn Datastore>,
        places: Option<PathBuf>,
        partitions: u32,
        clock: Arc<dyn Clock>,
    ) -> Result<(Arc<dyn Feed>, Arc<dyn Datastore>), DatastoreError> {
        let marks = Arc::new(Marks::default());
        for store in datastore.list_stores().await? {
            marks.set(store.id);
        }
        let announcing = Arc::new(Announcing::new(Arc::clone(&datastore), Arc::clone(&marks)));
        let places = Places::read(places, Arc::clone(&clock)).await;
        // A store that was removed before its readers were told has a place, and nothing else.
        places.stores().into_iter().for_each(|store| marks.set(store));
        let feed = Self { datastore, marks, partitions, clock, epoch: Mutex::new(0), places, removed: Mutex::default() };
        Ok((Arc::new(feed), announcing))
    }

    fn holds(&self, epoch: u64) -> bool {
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) == epoch
    }
}

#[async_trait]
impl Feed for Local {
    async fn take(&self, above: u64) -> Result<Option<Lease>, DatastoreError> {
        let now = u64::try_from(self.clock.now().microseconds()).unwrap_or(0);
        let mut epoch = self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        *epoch = now.max(epoch.saturating_add(1)).max(above.saturating_add(1));
        Ok(Some(Lease { epoch: *epoch, lifetime: LIFETIME }))
    }

    async fn extend(&self, epoch: u64) -> Result<bool, DatastoreError> {
        Ok(self.holds(epoch))
    }

    async fn give_back(&self, _epoch: u64) {
        self.places.write().await;
    }

    async fn behind(&self, limit: usize) -> Result<Vec<Behind>, DatastoreError> {
        let mut behind = Vec::new();
        for (id, times) in self.marks.get() {
            if behind.len() >= limit {
                break;
            }
            let place = self.places.get(id);
            let head = match self.datastore.head(id).await {
                Err(DatastoreError::NoStore { .. }) => {
                    self.marks.clear(id, times);
                    // Its place is kept until readers are told.
                    if place.is_some() {
                        self.removed.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
                    }
                    continue;
                }
                head => head?,
            };
            let is_there = match place {
                Some(place) => place.revision == head.revision && place.chain == head.chain,
                None => head.revision == 0,
            };
            if is_there {
                self.marks.clear(id, times);
            } else if let Some(store) = self.datastore.find_store(StoreKey::Id(id)).await? {
                behind.push(Behind { store, partition: partition_of(id, self.partitions), place });
            }
        }
        Ok(behind)
    }

    async fn log(&self, store: StoreId, after: u64, limit: usize) -> Result<Vec<LogRecord>, DatastoreError> {
        self.datastore.log(store, after, limit).await
    }

    async fn note(&self, epoch: u64, places: &[(StoreId, Place)]) -> Result<bool, DatastoreError> {
        if !self.holds(epoch) {
            return Ok(false);
        }
        self.places.set(places).await;
        Ok(true)
    }

    async fn removed(&self, limit: usize) -> Result<Vec<Removed>, DatastoreError> {
        let removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |store: &StoreId| Removed { store: *store, partition: partition_of(*store, self.partitions) };
        Ok(removed.iter().take(limit).map(told).collect())
    }

    async fn told_removed(&self, epoch: u64, stores: &[StoreId]) -> Result<bool, DatastoreError> {
        if !self.holds(epoch) {
            return Ok(false);
        }
        let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        for store in stores {
            removed.remove(store);
            self.places.forget(*store);
        }
        Ok(true)
    }

    async fn changed(&self) {
        self.marks.changed.notified().await;
    }
}
