//! One pass over one store.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use dhow_engine::entry::StoreId;
use dhow_engine::state::{Sample, Scrub, ScrubError};

use super::Pace;
use crate::limits::{SCRUB_LOG_ENTRIES, SCRUB_SLICE, SCRUB_WALKS};
use crate::node::fold::{Fold, told};
use crate::node::{Node, ReadError};
use crate::store::{DatastoreError, StoreInfo};
use crate::verify::{self, Check, DATABASE_CODE, LogPart, MEMORY_CODE, RepairError, Repaired, Subject};

/// What somebody who asked for a pass is told.
#[derive(Debug)]
pub(crate) struct Verified {
    /// The revision that this node has applied.
    pub(crate) revision: u64,
    /// What was compared.
    pub(crate) checks: Vec<Check>,
    /// The rows that were put right, if that was asked for and anything was wrong.
    pub(crate) repaired: Option<Repaired>,
}

impl Node {
    /// Goes through a store now, as fast as that can be: memory, and all that the database has, the whole log included. With `repair`,
    /// rows that are wrong are put right and the pass is made again.
    ///
    /// # Errors
    /// When the store cannot be loaded, the database cannot be asked, or rows cannot be put right; the last by itself.
    pub(crate) async fn verify_store(self: &Arc<Self>, info: &StoreInfo, repair: bool) -> Result<Result<Verified, RepairError>, ReadError> {
        let _turn = self.scrubs.asked.lock().await;
        self.assert_contact()?;
        // A store whose rows cannot be loaded is looked at all the same.
        let (fold, refused) = match self.host(info.id).await {
            Ok(hosted) => (Some(Arc::clone(hosted.fold())), None),
            Err(error @ DatastoreError::SetAside { .. }) => (None, Some(error)),
            Err(error) => return Err(error.into()),
        };
        let mut checks = self.whole_pass(info.id, fold.as_ref()).await?;
        let mut repaired = None;
        if repair && checks.iter().any(|check| check.subject.is_of_database() && !check.is_clean()) {
            repaired = match verify::repair(&*self.datastore, info.id, &self.snapshots).await {
                Ok(repaired) => Some(repaired),
                Err(error) => return Ok(Err(error)),
            };
            checks = self.whole_pass(info.id, fold.as_ref()).await?;
        }
        if let Some(error) = refused {
            checks.insert(0, Check::left_out(Subject::Memory, error.to_string()));
        }
        let revision = fold.map_or(0, |fold| fold.progress().revision);
        Ok(Ok(Verified { revision, checks, repaired }))
    }

    async fn whole_pass(&self, store: StoreId, fold: Option<&Arc<Fold>>) -> Result<Vec<Check>, DatastoreError> {
        let mut checks = match fold {
            Some(fold) => self.scrub_memory(fold, Pace::Asked).await,
            None => Vec::new(),
        };
        match self.datastore.carried() {
            None => checks.extend(self.scrub_rows(store, fold, LogPart::Whole).await?),
            Some(_) => checks.push(Check::left_out(Subject::Table, "this evaluator has no database")),
        }
        self.scrubs.note(store, self.clock.now(), &checks);
        Ok(checks)
    }

    /// Goes through a store in the background; what is found is told in the log and by the status.
    pub(in crate::node) async fn scrub(&self, store: StoreId, fold: Option<&Arc<Fold>>, rows: bool) {
        let mut checks = match fold {
            Some(fold) => self.scrub_memory(fold, Pace::Background).await,
            None => Vec::new(),
        };
        if rows {
            let after = self.scrubs.logs.get(&store).map_or(0, |after| *after);
            match self.scrub_rows(store, fold, LogPart::Behind { after, most: SCRUB_LOG_ENTRIES.value }).await {
                Ok(found) => checks.extend(found),
                Err(DatastoreError::NoStore { .. }) => return self.scrubs.forget(store),
                Err(error) => tracing::warn!(%store, code = error.code(), "rows were not compared: {}", told(&error)),
            }
        }
        self.scrubs.note(store, self.clock.now(), &checks);
    }

    /// A pass over memory alone, as fast as that can be.
    #[cfg(test)]
    pub(in crate::node) async fn scrub_memory_now(&self, fold: &Arc<Fold>) -> Vec<Check> {
        self.scrub_memory(fold, Pace::Asked).await
    }

    /// Goes through what a fold has in memory, and has the fold mended where that is wrong. O(tuples).
    pub(super) async fn scrub_memory(&self, fold: &Arc<Fold>, pace: Pace) -> Vec<Check> {
        let (state, history) = fold.newest_state();
        let (high, low) = self.id.as_u64_pair();
        let seed = high ^ low ^ self.scrubs.passes.fetch_add(1, Ordering::Relaxed);
        let mut scrub = Scrub::begin(&state, Sample { seed, walks: SCRUB_WALKS.count() });
        drop(state);
        loop {
            let began = self.clock.monotonic();
            let working = tokio::task::spawn_blocking(move || {
                let more = scrub.work(SCRUB_SLICE.count());
                (scrub, more)
            });
            let Ok((worked, more)) = working.await else {
                return vec![Check::left_out(Subject::Memory, "the pass ended by a panic, of which the log tells")];
            };
            scrub = worked;
            if !more {
                break;
            }
            let progress = fold.progress();
            if progress.replaced != history || progress.gone || *self.closing.borrow() {
                return vec![Check::left_out(Subject::Memory, "the store was loaded anew or given up meanwhile")];
            }
            match pace.after(self.clock.monotonic().saturating_sub(began)) {
                pause if pause.is_zero() => tokio::task::yield_now().await,
                pause => tokio::time::sleep(pause).await,
            }
        }
        let checks = checks(&scrub);
        // It may be the last one to have memory that was made anew meanwhile.
        drop(tokio::task::spawn_blocking(move || drop(scrub)));
        let wrong: Vec<_> = checks.iter().flat_map(|check| &check.found).map(String::as_str).collect();
        let wrong = (!wrong.is_empty()).then(|| wrong.join("; "));
        if let Some(wrong) = &wrong {
            tracing::error!(store = %fold.store(), code = MEMORY_CODE, "the store's memory is not what its log says: {wrong}");
        }
        if let Err(error) = fold.was_scrubbed(history, wrong).await {
            tracing::error!(store = %fold.store(), code = error.code(), "the store was not mended: {}", told(&error));
        }
        checks
    }

    /// Compares what the database has of a store with itself, and with memory. Nothing is loaded by it, whatever it finds.
    async fn scrub_rows(&self, store: StoreId, fold: Option<&Arc<Fold>>, part: LogPart) -> Result<Vec<Check>, DatastoreError> {
        let (datastore, runtime) = (Arc::clone(&self.datastore), tokio::runtime::Handle::current());
        // Hashing so much is no work for a network thread.
        let read = tokio::task::spawn_blocking(move || runtime.block_on(verify::table(&*datastore, store)));
        let mut checks = match read.await.unwrap_or(Err(DatastoreError::Closed)) {
            Ok(table) => {
                let mut checks = table.checks();
                let at = fold.and_then(|fold| fold.at(table.revision()).ok()?.ok());
                let of_rows = checks.iter_mut().find(|check| check.subject == Subject::Table);
                if let (Some(at), Some(check)) = (at, of_rows) {
                    check.found.extend(table.against(&at.state));
                }
                checks
            }
            Err(error) if verify::is_find(&error) => vec![Check::unreadable(Subject::Table, &error)],
            Err(error) => return Err(error),
        };
        let (log, after) = verify::log(&*self.datastore, store, part).await?;
        self.scrubs.logs.insert(store, after);
        checks.push(log);
        for check in &checks {
            for found in &check.found {
                tracing::error!(%store, code = DATABASE_CODE, "what the database has is not what was written: {}: {found}", check.subject);
            }
        }
        Ok(checks)
    }
}

/// What a pass over memory came to.
fn checks(scrub: &Scrub) -> Vec<Check> {
    let scrubbed = scrub.scrubbed();
    let mut memory = Check::of(Subject::Memory, scrubbed.tuples);
    let mut groups = Check::of(Subject::Groups, scrubbed.groups);
    let mut inherited = Check::of(Subject::Inherited, scrubbed.lines);
    for wrong in &scrubbed.wrong {
        let check = match wrong {
            ScrubError::Digest { .. }
            | ScrubError::Counts { .. }
            | ScrubError::Name { .. }
            | ScrubError::Edge { .. }
            | ScrubError::Damaged(_) => &mut memory,
            ScrubError::Group { .. } => &mut groups,
            ScrubError::Inherited { .. } => &mut inherited,
        };
        check.found.push(format!("{wrong} ({})", wrong.code()));
    }
    if scrubbed.passed_over > 0 {
        groups.note = format!("{} groups and lines are not used since their tuples have changed", scrubbed.passed_over);
    }
    vec![memory, groups, inherited]
}
