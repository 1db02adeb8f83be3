//! Rows as dhow's own values. A row that dhow did not write is an error, never a panic.

use dhow_engine::digest::Digest;
use dhow_engine::entry::{Chain, Entry, EntryLabel, SchemaSource, StoreId};
use dhow_engine::state::Shape;
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{ObjectRef, Subject, Tuple, TupleCaveat, TupleKey};
use dhow_schema::ir::{SubjectShape, SubjectType};

use super::command::{PayloadHash, RequestOutcome, Written};
use super::error::DatastoreError;
use super::postgres::published::Unpublished;
use super::{Head, LogLabel, LogRecord, SchemaRecord, StoreInfo, StoredTuple};

/// The columns of a row by number, whichever database it comes from.
pub(super) trait Columns {
    /// A number; `None`: NULL.
    fn integer(&self, column: usize) -> Result<Option<i64>, sqlx::Error>;
    /// A text; `None`: NULL.
    fn text(&self, column: usize) -> Result<Option<&str>, sqlx::Error>;
    /// Bytes; `None`: NULL.
    fn bytes(&self, column: usize) -> Result<Option<&[u8]>, sqlx::Error>;
}

/// One row that is being read: what an error says about it, and its columns by number.
pub(super) struct Reading<'r> {
    pub(super) row: &'r dyn Columns,
    pub(super) table: &'static str,
    pub(super) store: StoreId,
}

impl<'r> Reading<'r> {
    /// A row of the table of stores itself, which errors name by what its id looks like.
    pub(super) fn of_store(row: &'r dyn Columns) -> Self {
        let mut id = StoreId([0; 16]);
        let bytes = row.bytes(0).ok().flatten().unwrap_or_default();
        id.0.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Self { row, table: "store", store: id }
    }

    fn corrupt(&self, problem: impl std::fmt::Display) -> DatastoreError {
        DatastoreError::Corrupt { table: self.table, store: self.store, problem: problem.to_string() }
    }

    fn there<T>(&self, column: usize, value: Result<Option<T>, sqlx::Error>) -> Result<T, DatastoreError> {
        value.map_err(|error| self.corrupt(error))?.ok_or_else(|| self.corrupt(format_args!("column {column} is NULL")))
    }

    fn maybe<T>(&self, value: Result<Option<T>, sqlx::Error>) -> Result<Option<T>, DatastoreError> {
        value.map_err(|error| self.corrupt(error))
    }

    fn integer(&self, column: usize) -> Result<i64, DatastoreError> {
        self.there(column, self.row.integer(column))
    }

    fn text(&self, column: usize) -> Result<&'r str, DatastoreError> {
        self.there(column, self.row.text(column))
    }

    fn blob(&self, column: usize) -> Result<&'r [u8], DatastoreError> {
        self.there(column, self.row.bytes(column))
    }

    /// What a table's rows are referred to by: a number that only the database gives out.
    pub(super) fn row_key(&self, column: usize) -> Result<i64, DatastoreError> {
        self.integer(column)
    }

    fn number<T: TryFrom<i64>>(&self, column: usize) -> Result<T, DatastoreError> {
        let number = self.integer(column)?;
        T::try_from(number).map_err(|_| self.corrupt(format_args!("column {column} is {number}")))
    }

    fn time(&self, column: usize) -> Result<Timestamp, DatastoreError> {
        timestamp(self.integer(column)?).ok_or_else(|| self.corrupt("a time is out of range"))
    }

    fn bytes<const N: usize>(&self, column: usize) -> Result<[u8; N], DatastoreError> {
        let bytes = self.blob(column)?;
        bytes.try_into().map_err(|_| self.corrupt(format_args!("column {column} has {} bytes, not {N}", bytes.len())))
    }

    /// A head of `revision, chain, digest, time, schema_version, tuples`, from a column on.
    pub(super) fn head(&self, from: usize) -> Result<Head, DatastoreError> {
        let digest = self.blob(from + 2)?;
        Ok(Head {
            revision: self.number(from)?,
            chain: Chain(self.bytes(from + 1)?),
            digest: borsh::from_slice::<Digest>(digest).map_err(|error| self.corrupt(error))?,
            time: self.time(from + 3)?,
            schema_version: self.number(from + 4)?,
            tuples: self.number(from + 5)?,
        })
    }

    /// A store of `id, name, created_at`.
    pub(super) fn store_info(&self) -> Result<StoreInfo, DatastoreError> {
        Ok(StoreInfo { id: StoreId(self.bytes(0)?), name: self.text(1)?.to_owned(), created_at: self.time(2)? })
    }

    /// A store of `id, name, created_at`, the partition of its entries, and the revision and the chain that they are published to.
    pub(super) fn unpublished(&self) -> Result<Unpublished, DatastoreError> {
        let partition = self.maybe(self.row.integer(3))?.map(|_| self.number(3)).transpose()?;
        let place = self.maybe(self.row.integer(4))?.map(|_| Ok((self.number(4)?, Chain(self.bytes(5)?)))).transpose()?;
        Ok(Unpublished { store: self.store_info()?, partition, place })
    }

    /// A log record of `revision, chain, entry`; `expected` is the revision that comes next.
    pub(super) fn log_record(&self, expected: u64) -> Result<(LogRecord, usize), DatastoreError> {
        let (revision, bytes): (u64, &[u8]) = (self.number(0)?, self.blob(2)?);
        let entry = Entry::decode(bytes).map_err(|error| self.corrupt(error))?;
        if (entry.store, entry.revision, revision) != (self.store, expected, expected) {
            return Err(self.corrupt(format_args!("expected revision {expected}, the row is revision {revision}")));
        }
        Ok((LogRecord { chain: Chain(self.bytes(1)?), entry: entry.into() }, bytes.len()))
    }

    /// The label of a log record of `revision, chain, entry`, and the entry's bytes.
    pub(super) fn log_label(&self) -> Result<(LogLabel, usize), DatastoreError> {
        let (revision, bytes): (u64, &[u8]) = (self.number(0)?, self.blob(2)?);
        let label = EntryLabel::decode(bytes).map_err(|error| self.corrupt(error))?;
        if (label.store, label.revision) != (self.store, revision) {
            return Err(self.corrupt(format_args!("the row of revision {revision} has an entry of revision {}", label.revision)));
        }
        Ok((LogLabel { chain: Chain(self.bytes(1)?), label }, bytes.len()))
    }

    /// A schema version of `version, revision, time, actor, source`.
    pub(super) fn schema(&self) -> Result<SchemaRecord, DatastoreError> {
        let source = self.blob(4)?;
        Ok(SchemaRecord {
            version: self.number(0)?,
            revision: self.number(1)?,
            time: self.time(2)?,
            actor: self.text(3)?.to_owned(),
            source: borsh::from_slice::<SchemaSource>(source).map_err(|error| self.corrupt(error))?,
        })
    }

    /// A key of `object_type, object_id, relation, subject_type, subject_id, subject_relation`.
    pub(super) fn key(&self) -> Result<TupleKey, DatastoreError> {
        let object = ObjectRef::new(self.text(0)?, self.text(1)?).map_err(|error| self.corrupt(error))?;
        let relation = self.text(5)?;
        let subject = Subject::from_parts(self.text(3)?, self.text(4)?, relation).map_err(|error| self.corrupt(error))?;
        if subject.relation().is_none() != relation.is_empty() {
            return Err(self.corrupt("a subject relation is no name"));
        }
        TupleKey::new(object, self.text(2)?, subject).map_err(|error| self.corrupt(error))
    }

    /// A tuple of the key's columns and `caveat, context, expires_at`.
    pub(super) fn tuple(&self) -> Result<Tuple, DatastoreError> {
        let caveat = match (self.maybe(self.row.text(6))?, self.maybe(self.row.bytes(7))?) {
            (None, None) => None,
            (Some(name), Some(context)) => {
                let context = borsh::from_slice(context).map_err(|error| self.corrupt(error))?;
                Some(TupleCaveat::new(name, context).map_err(|error| self.corrupt(error))?)
            }
            (Some(_), None) | (None, Some(_)) => return Err(self.corrupt("caveat and context go together")),
        };
        let expires_at = match self.maybe(self.row.integer(8))? {
            None => None,
            Some(microseconds) => Some(timestamp(microseconds).ok_or_else(|| self.corrupt("an expiry is out of range"))?),
        };
        Ok(Tuple { key: self.key()?, caveat, expires_at })
    }

    /// A tuple and, after it, its revision, which is not behind the `newest`.
    pub(super) fn stored_tuple(&self, newest: u64) -> Result<StoredTuple, DatastoreError> {
        let revision = self.number(9)?;
        if revision > newest {
            return Err(self.corrupt(format_args!("a tuple is of revision {revision}, the newest one is {newest}")));
        }
        Ok(StoredTuple { tuple: self.tuple()?, revision: (revision > 0).then_some(revision) })
    }

    /// A shape of `object_type, relation, subject_type, subject_shape, caveat, expiration` and the count after them.
    pub(super) fn shape(&self) -> Result<(Shape, u64), DatastoreError> {
        let (shape, caveat) = (self.text(3)?, self.text(4)?);
        let subject = SubjectType {
            object_type: self.text(2)?.into(),
            shape: match shape {
                "" => SubjectShape::Object,
                "*" => SubjectShape::Wildcard,
                relation => SubjectShape::Userset(relation.into()),
            },
            caveat: (!caveat.is_empty()).then(|| caveat.into()),
            expiration: self.integer(5)? != 0,
        };
        Ok((Shape { object_type: self.text(0)?.into(), relation: self.text(1)?.into(), subject }, self.number(6)?))
    }

    /// An outcome of `payload, revision, chain, created, replaced, deleted, time`, and the request id after them.
    pub(super) fn outcome(&self) -> Result<(String, RequestOutcome), DatastoreError> {
        let written = Written {
            revision: self.number(1)?,
            chain: Chain(self.bytes(2)?),
            created: self.number(3)?,
            replaced: self.number(4)?,
            deleted: self.number(5)?,
        };
        let outcome = RequestOutcome { payload: PayloadHash(self.bytes(0)?), written, time: self.time(6)? };
        let request_id = String::from_utf8(self.blob(7)?.to_vec()).map_err(|error| self.corrupt(error))?;
        Ok((request_id, outcome))
    }
}

fn timestamp(microseconds: i64) -> Option<Timestamp> {
    let time = Timestamp::from_microseconds(microseconds);
    (time.microseconds() == microseconds).then_some(time)
}

/// A revision, a count or a version as SQL has numbers. None comes near the end of 63 bits.
pub(super) fn sql_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
