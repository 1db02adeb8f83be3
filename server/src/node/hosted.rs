//! A store as this node has it in memory: its fold, its committer, and the shared read of its head.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use dhow_engine::entry::StoreId;
use tokio::sync::{OnceCell, watch as signal};
use tokio::task::JoinHandle;

use super::fold::{Fold, Terms};
use super::shared_read::SharedRead;
use crate::clock::SteadyClock;
use crate::snapshots::Snapshots;
use crate::store::committer::{Committer, Follower};
use crate::store::{Datastore, DatastoreError, Head};

/// The place of one store: empty until somebody asks for it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    hosted: OnceCell<Arc<Hosted>>,
    /// Why the store was set aside while it was being loaded: it is not loaded again before the server restarts.
    set_aside: OnceCell<DatastoreError>,
    /// Whether the store was removed.
    removed: AtomicBool,
    /// In which round of the memory's keeper the store was last asked for.
    pub(super) used: AtomicU64,
    /// Guards the committer of the store as it was in memory before: it may still do what waited, which a fold that is loaded meanwhile
    /// would not be told of.
    before: std::sync::Mutex<Option<JoinHandle<()>>>,
}

/// A store that was loaded.
#[derive(Debug)]
pub(super) struct Hosted {
    fold: Arc<Fold>,
    committer: Committer,
    /// Guards the committer's task until somebody waits for its end.
    committing: std::sync::Mutex<Option<JoinHandle<()>>>,
    /// A head of the database, with the moment at which its reading began.
    heads: SharedRead<Result<(Head, Duration), DatastoreError>>,
}

impl Hosted {
    pub(super) const fn fold(&self) -> &Arc<Fold> {
        &self.fold
    }

    pub(super) const fn committer(&self) -> &Committer {
        &self.committer
    }

    /// Brings the fold to a head that was read after this call began.
    ///
    /// # Errors
    /// When the head or the log cannot be read, or does not fold.
    pub(super) async fn observe(&self, datastore: &Arc<dyn Datastore>) -> Result<(), DatastoreError> {
        let seen = self.fold.progress();
        let read = || async {
            let began = self.fold.monotonic();
            datastore.head(self.fold.store()).await.map(|head| (head, began))
        };
        let (head, began) = self.heads.read(read).await?;
        self.fold.observe(head, began, seen).await
    }
}

impl Slot {
    pub(super) fn loaded(&self) -> Option<Arc<Hosted>> {
        self.hosted.get().cloned()
    }

    /// Why the store was set aside while it was being loaded.
    pub(super) fn set_aside(&self) -> Option<&DatastoreError> {
        self.set_aside.get()
    }

    /// An empty place for a store that is about to be given up.
    pub(super) fn after(old: &Self) -> Self {
        let hosted = old.hosted.get();
        let before = hosted.and_then(|hosted| hosted.committing.lock().unwrap_or_else(PoisonError::into_inner).take());
        Self { before: std::sync::Mutex::new(before), ..Self::default() }
    }

    /// Whether the store is in memory and nobody has it: no request, no watcher, no test that moved its clock.
    pub(super) fn is_idle(&self) -> bool {
        self.hosted.get().is_some_and(|hosted| Arc::strong_count(hosted) == 1 && hosted.fold.may_be_forgotten())
    }

    /// Takes note that the store was asked for. A line of memory that others read is written once a round.
    pub(super) fn is_used(&self, round: u64) {
        if self.used.load(Ordering::Relaxed) != round {
            self.used.store(round, Ordering::Relaxed);
        }
    }

    /// Waits for the committer of the store as it was in memory before, if there was one.
    async fn before_has_ended(&self) {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(before) = before
            && before.await.is_err()
        {
            tracing::error!("the committer of a store that was given up ended by a panic");
        }
    }

    /// Loads the store, once, whoever asks. Loading goes on when the one who asked gives up.
    ///
    /// # Errors
    /// When the database fails (the next call tries again), or what it holds contradicts itself twice in a row.
    pub(super) async fn load(
        self: &Arc<Self>,
        store: StoreId,
        datastore: &Arc<dyn Datastore>,
        clock: &SteadyClock,
        terms: Terms,
        snapshots: Option<&Arc<Snapshots>>,
        closing: &signal::Sender<bool>,
    ) -> Result<Arc<Hosted>, DatastoreError> {
        let (slot, datastore, clock, closing) = (Arc::clone(self), Arc::clone(datastore), clock.clone(), closing.subscribe());
        let snapshots = snapshots.cloned();
        let loading = tokio::spawn(async move {
            let load = || async {
                if let Some(error) = slot.set_aside.get() {
                    return Err(error.clone());
                }
                slot.before_has_ended().await;
                let loaded = Fold::load(store, Arc::clone(&datastore), clock, terms, snapshots.as_ref()).await;
                if let Err(error @ DatastoreError::SetAside { .. }) = &loaded {
                    // Two loads at once cannot be: the cell lets one in.
                    let _ = slot.set_aside.set(error.clone());
                }
                let fold = Arc::new(loaded?);
                fold.tend();
                let follower: Arc<dyn Follower> = Arc::clone(&fold) as Arc<dyn Follower>;
                let (committer, committing) = Committer::start(store, datastore, follower, closing);
                let committing = std::sync::Mutex::new(Some(committing));
                Ok(Arc::new(Hosted { fold, committer, committing, heads: SharedRead::new() }))
            };
            let hosted = slot.hosted.get_or_try_init(load).await.cloned();
            if slot.removed.load(Ordering::SeqCst) {
                // It was removed while it was being loaded.
                slot.close();
            }
            hosted
        });
        // The task is never aborted; that it panicked is a mistake that the log has told of.
        loading.await.unwrap_or(Err(DatastoreError::Closed))
    }

    /// The store was removed: whoever watches it is told.
    pub(super) fn close(&self) {
        // Before looking: either this finds what was loaded, or the one who loads finds this.
        self.removed.store(true, Ordering::SeqCst);
        if let Some(hosted) = self.hosted.get() {
            hosted.fold.close();
        }
    }

    /// Waits until the committer has ended.
    pub(super) async fn ended(&self) {
        self.before_has_ended().await;
        let Some(hosted) = self.hosted.get() else { return };
        let committing = hosted.committing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(committing) = committing
            && committing.await.is_err()
        {
            tracing::error!(store = %hosted.fold.store(), "the committer of a store ended by a panic");
        }
    }
}
