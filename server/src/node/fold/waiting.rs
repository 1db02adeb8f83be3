//! Readers that wait for a revision, in order of it: each entry that is folded wakes those it is for and no others.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use tokio::sync::oneshot;

use super::Fold;
use crate::limits::READS_WAITING;

/// Who waits, by revision and the order of arrival.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queue: BTreeMap<(u64, u64), oneshot::Sender<()>>,
    arrived: u64,
}

impl Waiting {
    /// Wakes all who wait for a revision up to this one. O(those woken).
    pub(super) fn wake(&mut self, revision: u64) {
        while let Some(first) = self.queue.first_entry()
            && first.key().0 <= revision
        {
            // Nobody waits any more: that is what it was to find out.
            let _ = first.remove().send(());
        }
    }
}

/// A place in the queue, given up when it is dropped.
#[derive(Debug)]
pub(in crate::node) struct Place {
    fold: Arc<Fold>,
    key: (u64, u64),
    woken: oneshot::Receiver<()>,
}

impl Place {
    /// Waits until the revision is folded.
    pub(in crate::node) async fn reached(&mut self) {
        if (&mut self.woken).await.is_err() {
            // The queue is never dropped before its places.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.fold.waiting.lock().unwrap_or_else(PoisonError::into_inner).queue.remove(&self.key);
    }
}

impl Fold {
    /// A place in the queue for a revision; `None`: too many wait already. O(log of those who wait).
    pub(in crate::node) fn queue_for(self: &Arc<Self>, revision: u64) -> Option<Place> {
        let (wake, woken) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.queue.len() >= READS_WAITING.count() {
            return None;
        }
        waiting.arrived += 1;
        let key = (revision, waiting.arrived);
        waiting.queue.insert(key, wake);
        // It may have been folded since the reader looked.
        waiting.wake(self.progress().revision);
        drop(waiting);
        Some(Place { fold: Arc::clone(self), key, woken })
    }

    /// Whether nobody waits for a revision.
    #[cfg(test)]
    pub(in crate::node) fn nobody_waits(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).queue.is_empty()
    }

    /// Wakes those whose revision is folded now.
    pub(super) fn wake_waiting(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).wake(self.progress().revision);
    }
}
