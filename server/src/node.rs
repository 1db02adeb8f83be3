//! This server's fold of every store it serves, and at which moment of history a request is answered.
//!
//! A [`Node`] loads a store from the database when it is first asked for, folds what is committed (here or elsewhere), and answers
//! each read with a [`ReadPoint`]: one state, its token, its age, the request's time. Nothing here evaluates a permission, knows the
//! wire or writes SQL.
//!
//! **Invariant:** no answer comes from before the token that the request names, and no token of another history is taken for one of
//! this history (docs/decisions/0006).

pub(crate) mod carrier;
pub(crate) mod cursor;
mod directory;
mod error;
mod fold;
mod follow;
mod freshness;
mod hosted;
mod labels;
mod memory;
pub(crate) mod scrub;
mod shared_read;
mod snapshots;
pub(crate) mod status;
pub(crate) mod token;
mod vintage;
mod watch;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use dhow_engine::entry::{Chain, StoreId};
use dhow_engine::history::Window;
use dhow_engine::state::State;
use dhow_engine::time::Timestamp;
use moka::sync::Cache;
use tokio::sync::watch as signal;
use uuid::Uuid;

use crate::clock::{SteadyClock, microseconds};
use crate::config::{Divergence, ForeignTokens, Memory};
use crate::limits::{KNOWN_CHAINS, Limits};
use crate::snapshots::Snapshots;
use crate::store::{CreateStoreError, Datastore, DatastoreError, Head, StoreInfo, StoreKey};
use directory::Directory;
pub(crate) use error::ReadError;
use fold::Terms;
pub(crate) use follow::Contact;
use follow::{Pace, Wakes};
use hosted::{Hosted, Slot};
use token::Token;
pub(crate) use vintage::{Age, Vintage};
pub(crate) use watch::Watched;

/// How fresh an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consistency {
    /// Whatever this node has applied.
    MinimizeLatency,
    /// At the token's revision or later.
    AtLeastAsFresh(Token),
    /// At the token's very revision.
    AtExactSnapshot(Token),
    /// At the newest revision there is when the request arrives.
    FullyConsistent,
}

/// Where a request is answered.
#[derive(Debug, Clone)]
pub(crate) struct ReadPoint {
    /// The store at one revision.
    pub(crate) state: State,
    /// Names that revision.
    pub(crate) token: Token,
    /// How old that is.
    pub(crate) vintage: Vintage,
    /// The request's time: the later of the store's time and that of the last entry applied.
    pub(crate) time: Timestamp,
    /// Why the answer is fresher than asked.
    pub(crate) note: Option<String>,
}

/// How old answers may be.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    follow_interval: Duration,
    max_staleness: Duration,
    stale_serve_max: Duration,
}

/// The stores of one database, as this server serves them.
#[derive(Debug)]
pub(crate) struct Node {
    datastore: Arc<dyn Datastore>,
    clock: SteadyClock,
    window: Window,
    foreign_tokens: ForeignTokens,
    /// The folder of snapshot files, if there is one: stores are booted from it.
    snapshots: Option<Arc<Snapshots>>,
    /// Names this run of the server.
    id: Uuid,
    /// When it began, on the monotonic clock.
    started: Duration,
    bounds: Bounds,
    /// What is known of the database; changes with each look at its heads.
    contact: signal::Sender<Contact>,
    directory: Directory,
    memory: Memory,
    /// How often the memory's keeper has looked.
    rounds: AtomicU64,
    /// Folds of the stores that were asked for.
    slots: DashMap<StoreId, Arc<Slot>>,
    /// The chain at older revisions that tokens have named, by store, number of its history, revision. Bounded.
    chains: Cache<(StoreId, u64, u64), Chain>,
    divergence: Divergence,
    /// What looking for divergence came to.
    scrubs: scrub::Records,
    /// Turns true when the node closes: committers then finish what waits and end.
    closing: signal::Sender<bool>,
}

impl Node {
    /// Serves the stores of a database.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn open(
        datastore: Arc<dyn Datastore>,
        clock: SteadyClock,
        limits: &Limits,
        foreign_tokens: ForeignTokens,
        snapshots: Option<Arc<Snapshots>>,
        memory: Memory,
    ) -> Result<Arc<Self>, DatastoreError> {
        let window = Window {
            max_states: limits.hot_window_revisions,
            max_changes: limits.hot_window_changes,
            max_age_us: microseconds(limits.hot_window),
        };
        if !datastore.is_sole_writer() {
            let began = clock.monotonic();
            // Before anything is answered or written by this machine's own clock.
            if let Some(time) = datastore.moved_heads(&[]).await?.time {
                clock.follow(time, began);
            }
        }
        Ok(Arc::new(Self {
            directory: Directory::new(datastore.list_stores().await?),
            contact: signal::Sender::new(Contact { writable: datastore.assert_takes_writes().is_ok(), ..Contact::GOOD }),
            datastore,
            id: Uuid::new_v4(),
            started: clock.monotonic(),
            clock,
            window,
            foreign_tokens,
            snapshots,
            memory,
            rounds: AtomicU64::new(0),
            bounds: Bounds {
                follow_interval: limits.follow_interval,
                max_staleness: limits.max_staleness,
                stale_serve_max: limits.stale_serve_max,
            },
            slots: DashMap::new(),
            chains: Cache::new(KNOWN_CHAINS.value),
            divergence: limits.divergence,
            scrubs: scrub::Records::default(),
            closing: signal::Sender::new(false),
        }))
    }

    /// Begins what goes on until the node closes: following what other servers write, where there may be others, and keeping the limit
    /// of memory.
    pub(crate) fn start(self: &Arc<Self>) {
        self.load_pinned();
        if self.memory.limit_bytes.is_some() {
            tokio::spawn(memory::keep(Arc::downgrade(self), self.closing.subscribe()));
        }
        if !self.datastore.is_sole_writer() {
            let pace = Pace::new(self.bounds.follow_interval);
            tokio::spawn(follow::follow(Arc::downgrade(self), Wakes(self.datastore.wakes()), pace, self.closing.subscribe()));
        }
    }

    /// The store with this name or id.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn resolve(&self, name: &str) -> Result<StoreInfo, ReadError> {
        let keys = [Some(StoreKey::Name(name)), name.parse().ok().map(StoreKey::Id)];
        if let Some(info) = keys.iter().flatten().find_map(|key| self.directory.find(key)) {
            return Ok(info);
        }
        if !self.datastore.is_sole_writer() {
            self.assert_contact()?;
            for key in keys.into_iter().flatten() {
                if let Some(info) = self.datastore.find_store(key).await? {
                    self.directory.add(info.clone());
                    return Ok(info);
                }
            }
        }
        Err(ReadError::NoStore { name: name.to_owned() })
    }

    /// The store with this id, if this node knows of one.
    pub(crate) fn known(&self, store: StoreId) -> Option<StoreInfo> {
        self.directory.find(&StoreKey::Id(store))
    }

    /// The stores that `wanted` accepts, in order of their names, at most `limit`.
    pub(crate) fn stores(&self, limit: usize, wanted: impl FnMut(&StoreInfo) -> bool) -> Vec<StoreInfo> {
        self.directory.filter(limit, wanted)
    }

    /// Asks the database which stores there are, where others may make and remove them.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn refresh_stores(&self) -> Result<(), DatastoreError> {
        if !self.datastore.is_sole_writer() {
            self.assert_contact()?;
            self.directory.replace(self.datastore.list_stores().await?);
        }
        Ok(())
    }

    /// Where a store's log ends, as the database has it; the store is not loaded for it. Without a database, where the fold is.
    ///
    /// # Errors
    /// When there is no such store, or the database fails.
    pub(crate) async fn head(&self, store: StoreId) -> Result<(Head, Token), DatastoreError> {
        self.assert_contact()?;
        if self.datastore.carried().is_some() {
            let (state, _) = self.host(store).await?.fold().newest_state();
            let (at, schema) = (state.position(), state.latest_schema());
            let (digest, tuples) = (*state.digest(), state.len() as u64);
            let schema_version = schema.map_or(0, |schema| schema.version());
            let head = Head { revision: at.revision, chain: at.chain, digest, time: at.time, schema_version, tuples };
            return Ok((head, Token::new(store, at.revision, &at.chain)));
        }
        let head = self.datastore.head(store).await.inspect_err(|error| self.forget_gone(store, error))?;
        let token = Token::new(store, head.revision, &head.chain);
        Ok((head, token))
    }

    /// Makes a store.
    ///
    /// # Errors
    /// When the name is none or taken, or the database fails.
    pub(crate) async fn create_store(&self, name: &str) -> Result<StoreInfo, CreateStoreError> {
        self.datastore.assert_takes_writes()?;
        self.assert_contact()?;
        let id = StoreId(*Uuid::new_v4().as_bytes());
        let info = StoreInfo { id, name: name.to_owned(), created_at: self.clock.now() };
        match self.datastore.create_store(&info).await {
            // The database did not say whether it is there, and is asked: one that nobody knew of would keep its name for good.
            Err(CreateStoreError::Datastore(error @ DatastoreError::CommitUnknown { .. })) => {
                self.datastore.find_store(StoreKey::Id(id)).await?.ok_or(error)?;
            }
            told => told?,
        }
        self.directory.add(info.clone());
        Ok(info)
    }

    /// Removes a store with its whole history. Requests to it that are under way end with an error.
    ///
    /// # Errors
    /// When it is not there, or the database fails.
    pub(crate) async fn delete_store(&self, store: StoreId) -> Result<(), DatastoreError> {
        self.datastore.assert_takes_writes()?;
        self.assert_contact()?;
        let was_there = match self.datastore.delete_store(store).await {
            // The database did not say whether it is gone, and is asked: one that is must not be answered from memory.
            Err(error @ DatastoreError::CommitUnknown { .. }) => match self.datastore.find_store(StoreKey::Id(store)).await? {
                Some(_) => return Err(error),
                None => true,
            },
            told => told?,
        };
        self.directory.remove(store);
        if let Some((_, slot)) = self.slots.remove(&store) {
            slot.close();
        }
        if was_there { Ok(()) } else { Err(DatastoreError::NoStore { store }) }
    }

    /// Forgets a store that the database does not know: another server may have removed it, and made another one of its name.
    fn forget_gone(&self, store: StoreId, error: &DatastoreError) {
        if let DatastoreError::NoStore { .. } = error {
            self.forget(store);
        }
    }

    /// Forgets a store that was removed.
    fn forget(&self, store: StoreId) {
        self.directory.remove(store);
        if let Some((_, slot)) = self.slots.remove(&store) {
            slot.close();
        }
    }

    /// Moves a store's clock forward, for tests of applications.
    ///
    /// # Errors
    /// When the store cannot be loaded.
    pub(crate) async fn advance_clock(&self, store: StoreId, by: Duration) -> Result<Timestamp, ReadError> {
        Ok(self.host(store).await?.fold().advance_clock(by))
    }

    /// Ends the committers once they have done what waits, and closes the database.
    pub(crate) async fn close(&self) {
        self.closing.send_replace(true);
        let slots: Vec<_> = self.slots.iter().map(|slot| Arc::clone(slot.value())).collect();
        for slot in slots {
            slot.ended().await;
        }
        self.datastore.close().await;
    }

    /// The fold of a store; loads it if nobody has yet.
    async fn host(&self, store: StoreId) -> Result<Arc<Hosted>, DatastoreError> {
        let round = self.rounds.load(Ordering::Relaxed);
        if let Some(slot) = self.slots.get(&store)
            && let Some(hosted) = slot.loaded()
        {
            slot.is_used(round);
            return Ok(hosted);
        }
        if self.directory.find(&StoreKey::Id(store)).is_none() {
            return Err(DatastoreError::NoStore { store });
        }
        let slot = Arc::clone(&self.slots.entry(store).or_default());
        slot.is_used(round);
        let terms = Terms { window: self.window, policy: self.divergence.on_divergence };
        let loaded = slot.load(store, &self.datastore, &self.clock, terms, self.snapshots.as_ref(), &self.closing).await;
        if let Err(DatastoreError::NoStore { .. }) = &loaded {
            // It was removed in the meantime, and nobody will remove its slot.
            self.slots.remove_if(&store, |_, there| Arc::ptr_eq(there, &slot));
        }
        loaded
    }
}

#[cfg(test)]
mod tests;
