//! What the laws are written with.

use std::sync::Arc;

use dhow_engine::entry::{SchemaSource, StoreId};
use dhow_engine::schema_version::WrittenSchema;
use dhow_engine::state::{Loading, Position, State};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::Tuple;

use super::super::*;

/// A day, in microseconds.
pub(in crate::store) const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// The schema of the laws' stores.
pub(in crate::store) const SCHEMA: &str = "
    use expiration
    caveat limit(most int, amount int) { amount <= most }
    definition user {}
    definition team { relation member: user | team#member }
    definition doc {
        relation parent: doc
        relation viewer: user | user:* | team#member | user with limit | user with expiration | user with limit and expiration
        permission view = viewer
    }";

/// A time so many microseconds after some morning.
pub(in crate::store) fn at(microseconds: i64) -> Timestamp {
    Timestamp::from_microseconds(1_800_000_000_000_000 + microseconds)
}

pub(in crate::store) fn tuple(text: &str) -> Tuple {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(in crate::store) fn create(text: &str) -> ChangeRequest {
    ChangeRequest::Create(tuple(text))
}

pub(in crate::store) fn touch(text: &str) -> ChangeRequest {
    ChangeRequest::Touch(tuple(text))
}

pub(in crate::store) fn delete(text: &str) -> ChangeRequest {
    ChangeRequest::Delete(tuple(text).key)
}

/// A command of these changes under this request id.
pub(in crate::store) fn command(request_id: &str, changes: impl IntoIterator<Item = ChangeRequest>) -> WriteCommand {
    WriteCommand {
        changes: changes.into_iter().collect(),
        preconditions: Vec::new(),
        request_id: request_id.to_owned(),
        actor: "ada".to_owned(),
        dry_run: false,
    }
}

/// A schema write of this text.
pub(in crate::store) fn schema_command(text: &str) -> SchemaCommand {
    SchemaCommand {
        source: SchemaSource::native(text),
        expected_version: None,
        allow_orphans: false,
        actor: "ada".to_owned(),
        dry_run: false,
    }
}

/// One store of a database.
#[derive(Debug, Clone)]
pub(in crate::store) struct Tenant {
    pub(in crate::store) database: Arc<dyn Datastore>,
    pub(in crate::store) store: StoreId,
}

impl Tenant {
    /// A new store at revision 0.
    pub(in crate::store) async fn empty(database: &Arc<dyn Datastore>, name: &str) -> Self {
        let mut id = [7; 16];
        id.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
        let info = StoreInfo { id: StoreId(id), name: name.to_owned(), created_at: at(0) };
        database.create_store(&info).await.unwrap();
        Self { database: Arc::clone(database), store: info.id }
    }

    /// A new store with [`SCHEMA`] at revision 1.
    pub(in crate::store) async fn new(database: &Arc<dyn Datastore>) -> Self {
        let tenant = Self::empty(database, "main").await;
        tenant.database.write_schema(tenant.store, at(0), &schema_command(SCHEMA)).await.unwrap();
        tenant
    }

    pub(in crate::store) async fn head(&self) -> Head {
        self.database.head(self.store).await.unwrap()
    }

    /// Writes a batch at `at(now)`.
    pub(in crate::store) async fn batch(&self, now: i64, batch: &[WriteCommand]) -> Vec<Result<Committed, WriteError>> {
        self.database.write(self.store, at(now), batch).await.unwrap()
    }

    /// Writes one command at `at(now)`.
    pub(in crate::store) async fn one(&self, now: i64, command: &WriteCommand) -> Result<Committed, WriteError> {
        self.batch(now, std::slice::from_ref(command)).await.pop().unwrap()
    }

    /// Writes changes under a request id of their own: the counts `(created, replaced, deleted)`.
    pub(in crate::store) async fn write(
        &self,
        now: i64,
        changes: impl IntoIterator<Item = ChangeRequest>,
    ) -> Result<(u32, u32, u32), WriteError> {
        let id = format!("{now}-{}", self.head().await.revision);
        let written = self.one(now, &command(&id, changes)).await?.written;
        Ok((written.created, written.replaced, written.deleted))
    }

    /// The store's tuples as text, in order; checks everything that [`Self::verify`] does.
    pub(in crate::store) async fn tuples(&self) -> Vec<String> {
        let state = self.verify().await;
        state.scan(&Default::default(), None).map(|tuple| tuple.to_string()).collect()
    }

    /// Folds the log from its beginning, loads the store, and finds both and the head to be the same.
    pub(in crate::store) async fn verify(&self) -> State {
        let mut folded = State::genesis(self.store);
        loop {
            let records = self.database.log(self.store, folded.revision(), 64).await.unwrap();
            if records.is_empty() {
                break;
            }
            for record in records {
                folded = folded.apply_record(&record.entry.encode().unwrap(), &record.chain).unwrap().0;
            }
        }
        let mut sink = Loaded::default();
        self.database.load(self.store, &mut sink).await.unwrap();
        let Loaded { head, schemas, pieces } = sink;
        let head = head.unwrap();
        let schemas = schemas.into_iter().map(WrittenSchema::from);
        let position = Position { revision: head.revision, time: head.time, chain: head.chain };
        let mut loading = Loading::begin(self.store, position, schemas).unwrap();
        for StoredTuple { tuple, revision } in pieces.concat() {
            assert_eq!((&tuple.key, revision), (&tuple.key, folded.revision_of(&tuple.key)), "each tuple has the revision that it is of");
            loading.add(&tuple, revision).unwrap();
        }
        let loaded = loading.finish(&head.digest).unwrap();
        assert_eq!((folded.position(), folded.digest()), (loaded.position(), loaded.digest()));
        assert_eq!(folded.shapes(), loaded.shapes());
        assert_eq!(head.tuples, folded.len() as u64);
        assert_eq!(head.schema_version, folded.latest_schema().map_or(0, |schema| schema.version()));
        assert_eq!(head, self.head().await);
        folded
    }
}

/// A sink that keeps everything.
#[derive(Debug, Default, PartialEq)]
pub(in crate::store) struct Loaded {
    pub(in crate::store) head: Option<Head>,
    pub(in crate::store) schemas: Vec<SchemaRecord>,
    pub(in crate::store) pieces: Vec<Vec<StoredTuple>>,
}

impl LoadSink for Loaded {
    fn begin(&mut self, head: Head, schemas: Vec<SchemaRecord>) -> Result<(), DatastoreError> {
        assert!(self.head.replace(head).is_none(), "begin is called once");
        self.schemas = schemas;
        Ok(())
    }

    fn tuples(&mut self, tuples: Vec<StoredTuple>) -> Result<(), DatastoreError> {
        assert!(self.head.is_some(), "begin comes first");
        self.pieces.push(tuples);
        Ok(())
    }
}
