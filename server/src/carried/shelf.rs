//! The newest entries of each store as the topic carried them: consecutive, each continuing the one before, bounded by bytes.
//!
//! A repetition is skipped; an entry that does not continue what is there begins anew, and what was before it is let go: whoever is
//! behind it meets a gap, whoever has another chain a fork. A history that the relay publishes *anew* is kept beside the old one until
//! it differs from it, or a mark says that this is all of it: it may be the same one once more.

mod run;

use std::collections::{BTreeMap, BTreeSet};

use dhow_engine::entry::{Chain, StoreId};

use crate::changelog::message::Incoming;
use crate::store::{DatastoreError, Head, KnownHead, LogRecord, StoreInfo};
use run::{Fit, Run};

/// See the module. All is O(log of the stores kept), save where it says so.
#[derive(Debug)]
pub(super) struct Shelf {
    lines: BTreeMap<StoreId, Line>,
    /// Removed stores.
    gone: BTreeSet<StoreId>,
    /// Stores of which a message could not be read, and none since.
    doubtful: BTreeSet<StoreId>,
    /// The first entry of each run, by when it arrived: what goes first.
    fronts: BTreeMap<u64, (StoreId, Which)>,
    arrived: u64,
    bytes: usize,
    limit: usize,
}

/// What is kept of one store.
#[derive(Debug)]
struct Line {
    name: String,
    partition: i32,
    kept: Run,
    /// What is being published anew, if it is not known to be another history yet.
    again: Option<Run>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Kept,
    Again,
}

impl Shelf {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            lines: BTreeMap::new(),
            gone: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            fronts: BTreeMap::new(),
            arrived: 0,
            bytes: 0,
            limit,
        }
    }

    /// Takes in an entry.
    pub(super) fn entry(&mut self, partition: i32, incoming: &Incoming) {
        let store = incoming.record.entry.store;
        self.arrived += 1;
        self.gone.remove(&store);
        self.doubtful.remove(&store);
        let Some(mut line) = self.take(store) else {
            let kept = Run::begin(incoming, self.arrived);
            self.put(store, Line { name: incoming.store_name.clone(), partition, kept, again: None });
            return self.trim();
        };
        line.partition = partition;
        let again = match &mut line.again {
            Some(again) => again.add(incoming, self.arrived) == Fit::Next,
            None => false,
        };
        if incoming.anew {
            line.again = Some(Run::begin(incoming, self.arrived));
        } else if !again {
            match line.kept.add(incoming, self.arrived) {
                Fit::Next | Fit::Known => {}
                // A gap, or another history.
                Fit::Not => {
                    line.kept = Run::begin(incoming, self.arrived);
                    line.again = None;
                }
            }
        }
        line.compare();
        self.put(store, line);
        self.trim();
    }

    /// A mark has come: what was published anew until here is all there is. O(stores).
    pub(super) fn settle(&mut self, partition: i32) {
        let is_due = |line: &Line| line.partition == partition && line.again.is_some();
        let stores: Vec<_> = self.lines.iter().filter(|(_, line)| is_due(line)).map(|(store, _)| *store).collect();
        for store in stores {
            let Some(mut line) = self.take(store) else { continue };
            if let Some(again) = line.again.take() {
                line.kept = again;
            }
            self.put(store, line);
        }
    }

    /// A store was removed.
    pub(super) fn remove(&mut self, store: StoreId) {
        drop(self.take(store));
        self.doubtful.remove(&store);
        self.gone.insert(store);
    }

    /// A message of a store could not be read: it may have been an entry.
    pub(super) fn doubt(&mut self, store: StoreId) {
        self.doubtful.insert(store);
    }

    pub(super) fn is_gone(&self, store: StoreId) -> bool {
        self.gone.contains(&store)
    }

    /// Whether it is not known where the store's log ends.
    pub(super) fn is_doubtful(&self, store: StoreId) -> bool {
        self.doubtful.contains(&store)
    }

    /// The stores that entries were carried of. O(stores).
    pub(super) fn stores(&self) -> impl Iterator<Item = StoreInfo> {
        self.lines.iter().map(|(id, line)| StoreInfo { id: *id, name: line.name.clone(), created_at: line.kept.end().time })
    }

    /// Where a store's log ends.
    ///
    /// # Errors
    /// When the store was removed, or nothing was carried of it.
    pub(super) fn head(&self, store: StoreId) -> Result<Head, DatastoreError> {
        match self.lines.get(&store) {
            Some(line) => Ok(line.kept.end().clone()),
            None if self.gone.contains(&store) => Err(DatastoreError::NoStore { store }),
            None => Err(DatastoreError::NoDatabase),
        }
    }

    /// Where a store's log ends, if that is not where it is known to be; `Some(None)`: it was removed.
    pub(super) fn moved(&self, known: &KnownHead) -> Option<Option<Head>> {
        if self.gone.contains(&known.store) {
            return Some(None);
        }
        let end = self.lines.get(&known.store).map(|line| line.kept.end());
        if self.doubtful.contains(&known.store) {
            // Somewhere behind what is known, nobody can tell where.
            let revision = end.map_or(0, |end| end.revision).max(known.revision).saturating_add(1);
            return Some(Some(Head { revision, chain: Chain([0; 32]), ..end.cloned().unwrap_or_else(run::nowhere) }));
        }
        end.filter(|end| (end.revision, end.chain) != (known.revision, known.chain)).map(|end| Some(end.clone()))
    }

    /// At most so many entries behind a revision, and not more than some megabytes; none where the next one is not kept.
    pub(super) fn after(&self, store: StoreId, after: u64, limit: usize) -> Vec<LogRecord> {
        self.lines.get(&store).map(|line| line.kept.after(after, limit)).unwrap_or_default()
    }

    /// The entry with a revision, if it is kept.
    pub(super) fn record(&self, store: StoreId, revision: u64) -> Option<&LogRecord> {
        self.lines.get(&store)?.kept.record(revision)
    }

    /// What is kept of a store.
    pub(super) fn run(&self, store: StoreId) -> Option<&Run> {
        self.lines.get(&store).map(|line| &line.kept)
    }

    /// Takes a line out, to be put back.
    fn take(&mut self, store: StoreId) -> Option<Line> {
        let line = self.lines.remove(&store)?;
        for run in [Some(&line.kept), line.again.as_ref()].into_iter().flatten() {
            self.bytes = self.bytes.saturating_sub(run.bytes());
            run.front().map(|arrived| self.fronts.remove(&arrived));
        }
        Some(line)
    }

    fn put(&mut self, store: StoreId, line: Line) {
        for (run, which) in [(Some(&line.kept), Which::Kept), (line.again.as_ref(), Which::Again)] {
            let Some(run) = run else { continue };
            self.bytes = self.bytes.saturating_add(run.bytes());
            run.front().map(|arrived| self.fronts.insert(arrived, (store, which)));
        }
        self.lines.insert(store, line);
    }

    /// Lets the oldest entries go until the rest fits.
    fn trim(&mut self) {
        while self.bytes > self.limit
            && let Some((_, (store, which))) = self.fronts.pop_first()
        {
            let Some(line) = self.lines.get_mut(&store) else { continue };
            let run = match which {
                Which::Kept => Some(&mut line.kept),
                Which::Again => line.again.as_mut(),
            };
            let Some(run) = run else { continue };
            self.bytes = self.bytes.saturating_sub(run.drop_front());
            run.front().map(|arrived| self.fronts.insert(arrived, (store, which)));
        }
    }
}

impl Line {
    /// Holds what is published anew against what is kept.
    fn compare(&mut self) {
        let Some(again) = &self.again else { return };
        let end = again.end();
        let same = self.kept.chain_at(end.revision).is_none_or(|chain| chain == end.chain);
        let is_all = end.revision >= self.kept.end().revision;
        if !same || is_all {
            let reaches_back = again.first() <= self.kept.first();
            // Where both come to the same, the longer one stays.
            if let Some(again) = self.again.take()
                && (!same || end_differs(&again, &self.kept) || reaches_back)
            {
                self.kept = again;
            }
        }
    }
}

fn end_differs(one: &Run, other: &Run) -> bool {
    (one.end().revision, one.end().chain) != (other.end().revision, other.end().chain)
}
