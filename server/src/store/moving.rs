//! Taking a store from an SQLite file to Postgres, whole: tuples, log, schema versions, request ids. Its id and its chain stay, so its
//! tokens do, too.
//!
//! Rows are carried as they are; then what arrived is read the way a server reads it, and held against the head's digest and the log's
//! chain, before anything is committed. The store leaves the file only after that commit, because two databases that hold one store
//! would go on with two histories. Cut off in between, the move is made again: it finds the store, and only tidies up.

use async_trait::async_trait;
use dhow_engine::digest::Digest;
use dhow_engine::entry::{Chain, StoreId};

use super::error::{CreateStoreError, DatastoreError};
use super::postgres::PostgresStore;
use super::sqlite::SqliteStore;
use super::store_name::check_store_name;
use super::{Datastore, Head, LoadSink, LogRecord, SchemaRecord, StoreInfo, StoreKey, StoredTuple};

/// A table with rows of stores: what both databases call it, and its columns but for the store's key.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Text,
    Bytes,
}

/// Some rows of a table, by column.
#[derive(Debug)]
pub(super) enum Column {
    Integers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

use Kind::{Bytes, Integer, Text};

/// Everything that a store is, besides its row in `store`. How far it is published is not carried: a topic gets its log once more.
pub(super) const TABLES: [Table; 6] = [
    Table {
        name: "head",
        columns: &[
            ("revision", Integer),
            ("chain", Bytes),
            ("digest", Bytes),
            ("time", Integer),
            ("schema_version", Integer),
            ("tuples", Integer),
        ],
    },
    Table { name: "log", columns: &[("revision", Integer), ("chain", Bytes), ("entry", Bytes)] },
    Table {
        name: "schema_version",
        columns: &[("version", Integer), ("revision", Integer), ("time", Integer), ("actor", Text), ("source", Bytes)],
    },
    Table {
        name: "shape",
        columns: &[
            ("object_type", Text),
            ("relation", Text),
            ("subject_type", Text),
            ("subject_shape", Text),
            ("caveat", Text),
            ("expiration", Integer),
            ("tuples", Integer),
        ],
    },
    Table {
        name: "tuple",
        columns: &[
            ("object_type", Text),
            ("object_id", Text),
            ("relation", Text),
            ("subject_type", Text),
            ("subject_id", Text),
            ("subject_relation", Text),
            ("caveat", Text),
            ("context", Bytes),
            ("expires_at", Integer),
            ("revision", Integer),
        ],
    },
    Table {
        name: "write_request",
        columns: &[
            ("request_id", Bytes),
            ("payload", Bytes),
            ("revision", Integer),
            ("chain", Bytes),
            ("created", Integer),
            ("replaced", Integer),
            ("deleted", Integer),
            ("time", Integer),
        ],
    },
];

/// Takes rows in as they are read.
#[async_trait]
pub(super) trait RowSink: Send {
    /// Called with some rows of a table, in the order of its key.
    async fn rows(&mut self, table: &'static Table, rows: Vec<Column>) -> Result<(), DatastoreError>;
}

/// A store that was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    /// The store, as it is called now.
    pub(crate) info: StoreInfo,
    /// Where its log ended in the file.
    pub(crate) head: Head,
    /// Whether an earlier move had brought it there already, and this one has only taken it from the file.
    pub(crate) was_there: bool,
}

/// Why a store was not moved. It is where it was, and nowhere else.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum MoveError {
    /// The file has no such store.
    #[error("the file has no store `{name}`")]
    NoStore { name: String },
    /// The database has the store with another history.
    #[error("the database has store {store} already, with another history than the file at revision {revision}")]
    OtherHistory { store: StoreId, revision: u64 },
    /// What arrived, or what was there, is not what the head says.
    #[error("store {store} is not whole: {problem}")]
    NotWhole { store: StoreId, problem: String },
    /// The name is taken or none.
    #[error(transparent)]
    Create(#[from] CreateStoreError),
    /// A database failed.
    #[error(transparent)]
    Datastore(#[from] DatastoreError),
}

impl MoveError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NoStore { .. } => "DH-W032",
            Self::OtherHistory { .. } => "DH-W033",
            Self::NotWhole { .. } => "DH-W034",
            Self::Create(error) => error.code(),
            Self::Datastore(error) => error.code(),
        }
    }

    /// What to do.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::NoStore { .. } => "serve the file, and list its stores (`dhow store list`)",
            Self::OtherHistory { .. } => "look which of both is the right one, and delete the other by the server that has it",
            Self::NotWhole { .. } => "restore the file from a backup, or export the store's tuples and import them into a new one",
            Self::Create(CreateStoreError::NameTaken { .. }) => "give it another name by --as NAME",
            Self::Create(error) => error.help(),
            Self::Datastore(error) => error.help(),
        }
    }
}

/// Moves a store, under another name if one is given. O(bytes of the store); memory for some thousand rows. It waits for nobody: the
/// file is this process's alone, and nobody knows of the store in the database before it is there.
///
/// # Errors
/// [`MoveError`]; [`DatastoreError::CommitUnknown`] where it may have arrived: then the same call tidies up.
pub(crate) async fn move_store(from: &SqliteStore, to: &PostgresStore, name: &str, as_name: Option<&str>) -> Result<Moved, MoveError> {
    let mut info = None;
    for key in [Some(StoreKey::Name(name)), name.parse().ok().map(StoreKey::Id)].into_iter().flatten() {
        if info.is_none() {
            info = from.find_store(key).await?;
        }
    }
    let mut info = info.ok_or_else(|| MoveError::NoStore { name: name.to_owned() })?;
    let head = from.head(info.id).await?;
    if let Some(name) = as_name {
        check_store_name(name)?;
        name.clone_into(&mut info.name);
    }
    let there = to.find_store(StoreKey::Id(info.id)).await?;
    let was_there = there.is_some();
    match there {
        Some(there) => {
            assert_same_history(to, info.id, &head).await?;
            info = there;
        }
        None => to.take_over(&info, from).await?,
    }
    from.delete_store(info.id).await?;
    Ok(Moved { info, head, was_there })
}

async fn assert_same_history(to: &PostgresStore, store: StoreId, head: &Head) -> Result<(), MoveError> {
    let same = match head.revision {
        // A store that nothing was written to is the beginning of any history of its id.
        0 => true,
        revision => to.log(store, revision - 1, 1).await?.first().is_some_and(|record| record.chain == head.chain),
    };
    if same { Ok(()) } else { Err(MoveError::OtherHistory { store, revision: head.revision }) }
}

/// Whether a store that is read is the one that its head says.
#[derive(Debug)]
pub(super) struct Whole {
    store: StoreId,
    head: Option<Head>,
    digest: Digest,
    tuples: u64,
    /// The place in the log up to which its chain is right; `None`: nothing was read of it.
    log: Option<(u64, Chain)>,
}

impl Whole {
    pub(super) fn new(store: StoreId) -> Self {
        Self { store, head: None, digest: Digest::default(), tuples: 0, log: None }
    }

    fn broken(&self, problem: String) -> MoveError {
        MoveError::NotWhole { store: self.store, problem }
    }

    /// How far the log was read.
    pub(super) fn logged(&self) -> u64 {
        self.log.map_or(0, |(revision, _)| revision)
    }

    /// Takes in the next entries of the log.
    ///
    /// # Errors
    /// When an entry does not continue those before.
    pub(super) fn log(&mut self, records: &[LogRecord]) -> Result<(), MoveError> {
        for record in records {
            let revision = record.entry.revision;
            let bytes = record.entry.encode().map_err(|error| self.broken(format!("entry {revision}: {error}")))?;
            let before = match self.log {
                Some((_, chain)) => Some(chain),
                None if revision == 1 => Some(Chain::genesis(self.store)),
                // The beginning of the log is no longer kept.
                None => None,
            };
            if before.is_some_and(|before| before.after(&bytes) != record.chain) {
                return Err(self.broken(format!("entry {revision} does not continue the log before it")));
            }
            self.log = Some((revision, record.chain));
        }
        Ok(())
    }

    /// Whether all of it was there.
    ///
    /// # Errors
    /// What was not.
    pub(super) fn end(self) -> Result<(), MoveError> {
        let Some(head) = &self.head else { return Err(self.broken("it has no head".to_owned())) };
        if (self.digest, self.tuples) != (head.digest, head.tuples) {
            return Err(self.broken(format!("its {} tuples are not the {} that its head's digest stands for", self.tuples, head.tuples)));
        }
        let end = self.log.unwrap_or_else(|| (0, Chain::genesis(self.store)));
        if end != (head.revision, head.chain) {
            return Err(self.broken(format!("its log ends at revision {}, its head is {} of another chain or place", end.0, head.revision)));
        }
        Ok(())
    }
}

impl LoadSink for Whole {
    fn begin(&mut self, head: Head, schemas: Vec<SchemaRecord>) -> Result<(), DatastoreError> {
        self.head = Some(head);
        let written = schemas.into_iter().map(dhow_engine::schema_version::WrittenSchema::from);
        self.digest = written.fold(self.digest, |digest, schema| digest.with_schema(&schema.text));
        Ok(())
    }

    fn tuples(&mut self, tuples: Vec<StoredTuple>) -> Result<(), DatastoreError> {
        self.tuples += tuples.len() as u64;
        self.digest = tuples.iter().fold(self.digest, |digest, stored| digest.with_tuple(&stored.tuple));
        Ok(())
    }
}
