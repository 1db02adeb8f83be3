//! The log of a store, read on from a position: what Watch is made of.

use std::sync::Arc;

use dhow_engine::entry::{Chain, Entry, StoreId};
use futures_util::{Stream, stream};
use tokio::sync::watch as signal;

use super::fold::{Fold, LOG_PAGE, Progress};
use super::freshness::Recognised;
use super::token::Token;
use super::{Node, ReadError};
use crate::store::{Datastore, LogRecord};

/// One entry that a watcher gets.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    /// The entry.
    pub(crate) entry: Arc<Entry>,
    /// The position after it.
    pub(crate) token: Token,
}

/// Where a watcher is.
struct Watcher {
    fold: Arc<Fold>,
    datastore: Arc<dyn Datastore>,
    progress: signal::Receiver<Progress>,
    /// The number of the history that is watched.
    history: u64,
    /// The revision of the last entry that was given, and the chain there.
    seen: u64,
    chain: Chain,
    /// Records that were read and not yet given.
    ready: std::vec::IntoIter<LogRecord>,
}

impl Node {
    /// The entries behind a position, and those to come, until the store is removed or its history replaced.
    ///
    /// # Errors
    /// When the position is of another history or does not exist yet, or the store cannot be read.
    pub(crate) async fn watch(
        &self,
        store: StoreId,
        after: Token,
    ) -> Result<impl Stream<Item = Result<Watched, ReadError>> + Send + use<>, ReadError> {
        let hosted = self.host(store).await?;
        let progress = hosted.fold().subscribe();
        let Recognised::Ours { history, chain } = self.recognise(&hosted, after).await? else { return Err(ReadError::Foreign) };
        let watcher = Watcher {
            fold: Arc::clone(hosted.fold()),
            datastore: Arc::clone(&self.datastore),
            progress,
            history,
            seen: after.revision,
            chain,
            ready: Vec::new().into_iter(),
        };
        Ok(stream::try_unfold(watcher, |mut watcher| async move {
            let watched = watcher.next().await?;
            Ok(Some((watched, watcher)))
        }))
    }
}

impl Watcher {
    async fn next(&mut self) -> Result<Watched, ReadError> {
        loop {
            let progress = *self.progress.borrow_and_update();
            if progress.gone {
                return Err(ReadError::NoStore { name: self.fold.store().to_string() });
            }
            if progress.replaced != self.history {
                return Err(ReadError::HistoryReplaced);
            }
            if let Some(LogRecord { entry, chain }) = self.ready.next() {
                (self.seen, self.chain) = (entry.revision, chain);
                let token = Token::new(self.fold.store(), entry.revision, &chain);
                return Ok(Watched { entry, token });
            }
            if progress.revision > self.seen {
                // What the fold has was checked there, and is of the history watched if the next look at the progress says so.
                let records = match self.fold.tail_after(self.seen) {
                    Some(records) => records,
                    None => self.read_on().await?,
                };
                self.ready = records.into_iter();
            } else if self.progress.changed().await.is_err() {
                return Err(ReadError::NoStore { name: self.fold.store().to_string() });
            }
        }
    }

    /// The next records as the database has them, if they continue what was given: the database may have been exchanged, and this
    /// node not have noticed yet.
    async fn read_on(&self) -> Result<Vec<LogRecord>, ReadError> {
        let records = self.datastore.log(self.fold.store(), self.seen, LOG_PAGE).await?;
        let mut chain = self.chain;
        for record in &records {
            let continues = record.entry.encode().is_ok_and(|bytes| chain.after(&bytes) == record.chain);
            if !continues {
                return Err(ReadError::HistoryReplaced);
            }
            chain = record.chain;
        }
        if records.is_empty() { Err(ReadError::HistoryReplaced) } else { Ok(records) }
    }
}
