//! Snapshot files of the stores that this node has in memory: made when asked for, and on a schedule.

use std::sync::Arc;

use dhow_engine::snapshot::{Snapshot, SnapshotAbout};
use tokio::time::MissedTickBehavior;

use super::Node;
use crate::limits::CARRIED_MARGIN;
use crate::snapshots::{FileName, Place, Snapshots, SnapshotsError, Span, blocking, due, in_log};
use crate::store::{DatastoreError, StoreInfo};

/// What writes files.
const PROGRAM: &str = concat!("dhow ", env!("CARGO_PKG_VERSION"));

/// By whom the files of the schedule are made.
const SCHEDULE: &str = "schedule";

impl Node {
    /// The folder of snapshots.
    ///
    /// # Errors
    /// When the server has none.
    pub(crate) fn snapshots(&self) -> Result<&Arc<Snapshots>, SnapshotsError> {
        self.snapshots.as_ref().ok_or(SnapshotsError::NoFolder)
    }

    /// Writes a store at the revision that this node has applied. O(tuples log tuples), beside readers and writers; goes on when the caller
    /// gives up, once it has begun.
    ///
    /// # Errors
    /// When there is no folder, the store cannot be loaded, or the file not be written.
    pub(crate) async fn create_snapshot(&self, info: &StoreInfo, actor: &str) -> Result<(FileName, Snapshot), SnapshotsError> {
        let snapshots = self.snapshots()?;
        let hosted = self.host(info.id).await?;
        hosted.fold().mend().await?;
        if !self.datastore.is_sole_writer() {
            // Who boots from it without a database trusts that it has what was written long before it was made.
            let silent = self.clock.monotonic().saturating_sub(hosted.fold().observed());
            if silent > CARRIED_MARGIN.duration() / 2 {
                return Err(DatastoreError::Silent { silent }.into());
            }
        }
        let state = hosted.fold().newest()?.state;
        let about =
            SnapshotAbout { time: self.clock.now(), actor: actor.to_owned(), store_name: info.name.clone(), program: PROGRAM.to_owned() };
        let (file, snapshot) = snapshots.write(state, about).await?;
        tracing::info!(store = info.name, %file, by = actor, "a snapshot was made");
        Ok((file, snapshot))
    }

    /// Holds a place against the log; gives the revision of its head.
    ///
    /// # Errors
    /// When the log does not have that place.
    pub(crate) async fn verify_place(&self, place: &Place) -> Result<u64, SnapshotsError> {
        Ok(in_log(&*self.datastore, place).await?.revision)
    }

    /// Writes the stores that are in memory every now and then, if the server was told to, until it closes.
    pub(crate) fn snapshot_on_schedule(self: &Arc<Self>) {
        let Some((snapshots, every)) = self.snapshots.clone().and_then(|snapshots| snapshots.every().map(|every| (snapshots, every)))
        else {
            return;
        };
        let node = Arc::downgrade(self);
        let mut closing = self.closing.subscribe();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(every.0);
            // After a long write the next one is a whole interval away.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    // An error means that the node is gone, which is a way of closing it.
                    _ = closing.wait_for(|closing| *closing) => return,
                    _ = ticks.tick() => {}
                }
                let Some(node) = node.upgrade() else { return };
                node.snapshot_what_is_due(&snapshots, every).await;
            }
        });
    }

    async fn snapshot_what_is_due(&self, snapshots: &Arc<Snapshots>, every: Span) {
        let loaded: Vec<_> = self.stores(usize::MAX, |info| self.slots.get(&info.id).is_some_and(|slot| slot.loaded().is_some()));
        for info in loaded {
            if *self.closing.borrow() {
                return;
            }
            if let Err(error) = self.snapshot_if_due(snapshots, &info, every).await {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                tracing::warn!(store = info.name, code = error.code(), "no snapshot was made: {error}{cause}; {}", error.help());
            }
        }
    }

    async fn snapshot_if_due(&self, snapshots: &Arc<Snapshots>, info: &StoreInfo, every: Span) -> Result<(), SnapshotsError> {
        let (state, _) = self.host(info.id).await?.fold().newest_state();
        let (folder, store) = (Arc::clone(snapshots), info.id);
        let newest = blocking(move || folder.newest(store)).await?;
        if due(newest.as_ref(), state.position(), self.clock.now(), every) {
            self.create_snapshot(info, SCHEDULE).await?;
        }
        Ok(())
    }
}
