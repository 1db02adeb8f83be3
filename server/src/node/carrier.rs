//! What the changelog carries, folded as it comes: entries arrive sooner than by a look at the heads, and for nodes without a database
//! they are all there is.
//!
//! **Invariant:** nothing is believed because Kafka carried it. An entry is folded if it continues the fold, by revision and chain;
//! whatever else comes (a gap, another chain) is a reason to look at the heads, which is what dates answers and finds forks
//! (docs/decisions/0014). Kafka silent or dead costs that time and nothing else: looks go on.

use std::sync::{Arc, Weak};
use std::time::Duration;

use dhow_engine::entry::{Body, Chain};
use tokio::sync::watch as signal;

use super::Node;
use super::fold::{Fold, Loaded, told};
use crate::carried::Carried;
use crate::changelog::follow::{Followed, Follower, Start};
use crate::changelog::message::Incoming;
use crate::changelog::{ChangelogError, Settings};
use crate::clock::Clock;
use crate::limits::{CARRIER_PAUSE_MAX, CARRIER_TROUBLE};
use crate::store::StoreInfo;

/// How long to wait before the topic is opened again: at first.
const PAUSE: Duration = Duration::from_millis(100);

/// Where entries come from.
#[derive(Debug)]
pub(crate) struct Source {
    /// How to reach the topic.
    pub(crate) settings: Settings,
    /// What keeps the entries, where there is no database that has them.
    pub(crate) carried: Option<Arc<Carried>>,
    /// For Kafka's own waits.
    pub(crate) clock: Arc<dyn Clock>,
}

/// Takes in what the topic carries for as long as the node is there and not closing.
pub(super) async fn carry(node: Weak<Node>, source: Source, mut closing: signal::Receiver<bool>) {
    let mut pause = PAUSE;
    loop {
        let ended = tokio::select! {
            biased;
            // An error means that whoever could close it is gone.
            _ = closing.wait_for(|closing| *closing) => return,
            ended = read(&node, &source, &mut pause) => ended,
        };
        match ended {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(code = error.code(), "the changelog is not followed, and is opened again: {}", told(&error));
            }
        }
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = pause.saturating_mul(2).min(CARRIER_PAUSE_MAX.duration());
    }
}

/// Reads on until the node is gone (`Ok`), or Kafka has been in trouble for too long.
async fn read(node: &Weak<Node>, source: &Source, pause: &mut Duration) -> Result<(), ChangelogError> {
    let start = match &source.carried {
        Some(carried) => Start::At(carried.start().await),
        None => Start::End,
    };
    let mut follower = Follower::open(&source.settings, start, &source.clock).await?;
    if let Some(carried) = &source.carried {
        carried.begin(follower.began());
    }
    let mut troubled: Option<Duration> = None;
    loop {
        let followed = follower.next().await;
        let Some(node) = node.upgrade() else { return Ok(()) };
        if let Followed::Trouble(error) = followed {
            let now = source.clock.monotonic();
            // The client goes on trying; one that does so in vain for long may never come back to a topic that was made anew.
            if now.saturating_sub(*troubled.get_or_insert(now)) >= CARRIER_TROUBLE.duration() {
                return Err(ChangelogError::request("read the topic")(error));
            }
            continue;
        }
        (troubled, *pause) = (None, PAUSE);
        node.take_in(source.carried.as_deref(), followed).await;
    }
}

impl Node {
    /// Begins to take in what the changelog carries, until the node closes.
    pub(crate) fn carry(self: &Arc<Self>, source: Source) {
        tokio::spawn(carry(Arc::downgrade(self), source, self.closing.subscribe()));
    }

    /// Takes in one message.
    pub(super) async fn take_in(&self, carried: Option<&Carried>, followed: Followed) {
        if let Some(carried) = carried {
            carried.take(&followed);
        }
        match followed {
            Followed::Entry { incoming, .. } => {
                let id = incoming.record.entry.store;
                // Before that the stores' entries come in no order, and an older one may have had the name.
                if carried.is_some_and(|carried| *carried.caught_up().borrow()) && self.known(id).is_none() {
                    let (name, created_at) = (incoming.store_name.clone(), incoming.record.entry.time);
                    self.directory.add(StoreInfo { id, name, created_at });
                }
                self.take_entry(&incoming).await;
            }
            Followed::Gone { store, .. } => {
                if carried.is_some() {
                    tracing::warn!(%store, "the store was removed");
                    self.forget(store);
                }
            }
            Followed::CaughtUp => {
                if let Err(error) = self.refresh_stores().await {
                    tracing::warn!(code = error.code(), "the stores are not known anew: {}", told(&error));
                }
            }
            Followed::Mark { .. } | Followed::Stale { .. } | Followed::Trouble(_) => {}
            Followed::Unreadable { at, store, error } => {
                tracing::warn!(
                    partition = at.partition,
                    offset = at.offset,
                    ?store,
                    code = error.code(),
                    "a message of the changelog is skipped: {}",
                    told(&error)
                );
                self.datastore.wakes().notify_one();
            }
        }
    }

    async fn take_entry(&self, incoming: &Incoming) {
        let loaded = self.slots.get(&incoming.record.entry.store).and_then(|slot| slot.loaded());
        if let Some(hosted) = loaded
            && !hosted.fold().carry(incoming).await
        {
            // The next look is made at once.
            self.datastore.wakes().notify_one();
        }
    }
}

impl Fold {
    /// Folds an entry that the changelog carried, if it is the next; whether nothing is left to be looked at.
    async fn carry(&self, incoming: &Incoming) -> bool {
        let record = &incoming.record;
        let next = self.progress().revision + 1;
        if record.entry.revision < next {
            // One that is folded already, or of which memory does not know; or of another history.
            return self.chain_at(record.entry.revision).is_none_or(|chain| chain == record.chain);
        }
        // A schema takes a while to compile, and others wait behind it here.
        if record.entry.revision > next || matches!(record.entry.body, Body::Schema(_)) {
            return false;
        }
        // Whoever has the turn may be at it for long; a look waits for that by itself.
        let Ok(mut turn) = self.turn.try_lock() else { return false };
        let continues = |chain: Chain| match incoming.previous {
            Some(previous) => previous == chain,
            None => record.entry.encode().is_ok_and(|bytes| chain.after(&bytes) == record.chain),
        };
        if self.seen_place().is_none_or(|place| place.revision + 1 != record.entry.revision || !continues(place.chain)) {
            return false;
        }
        match self.fold(record).await {
            Ok(()) => {
                *turn = Loaded::Before;
                true
            }
            // The look meets the same entry in the log, and judges it there.
            Err(error) => {
                tracing::warn!(store = %self.store(), "an entry that the changelog carried does not fold: {}", told(&error));
                false
            }
        }
    }
}
