//! Statements over many rows: keys and rows go in as one JSON array, so that the text of a statement is always the same and it is
//! prepared once. Bytes are written in hexadecimal there.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use dhow_engine::entry::StoreId;
use dhow_engine::filter::TupleFilter;
use dhow_engine::state::Shape;
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleKey};
use dhow_engine::validate::ContextOrphans;
use dhow_schema::ir::SubjectShape;
use serde_json::{Value, json};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection};

use super::super::batch::Unsaved;
use super::super::command::RequestOutcome;
use super::super::error::DatastoreError;
use super::super::filter::{Dialect, matching};
use super::super::rows::{Reading, sql_number};
use super::super::statement::{Bound, Statement};
use super::super::tables::Tables;
use super::super::{Head, LogRecord, SchemaRecord, StoredTuple};
use super::{heads, versions};

/// Rows of one statement: bounds the JSON text.
const ROWS: usize = 1_000;

/// The tuples stored under keys.
pub(super) const SELECT_IMAGES: &str = "
    SELECT t.object_type, t.object_id, t.relation, t.subject_type, t.subject_id, t.subject_relation, t.caveat, t.context, t.expires_at
    FROM json_each(?2) AS wanted CROSS JOIN tuple AS t
    ON t.store = ?1 AND t.object_type = wanted.value ->> 0 AND t.object_id = wanted.value ->> 1 AND t.relation = wanted.value ->> 2
        AND t.subject_type = wanted.value ->> 3 AND t.subject_id = wanted.value ->> 4 AND t.subject_relation = wanted.value ->> 5";

/// New tuples, and new images of those that are there.
pub(super) const UPSERT_TUPLES: &str = "
    INSERT INTO tuple (store, object_type, object_id, relation, subject_type, subject_id, subject_relation, caveat, context, expires_at,
        revision)
    SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, unhex(value ->> 7), value ->> 8,
        value ->> 9
    FROM json_each(?2) WHERE TRUE
    ON CONFLICT DO UPDATE SET caveat = excluded.caveat, context = excluded.context, expires_at = excluded.expires_at,
        revision = excluded.revision";

/// Removes tuples by their keys.
pub(super) const DELETE_TUPLES: &str = "
    DELETE FROM tuple
    WHERE (store, object_type, object_id, relation, subject_type, subject_id, subject_relation) IN (
        SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?2))";

/// Adds to counts.
pub(super) const ADD_SHAPES: &str = "
    INSERT INTO shape (store, object_type, relation, subject_type, subject_shape, caveat, expiration, tuples)
    SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 FROM json_each(?2) WHERE TRUE
    ON CONFLICT DO UPDATE SET tuples = tuples + excluded.tuples";

/// Takes from one count. The check of the column refuses to take more than there is.
pub(super) const TAKE_SHAPE: &str = "
    UPDATE shape SET tuples = tuples - (?2 ->> 6)
    WHERE store = ?1 AND object_type = ?2 ->> 0 AND relation = ?2 ->> 1 AND subject_type = ?2 ->> 2
        AND subject_shape = ?2 ->> 3 AND caveat = ?2 ->> 4 AND expiration = ?2 ->> 5";

/// Shapes without tuples are not kept: there are few rows of a store in this table.
pub(super) const DROP_EMPTY_SHAPES: &str = "DELETE FROM shape WHERE store = ?1 AND tuples = 0";

/// The outcomes recorded under request ids.
pub(super) const SELECT_REQUESTS: &str = "
    SELECT r.payload, r.revision, r.chain, r.created, r.replaced, r.deleted, r.time, r.request_id
    FROM json_each(?2) AS wanted CROSS JOIN write_request AS r ON r.store = ?1 AND r.request_id = unhex(wanted.value)";

/// Records outcomes; one under an id whose 24 h are over gives way.
pub(super) const UPSERT_REQUESTS: &str = "
    INSERT OR REPLACE INTO write_request (store, request_id, payload, revision, chain, created, replaced, deleted, time)
    SELECT ?1, unhex(value ->> 0), unhex(value ->> 1), value ->> 2, unhex(value ->> 3), value ->> 4, value ->> 5, value ->> 6, value ->> 7
    FROM json_each(?2)";

/// Removes outcomes whose time is over, oldest first, some at a time.
pub(super) const PURGE_REQUESTS: &str = "
    DELETE FROM write_request WHERE rowid IN (
        SELECT rowid FROM write_request WHERE store = ?1 AND time <= ?2 ORDER BY time LIMIT ?3)";

const INSERT_LOG: &str = "INSERT INTO log (store, revision, chain, entry) VALUES (?1, ?2, ?3, ?4)";

/// A store's row in the other tables, and the transaction that is under way there.
pub(super) struct SqliteTables<'c> {
    pub(super) connection: &'c mut SqliteConnection,
    pub(super) store: StoreId,
    /// `store.key`.
    pub(super) key: i64,
}

#[async_trait]
impl Tables for SqliteTables<'_> {
    fn store(&self) -> StoreId {
        self.store
    }

    async fn images(&mut self, keys: &[&TupleKey]) -> Result<Vec<Tuple>, DatastoreError> {
        let keys: Vec<Value> = keys.iter().map(|key| key_json(key)).collect();
        let mut images = Vec::new();
        for rows in keys.chunks(ROWS) {
            let query = sqlx::query(SELECT_IMAGES).bind(self.key).bind(array(rows));
            let found = query.fetch_all(&mut *self.connection).await.map_err(DatastoreError::sql("read tuples"))?;
            for row in &found {
                images.push(Reading { row, table: "tuple", store: self.store }.tuple()?);
            }
        }
        Ok(images)
    }

    async fn requests(&mut self, ids: &[&str]) -> Result<BTreeMap<String, RequestOutcome>, DatastoreError> {
        let ids: Vec<Value> = ids.iter().map(|id| Value::String(hex(id.as_bytes()))).collect();
        let mut outcomes = BTreeMap::new();
        for rows in ids.chunks(ROWS) {
            let query = sqlx::query(SELECT_REQUESTS).bind(self.key).bind(array(rows));
            let found = query.fetch_all(&mut *self.connection).await.map_err(DatastoreError::sql("read request ids"))?;
            for row in &found {
                outcomes.extend([Reading { row, table: "write_request", store: self.store }.outcome()?]);
            }
        }
        Ok(outcomes)
    }

    async fn find(&mut self, filter: &TupleFilter, time: Timestamp) -> Result<Option<TupleKey>, DatastoreError> {
        let query = query(matching(Dialect::Sqlite, self.key, filter, time));
        let row = query.fetch_optional(&mut *self.connection).await.map_err(DatastoreError::sql("look for a tuple"))?;
        row.map(|row| Reading { row: &row, table: "tuple", store: self.store }.key()).transpose()
    }

    async fn save(&mut self, unsaved: Unsaved) -> Result<(), DatastoreError> {
        let Unsaved { tuples, shapes, log, requests } = unsaved;
        let gone = tuples.iter().filter(|(_, tuple)| tuple.is_none()).map(|(key, _)| key_json(key)).collect();
        self.write_rows("remove tuples", DELETE_TUPLES, gone).await?;
        let there = tuples.values().flatten().map(tuple_json).collect();
        self.write_rows("write tuples", UPSERT_TUPLES, there).await?;
        self.count(&shapes).await?;
        for (record, encoded) in log {
            insert_log(self.connection, self.key, &record, encoded).await?;
        }
        let requests = requests.iter().map(|(id, outcome)| request_json(id, outcome)).collect();
        self.write_rows("record request ids", UPSERT_REQUESTS, requests).await
    }

    async fn write_head(&mut self, head: &Head) -> Result<(), DatastoreError> {
        heads::write_head(self.connection, self.key, head).await
    }

    async fn purge_requests(&mut self, horizon: Timestamp, most: usize) -> Result<(), DatastoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let query = sqlx::query(PURGE_REQUESTS).bind(self.key).bind(horizon.microseconds()).bind(most);
        query.execute(&mut *self.connection).await.map(|_| ()).map_err(DatastoreError::sql("remove old request ids"))
    }

    async fn schema(&mut self, version: u64) -> Result<Option<SchemaRecord>, DatastoreError> {
        versions::read(self, version).await
    }

    async fn insert_schema(&mut self, record: &SchemaRecord) -> Result<(), DatastoreError> {
        versions::insert(self, record).await
    }

    async fn delete_schema(&mut self, version: u64) -> Result<(), DatastoreError> {
        versions::delete(self, version).await
    }

    async fn shapes(&mut self) -> Result<BTreeMap<Shape, u64>, DatastoreError> {
        versions::shapes(self).await
    }

    async fn example(&mut self, shape: &Shape) -> Result<Option<Arc<Tuple>>, DatastoreError> {
        versions::example(self, shape).await
    }

    async fn show(&mut self, shape: &Shape, to: &mut ContextOrphans<'_>) -> Result<(), DatastoreError> {
        versions::show(self, shape, to).await
    }
}

impl SqliteTables<'_> {
    async fn count(&mut self, shapes: &BTreeMap<Shape, i64>) -> Result<(), DatastoreError> {
        let more = shapes.iter().filter(|(_, by)| **by > 0).map(|(shape, by)| shape_json(shape, *by)).collect();
        self.write_rows("count tuples", ADD_SHAPES, more).await?;
        let less: Vec<Value> = shapes.iter().filter(|(_, by)| **by < 0).map(|(shape, by)| shape_json(shape, -*by)).collect();
        if less.is_empty() {
            return Ok(());
        }
        // One by one: a batch takes from few shapes.
        for row in &less {
            let query = sqlx::query(TAKE_SHAPE).bind(self.key).bind(row.to_string());
            let taken = query.execute(&mut *self.connection).await.map_err(DatastoreError::sql("count tuples"))?;
            if taken.rows_affected() != 1 {
                let problem = format!("there are tuples of the shape {row}, but no count of them");
                return Err(DatastoreError::Corrupt { table: "shape", store: self.store, problem });
            }
        }
        let query = sqlx::query(DROP_EMPTY_SHAPES).bind(self.key).execute(&mut *self.connection);
        query.await.map(|_| ()).map_err(DatastoreError::sql("count tuples"))
    }

    async fn write_rows(&mut self, doing: &'static str, sql: &'static str, rows: Vec<Value>) -> Result<(), DatastoreError> {
        for rows in rows.chunks(ROWS) {
            let query = sqlx::query(sql).bind(self.key).bind(array(rows));
            query.execute(&mut *self.connection).await.map_err(DatastoreError::sql(doing))?;
        }
        Ok(())
    }
}

/// A statement that was put together, to be run once: it would push the hot ones out of the connection's cache.
pub(super) fn query(statement: Statement) -> Query<'static, Sqlite, SqliteArguments> {
    let Statement { text, bound } = statement;
    let query = sqlx::query(AssertSqlSafe(text)).persistent(false);
    bound.into_iter().fold(query, |query, value| match value {
        Bound::Integer(number) => query.bind(number),
        Bound::Text(text) => query.bind(text),
    })
}

/// Writes one row of the log.
async fn insert_log(connection: &mut SqliteConnection, key: i64, record: &LogRecord, encoded: Vec<u8>) -> Result<(), DatastoreError> {
    let query = sqlx::query(INSERT_LOG).bind(key).bind(sql_number(record.entry.revision)).bind(record.chain.0.to_vec()).bind(encoded);
    query.execute(connection).await.map(|_| ()).map_err(DatastoreError::sql("write the log"))
}

pub(super) fn array(rows: &[Value]) -> String {
    // Writing JSON of strings and numbers cannot fail.
    serde_json::to_string(rows).unwrap_or_default()
}

pub(super) fn key_json(key: &TupleKey) -> Value {
    let (object, subject) = (key.object(), key.subject());
    let relation = subject.relation().map_or("", |relation| relation);
    json!([&**object.object_type(), &**object.id(), &**key.relation(), &**subject.object_type(), &**subject.id(), relation])
}

fn tuple_json(stored: &StoredTuple) -> Value {
    let tuple = &stored.tuple;
    let mut row = key_json(&tuple.key);
    if let Value::Array(columns) = &mut row {
        let caveat = tuple.caveat.as_ref();
        // Writing to a vector cannot fail.
        let context = caveat.map(|caveat| hex(&borsh::to_vec(caveat.context()).unwrap_or_default()));
        columns.push(json!(caveat.map(|caveat| &**caveat.name())));
        columns.push(json!(context));
        columns.push(json!(tuple.expires_at.map(|time| time.microseconds())));
        columns.push(json!(stored.revision.map_or(0, sql_number)));
    }
    row
}

fn shape_json(shape: &Shape, by: i64) -> Value {
    let subject = &shape.subject;
    let kind = match &subject.shape {
        SubjectShape::Object => "",
        SubjectShape::Wildcard => "*",
        SubjectShape::Userset(relation) => relation,
    };
    let caveat = subject.caveat.as_ref().map_or("", |caveat| caveat);
    json!([&*shape.object_type, &*shape.relation, &*subject.object_type, kind, caveat, i64::from(subject.expiration), by])
}

fn request_json(id: &str, outcome: &RequestOutcome) -> Value {
    let written = &outcome.written;
    json!([
        hex(id.as_bytes()),
        hex(&outcome.payload.0),
        sql_number(written.revision),
        hex(&written.chain.0),
        written.created,
        written.replaced,
        written.deleted,
        outcome.time.microseconds(),
    ])
}

/// Bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble & 15)).copied().unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
