//! Reads at revisions before the one that this node booted at: entries are un-applied, as far as the hot window reaches.

use std::sync::PoisonError;

use dhow_engine::entry::{Body, Chain};
use dhow_engine::state::Position;
use dhow_engine::time::Timestamp;

use super::{Fold, LOG_PAGE};
use crate::store::{DatastoreError, LogRecord};

/// How many entries are un-applied at once.
const PAGE: u64 = 100;

impl Fold {
    /// Extends the hot window backwards until it has `revision`, or no more room. O(changes between).
    ///
    /// # Errors
    /// When the log cannot be read or does not un-fold.
    pub(in crate::node) async fn extend_back_to(&self, revision: u64) -> Result<(), DatastoreError> {
        loop {
            // Taken anew for each page, so that a write waits for one page at most.
            let _turn = self.turn.lock().await;
            let (oldest, room) = {
                let seen = self.seen()?;
                (seen.history.oldest(), seen.history.has_room_for(Timestamp::MAX))
            };
            if oldest <= revision || !room {
                return Ok(());
            }
            // One entry more than is un-applied: the state before it needs that entry's position.
            let before = oldest.saturating_sub(PAGE).max(revision).saturating_sub(1);
            let Some(records) = self.records(before, oldest).await? else { return Ok(()) };
            if !self.unfold(&records)? {
                return Ok(());
            }
        }
    }

    /// The records behind a revision up to another; `None` when the log has not all of them any more.
    async fn records(&self, after: u64, last: u64) -> Result<Option<Vec<LogRecord>>, DatastoreError> {
        let mut records: Vec<LogRecord> = Vec::new();
        loop {
            let behind = records.last().map_or(after, |record| record.entry.revision);
            if behind >= last {
                return Ok(Some(records));
            }
            let wanted = usize::try_from(last - behind).unwrap_or(LOG_PAGE);
            let part = self.datastore.log(self.store, behind, wanted).await?;
            if part.is_empty() {
                return Ok(None);
            }
            records.extend(part);
        }
    }

    /// Un-applies the records, newest first, as long as the window has room; whether it had room for all.
    fn unfold(&self, records: &[LogRecord]) -> Result<bool, DatastoreError> {
        for (place, record) in records.iter().enumerate().rev() {
            let entry = &record.entry;
            let before = match place.checked_sub(1).and_then(|place| records.get(place)) {
                Some(previous) => Position { revision: previous.entry.revision, time: previous.entry.time, chain: previous.chain },
                None if entry.revision == 1 => Position { revision: 0, time: Timestamp::MIN, chain: Chain::genesis(self.store) },
                None => return Ok(true),
            };
            let oldest = {
                let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
                if !seen.history.has_room_for(entry.time) {
                    return Ok(false);
                }
                let Ok(oldest) = seen.history.at(entry.revision) else { return Ok(false) };
                oldest
            };
            let problem = |error: &dyn std::error::Error| DatastoreError::SetAside { store: self.store, problem: super::told(error) };
            let previous = oldest.unapply(entry, &before).map_err(|error| problem(&error))?;
            let changes = match &entry.body {
                Body::Changes(changes) => changes.len(),
                Body::Schema(_) => 1,
            };
            if !self.seen_mut().history.push_older(previous, changes).map_err(|error| problem(&error))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
