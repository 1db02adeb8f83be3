//! Memory that cannot be read, found by whoever read it: the store is loaded anew, as when its log does not fold.

use std::sync::Arc;
use std::sync::atomic::Ordering;

#[cfg(test)]
use dhow_engine::history::History;
use dhow_engine::state::MemoryDamaged;
#[cfg(test)]
use dhow_engine::state::State;

use super::{Cause, Fold, told};
use crate::store::DatastoreError;

impl Fold {
    /// Loads the store anew if its memory was found to be damaged or wrong; who asks meanwhile waits. It goes on when the caller gives up. A
    /// store whose memory is damaged again before an entry was folded is set aside.
    ///
    /// # Errors
    /// When the database fails, or the store is set aside.
    pub(in crate::node) async fn mend(self: &Arc<Self>) -> Result<(), DatastoreError> {
        if self.wrong().is_none() {
            return Ok(());
        }
        let fold = Arc::clone(self);
        let mending = tokio::spawn(async move {
            let mut turn = fold.turn.lock().await;
            // Whoever had the turn before may have loaded it.
            match fold.wrong() {
                Some(wrong) => fold.heal(&mut turn, Cause::Memory, &wrong).await,
                None => Ok(()),
            }
        });
        // The task is never aborted; that it panicked is a mistake that the log has told of.
        mending.await.unwrap_or(Err(DatastoreError::Closed))
    }

    /// Takes note of what a pass over the memory of a history found. Wrong memory is loaded anew, once: if the next pass finds it wrong
    /// again, whatever was folded in between, the store is set aside.
    ///
    /// # Errors
    /// When the database fails: then whoever reads the store tries again, and nobody is answered before. Or the store is set aside.
    pub(in crate::node) async fn was_scrubbed(self: &Arc<Self>, history: u64, wrong: Option<String>) -> Result<(), DatastoreError> {
        let Some(wrong) = wrong else {
            if self.progress().replaced == history {
                self.was_wrong.store(false, Ordering::SeqCst);
            }
            return Ok(());
        };
        let fold = Arc::clone(self);
        let mending = tokio::spawn(async move {
            let mut turn = fold.turn.lock().await;
            if fold.progress().replaced != history {
                // What was looked at is gone already.
                return Ok(());
            }
            drop(fold.seen()?);
            // Memory that could not be loaded anew since the last pass is wrong for the same reason still.
            if !fold.is_wrong.swap(true, Ordering::SeqCst) && fold.was_wrong.swap(true, Ordering::SeqCst) {
                return Err(fold.set_aside(Cause::Memory, format!("its memory was read anew, and is wrong again: {wrong}")));
            }
            fold.heal(&mut turn, Cause::Memory, &wrong).await
        });
        // The task is never aborted; that it panicked is a mistake that the log has told of.
        mending.await.unwrap_or(Err(DatastoreError::Closed))
    }

    /// What is known to be wrong with memory. A store that was set aside says so itself.
    fn wrong(&self) -> Option<String> {
        let damaged = self.damaged().map(|damaged| told(&damaged));
        let is_wrong = || self.is_wrong.load(Ordering::SeqCst) && self.seen().is_ok();
        damaged.or_else(|| is_wrong().then(|| "a pass found its memory wrong, and it was not loaded anew since".to_owned()))
    }

    /// Puts a state in the place of the history.
    #[cfg(test)]
    pub(in crate::node) fn put(&self, state: State) {
        let mut seen = self.seen_mut();
        let window = seen.history.window();
        seen.history = History::new(state, window);
    }

    fn damaged(&self) -> Option<MemoryDamaged> {
        // A store that was set aside says so itself.
        self.seen().ok()?.history.head().intact().err()
    }
}
