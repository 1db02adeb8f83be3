//! Head, tuples, counts and schema versions of a store, read at one moment and held against each other and the log's last entry.

use std::collections::BTreeMap;

use dhow_engine::digest::Digest;
use dhow_engine::entry::{SchemaText, StoreId};
use dhow_engine::state::{Shape, State};

use super::{Check, Counts, Subject};
use crate::store::{AuditSink, Datastore, DatastoreError, Head, LoadSink, LogRecord, SchemaRecord, StoredTuple};

/// What a database has of a store, without its tuples.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// The head as it is stored; `None`: nothing was read yet.
    pub(super) head: Option<Head>,
    pub(super) schemas: Vec<SchemaRecord>,
    /// The counts as they are stored.
    pub(super) stored: Counts<Shape>,
    /// The head's entry of the log; `None`: the log does not have it.
    pub(super) newest: Option<LogRecord>,
    /// The digest of the tuples and schema versions.
    pub(super) digest: Digest,
    /// The tuples counted.
    pub(super) counted: Counts<Shape>,
    pub(super) tuples: u64,
}

/// Reads a store. O(tuples).
///
/// # Errors
/// When the database fails, or has rows that cannot be read.
pub(crate) async fn table(datastore: &dyn Datastore, store: StoreId) -> Result<Table, DatastoreError> {
    let mut table = Table::default();
    datastore.audit(store, &mut table).await?;
    Ok(table)
}

impl LoadSink for Table {
    fn begin(&mut self, head: Head, schemas: Vec<SchemaRecord>) -> Result<(), DatastoreError> {
        let text = |record: &SchemaRecord| SchemaText { version: record.version, source: record.source.clone() };
        self.digest = schemas.iter().fold(Digest::default(), |digest, record| digest.with_schema(&text(record)));
        (self.head, self.schemas) = (Some(head), schemas);
        Ok(())
    }

    fn tuples(&mut self, tuples: Vec<StoredTuple>) -> Result<(), DatastoreError> {
        for StoredTuple { tuple, .. } in &tuples {
            self.digest = self.digest.with_tuple(tuple);
            *self.counted.entry(Shape::of(tuple)).or_default() += 1;
        }
        self.tuples += tuples.len() as u64;
        Ok(())
    }
}

impl AuditSink for Table {
    fn end(&mut self, counts: BTreeMap<Shape, u64>, newest: Option<LogRecord>) -> Result<(), DatastoreError> {
        (self.stored, self.newest) = (counts, newest);
        Ok(())
    }
}

impl Table {
    /// Where it was read.
    pub(crate) fn revision(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.revision)
    }

    /// What the digest should be: the log's, where it has the entry.
    fn recorded(&self) -> Option<Digest> {
        let logged = self.newest.as_ref().map(|record| record.entry.digest);
        logged.or(self.head.as_ref().map(|head| head.digest))
    }

    /// What is told by the database alone.
    pub(crate) fn checks(&self) -> Vec<Check> {
        vec![self.table(), self.head(), self.counts(), self.schemas()]
    }

    fn table(&self) -> Check {
        let mut check = Check::of(Subject::Table, self.tuples);
        let (found, revision) = (self.digest, self.revision());
        if let Some(recorded) = self.recorded().filter(|recorded| *recorded != found) {
            let by = if self.newest.is_some() { "the log" } else { "the head" };
            check.find(format!("tuples and schema versions have the digest {found}, {by} has recorded {recorded} at revision {revision}"));
        }
        check
    }

    fn head(&self) -> Check {
        let mut check = Check::of(Subject::Head, 1);
        let Some(head) = &self.head else { return check };
        let revision = head.revision;
        match &self.newest {
            Some(record) => {
                let entry = &record.entry;
                let mut compare = |what: &str, head: &dyn std::fmt::Display, log: &dyn std::fmt::Display| {
                    let (head, log) = (head.to_string(), log.to_string());
                    if head != log {
                        check.find(format!("the {what} at revision {revision} is {head}, that of the log {log}"));
                    }
                };
                compare("chain", &head.chain, &record.chain);
                compare("digest", &head.digest, &entry.digest);
                compare("time", &head.time, &entry.time);
            }
            None if revision == 0 => {}
            None => check.note = format!("the log does not have revision {revision} to compare it with"),
        }
        if head.tuples != self.tuples {
            check.find(format!("it counts {} tuples, there are {}", head.tuples, self.tuples));
        }
        check
    }

    fn counts(&self) -> Check {
        let mut check = Check::of(Subject::Counts, self.stored.len() as u64);
        for (shape, by) in self.miscounted() {
            let there = self.counted.get(&shape).copied().unwrap_or(0);
            check.find(format!("`{shape}`: {} are counted, there are {there}", i128::from(there) - i128::from(by)));
        }
        check
    }

    /// By how much each count should be other than it is.
    pub(super) fn miscounted(&self) -> BTreeMap<Shape, i64> {
        miscounted(&self.stored, &self.counted)
    }

    fn schemas(&self) -> Check {
        let mut check = Check::of(Subject::Schemas, self.schemas.len() as u64);
        let latest = self.schemas.last().map_or(0, |record| record.version);
        let head = self.head.as_ref().map_or(0, |head| head.schema_version);
        if !self.schemas.iter().map(|record| record.version).eq(1..=self.schemas.len() as u64) {
            check.find("versions are not numbered 1, 2, 3 …".to_owned());
        }
        if head != latest {
            check.find(format!("the head has version {head} in force, the latest is {latest}"));
        }
        check
    }

    /// What is wrong by a state that a server has of the very revision at which the table was read. Another chain is another history, which
    /// whoever follows the log finds.
    pub(crate) fn against(&self, state: &State) -> Option<String> {
        let head = self.head.as_ref()?;
        let (revision, found) = (head.revision, self.digest);
        let is_same = state.position().chain == head.chain;
        let known = state.digest();
        (is_same && *known != found)
            .then(|| format!("the digest of the rows at revision {revision} is {found}, that of this server {known}"))
    }
}

/// By how much each of the stored counts should be other than it is.
pub(super) fn miscounted(stored: &Counts<Shape>, should: &Counts<Shape>) -> BTreeMap<Shape, i64> {
    let number = |count: Option<&u64>| count.map_or(0, |count| i64::try_from(*count).unwrap_or(i64::MAX));
    let shapes = stored.keys().chain(should.keys());
    let by = shapes.map(|shape| (shape.clone(), number(should.get(shape)).saturating_sub(number(stored.get(shape)))));
    by.filter(|(_, by)| *by != 0).collect()
}
