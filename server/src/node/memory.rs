//! Which stores stay in memory: those that were not used lately are given up when all together take more than they may.
//!
//! **Invariant:** nobody notices but by the time that the next request takes. A store that somebody reads, writes, watches or pins
//! stays, and so does one that was set aside, or whose clock a test has moved: what is known of it would be forgotten.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use dhow_engine::entry::StoreId;
use tokio::sync::watch as signal;

use super::Node;
use super::hosted::Slot;

/// How often is looked whether there is too much. What was used since the last but one look stays, so that a store that is too large
/// by itself is not loaded for every request.
const ROUND: Duration = Duration::from_secs(1);

/// Keeps the limit for as long as the node is there and not closing.
pub(super) async fn keep(node: Weak<Node>, mut closing: signal::Receiver<bool>) {
    loop {
        tokio::select! {
            biased;
            // An error means that whoever could close it is gone.
            _ = closing.wait_for(|closing| *closing) => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        let Some(node) = node.upgrade() else { return };
        node.give_up_what_is_too_much();
    }
}

impl Node {
    /// Loads the pinned stores, beside everything else.
    pub(super) fn load_pinned(self: &Arc<Self>) {
        for name in self.memory.pinned.clone() {
            let node = Arc::clone(self);
            tokio::spawn(async move {
                let loaded = match node.resolve(&name).await {
                    Ok(info) => node.host(info.id).await.map(|_| ()).map_err(Into::into),
                    Err(error) => Err(error),
                };
                if let Err(error) = loaded {
                    tracing::warn!(store = name, "a pinned store was not loaded: {error}");
                }
            });
        }
    }

    /// Gives stores up, those first that were not used for longest, until the rest takes no more than it may. O(stores in memory).
    pub(super) fn give_up_what_is_too_much(&self) {
        let now = self.rounds.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(limit) = self.memory.limit_bytes else { return };
        let mut loaded: Vec<(u64, StoreId, u64)> = self
            .slots
            .iter()
            .filter_map(|slot| {
                Some((slot.used.load(Ordering::Relaxed), *slot.key(), bytes(slot.loaded()?.fold().newest_state().0.accounts().total())))
            })
            .collect();
        let mut total: u64 = loaded.iter().map(|(_, _, bytes)| bytes).sum();
        if total <= limit {
            return;
        }
        loaded.sort_unstable();
        let (before, mut given_up) = (total, 0);
        for (used, store, bytes) in loaded {
            if total <= limit || used + 1 >= now {
                break;
            }
            if !self.is_pinned(store) && self.give_up(store) {
                given_up += 1;
                total -= bytes;
            }
        }
        tracing::info!(limit, before, after = total, given_up, "stores took more memory than they may");
    }

    fn is_pinned(&self, store: StoreId) -> bool {
        let named = |name: &String| name.parse().is_ok_and(|id: StoreId| id == store);
        let info = self.directory.find(&crate::store::StoreKey::Id(store));
        self.memory.pinned.iter().any(named) || info.is_some_and(|info| self.memory.pinned.contains(&info.name))
    }

    /// Gives a store up if nobody has it; whether nobody had.
    fn give_up(&self, store: StoreId) -> bool {
        let Some(mut slot) = self.slots.get_mut(&store) else { return false };
        // Under the lock of the slot's place, so that nobody takes it meanwhile.
        if Arc::strong_count(&slot) > 1 || !slot.is_idle() {
            return false;
        }
        let next = Arc::new(Slot::after(&slot));
        let old = std::mem::replace(slot.value_mut(), next);
        drop(slot);
        // Much memory is given back, for which no request should wait.
        drop(tokio::task::spawn_blocking(move || drop(old)));
        true
    }
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
