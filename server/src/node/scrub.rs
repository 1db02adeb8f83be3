//! The scrubber: goes through what this node has in memory, and what the database has, to see whether it is what was written
//! (docs/decisions/0016).
//!
//! **Invariants.** A pass changes nothing by itself. Memory that is wrong is loaded anew once, by the fold's own rule; rows that are wrong
//! are told, never loaded, and put right only when a person asks. A pass in the background takes a share of one core, on
//! threads for heavy work, and its slices end while no request waits for them.
//!
//! Cost of a pass: O(tuples) of memory, and one reading of the table, which one server of all makes.

pub(crate) mod pass;
mod schedule;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use dashmap::DashMap;
use dhow_engine::entry::StoreId;
use dhow_engine::time::Timestamp;
use tokio::sync::Mutex;

use crate::limits::SCRUB_SHARE;
use crate::verify::Check;

/// What looking for divergence came to, by store.
#[derive(Debug, Default)]
pub(super) struct Records {
    last: DashMap<StoreId, LastScrub>,
    /// How far the chain of each log was looked at.
    logs: DashMap<StoreId, u64>,
    /// How many passes were begun: each samples other groups.
    passes: AtomicU64,
    /// Guards the turn of whoever asks for a pass: each takes a core and a connection that loads stores.
    asked: Mutex<()>,
}

/// The last pass over a store.
#[derive(Debug, Clone)]
pub(crate) struct LastScrub {
    /// When it ended.
    pub(crate) at: Timestamp,
    /// What is wrong: subject and find.
    pub(crate) found: Vec<String>,
}

/// How fast a pass goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// As fast as it can: somebody waits.
    Asked,
    /// So that requests do not notice.
    Background,
}

impl Pace {
    /// The pause after a slice that took so long.
    fn after(self, took: Duration) -> Duration {
        match self {
            Self::Asked => Duration::ZERO,
            Self::Background => took.saturating_mul(u32::try_from(SCRUB_SHARE.value.saturating_sub(1)).unwrap_or(u32::MAX)),
        }
    }
}

impl Records {
    /// What the last pass over a store found, if there was one.
    pub(super) fn last(&self, store: StoreId) -> Option<LastScrub> {
        self.last.get(&store).map(|last| last.clone())
    }

    /// The stores in which something is wrong.
    pub(super) fn wrong(&self) -> Vec<StoreId> {
        self.last.iter().filter(|last| !last.found.is_empty()).map(|last| *last.key()).collect()
    }

    fn note(&self, store: StoreId, at: Timestamp, checks: &[Check]) {
        let found = checks.iter().flat_map(|check| check.found.iter().map(|found| format!("{}: {found}", check.subject)));
        self.last.insert(store, LastScrub { at, found: found.collect() });
    }

    fn forget(&self, store: StoreId) {
        self.last.remove(&store);
        self.logs.remove(&store);
    }
}
