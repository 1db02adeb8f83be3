//! Keeps the memory of a fold in order: when enough has changed, its base is made anew, beside readers and writers.

use std::sync::{Arc, PoisonError, Weak};

use dhow_engine::state::{Part, Rebuild, State};

use super::Fold;

impl Fold {
    /// Tends a fold for as long as it is there.
    pub(in crate::node) fn tend(self: &Arc<Self>) {
        let fold = Arc::downgrade(self);
        let mut progress = self.subscribe();
        tokio::spawn(async move {
            // What was folded behind a snapshot may be much already.
            rebuild_if_due(&fold).await;
            while progress.changed().await.is_ok() && !progress.borrow_and_update().gone {
                rebuild_if_due(&fold).await;
            }
        });
    }

    /// The newest state, and the number of its history.
    pub(in crate::node) fn newest_state(&self) -> (State, u64) {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        (seen.history.head().clone(), self.progress().replaced)
    }

    /// Makes the next part of a rebuild; `None`: there is none, or the history is no longer the one it began with.
    pub(in crate::node) async fn make_part(&self, rebuild: &mut Rebuild, history: u64) -> Option<Part> {
        let (newest, replaced) = self.newest_state();
        if replaced != history {
            return None;
        }
        let mut work = std::mem::replace(rebuild, Rebuild::begin_now(&newest));
        let made = tokio::task::spawn_blocking(move || {
            let part = work.work(&newest);
            (work, part)
        });
        let (work, part) = made.await.ok()?;
        *rebuild = work;
        part
    }

    /// Puts a part of a rebuild in place, unless the history is no longer the one that it was made from; whether it did.
    pub(in crate::node) async fn install(&self, part: Part, history: u64) -> bool {
        // Nobody folds or heals meanwhile, and readers go on with what they have.
        let _turn = self.turn.lock().await;
        let (newest, replaced) = self.newest_state();
        if replaced != history {
            return false;
        }
        let oldest = self.seen.read().unwrap_or_else(PoisonError::into_inner).history.oldest();
        let old = newest.clone();
        let Ok(head) = tokio::task::spawn_blocking(move || part.install(&newest, oldest)).await else { return false };
        let installed = self.seen_mut().history.replace_head(head).is_ok();
        // What only the old head had is given back here, not under a lock, and not on a network thread.
        drop(tokio::task::spawn_blocking(move || drop(old)));
        installed
    }
}

async fn rebuild_if_due(fold: &Weak<Fold>) {
    let Some(first) = fold.upgrade() else { return };
    let (newest, history) = first.newest_state();
    let Some(mut rebuild) = Rebuild::begin(&newest) else { return };
    drop((first, newest));
    // Not longer than for a part: a store that is removed takes its memory along.
    while let Some(fold) = fold.upgrade() {
        let Some(part) = fold.make_part(&mut rebuild, history).await else { return };
        if !fold.install(part, history).await {
            return;
        }
    }
}
