//! The fold of one store's log, kept up with the log.
//!
//! **Invariants.** An entry is folded only if it continues what is there: revision, images, digest and chain are checked by the engine.
//! What does not continue is another history, or damage; and memory may be found to be unreadable: then the store is loaded anew, once; if the next entry does not fold
//! either, the store is set aside until the server restarts, and every request to it fails (docs/decisions/0006). Readers
//! take a state and go; they never wait for a writer.

mod boot;
mod load;
mod mend;
mod tail;
mod tend;
mod waiting;
mod window;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex as PlainMutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use async_trait::async_trait;
use dhow_engine::entry::{Body, Chain, StoreId};
use dhow_engine::history::{History, HistoryError, Window};
use dhow_engine::state::{FoldError, State};
use dhow_engine::time::Timestamp;
use tokio::sync::{Mutex, watch as signal};

use crate::carried::Carried;
use crate::clock::{Reading, SteadyClock, microseconds};
use crate::config::OnDivergence;
use crate::snapshots::Snapshots;
use crate::store::committer::Follower;
use crate::store::{Datastore, DatastoreError, Head, KnownHead, LogRecord};
use tail::Tail;
use waiting::Waiting;

/// How many entries are read from the log at once.
pub(super) const LOG_PAGE: usize = 500;

/// One store's fold.
#[derive(Debug)]
pub(super) struct Fold {
    store: StoreId,
    datastore: Arc<dyn Datastore>,
    clock: SteadyClock,
    /// How far tests have moved the store's clock, in microseconds.
    offset_us: AtomicI64,
    /// Guards what readers see. Held for moments only: nothing is folded or awaited under it.
    seen: RwLock<Seen>,
    /// Guards whose turn it is to fold; holds whether what is folded was loaded anew.
    pub(super) turn: Mutex<Loaded>,
    /// Changes only under the lock of `seen`, so that who holds that finds both at the same place.
    progress: signal::Sender<Progress>,
    /// Guards the readers that wait for a revision; held for moments only.
    waiting: PlainMutex<Waiting>,
    /// Whether the fold is being brought to a head that a look at all heads found.
    catching_up: AtomicBool,
    /// What is left of the store if it is set aside.
    policy: OnDivergence,
    /// Whether memory is known to be wrong: nothing is answered before it was loaded anew.
    is_wrong: AtomicBool,
    /// Whether a pass over memory found it wrong, and none since has found it right.
    was_wrong: AtomicBool,
}

/// What a fold keeps, and what is left of it if it diverges.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// How much of the history is read exactly.
    pub(super) window: Window,
    /// What is left of the store if it is set aside.
    pub(super) policy: OnDivergence,
}

/// The fold's one turn to catch up beside everything else, given back when it is dropped.
#[derive(Debug)]
pub(super) struct CatchingUp(Arc<Fold>);

impl Drop for CatchingUp {
    fn drop(&mut self) {
        self.0.catching_up.store(false, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct Seen {
    history: History,
    /// The newest records, for watchers. Ends at the head of `history` if it has any.
    tail: Tail,
    /// When the head was last observed to be no newer than what is folded, on the monotonic clock.
    observed: Duration,
    /// Up to which revision the database is known to have what is folded; the changelog may have carried more.
    confirmed: u64,
    set_aside: Option<SetAside>,
}

/// Why a store was set aside, and what is left of it.
#[derive(Debug)]
struct SetAside {
    error: DatastoreError,
    /// When, on the monotonic clock.
    since: Duration,
    /// Whether what was folded last is known to be right, and policy wants it to be read.
    serves: bool,
}

/// How what is folded came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loaded {
    /// Entries were folded since it was last loaded, or it never was but at the beginning.
    Before,
    /// It was loaded anew, and no entry folded since.
    Anew,
    /// As before, and the database's head was seen to be where it is: if another head is found now, the history was replaced once more.
    AnewAndSeen,
}

/// Why what is folded is to be loaded anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The log is of another history than what is folded.
    Head,
    /// An entry does not fold.
    Fold,
    /// Memory is not what was folded, or cannot be read.
    Memory,
    /// What was carried begins behind what is folded: nothing is wrong with that, and a newer snapshot leads on.
    Gap,
}

/// How far a fold is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// The newest revision folded.
    pub(super) revision: u64,
    /// How often the history was replaced by another one.
    pub(super) replaced: u64,
    /// Whether the store is gone.
    pub(super) gone: bool,
}

/// What a reader takes away.
#[derive(Debug)]
pub(super) struct Taken {
    /// A state.
    pub(super) state: State,
    /// The time of the last entry folded.
    pub(super) newest: Timestamp,
    /// When the head was last observed.
    pub(super) observed: Duration,
    /// The number of the history that the state is of: how many were folded before it.
    pub(super) history: u64,
    /// When the store was set aside, if it was and is read all the same.
    pub(super) set_aside: Option<Duration>,
}

impl Fold {
    /// Loads a store: from the newest snapshot file and the log behind it, or from its table, twice if what is read contradicts itself.
    ///
    /// # Errors
    /// When the database fails, or contradicts itself both times.
    pub(super) async fn load(
        store: StoreId,
        datastore: Arc<dyn Datastore>,
        clock: SteadyClock,
        Terms { window, policy }: Terms,
        snapshots: Option<&Arc<Snapshots>>,
    ) -> Result<Self, DatastoreError> {
        let observed = clock.monotonic().saturating_sub(age(&*datastore));
        let booted = match (datastore.carried(), snapshots) {
            (Some(carried), _) => Some(boot::carried(carried, store, window).await?),
            (None, Some(snapshots)) => boot::history(snapshots, &*datastore, store, window).await,
            (None, None) => None,
        };
        let history = match booted {
            Some(history) => history,
            None => load::history_or_again(&*datastore, store, window).await?,
        };
        let revision = history.head().revision();
        Ok(Self {
            store,
            datastore,
            clock,
            offset_us: AtomicI64::new(0),
            seen: RwLock::new(Seen { history, tail: Tail::default(), observed, confirmed: revision, set_aside: None }),
            turn: Mutex::new(Loaded::Before),
            progress: signal::Sender::new(Progress { revision, replaced: 0, gone: false }),
            waiting: PlainMutex::default(),
            catching_up: AtomicBool::new(false),
            policy,
            is_wrong: AtomicBool::new(false),
            was_wrong: AtomicBool::new(false),
        })
    }

    pub(super) const fn store(&self) -> StoreId {
        self.store
    }

    pub(super) fn datastore(&self) -> &dyn Datastore {
        &*self.datastore
    }

    pub(super) fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    pub(super) fn subscribe(&self) -> signal::Receiver<Progress> {
        self.progress.subscribe()
    }

    pub(super) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Where the fold is; `None` once the store was set aside.
    pub(super) fn place(&self) -> Option<(KnownHead, Progress)> {
        let seen = self.seen().ok()?;
        let position = seen.history.head().position();
        Some((KnownHead { store: self.store, revision: position.revision, chain: position.chain }, self.progress()))
    }

    /// Where the fold is, once more and by itself.
    pub(super) fn seen_place(&self) -> Option<KnownHead> {
        self.place().map(|(place, _)| place)
    }

    /// Takes note that the head was seen at the revision where the fold was `before`, by a look that began at `began`.
    pub(super) fn was_up_to_date(&self, began: Duration, revision: u64, before: Progress) {
        let mut seen = self.seen_mut();
        if self.progress().replaced == before.replaced {
            seen.observed = seen.observed.max(began);
            seen.confirmed = seen.confirmed.max(revision);
            drop(seen);
            self.was_seen();
        }
    }

    /// Takes note that the head was seen to be where the fold is. Whoever has the turn meanwhile does something that ends this anyway.
    fn was_seen(&self) {
        if let Ok(mut turn) = self.turn.try_lock()
            && *turn == Loaded::Anew
        {
            *turn = Loaded::AnewAndSeen;
        }
    }

    /// When the head was last observed to be no newer than what is folded.
    pub(super) fn observed(&self) -> Duration {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).observed
    }

    /// Takes the turn to catch up beside everything else; `None`: somebody has it.
    pub(super) fn begin_catching_up(self: &Arc<Self>) -> Option<CatchingUp> {
        (!self.catching_up.swap(true, Ordering::SeqCst)).then(|| CatchingUp(Arc::clone(self)))
    }

    /// Whether nothing is known here that the database does not know, and nobody watches.
    pub(super) fn may_be_forgotten(&self) -> bool {
        // The one who tends it watches, too.
        self.progress.receiver_count() <= 1 && self.offset_us.load(Ordering::SeqCst) == 0 && self.seen().is_ok()
    }

    /// The store's time.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now().plus_microseconds(self.offset_us.load(Ordering::SeqCst))
    }

    /// Moves the store's clock forward; gives its time.
    pub(super) fn advance_clock(&self, by: Duration) -> Timestamp {
        let by = microseconds(by);
        // The result is not needed: the closure always gives a value.
        let _ = self.offset_us.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |offset| Some(offset.saturating_add(by)));
        self.now()
    }

    /// Tells watchers that the store is gone.
    pub(super) fn close(&self) {
        self.progress.send_modify(|progress| progress.gone = true);
    }

    /// The newest state.
    ///
    /// # Errors
    /// When the store was set aside.
    pub(super) fn newest(&self) -> Result<Taken, DatastoreError> {
        let seen = self.readable()?;
        Ok(self.taken(&seen, seen.history.head().clone()))
    }

    /// The newest state that the database is known to have: what the changelog carried since may be of a history that was lost.
    ///
    /// # Errors
    /// When the store was set aside.
    pub(super) fn newest_confirmed(&self) -> Result<Taken, DatastoreError> {
        let seen = self.seen()?;
        let head = seen.history.head();
        // The window ends at the newest revision; one that has left it is that old that nothing was confirmed for long.
        let state = if seen.confirmed < head.revision() { seen.history.at(seen.confirmed).ok() } else { None };
        Ok(self.taken(&seen, state.unwrap_or_else(|| head.clone())))
    }

    /// The state at a revision of the hot window.
    ///
    /// # Errors
    /// When the store was set aside; within, when the revision is outside the window.
    pub(super) fn at(&self, revision: u64) -> Result<Result<Taken, HistoryError>, DatastoreError> {
        let seen = self.readable()?;
        Ok(seen.history.at(revision).map(|state| self.taken(&seen, state)))
    }

    fn taken(&self, seen: &Seen, state: State) -> Taken {
        let newest = seen.history.head().position().time;
        let set_aside = seen.set_aside.as_ref().map(|set_aside| set_aside.since);
        Taken { state, newest, observed: seen.observed, history: self.progress().replaced, set_aside }
    }

    /// The chain at a revision, where memory has it.
    pub(super) fn chain_at(&self, revision: u64) -> Option<Chain> {
        if revision == 0 {
            return Some(Chain::genesis(self.store));
        }
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        if let Ok(state) = seen.history.at(revision) {
            return Some(state.position().chain);
        }
        seen.tail.get(revision).map(|record| record.chain)
    }

    /// The records behind a revision, where memory has them: at most a page.
    pub(super) fn tail_after(&self, revision: u64) -> Option<Vec<LogRecord>> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        seen.tail.after(revision, LOG_PAGE)
    }

    /// Brings the fold to a head of the database whose reading began at `began`, when the fold was at `before`. Where that takes work,
    /// it goes on when the caller gives up: a store that takes longer to load than anybody waits must be mended all the same.
    ///
    /// # Errors
    /// When the log cannot be read, or does not fold.
    pub(super) async fn observe(self: &Arc<Self>, head: Head, began: Duration, before: Progress) -> Result<(), DatastoreError> {
        let folded = !self.is_behind(&head, before) && self.chain_at(head.revision) == Some(head.chain);
        if folded {
            self.was_seen();
        } else {
            let (fold, head) = (Arc::clone(self), head.clone());
            let catching_up = tokio::spawn(async move { fold.catch_up(&head, before).await });
            // The task is never aborted; that it panicked is a mistake that the log has told of.
            catching_up.await.unwrap_or(Err(DatastoreError::Closed))?;
        }
        drop(self.seen()?);
        let is_there = self.chain_at(head.revision) == Some(head.chain);
        let mut seen = self.seen_mut();
        seen.observed = seen.observed.max(began);
        if is_there {
            seen.confirmed = seen.confirmed.max(head.revision);
        }
        Ok(())
    }

    async fn catch_up(&self, head: &Head, before: Progress) -> Result<(), DatastoreError> {
        let mut turn = self.turn.lock().await;
        drop(self.seen()?);
        let read_since;
        let (head, before) = if self.progress().replaced == before.replaced && !self.contradicts(head, before) {
            (head, before)
        } else {
            // It may have been read long ago, of a history that was replaced in the meantime, perhaps before the fold came to where they
            // part: nothing is judged by it.
            let before = self.progress();
            read_since = self.datastore.known_head(self.store).await?;
            (&read_since, before)
        };
        if self.contradicts(head, before) {
            let problem = format!("the head of the log is at revision {} of a history that is not the one folded", head.revision);
            return self.heal(&mut turn, Cause::Head, &problem).await;
        }
        self.fold_up_to(&mut turn, head.revision).await
    }

    /// Whether a head is of another history than what is folded, as far as it tells.
    fn contradicts(&self, head: &Head, before: Progress) -> bool {
        self.is_behind(head, before) || self.chain_at(head.revision).is_some_and(|chain| chain != head.chain)
    }

    /// Whether a head is behind what was folded before it was read: that is the head of another history.
    fn is_behind(&self, head: &Head, before: Progress) -> bool {
        self.progress().replaced == before.replaced && head.revision < before.revision
    }

    /// Folds the log up to a revision that it is known to have; or loads the store anew where it does not fold. What is loaded then is
    /// as new as what was asked for, even if it is the head of a shorter history.
    async fn fold_up_to(&self, turn: &mut Loaded, revision: u64) -> Result<(), DatastoreError> {
        while self.progress().revision < revision {
            let after = self.progress().revision;
            let records = self.datastore.log(self.store, after, LOG_PAGE).await?;
            if records.is_empty() {
                let problem = format!("the log has no entry behind revision {after}, its head is at {revision}");
                let cause = if self.datastore.carried().is_some() { Cause::Gap } else { Cause::Head };
                return self.heal(turn, cause, &problem).await;
            }
            for record in &records {
                if let Err(error) = self.fold(record).await {
                    return self.heal(turn, self.cause(record), &told(&error)).await;
                }
                *turn = Loaded::Before;
                self.is_confirmed(record.entry.revision);
            }
        }
        Ok(())
    }

    /// Takes note that the database has what is folded up to a revision.
    fn is_confirmed(&self, revision: u64) {
        let mut seen = self.seen_mut();
        seen.confirmed = seen.confirmed.max(revision);
    }

    /// Folds the next entry.
    pub(super) async fn fold(&self, record: &LogRecord) -> Result<(), FoldError> {
        let head = self.seen.read().unwrap_or_else(PoisonError::into_inner).history.head().clone();
        let next = match &record.entry.body {
            Body::Changes(_) => head.apply(&record.entry)?,
            Body::Schema(_) => {
                // A schema is compiled on a thread for such work: checks must not wait for it.
                let (state, entry) = (head.clone(), Arc::clone(&record.entry));
                let applied = tokio::task::spawn_blocking(move || state.apply(&entry)).await;
                applied.unwrap_or_else(|_| head.apply(&record.entry))?
            }
        };
        let revision = next.revision();
        if next.position().chain != record.chain {
            return Err(FoldError::Chain { revision });
        }
        let changes = match &record.entry.body {
            Body::Changes(changes) => changes.len(),
            Body::Schema(_) => 1,
        };
        let mut seen = self.seen_mut();
        let expected = head.revision() + 1;
        seen.history.push(next, changes).map_err(|_| FoldError::Revision { expected, found: revision })?;
        seen.tail.push(record.clone());
        self.progress.send_modify(|progress| progress.revision = revision);
        drop(seen);
        self.wake_waiting();
        Ok(())
    }

    /// What an entry that does not fold tells: one whose chain does not go on from here is of another history.
    fn cause(&self, record: &LogRecord) -> Cause {
        let chain = self.seen.read().unwrap_or_else(PoisonError::into_inner).history.head().position().chain;
        let goes_on = record.entry.encode().is_ok_and(|bytes| chain.after(&bytes) == record.chain);
        if goes_on { Cause::Fold } else { Cause::Head }
    }

    /// Loads the store anew because what the database has does not continue what is folded; once, until an entry folds again.
    async fn heal(&self, turn: &mut Loaded, cause: Cause, problem: &str) -> Result<(), DatastoreError> {
        if let Some(carried) = self.datastore.carried() {
            return self.boot_again(carried, cause, problem).await;
        }
        tracing::error!(store = %self.store, "the store's fold diverged from the database: {problem}");
        let again = match (*turn, cause) {
            (Loaded::Before, _) | (Loaded::AnewAndSeen, Cause::Head | Cause::Gap) => false,
            (Loaded::Anew, _) | (Loaded::AnewAndSeen, Cause::Fold | Cause::Memory) => true,
        };
        if again {
            return Err(self.set_aside(cause, format!("it was read anew, and diverged again: {problem}")));
        }
        let (tail, folded) = {
            let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
            (seen.tail.all(), seen.history.head().revision())
        };
        let observed = self.clock.monotonic();
        let history = match load::history(&*self.datastore, self.store, self.window()).await {
            Ok(history) => history,
            Err(DatastoreError::SetAside { problem, .. }) => return Err(self.set_aside(cause, problem)),
            Err(error) => return Err(error),
        };
        load::report_lost(&*self.datastore, self.store, &tail, folded, &history).await;
        *turn = Loaded::Anew;
        self.replace(history, observed);
        Ok(())
    }

    /// Loads the store anew where there is no database: what is folded stays until there is something to take its place.
    async fn boot_again(&self, carried: &Carried, cause: Cause, problem: &str) -> Result<(), DatastoreError> {
        let (tail, folded) = {
            let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
            (seen.tail.all(), seen.history.head().revision())
        };
        let observed = self.clock.monotonic().saturating_sub(carried.age());
        tracing::warn!(store = %self.store, "the store does not go on from what is folded, and is booted again: {problem}");
        let history = boot::carried(carried, self.store, self.window()).await?;
        match cause {
            Cause::Gap => {}
            Cause::Head | Cause::Fold | Cause::Memory => load::report_lost(carried, self.store, &tail, folded, &history).await,
        }
        self.replace(history, observed);
        Ok(())
    }

    /// Puts another history in place, which was the newest at `observed`.
    fn replace(&self, history: History, observed: Duration) {
        let revision = history.head().revision();
        let mut seen = self.seen_mut();
        *seen = Seen { history, tail: Tail::default(), observed, confirmed: revision, set_aside: None };
        // Not before, or somebody could take the old memory for mended.
        self.is_wrong.store(false, Ordering::SeqCst);
        self.progress.send_modify(|progress| {
            progress.revision = revision;
            progress.replaced += 1;
        });
        drop(seen);
        self.wake_waiting();
    }

    /// Refuses every request from now on, but for reads of what was folded last, where policy wants them and that is known to be right.
    fn set_aside(&self, cause: Cause, problem: String) -> DatastoreError {
        let error = DatastoreError::SetAside { store: self.store, problem };
        let is_right = match cause {
            // Of another history, perhaps, but what was folded of its own is whole.
            Cause::Head | Cause::Fold | Cause::Gap => true,
            Cause::Memory => false,
        };
        let mut seen = self.seen_mut();
        let serves = is_right && self.policy == OnDivergence::Serve && seen.history.head().intact().is_ok();
        tracing::error!(store = %self.store, code = error.code(), serves, "{error}");
        seen.set_aside = Some(SetAside { error: error.clone(), since: self.clock.monotonic(), serves });
        error
    }

    /// For writes: what is set aside takes none, however it is read.
    ///
    /// # Errors
    /// When the store was set aside.
    pub(super) fn expect_in_order(&self) -> Result<(), DatastoreError> {
        self.seen().map(drop)
    }

    /// For reads: as [`Fold::seen`], and also where a store that was set aside is read all the same.
    fn readable(&self) -> Result<RwLockReadGuard<'_, Seen>, DatastoreError> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        match &seen.set_aside {
            Some(SetAside { error, serves: false, .. }) => Err(error.clone()),
            Some(SetAside { serves: true, .. }) | None => Ok(seen),
        }
    }

    fn window(&self) -> Window {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).history.window()
    }

    fn seen(&self) -> Result<RwLockReadGuard<'_, Seen>, DatastoreError> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        match &seen.set_aside {
            Some(set_aside) => Err(set_aside.error.clone()),
            None => Ok(seen),
        }
    }

    fn seen_mut(&self) -> RwLockWriteGuard<'_, Seen> {
        self.seen.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How old what a datastore says is.
fn age(datastore: &dyn Datastore) -> Duration {
    datastore.carried().map_or(Duration::ZERO, Carried::age)
}

/// An error with its causes.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[async_trait]
impl Follower for Fold {
    fn read_clock(&self) -> Reading {
        let Reading { now, jumped_ahead_us } = self.clock.read();
        Reading { now: now.plus_microseconds(self.offset_us.load(Ordering::SeqCst)), jumped_ahead_us }
    }

    async fn follow(&self, revision: u64, record: Option<&LogRecord>) -> Result<(), DatastoreError> {
        let mut turn = self.turn.lock().await;
        drop(self.seen()?);
        if let Some(record) = record {
            let committed = record.entry.revision;
            if committed == self.progress().revision + 1 {
                match self.fold(record).await {
                    Ok(()) => *turn = Loaded::Before,
                    Err(error) => return self.heal(&mut turn, self.cause(record), &told(&error)).await,
                }
            } else if self.chain_at(committed).is_some_and(|chain| chain != record.chain) {
                // What is folded there is of a history that was lost, and this write is not in it.
                let problem = format!("revision {committed} was committed, and another one is folded");
                return self.heal(&mut turn, Cause::Head, &problem).await;
            }
            self.is_confirmed(committed.min(self.progress().revision));
        }
        self.fold_up_to(&mut turn, revision).await
    }
}
