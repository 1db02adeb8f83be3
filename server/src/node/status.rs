//! How this node is: what an operator sees of it.

use std::collections::BTreeMap;
use std::time::Duration;

use dhow_engine::entry::StoreId;
use uuid::Uuid;

use super::Node;
use super::scrub::LastScrub;
use crate::limits::{STATUS_HEADS, STATUS_STORES};
use crate::role::Role;
use crate::store::{Head, StoreInfo};

/// See the module.
#[derive(Debug)]
pub(crate) struct NodeStatus {
    /// Names this run of the server.
    pub(crate) id: Uuid,
    /// What it is there for.
    pub(crate) role: Role,
    /// How long it has run.
    pub(crate) uptime: Duration,
    /// How far this machine's clock is ahead of the database's, in microseconds, if that is further than the skew allows.
    pub(crate) clock_skew_us: Option<i64>,
    /// How many stores it knows of.
    pub(crate) stores_known: usize,
    /// Those that it has in memory, or that would be there had they not been set aside, in order of their names.
    pub(crate) stores: Vec<StoreStatus>,
}

/// How one store is.
#[derive(Debug)]
pub(crate) struct StoreStatus {
    /// Which.
    pub(crate) info: StoreInfo,
    /// The newest revision that is applied.
    pub(crate) applied: u64,
    /// Tuples there.
    pub(crate) tuples: u64,
    /// How far behind the head it is; `None`: not known.
    pub(crate) lag: Option<Lag>,
    /// How long ago nothing newer was known to exist; `None`: the store is not in memory.
    pub(crate) staleness: Option<Duration>,
    /// Whether that is longer than it should be.
    pub(crate) degraded: bool,
    /// Why it was set aside.
    pub(crate) set_aside: Option<String>,
    /// The last pass that looked for divergence; `None`: there was none yet.
    pub(crate) scrub: Option<LastScrub>,
}

/// The way from what is applied to the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lag {
    /// Where the log ends.
    pub(crate) head: u64,
    /// How many revisions are between.
    pub(crate) revisions: u64,
    /// The time between the last entry applied and the newest one.
    pub(crate) time: Duration,
}

impl StoreStatus {
    /// Of a store that is not in memory.
    fn away(info: StoreInfo, set_aside: Option<String>, scrub: Option<LastScrub>) -> Self {
        Self { info, applied: 0, tuples: 0, lag: None, staleness: None, degraded: false, set_aside, scrub }
    }
}

impl Node {
    /// How the node is, of the stores that `wanted` accepts. Asks the database for heads where others may write, and answers without what it
    /// does not say in time.
    pub(crate) async fn status(&self, wanted: impl Fn(&StoreInfo) -> bool) -> NodeStatus {
        let wrong = self.scrubs.wrong();
        let infos =
            self.stores(STATUS_STORES.count(), |info| wanted(info) && (self.slots.contains_key(&info.id) || wrong.contains(&info.id)));
        let heads = self.heads(&infos).await;
        NodeStatus {
            id: self.id,
            role: if self.datastore.assert_takes_writes().is_ok() { Role::All } else { Role::Evaluator },
            uptime: self.clock.monotonic().saturating_sub(self.started),
            clock_skew_us: self.clock.skew_us(),
            stores_known: self.stores(usize::MAX, &wanted).len(),
            stores: infos.into_iter().filter_map(|info| self.store_status(info, &heads)).collect(),
        }
    }

    async fn heads(&self, infos: &[StoreInfo]) -> BTreeMap<StoreId, Head> {
        let mut heads = BTreeMap::new();
        if self.datastore.is_sole_writer() {
            return heads;
        }
        let reading = async {
            for info in infos {
                // What cannot be read is not known; the other calls say why.
                if let Ok(head) = self.datastore.known_head(info.id).await {
                    heads.insert(info.id, head);
                }
            }
        };
        // Those that were read in time are there all the same.
        let _ = tokio::time::timeout(STATUS_HEADS.duration(), reading).await;
        heads
    }

    /// How a store is; `None`: it is being loaded.
    fn store_status(&self, info: StoreInfo, heads: &BTreeMap<StoreId, Head>) -> Option<StoreStatus> {
        let scrub = self.scrubs.last(info.id);
        let Some(slot) = self.slots.get(&info.id).map(|slot| std::sync::Arc::clone(slot.value())) else {
            // Not in memory, and its rows are wrong.
            return scrub.map(|scrub| StoreStatus::away(info, None, Some(scrub)));
        };
        let Some(hosted) = slot.loaded() else {
            let set_aside = Some(slot.set_aside()?.to_string());
            return Some(StoreStatus::away(info, set_aside, scrub));
        };
        let fold = hosted.fold();
        let (state, _) = fold.newest_state();
        let at = state.position();
        let taken = fold.newest();
        let observed = taken.as_ref().ok().map(|taken| fold.monotonic().saturating_sub(taken.observed));
        let sole = self.datastore.is_sole_writer();
        let lag = if sole {
            Some(Lag { head: at.revision, revisions: 0, time: Duration::ZERO })
        } else {
            heads.get(&info.id).map(|head| Lag {
                head: head.revision,
                revisions: head.revision.saturating_sub(at.revision),
                time: Duration::from_micros(
                    u64::try_from(head.time.microseconds().saturating_sub(at.time.microseconds())).unwrap_or_default(),
                ),
            })
        };
        Some(StoreStatus {
            info,
            applied: at.revision,
            tuples: state.len() as u64,
            lag,
            degraded: !sole && observed.is_some_and(|observed| observed > self.bounds.max_staleness),
            staleness: if sole { observed.map(|_| Duration::ZERO) } else { observed },
            set_aside: fold.expect_in_order().err().map(|error| error.to_string()),
            scrub,
        })
    }
}
