//! Passes in the background, one store after the other, so that all are done once in an interval.

use std::sync::Arc;
use std::time::Duration;

use dhow_engine::entry::StoreId;
use tokio::sync::watch as signal;

use crate::node::Node;

/// The lease of the one server that compares rows. It lasts for longer than a round, so that it stays with who has it.
const LEASE: &str = "scrub";

impl Node {
    /// Goes through all stores once in an interval, if the server was told to, until it closes.
    pub(crate) fn scrub_on_schedule(self: &Arc<Self>) {
        let Some(every) = self.divergence.scrub_every else { return };
        let node = Arc::downgrade(self);
        let mut closing = self.closing.subscribe();
        // Servers that were started together do not go through their memory together.
        let first = every.mul_f64(f64::from(self.id.as_bytes().first().copied().unwrap_or_default()) / 256.0);
        tokio::spawn(async move {
            let mut pause = first;
            loop {
                if pauses(pause, &mut closing).await {
                    return;
                }
                let Some(strong) = node.upgrade() else { return };
                let (stores, rows) = strong.to_scrub(every).await;
                drop(strong);
                let share = every / u32::try_from(stores.len()).unwrap_or(u32::MAX).max(1);
                pause = if stores.is_empty() { share } else { Duration::ZERO };
                for store in stores {
                    let Some(node) = node.upgrade() else { return };
                    let began = node.clock.monotonic();
                    node.scrub_in_background(store, rows).await;
                    let left = share.saturating_sub(node.clock.monotonic().saturating_sub(began));
                    drop(node);
                    if pauses(left, &mut closing).await {
                        return;
                    }
                }
            }
        });
    }

    /// The stores of a round, and whether their rows are compared here: those in memory, and all where they are.
    async fn to_scrub(&self, every: Duration) -> (Vec<StoreId>, bool) {
        let rows = match self.datastore.take_turn(LEASE, *self.id.as_bytes(), every.saturating_mul(3) / 2).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::debug!("who compares rows is not known: {error}");
                false
            }
        };
        if rows && let Err(error) = self.refresh_stores().await {
            tracing::debug!("stores that others made may be left out: {error}");
        }
        let wanted = |store| rows || self.slots.get(&store).is_some_and(|slot| slot.loaded().is_some());
        (self.stores(usize::MAX, |info| wanted(info.id)).into_iter().map(|info| info.id).collect(), rows)
    }

    async fn scrub_in_background(&self, store: StoreId, rows: bool) {
        // Not as one who asks for the store: it may be given up when nobody else does.
        let hosted = self.slots.get(&store).and_then(|slot| slot.loaded());
        let fold = hosted.as_ref().map(|hosted| Arc::clone(hosted.fold()));
        drop(hosted);
        self.scrub(store, fold.as_ref(), rows).await;
    }
}

/// Waits; whether the node closes meanwhile.
async fn pauses(pause: Duration, closing: &mut signal::Receiver<bool>) -> bool {
    tokio::select! {
        biased;
        // An error means that the node is gone, which is a way of closing it.
        _ = closing.wait_for(|closing| *closing) => true,
        () = tokio::time::sleep(pause) => false,
    }
}
