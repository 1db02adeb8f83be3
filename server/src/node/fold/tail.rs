//! The newest records of a log, for whoever reads it on.

use std::collections::VecDeque;

use dhow_engine::entry::{Body, Change, Entry};

use crate::limits::{TAIL_BYTES, TAIL_ENTRIES};
use crate::store::LogRecord;

/// Consecutive records, bounded by number and bytes; the oldest go first.
#[derive(Debug, Default)]
pub(super) struct Tail {
    records: VecDeque<(LogRecord, usize)>,
    bytes: usize,
}

impl Tail {
    /// Takes the record that follows the last one. Amortized O(bytes of the record).
    pub(super) fn push(&mut self, record: LogRecord) {
        let bytes = size(&record.entry);
        self.records.push_back((record, bytes));
        self.bytes = self.bytes.saturating_add(bytes);
        while self.records.len() > TAIL_ENTRIES.count() || self.bytes > TAIL_BYTES.count() {
            let Some((_, bytes)) = self.records.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }

    /// The record with a revision. O(1).
    pub(super) fn get(&self, revision: u64) -> Option<&LogRecord> {
        let first = self.records.front()?.0.entry.revision;
        let place = usize::try_from(revision.checked_sub(first)?).ok()?;
        self.records.get(place).map(|(record, _)| record)
    }

    /// The records behind a revision, at most `limit`; `None` where the next one is not among them.
    pub(super) fn after(&self, revision: u64, limit: usize) -> Option<Vec<LogRecord>> {
        let first = self.records.front()?.0.entry.revision;
        let place = usize::try_from(revision.checked_add(1)?.checked_sub(first)?).ok()?;
        Some(self.records.iter().skip(place).take(limit).map(|(record, _)| record.clone()).collect())
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<LogRecord> {
        self.records.iter().map(|(record, _)| record.clone()).collect()
    }
}

/// About as many bytes as the entry has.
fn size(entry: &Entry) -> usize {
    match &entry.body {
        Body::Changes(changes) => changes.iter().map(Change::encoded_len).sum(),
        Body::Schema(schema) => schema.canonical_bytes().len(),
    }
}
