//! Stores without a database: what the changelog carried, and a folder of snapshot files. An evaluator that can reach nothing else serves
//! from these two.
//!
//! A file says where a store was, the changelog how it went on, and each is held against the other: a file is trusted if what the topic
//! carried confirms its place, or if the topic, read from before the file was made, carried nothing of the store. Marks of the relay
//! say up to when the topic has everything, and so how old the knowledge here is (docs/decisions/0014).
//!
//! **Invariant:** nothing here knows what is newest. Whatever needs that is refused with [`DatastoreError::NoDatabase`]; what is known
//! is given with its age.

mod confirm;
mod marks;
mod names;
mod shelf;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use dhow_engine::entry::{EntryLabel, StoreId};
use dhow_engine::time::Timestamp;
use tokio::sync::{Notify, watch};

use crate::changelog::follow::{Followed, Spot};
use crate::clock::{SteadyClock, microseconds};
use crate::limits::CARRIED_MARGIN;
use crate::snapshots::{Snapshots, blocking};
use crate::store::{
    AuditSink, Committed, CreateStoreError, Datastore, DatastoreError, Head, KnownHead, LoadSink, LogLabel, LogRecord, MovedHeads, Repair,
    RequestOutcome, SchemaCommand, SchemaCommitted, SchemaWriteError, StoreInfo, StoreKey, WriteCommand, WriteError,
};
pub(crate) use confirm::{Candidate, Standing};
use marks::Marks;
use names::Names;
use shelf::Shelf;

/// See the module.
#[derive(Debug)]
pub(crate) struct Carried {
    snapshots: Arc<Snapshots>,
    clock: SteadyClock,
    /// Guards what the topic carried, for moments only: what is compared with each other is seen together.
    kept: Mutex<Kept>,
    /// Guards what stores are called.
    names: tokio::sync::Mutex<Names>,
    caught_up: watch::Sender<bool>,
    wakes: Arc<Notify>,
}

/// What the topic carried.
#[derive(Debug)]
struct Kept {
    shelf: Shelf,
    marks: Marks,
    /// Whether what the topic had at the start is read.
    end_reached: bool,
}

impl Carried {
    /// Has nothing yet; keeps entries of at most so many bytes.
    pub(crate) fn new(snapshots: Arc<Snapshots>, clock: SteadyClock, bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            snapshots,
            clock,
            kept: Mutex::new(Kept { shelf: Shelf::new(bytes), marks: Marks::default(), end_reached: false }),
            names: tokio::sync::Mutex::default(),
            caught_up: watch::Sender::new(false),
            wakes: Arc::default(),
        })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From when on the topic is to be read: well before the oldest of the stores' newest files was made, and before what was read last.
    pub(crate) async fn start(&self) -> Timestamp {
        let snapshots = Arc::clone(&self.snapshots);
        let files = blocking(move || snapshots.newest_of_each()).await.unwrap_or_default();
        let oldest = files.iter().map(|file| file.made).min();
        let last = self.kept().marks.oldest();
        let from = if *self.caught_up.borrow() { last.or(oldest) } else { oldest };
        from.map_or(Timestamp::MIN, |time| time.plus_microseconds(-2 * microseconds(CARRIED_MARGIN.duration())))
    }

    /// Takes note of where reading begins.
    pub(crate) fn begin(&self, began: &[Spot]) {
        self.kept().marks.begin(began);
    }

    /// Takes in one message. O(log of what is kept), amortized.
    pub(crate) fn take(&self, followed: &Followed) {
        let mut kept = self.kept();
        match followed {
            Followed::Entry { at, incoming } => {
                kept.marks.read(*at);
                kept.shelf.entry(at.partition, incoming);
            }
            Followed::Mark { at, time } => {
                kept.marks.read(*at);
                // A clock that is ahead must not make answers look young for long.
                kept.marks.mark(at.partition, (*time).min(self.clock.now()));
                kept.shelf.settle(at.partition);
            }
            Followed::Gone { at, store } => {
                kept.marks.read(*at);
                kept.shelf.remove(*store);
            }
            Followed::Unreadable { at, store, .. } => {
                kept.marks.read(*at);
                store.iter().for_each(|store| kept.shelf.doubt(*store));
            }
            Followed::Stale { at, .. } => kept.marks.read(*at),
            Followed::CaughtUp => kept.end_reached = true,
            Followed::Trouble(_) => {}
        }
        let caught_up = kept.end_reached && kept.marks.oldest().is_some();
        self.caught_up.send_if_modified(|before| {
            let news = caught_up && !*before;
            *before |= caught_up;
            news
        });
    }

    /// Whether what the topic had at the start is read, and it is known how old that is: now and as that changes.
    pub(crate) fn caught_up(&self) -> watch::Receiver<bool> {
        self.caught_up.subscribe()
    }

    /// How old the knowledge is.
    pub(crate) fn age(&self) -> Duration {
        self.kept().marks.age(self.clock.now())
    }
}

#[async_trait]
impl Datastore for Carried {
    fn is_sole_writer(&self) -> bool {
        false
    }

    fn assert_takes_writes(&self) -> Result<(), DatastoreError> {
        Err(DatastoreError::ReadsOnly)
    }

    fn carried(&self) -> Option<&Carried> {
        Some(self)
    }

    async fn create_store(&self, _info: &StoreInfo) -> Result<(), CreateStoreError> {
        Err(DatastoreError::ReadsOnly.into())
    }

    async fn find_store(&self, key: StoreKey<'_>) -> Result<Option<StoreInfo>, DatastoreError> {
        let named = |info: &StoreInfo| match key {
            StoreKey::Id(id) => info.id == id,
            StoreKey::Name(name) => info.name == name,
        };
        // The youngest of a name comes last.
        Ok(self.stores().await.into_iter().rfind(named))
    }

    async fn list_stores(&self) -> Result<Vec<StoreInfo>, DatastoreError> {
        Ok(self.stores().await)
    }

    async fn delete_store(&self, _store: StoreId) -> Result<bool, DatastoreError> {
        Err(DatastoreError::ReadsOnly)
    }

    async fn head(&self, _store: StoreId) -> Result<Head, DatastoreError> {
        Err(DatastoreError::NoDatabase)
    }

    async fn known_head(&self, store: StoreId) -> Result<Head, DatastoreError> {
        self.kept().shelf.head(store)
    }

    async fn moved_heads(&self, known: &[KnownHead]) -> Result<MovedHeads, DatastoreError> {
        let kept = self.kept();
        let moved = known.iter().filter_map(|known| Some((known.store, kept.shelf.moved(known)?))).collect();
        Ok(MovedHeads { moved, writable: false, age: kept.marks.age(self.clock.now()), time: None })
    }

    fn wakes(&self) -> Arc<Notify> {
        Arc::clone(&self.wakes)
    }

    async fn load(&self, _store: StoreId, _sink: &mut dyn LoadSink) -> Result<(), DatastoreError> {
        Err(DatastoreError::NoDatabase)
    }

    async fn log(&self, store: StoreId, after: u64, limit: usize) -> Result<Vec<LogRecord>, DatastoreError> {
        Ok(self.kept().shelf.after(store, after, limit))
    }

    async fn labels(&self, store: StoreId, revisions: &BTreeSet<u64>) -> Result<Vec<LogLabel>, DatastoreError> {
        let kept = self.kept();
        let records = revisions.iter().rev().filter_map(|revision| kept.shelf.record(store, *revision));
        let label = |record: &LogRecord| {
            let entry = &record.entry;
            let (actor, request_id) = (entry.actor.clone(), entry.request_id.clone());
            LogLabel { chain: record.chain, label: EntryLabel { store, revision: entry.revision, time: entry.time, actor, request_id } }
        };
        Ok(records.map(label).collect())
    }

    async fn request(&self, _store: StoreId, _request_id: &str, _now: Timestamp) -> Result<Option<RequestOutcome>, DatastoreError> {
        Err(DatastoreError::ReadsOnly)
    }

    async fn write(
        &self,
        _store: StoreId,
        _now: Timestamp,
        _batch: &[WriteCommand],
    ) -> Result<Vec<Result<Committed, WriteError>>, DatastoreError> {
        Err(DatastoreError::ReadsOnly)
    }

    async fn write_schema(&self, _store: StoreId, _now: Timestamp, _command: &SchemaCommand) -> Result<SchemaCommitted, SchemaWriteError> {
        Err(SchemaWriteError::Datastore(DatastoreError::ReadsOnly))
    }

    async fn audit(&self, _store: StoreId, _sink: &mut dyn AuditSink) -> Result<(), DatastoreError> {
        Err(DatastoreError::NoDatabase)
    }

    async fn repair(&self, _store: StoreId, _repair: &Repair) -> Result<bool, DatastoreError> {
        Err(DatastoreError::ReadsOnly)
    }

    async fn take_turn(&self, _what: &'static str, _holder: [u8; 16], _lifetime: Duration) -> Result<bool, DatastoreError> {
        Ok(false)
    }

    async fn close(&self) {}
}
