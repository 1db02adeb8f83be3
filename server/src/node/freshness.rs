//! At which revision a read is answered (docs/decisions/0006).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dhow_engine::entry::{Chain, StoreId};
use dhow_engine::history::HistoryError;

use super::fold::Taken;
use super::hosted::Hosted;
use super::token::{ChainPrefix, Token};
use super::{Bounds, Consistency, Node, ReadError, ReadPoint, Vintage};
use crate::config::ForeignTokens;
use crate::limits::{DEADLINE_MAX, FOLLOW_PATIENCE, READS_WAITING};
use crate::store::DatastoreError;

/// What a token that is not of the store's history gets said.
const FOREIGN_NOTE: &str = "the token is of another history (the store was restored or made anew since), so the answer is fully consistent";

/// Time that is kept for the way back.
const WAY_BACK: Duration = Duration::from_millis(100);

/// Whose position a token names.
pub(super) enum Recognised {
    /// One of the history with this number, which the fold has reached.
    Ours { history: u64, chain: Chain },
    /// One of another history.
    Foreign,
}

/// What is left of a request's time when its answer needs some to arrive: the client is to hear why there is none.
pub(super) fn less_the_way_back(allowed: Duration) -> Duration {
    allowed - (allowed / 10).min(WAY_BACK)
}

impl Node {
    /// The point of a store's history that a read is answered at, within a time.
    ///
    /// # Errors
    /// When there is none: the token is refused, the store or the database cannot be read, or not in time.
    pub(crate) async fn read_at(
        &self,
        store: StoreId,
        consistency: &Consistency,
        allowed: Option<Duration>,
    ) -> Result<ReadPoint, ReadError> {
        let allowed = allowed.map(less_the_way_back);
        let loaded = AtomicBool::new(false);
        let read = self.read(store, consistency, allowed, &loaded);
        let read = match allowed {
            None => read.await,
            Some(waited) => tokio::time::timeout(waited, read).await.unwrap_or_else(|_| {
                Err(match (loaded.load(Ordering::SeqCst), self.datastore.carried()) {
                    (true, Some(_)) => DatastoreError::NoDatabase.into(),
                    (true, None) => ReadError::Unanswered { waited },
                    (false, _) => ReadError::Loading { waited },
                })
            }),
        };
        if let Err(ReadError::Datastore(error)) = &read {
            self.forget_gone(store, error);
        }
        read
    }

    async fn read(
        &self,
        store: StoreId,
        consistency: &Consistency,
        allowed: Option<Duration>,
        loaded: &AtomicBool,
    ) -> Result<ReadPoint, ReadError> {
        let hosted = self.host(store).await?;
        loaded.store(true, Ordering::SeqCst);
        hosted.fold().mend().await?;
        if *consistency != Consistency::FullyConsistent {
            self.keep_in_touch(&hosted, allowed).await?;
        }
        match consistency {
            Consistency::MinimizeLatency => Ok(self.point(&hosted, hosted.fold().newest()?, None)),
            Consistency::FullyConsistent => self.read_fully(&hosted).await,
            Consistency::AtLeastAsFresh(token) => self.read_at_least(&hosted, *token).await,
            Consistency::AtExactSnapshot(token) => self.read_exactly(&hosted, *token).await,
        }
    }

    /// What this node has applied, however old that is: for the one whose write was just answered.
    ///
    /// # Errors
    /// When the store cannot be loaded.
    pub(crate) async fn applied(&self, store: StoreId) -> Result<ReadPoint, ReadError> {
        let hosted = self.host(store).await?;
        Ok(self.point(&hosted, hosted.fold().newest()?, None))
    }

    /// Asks the database where the fold is older than it should be; whoever asks for little time gets an old answer rather than none.
    ///
    /// # Errors
    /// When the fold is older than it may be, or the database says that the store is gone or damaged.
    async fn keep_in_touch(&self, hosted: &Hosted, allowed: Option<Duration>) -> Result<(), ReadError> {
        let Bounds { max_staleness, stale_serve_max, .. } = self.bounds;
        if let Some(since) = hosted.fold().newest()?.set_aside {
            // It is read as policy wants it: nothing brings it nearer to the head.
            let age = hosted.fold().monotonic().saturating_sub(since);
            return if age > stale_serve_max { Err(ReadError::TooStale { age, max: stale_serve_max }) } else { Ok(()) };
        }
        if self.datastore.is_sole_writer() || self.age(hosted.fold().observed(), hosted) <= max_staleness {
            return Ok(());
        }
        // One that is known to be silent is asked again and again by the follower; nobody else waits for that.
        if self.assert_contact().is_ok() {
            let patience = allowed.map_or(Duration::MAX, |allowed| allowed / 2).min(FOLLOW_PATIENCE.duration());
            match tokio::time::timeout(patience, hosted.observe(&self.datastore)).await {
                Ok(Err(error @ (DatastoreError::NoStore { .. } | DatastoreError::SetAside { .. }))) => return Err(error.into()),
                Ok(Err(error)) => tracing::debug!("the database was asked for the head in vain: {error}"),
                Ok(Ok(())) | Err(_) => {}
            }
        }
        let age = self.age(hosted.fold().observed(), hosted);
        if age > stale_serve_max { Err(ReadError::TooStale { age, max: stale_serve_max }) } else { Ok(()) }
    }

    /// How long ago the head was observed. Where nobody else can write, what was committed here is the head at any moment.
    fn age(&self, observed: Duration, hosted: &Hosted) -> Duration {
        if self.datastore.is_sole_writer() { Duration::ZERO } else { hosted.fold().monotonic().saturating_sub(observed) }
    }

    /// Brings the fold to a head read from here on.
    ///
    /// # Errors
    /// When the database does not answer, at once where that is known.
    async fn ask(&self, hosted: &Hosted) -> Result<(), ReadError> {
        self.assert_contact()?;
        Ok(hosted.observe(&self.datastore).await?)
    }

    /// As [`Node::ask`]; without a database nobody can be asked, and the changelog is given time.
    async fn ask_or_wait(&self, hosted: &Hosted) -> Result<(), ReadError> {
        if self.datastore.carried().is_some() {
            tokio::time::sleep(DEADLINE_MAX.duration()).await;
        }
        self.ask(hosted).await
    }

    async fn read_fully(&self, hosted: &Hosted) -> Result<ReadPoint, ReadError> {
        self.ask(hosted).await?;
        Ok(self.point(hosted, hosted.fold().newest_confirmed()?, None))
    }

    async fn read_at_least(&self, hosted: &Hosted, token: Token) -> Result<ReadPoint, ReadError> {
        while let Recognised::Ours { history, .. } = self.recognise(hosted, token).await? {
            let taken = hosted.fold().newest()?;
            if taken.history == history {
                return Ok(self.point(hosted, taken, None));
            }
            // The history was replaced in between; the token may be of the new one, too.
        }
        match self.foreign_tokens {
            ForeignTokens::Refuse => Err(ReadError::Foreign),
            ForeignTokens::Answer => {
                let (store, revision) = (hosted.fold().store(), token.revision);
                tracing::warn!(%store, revision, "a token of another history was answered fully consistent");
                // The head was read to find that out, after the request arrived.
                Ok(self.point(hosted, hosted.fold().newest_confirmed()?, Some(FOREIGN_NOTE.to_owned())))
            }
        }
    }

    async fn read_exactly(&self, hosted: &Hosted, token: Token) -> Result<ReadPoint, ReadError> {
        let fold = hosted.fold();
        while let Recognised::Ours { history, .. } = self.recognise(hosted, token).await? {
            let mut taken = fold.at(token.revision)?;
            if let Err(HistoryError::TooOld { .. }) = taken {
                fold.extend_back_to(token.revision).await?;
                taken = fold.at(token.revision)?;
            }
            match taken {
                Ok(taken) if taken.history == history => return Ok(self.point(hosted, taken, None)),
                Err(HistoryError::TooOld { revision, oldest }) => return Err(ReadError::TooOld { revision, oldest }),
                // The history was replaced since the token was recognised, perhaps by a shorter one.
                Ok(_) | Err(HistoryError::BeyondHead { .. }) => {}
            }
        }
        Err(ReadError::Foreign)
    }

    /// Whether a token is of this store's history; brings the fold to its revision if it is newer. One that is not is told so after a
    /// read of the head that began after this call.
    ///
    /// # Errors
    /// When its revision does not exist yet, which one shared read of the head tells; or the database cannot be asked.
    pub(super) async fn recognise(&self, hosted: &Hosted, token: Token) -> Result<Recognised, ReadError> {
        let fold = hosted.fold();
        if token.store != fold.store() {
            self.ask(hosted).await?;
            return Ok(Recognised::Foreign);
        }
        loop {
            if token.revision > fold.progress().revision {
                self.reach(hosted, token.revision).await?;
            }
            let history = fold.progress().replaced;
            let known = self.known_chain(hosted, history, token.revision);
            let chain = match known {
                Some(chain) => Some(chain),
                None => self.logged_chain(fold.store(), token.revision).await?,
            };
            let ours = chain.filter(|chain| ChainPrefix::of(chain) == token.chain);
            if known.is_none() || ours.is_none() {
                // The database may have been put back in time, and this node not have noticed yet: then its log tells nothing of what is
                // folded, and a token that looks foreign may be of the new history. A head that is read from here on tells; the number
                // of the history changes with it.
                self.ask(hosted).await?;
            }
            if fold.progress().replaced == history {
                let Some(chain) = ours else { return Ok(Recognised::Foreign) };
                if known.is_none() {
                    self.chains.insert((fold.store(), history, token.revision), chain);
                }
                return Ok(Recognised::Ours { history, chain });
            }
        }
    }

    /// Waits for a revision that is newer than what is folded.
    ///
    /// # Errors
    /// When there is none, the database cannot be asked, or too many others wait.
    async fn reach(&self, hosted: &Hosted, revision: u64) -> Result<(), ReadError> {
        let fold = hosted.fold();
        let mut place = fold.queue_for(revision).ok_or(ReadError::TooManyWaiting { waiting: READS_WAITING.count() })?;
        // Whatever comes first: the revision, carried by the follower or another read, or the head, which tells whether it exists.
        tokio::select! {
            biased;
            () = place.reached() => {}
            asked = self.ask_or_wait(hosted) => asked?,
        }
        let head = fold.progress().revision;
        if revision > head { Err(ReadError::TooNew { revision, head }) } else { Ok(()) }
    }

    /// The chain at a revision of a history that the fold has reached, where memory has it.
    fn known_chain(&self, hosted: &Hosted, history: u64, revision: u64) -> Option<Chain> {
        let fold = hosted.fold();
        // A history that takes the place of another one makes what is remembered of that one worthless.
        fold.chain_at(revision).or_else(|| self.chains.get(&(fold.store(), history, revision)))
    }

    /// The chain at a revision of whatever history the database has; `None` when its log does not have it, or no longer.
    async fn logged_chain(&self, store: StoreId, revision: u64) -> Result<Option<Chain>, DatastoreError> {
        let records = self.datastore.log(store, revision.saturating_sub(1), 1).await?;
        Ok(records.first().filter(|record| record.entry.revision == revision).map(|record| record.chain))
    }

    fn point(&self, hosted: &Hosted, taken: Taken, note: Option<String>) -> ReadPoint {
        let Taken { state, newest, observed, set_aside, .. } = taken;
        let position = *state.position();
        let fold = hosted.fold();
        let observed = (!self.datastore.is_sole_writer()).then_some(observed);
        // One that was set aside knows nothing newer since, whoever writes.
        let since = match (observed, set_aside) {
            (Some(observed), Some(set_aside)) => Some(observed.min(set_aside)),
            (one, other) => one.or(other),
        };
        let vintage = Vintage { since, set_aside: set_aside.is_some(), bounds: self.bounds, clock: self.clock.clone() };
        ReadPoint {
            token: Token::new(fold.store(), position.revision, &position.chain),
            state,
            vintage,
            time: fold.now().max(newest),
            note,
        }
    }
}
