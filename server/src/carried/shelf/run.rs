//! Consecutive entries of one history, of which the oldest may be let go.

use std::collections::VecDeque;

use dhow_engine::digest::Digest;
use dhow_engine::entry::{Body, Chain, Change, Entry};
use dhow_engine::time::Timestamp;

use crate::changelog::message::Incoming;
use crate::store::{Head, LogRecord};

/// What an entry takes beside the bytes of its changes, about.
const ENTRY_OVERHEAD: usize = 512;

/// Most bytes of entries that are given at once, about.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Whether an entry goes with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It continued it, and was added.
    Next,
    /// It is there already, or was.
    Known,
    /// It does not: something is between, or it is of another history.
    Not,
}

/// See the module.
#[derive(Debug)]
pub(in crate::carried) struct Run {
    records: VecDeque<Kept>,
    /// The chain before the first record, where it is known.
    before: Option<Chain>,
    /// The last entry's place, which stays when the entry goes.
    end: Head,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    record: LogRecord,
    bytes: usize,
    arrived: u64,
}

impl Run {
    /// Begins with an entry.
    pub(super) fn begin(incoming: &Incoming, arrived: u64) -> Self {
        let kept = Kept::new(incoming, arrived);
        let (bytes, end) = (kept.bytes, place(&incoming.record));
        Self { records: VecDeque::from([kept]), before: incoming.previous, end, bytes }
    }

    /// Adds an entry, if it goes behind the last one, or before the first.
    pub(super) fn add(&mut self, incoming: &Incoming, arrived: u64) -> Fit {
        let LogRecord { chain, entry } = &incoming.record;
        if self.end.revision.checked_add(1) == Some(entry.revision) {
            let continues = match incoming.previous {
                Some(previous) => previous == self.end.chain,
                None => entry.encode().is_ok_and(|bytes| self.end.chain.after(&bytes) == *chain),
            };
            if !continues {
                return Fit::Not;
            }
            let kept = Kept::new(incoming, arrived);
            self.bytes = self.bytes.saturating_add(kept.bytes);
            self.end = place(&incoming.record);
            self.records.push_back(kept);
            return Fit::Next;
        }
        if entry.revision > self.end.revision {
            return Fit::Not;
        }
        match self.chain_at(entry.revision) {
            Some(known) if known != *chain => Fit::Not,
            Some(_) if entry.revision + 1 == self.first() => {
                let kept = Kept::new(incoming, arrived);
                self.bytes = self.bytes.saturating_add(kept.bytes);
                self.before = incoming.previous;
                self.records.push_front(kept);
                Fit::Known
            }
            Some(_) | None => Fit::Known,
        }
    }

    /// Where it ends; how many tuples there are, and which schema, it does not know.
    pub(in crate::carried) const fn end(&self) -> &Head {
        &self.end
    }

    /// The revision of the first entry that is kept; the one behind the end where none is.
    pub(in crate::carried) fn first(&self) -> u64 {
        self.records.front().map_or(self.end.revision.saturating_add(1), |kept| kept.record.entry.revision)
    }

    /// The chain at a revision, where it is known: at the entries that are kept, and right before them.
    pub(in crate::carried) fn chain_at(&self, revision: u64) -> Option<Chain> {
        if revision == self.end.revision {
            return Some(self.end.chain);
        }
        if revision.checked_add(1) == Some(self.first()) {
            return self.before;
        }
        self.record(revision).map(|record| record.chain)
    }

    pub(super) fn record(&self, revision: u64) -> Option<&LogRecord> {
        let place = usize::try_from(revision.checked_sub(self.first())?).ok()?;
        self.records.get(place).map(|kept| &kept.record)
    }

    pub(super) fn after(&self, revision: u64, limit: usize) -> Vec<LogRecord> {
        let next = revision.checked_add(1).and_then(|next| next.checked_sub(self.first()));
        let Some(place) = next.and_then(|place| usize::try_from(place).ok()) else { return Vec::new() };
        let mut bytes = 0_usize;
        let fits = |kept: &&Kept| {
            let first = bytes == 0;
            bytes = bytes.saturating_add(kept.bytes);
            first || bytes <= PAGE_BYTES
        };
        self.records.range(place.min(self.records.len())..).take(limit).take_while(fits).map(|kept| kept.record.clone()).collect()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the first entry arrived.
    pub(super) fn front(&self) -> Option<u64> {
        self.records.front().map(|kept| kept.arrived)
    }

    /// Lets the first entry go; gives its bytes.
    pub(super) fn drop_front(&mut self) -> usize {
        let Some(kept) = self.records.pop_front() else { return 0 };
        self.before = Some(kept.record.chain);
        self.bytes = self.bytes.saturating_sub(kept.bytes);
        kept.bytes
    }
}

impl Kept {
    fn new(incoming: &Incoming, arrived: u64) -> Self {
        Self { record: incoming.record.clone(), bytes: size(&incoming.record.entry), arrived }
    }
}

/// The place of an entry.
fn place(record: &LogRecord) -> Head {
    let entry = &record.entry;
    Head { revision: entry.revision, chain: record.chain, digest: entry.digest, time: entry.time, ..nowhere() }
}

/// A place that is none.
pub(super) fn nowhere() -> Head {
    Head { revision: 0, chain: Chain([0; 32]), digest: Digest::default(), time: Timestamp::MIN, schema_version: 0, tuples: 0 }
}

/// About as many bytes as the entry takes.
fn size(entry: &Entry) -> usize {
    let body: usize = match &entry.body {
        Body::Changes(changes) => changes.iter().map(Change::encoded_len).sum(),
        Body::Schema(schema) => schema.canonical_bytes().len(),
    };
    body.saturating_mul(2).saturating_add(ENTRY_OVERHEAD)
}
