//! Putting rows right by what the log says.

use std::collections::BTreeMap;
use std::iter::Peekable;

use dhow_engine::entry::StoreId;
use dhow_engine::state::{Shape, State};
use dhow_engine::tuple::{Tuple, TupleKey};

use super::table::miscounted;
use super::truth::{go_on, truth};
use super::{RepairError, Source, Table, is_find};
use crate::store::{AuditSink, Datastore, DatastoreError, Head, LoadSink, LogRecord, Repair, SchemaRecord, StoredTuple};

/// How often the rows are compared anew because the head has moved.
const TRIES: usize = 5;

/// What was changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Repaired {
    /// At which revision.
    pub(crate) revision: u64,
    /// One line for each row.
    pub(crate) rows: Vec<String>,
}

/// Makes the rows of a store what the log says, in one transaction. Servers may run and write meanwhile. O(log + tuples).
///
/// # Errors
/// When nothing says what the rows should be, or the database fails; nothing was changed then, unless the commit is in doubt.
pub(crate) async fn repair(datastore: &dyn Datastore, store: StoreId, snapshots: &Source) -> Result<Repaired, RepairError> {
    let mut state = truth(datastore, store, snapshots, datastore.head(store).await?.revision).await?;
    for _ in 0..TRIES {
        let mut compared =
            Compared { table: Table::default(), tuples: BTreeMap::new(), expected: tuples(&state).peekable(), state: &state };
        match datastore.audit(store, &mut compared).await {
            Ok(()) => {}
            Err(error) if is_find(&error) => return Err(RepairError::Unreadable { problem: error.to_string() }),
            Err(error) => return Err(error.into()),
        }
        let revision = compared.table.revision();
        if revision != state.revision() {
            drop(compared);
            let before = state.revision();
            state = go_on(datastore, state, revision).await?;
            if state.revision() == before {
                return Err(RepairError::Apart { head: revision, log: before });
            }
            continue;
        }
        let Some(repair) = compared.repair() else { return Err(RepairError::Busy) };
        if repair.rows() == 0 {
            return Ok(Repaired { revision, rows: Vec::new() });
        }
        let rows = told(&repair);
        if datastore.repair(store, &repair).await? {
            tracing::warn!(%store, revision, rows = rows.len(), "rows of the store were put right by its log");
            return Ok(Repaired { revision, rows });
        }
    }
    Err(RepairError::Busy)
}

type Tuples<'s> = Box<dyn Iterator<Item = StoredTuple> + Send + 's>;

/// The tuples of a state, in the order of keys, with their revisions.
fn tuples(state: &State) -> Tuples<'_> {
    let stored = |tuple: std::sync::Arc<Tuple>| StoredTuple { revision: state.revision_of(&tuple.key), tuple: (*tuple).clone() };
    Box::new(state.tuples().map(stored))
}

/// Takes in rows, and what they should be instead.
struct Compared<'s> {
    table: Table,
    tuples: BTreeMap<TupleKey, Option<StoredTuple>>,
    expected: Peekable<Tuples<'s>>,
    state: &'s State,
}

impl Compared<'_> {
    /// A tuple that is not there, or is another one. What is found to be missing counts, wherever its row turns up.
    fn wrong(&mut self, expected: StoredTuple) {
        self.tuples.insert(expected.tuple.key.clone(), Some(expected));
    }
}

impl LoadSink for Compared<'_> {
    fn begin(&mut self, head: Head, schemas: Vec<SchemaRecord>) -> Result<(), DatastoreError> {
        self.table.begin(head, schemas)
    }

    fn tuples(&mut self, tuples: Vec<StoredTuple>) -> Result<(), DatastoreError> {
        if self.table.revision() != self.state.revision() {
            // Of another revision: it is read again.
            return Ok(());
        }
        for StoredTuple { tuple, .. } in &tuples {
            while let Some(missing) = self.expected.next_if(|expected| expected.tuple.key < tuple.key) {
                self.wrong(missing);
            }
            match self.expected.next_if(|expected| expected.tuple.key == tuple.key) {
                Some(expected) if expected.tuple == *tuple => {}
                Some(expected) => self.wrong(expected),
                None => {
                    self.tuples.entry(tuple.key.clone()).or_insert(None);
                }
            }
        }
        self.table.tuples(tuples)
    }
}

impl AuditSink for Compared<'_> {
    fn end(&mut self, counts: BTreeMap<Shape, u64>, newest: Option<LogRecord>) -> Result<(), DatastoreError> {
        if self.table.revision() == self.state.revision() {
            while let Some(missing) = self.expected.next() {
                self.wrong(missing);
            }
        }
        self.table.end(counts, newest)
    }
}

impl Compared<'_> {
    /// What is to be changed; `None`: nothing was read.
    fn repair(self) -> Option<Repair> {
        let found = self.table.head?;
        let (state, at) = (self.state, self.state.position());
        let head = Head {
            revision: at.revision,
            chain: at.chain,
            digest: *state.digest(),
            time: at.time,
            schema_version: state.latest_schema().map_or(0, |schema| schema.version()),
            tuples: state.len() as u64,
        };
        let should = state.shapes().iter().map(|(shape, count)| (shape.clone(), count)).collect();
        Some(Repair {
            counts: miscounted(&self.table.stored, &should),
            schemas: schemas(state, &self.table.schemas),
            tuples: self.tuples,
            found,
            head,
        })
    }
}

/// The schema versions that are to be replaced.
fn schemas(state: &State, stored: &[SchemaRecord]) -> BTreeMap<u64, Option<SchemaRecord>> {
    let should: BTreeMap<u64, SchemaRecord> = state
        .schemas()
        .map(|schema| {
            let (version, source) = (schema.text.version, schema.text.source.clone());
            (version, SchemaRecord { version, revision: schema.revision, time: schema.time, actor: schema.actor.clone(), source })
        })
        .collect();
    let gone = stored.iter().filter(|record| !should.contains_key(&record.version)).map(|record| (record.version, None));
    let wrong = should.iter().filter(|(_, record)| !stored.contains(record)).map(|(version, record)| (*version, Some(record.clone())));
    gone.chain(wrong).collect()
}

/// One line for each row that is changed.
fn told(repair: &Repair) -> Vec<String> {
    let tuple = |(key, stored): (&TupleKey, &Option<StoredTuple>)| match stored {
        Some(stored) => format!("tuple `{}` is written", stored.tuple),
        None => format!("tuple `{key}` is removed"),
    };
    let schema = |(version, record): (&u64, &Option<SchemaRecord>)| match record {
        Some(_) => format!("schema version {version} is written"),
        None => format!("schema version {version} is removed"),
    };
    let mut rows: Vec<String> = repair.tuples.iter().map(tuple).collect();
    rows.extend(repair.counts.iter().map(|(shape, by)| format!("count of `{shape}` is changed by {by:+}")));
    rows.extend(repair.schemas.iter().map(schema));
    let (found, head) = (&repair.found, &repair.head);
    let mut field = |what, found: &dyn std::fmt::Display, should: &dyn std::fmt::Display| {
        let (found, should) = (found.to_string(), should.to_string());
        if found != should {
            rows.push(format!("head: {what} {found} becomes {should}"));
        }
    };
    field("chain", &found.chain, &head.chain);
    field("digest", &found.digest, &head.digest);
    field("time", &found.time, &head.time);
    field("schema version", &found.schema_version, &head.schema_version);
    field("tuples", &found.tuples, &head.tuples);
    rows
}
