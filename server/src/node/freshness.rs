//! At which revision a read is answered (docs/decisions/0006).

use std::time::Duration;

use dhow_engine::entry::StoreId;
use dhow_engine::history::HistoryError;

use super::fold::Taken;
use super::hosted::Hosted;
use super::token::{ChainPrefix, Token};
use super::{Consistency, Node, ReadError, ReadPoint};
use crate::config::ForeignTokens;
use crate::store::DatastoreError;

/// What a token that is not of the store's history gets said.
const FOREIGN_NOTE: &str = "the token is of another history (the store was restored or made anew since), so the answer is fully consistent";

/// Whose position a token names.
enum Recognised {
    /// One of this history, which the fold has reached.
    Ours,
    /// One of another history.
    Foreign,
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
        match allowed {
            None => self.read(store, consistency).await,
            Some(allowed) => {
                let read = tokio::time::timeout(allowed, self.read(store, consistency));
                read.await.unwrap_or(Err(ReadError::Deadline { allowed }))
            }
        }
    }

    pub(super) async fn read(&self, store: StoreId, consistency: &Consistency) -> Result<ReadPoint, ReadError> {
        let hosted = self.host(store).await?;
        match consistency {
            Consistency::MinimizeLatency => {}
            Consistency::FullyConsistent => {
                hosted.observe(&self.datastore).await?;
            }
            Consistency::AtLeastAsFresh(token) => match (self.recognise(&hosted, *token).await?, self.foreign_tokens) {
                (Recognised::Ours, _) => {}
                (Recognised::Foreign, ForeignTokens::Refuse) => return Err(ReadError::Foreign),
                (Recognised::Foreign, ForeignTokens::Answer) => {
                    tracing::warn!(%store, revision = token.revision, "a token of another history was answered fully consistent");
                    hosted.observe(&self.datastore).await?;
                    return Ok(self.point(&hosted, hosted.fold().newest()?, Some(FOREIGN_NOTE.to_owned())));
                }
            },
            Consistency::AtExactSnapshot(token) => return self.read_exactly(&hosted, *token).await,
        }
        Ok(self.point(&hosted, hosted.fold().newest()?, None))
    }

    async fn read_exactly(&self, hosted: &Hosted, token: Token) -> Result<ReadPoint, ReadError> {
        let Recognised::Ours = self.recognise(hosted, token).await? else { return Err(ReadError::Foreign) };
        let fold = hosted.fold();
        let mut taken = fold.at(token.revision)?;
        if let Err(HistoryError::TooOld { .. }) = taken {
            fold.extend_back_to(token.revision).await?;
            taken = fold.at(token.revision)?;
        }
        match taken {
            Ok(taken) => Ok(self.point(hosted, taken, None)),
            Err(HistoryError::TooOld { revision, oldest }) => Err(ReadError::TooOld { revision, oldest }),
            // The history was replaced by a shorter one since the token was recognised.
            Err(HistoryError::BeyondHead { revision, head }) => Err(ReadError::TooNew { revision, head }),
        }
    }

    /// Whether a token is of this store's history; brings the fold to its revision if it is newer.
    ///
    /// # Errors
    /// When its revision does not exist yet, which one shared read of the head tells; or the database cannot be asked.
    async fn recognise(&self, hosted: &Hosted, token: Token) -> Result<Recognised, ReadError> {
        let fold = hosted.fold();
        if token.store != fold.store() {
            return Ok(Recognised::Foreign);
        }
        if token.revision > fold.progress().revision {
            let head = hosted.observe(&self.datastore).await?.revision;
            if token.revision > head {
                return Err(ReadError::TooNew { revision: token.revision, head });
            }
        }
        let ours = self.chain_prefix(hosted, token.revision).await? == Some(token.chain);
        Ok(if ours { Recognised::Ours } else { Recognised::Foreign })
    }

    /// The first bytes of the chain at a revision of the store's history; `None` when the log no longer has it.
    async fn chain_prefix(&self, hosted: &Hosted, revision: u64) -> Result<Option<ChainPrefix>, DatastoreError> {
        let fold = hosted.fold();
        if let Some(chain) = fold.chain_at(revision) {
            return Ok(Some(ChainPrefix::of(&chain)));
        }
        // A history that takes the place of another one makes what is remembered of that one worthless.
        let key = (fold.store(), fold.progress().replaced, revision);
        if let Some(known) = self.chains.get(&key) {
            return Ok(Some(known));
        }
        let records = self.datastore.log(fold.store(), revision.saturating_sub(1), 1).await?;
        let record = records.first().filter(|record| record.entry.revision == revision);
        let prefix = record.map(|record| ChainPrefix::of(&record.chain));
        if let Some(prefix) = prefix {
            self.chains.insert(key, prefix);
        }
        Ok(prefix)
    }

    fn point(&self, hosted: &Hosted, taken: Taken, note: Option<String>) -> ReadPoint {
        let Taken { state, newest, observed } = taken;
        let position = *state.position();
        let fold = hosted.fold();
        // Where nobody else can write, what was committed here is the head at any moment.
        let age = if self.datastore.is_sole_writer() { Duration::ZERO } else { fold.monotonic().saturating_sub(observed) };
        ReadPoint {
            token: Token::new(fold.store(), position.revision, &position.chain),
            state,
            age,
            degraded: false,
            time: fold.now().max(newest),
            note,
        }
    }
}
