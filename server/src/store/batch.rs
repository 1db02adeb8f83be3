//! A batch of writes under way: what is there after the commands so far, and what of it the database does not have yet. Pure, and the
//! same for every database.
//!
//! A database reads head, recorded requests and images of all keys of the batch first, hands them over, lets each command be decided,
//! and then writes [`Unsaved`] in few statements. Only preconditions, which range over all tuples, need the changes of the commands
//! before them in the table.

use std::collections::BTreeMap;
use std::sync::Arc;

use dhow_engine::entry::{Body, Change, Entry, EntryError, StoreId};
use dhow_engine::state::Shape;
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleKey};

use super::command::{Committed, RequestOutcome, WriteCommand, WriteError, Written};
use super::decide::{Decision, SchemaInForce, decide};
use super::{Head, LogRecord, StoredTuple};
use crate::limits::REQUEST_ID_KEPT;

/// How long a request id stands for its first answer, in microseconds.
pub(super) const REQUEST_KEPT_US: i64 = REQUEST_ID_KEPT.value.cast_signed() * 1_000;

/// Whether an outcome recorded at `recorded` still counts at `now`.
pub(super) fn is_kept(recorded: Timestamp, now: Timestamp) -> bool {
    recorded > request_horizon(now)
}

/// Outcomes recorded at or before this time do not count at `now`.
pub(super) const fn request_horizon(now: Timestamp) -> Timestamp {
    now.plus_microseconds(-REQUEST_KEPT_US)
}

/// See the module.
#[derive(Debug)]
pub(super) struct Batch {
    store: StoreId,
    head: Head,
    time: Timestamp,
    images: BTreeMap<TupleKey, Tuple>,
    requests: BTreeMap<String, RequestOutcome>,
    unsaved: Unsaved,
}

/// What the database does not have yet.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    /// Tuples as they are now; `None`: gone.
    pub(super) tuples: BTreeMap<TupleKey, Option<StoredTuple>>,
    /// By how much the counts of shapes have changed.
    pub(super) shapes: BTreeMap<Shape, i64>,
    /// New log records with their encoded entries, in order.
    pub(super) log: Vec<(LogRecord, Vec<u8>)>,
    /// New outcomes.
    pub(super) requests: Vec<(String, RequestOutcome)>,
}

impl Batch {
    /// A batch that begins at `head`, with what is stored under its request ids and keys.
    pub(super) fn new(
        store: StoreId,
        head: Head,
        now: Timestamp,
        requests: BTreeMap<String, RequestOutcome>,
        images: impl IntoIterator<Item = Tuple>,
    ) -> Self {
        let time = now.max(head.time);
        let images = images.into_iter().map(|tuple| (tuple.key.clone(), tuple)).collect();
        Self { store, head, time, images, requests, unsaved: Unsaved::default() }
    }

    /// The time of every entry of the batch.
    pub(super) const fn time(&self) -> Timestamp {
        self.time
    }

    /// Where the log ends after the commands so far.
    pub(super) const fn head(&self) -> &Head {
        &self.head
    }

    /// Whether everything is as it was: no entry, and no new answer.
    pub(super) fn is_unchanged(&self) -> bool {
        // Whatever makes an entry records its answer.
        self.unsaved.requests.is_empty()
    }

    /// What was not taken yet.
    pub(super) fn take_unsaved(&mut self) -> Unsaved {
        std::mem::take(&mut self.unsaved)
    }

    /// The changed tuples and counts that were not taken yet, for a command that has to ask the table.
    pub(super) fn take_unsaved_tuples(&mut self) -> Unsaved {
        let (tuples, shapes) = (std::mem::take(&mut self.unsaved.tuples), std::mem::take(&mut self.unsaved.shapes));
        Unsaved { tuples, shapes, ..Unsaved::default() }
    }

    /// The first answer, if the command is a retry.
    pub(super) fn first_answer(&self, command: &WriteCommand) -> Result<Option<Committed>, WriteError> {
        let Some(first) = self.requests.get(&command.request_id).filter(|first| is_kept(first.time, self.time)) else {
            return Ok(None);
        };
        if first.payload != command.payload() {
            return Err(WriteError::RequestIdTaken { request_id: command.request_id.clone(), first_used: first.time });
        }
        Ok(Some(Committed { written: first.written.clone(), record: None, repeated: true }))
    }

    /// Decides a command whose preconditions hold, and takes its changes in. O(changes log n).
    ///
    /// A dry run, and a command that changes nothing, is answered with the position of the head.
    pub(super) fn write(&mut self, command: &WriteCommand, schema: &SchemaInForce) -> Result<Committed, WriteError> {
        let Decision { changes, created, replaced, deleted } = decide(&command.changes, self.time, schema, |key| self.images.get(key))?;
        let mut record = None;
        if !changes.is_empty() {
            let (actor, request_id) = (command.actor.clone(), command.request_id.clone());
            // Made for a dry run, too: the entry may be too large.
            let next = next_record(self.store, &self.head, self.time, actor, request_id, Body::Changes(changes));
            let next = next.map_err(WriteError::from_entry)?;
            if !command.dry_run {
                self.take_in(&next);
                record = Some(next.record.clone());
                self.unsaved.log.push((next.record, next.encoded));
            }
        }
        let written = Written { revision: self.head.revision, chain: self.head.chain, created, replaced, deleted };
        if !command.dry_run {
            let outcome = RequestOutcome { payload: command.payload(), written: written.clone(), time: self.time };
            self.requests.insert(command.request_id.clone(), outcome.clone());
            self.unsaved.requests.push((command.request_id.clone(), outcome));
        }
        Ok(Committed { written, record, repeated: false })
    }

    fn take_in(&mut self, next: &Next) {
        self.head = next.head.clone();
        match &next.record.entry.body {
            Body::Changes(changes) => changes.iter().for_each(|change| self.replace(change, next.record.entry.revision)),
            // No write makes one.
            Body::Schema(_) => {}
        }
    }

    fn replace(&mut self, change: &Change, revision: u64) {
        if let Some(before) = change.before() {
            *self.unsaved.shapes.entry(Shape::of(before)).or_default() -= 1;
        }
        if let Some(after) = change.after() {
            *self.unsaved.shapes.entry(Shape::of(after)).or_default() += 1;
        }
        let Some(key) = change.key() else { return };
        match change.after() {
            Some(after) => self.images.insert(key.clone(), after.clone()),
            None => self.images.remove(key),
        };
        let stored = change.after().map(|after| StoredTuple { tuple: after.clone(), revision: Some(revision) });
        self.unsaved.tuples.insert(key.clone(), stored);
    }
}

/// A record that continues a log, and the head behind it.
#[derive(Debug)]
pub(super) struct Next {
    /// The head with the record.
    pub(super) head: Head,
    /// The record.
    pub(super) record: LogRecord,
    /// The entry's bytes.
    pub(super) encoded: Vec<u8>,
}

/// The record behind `head` with this body. `time` is not before the head's. O(bytes of the body).
///
/// # Errors
/// When such an entry may not be written.
pub(super) fn next_record(
    store: StoreId,
    head: &Head,
    time: Timestamp,
    actor: String,
    request_id: String,
    body: Body,
) -> Result<Next, EntryError> {
    let mut next = Head { revision: head.revision + 1, time, ..head.clone() };
    match &body {
        Body::Changes(changes) => {
            for change in changes {
                if let Some(before) = change.before() {
                    next.digest = next.digest.without_tuple(before);
                    next.tuples = next.tuples.saturating_sub(1);
                }
                if let Some(after) = change.after() {
                    next.digest = next.digest.with_tuple(after);
                    next.tuples += 1;
                }
            }
        }
        Body::Schema(text) => {
            next.digest = next.digest.with_schema(text);
            next.schema_version = text.version;
        }
    }
    let entry = Entry { store, revision: next.revision, time, actor, request_id, body, digest: next.digest };
    let encoded = entry.encode()?;
    next.chain = head.chain.after(&encoded);
    let record = LogRecord { chain: next.chain, entry: Arc::new(entry) };
    Ok(Next { head: next, record, encoded })
}

#[cfg(test)]
mod tests;
