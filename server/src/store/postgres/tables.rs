//! Statements over many rows: each column goes in as one array, so that the text of a statement is always the same and it is prepared
//! once, whatever number of rows a batch has.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use dhow_engine::entry::StoreId;
use dhow_engine::filter::TupleFilter;
use dhow_engine::state::Shape;
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleKey};
use dhow_engine::validate::ContextOrphans;
use sqlx::PgConnection;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use super::super::batch::Unsaved;
use super::super::command::RequestOutcome;
use super::super::error::DatastoreError;
use super::super::filter::{Dialect, matching};
use super::super::rows::{Reading, sql_number};
use super::super::tables::Tables;
use super::super::{Head, LogRecord, SchemaRecord, StoredTuple};
use super::columns::{KeyColumns, ShapeColumns};
use super::{heads, versions};

/// The tuples stored under keys. Each is looked up by itself: as a join it might be planned as a walk of the whole table.
pub(super) const SELECT_IMAGES: &str = "
    SELECT t.object_type, t.object_id, t.relation, t.subject_type, t.subject_id, t.subject_relation, t.caveat, t.context, t.expires_at
    FROM unnest($2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::TEXT[])
        AS wanted (object_type, object_id, relation, subject_type, subject_id, subject_relation)
    CROSS JOIN LATERAL (
        SELECT * FROM tuple
        WHERE store = $1 AND object_type = wanted.object_type AND object_id = wanted.object_id AND relation = wanted.relation
            AND subject_type = wanted.subject_type AND subject_id = wanted.subject_id AND subject_relation = wanted.subject_relation
        LIMIT 1
    ) AS t";

/// New tuples, and new images of those that are there.
pub(super) const UPSERT_TUPLES: &str = "
    INSERT INTO tuple (store, object_type, object_id, relation, subject_type, subject_id, subject_relation, caveat, context, expires_at,
        revision)
    SELECT $1, * FROM unnest($2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::TEXT[], $8::TEXT[], $9::BYTEA[],
        $10::BIGINT[], $11::BIGINT[])
    ON CONFLICT (store, object_type, object_id, relation, subject_type, subject_id, subject_relation)
    DO UPDATE SET caveat = excluded.caveat, context = excluded.context, expires_at = excluded.expires_at, revision = excluded.revision";

/// Removes tuples by their keys.
pub(super) const DELETE_TUPLES: &str = "
    DELETE FROM tuple AS t
    USING unnest($2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::TEXT[])
        AS gone (object_type, object_id, relation, subject_type, subject_id, subject_relation)
    WHERE t.store = $1 AND t.object_type = gone.object_type AND t.object_id = gone.object_id AND t.relation = gone.relation
        AND t.subject_type = gone.subject_type AND t.subject_id = gone.subject_id AND t.subject_relation = gone.subject_relation";

/// Adds to counts.
pub(super) const ADD_SHAPES: &str = "
    INSERT INTO shape (store, object_type, relation, subject_type, subject_shape, caveat, expiration, tuples)
    SELECT $1, * FROM unnest($2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::BIGINT[], $8::BIGINT[])
    ON CONFLICT (store, object_type, relation, subject_type, subject_shape, caveat, expiration)
    DO UPDATE SET tuples = shape.tuples + excluded.tuples";

/// Takes from counts. The check of the column refuses to take more than there is.
pub(super) const TAKE_SHAPES: &str = "
    UPDATE shape AS s SET tuples = s.tuples - less.tuples
    FROM unnest($2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::BIGINT[], $8::BIGINT[])
        AS less (object_type, relation, subject_type, subject_shape, caveat, expiration, tuples)
    WHERE s.store = $1 AND s.object_type = less.object_type AND s.relation = less.relation AND s.subject_type = less.subject_type
        AND s.subject_shape = less.subject_shape AND s.caveat = less.caveat AND s.expiration = less.expiration";

/// Shapes without tuples are not kept: there are few rows of a store in this table.
pub(super) const DROP_EMPTY_SHAPES: &str = "DELETE FROM shape WHERE store = $1 AND tuples = 0";

/// The outcomes recorded under request ids.
pub(super) const SELECT_REQUESTS: &str = "
    SELECT r.payload, r.revision, r.chain, r.created, r.replaced, r.deleted, r.time, r.request_id
    FROM unnest($2::BYTEA[]) AS wanted (request_id)
    CROSS JOIN LATERAL (SELECT * FROM write_request WHERE store = $1 AND request_id = wanted.request_id LIMIT 1) AS r";

/// Records outcomes; one under an id whose 24 h are over gives way.
pub(super) const UPSERT_REQUESTS: &str = "
    INSERT INTO write_request (store, request_id, payload, revision, chain, created, replaced, deleted, time)
    SELECT $1, * FROM unnest($2::BYTEA[], $3::BYTEA[], $4::BIGINT[], $5::BYTEA[], $6::BIGINT[], $7::BIGINT[], $8::BIGINT[], $9::BIGINT[])
    ON CONFLICT (store, request_id) DO UPDATE SET payload = excluded.payload, revision = excluded.revision, chain = excluded.chain,
        created = excluded.created, replaced = excluded.replaced, deleted = excluded.deleted, time = excluded.time";

/// Removes outcomes whose time is over, oldest first, some at a time.
pub(super) const PURGE_REQUESTS: &str = "
    DELETE FROM write_request WHERE store = $1 AND request_id = ANY (ARRAY(
        SELECT request_id FROM write_request WHERE store = $1 AND time <= $2 ORDER BY time LIMIT $3))";

/// Rows of the log.
pub(super) const INSERT_LOG: &str = "
    INSERT INTO log (store, revision, chain, entry) SELECT $1, * FROM unnest($2::BIGINT[], $3::BYTEA[], $4::BYTEA[])";

/// A store's row in the other tables, and the transaction that is under way there.
pub(super) struct PostgresTables<'c> {
    pub(super) connection: &'c mut PgConnection,
    pub(super) store: StoreId,
    /// `store.key`.
    pub(super) key: i64,
}

#[async_trait]
impl Tables for PostgresTables<'_> {
    fn store(&self) -> StoreId {
        self.store
    }

    async fn images(&mut self, keys: &[&TupleKey]) -> Result<Vec<Tuple>, DatastoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let query = KeyColumns::of(keys.iter().copied()).bind_to(sqlx::query(SELECT_IMAGES).bind(self.key));
        let rows = query.fetch_all(&mut *self.connection).await.map_err(DatastoreError::sql("read tuples"))?;
        rows.iter().map(|row| Reading { row, table: "tuple", store: self.store }.tuple()).collect()
    }

    async fn requests(&mut self, ids: &[&str]) -> Result<BTreeMap<String, RequestOutcome>, DatastoreError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let ids: Vec<&[u8]> = ids.iter().map(|id| id.as_bytes()).collect();
        let query = sqlx::query(SELECT_REQUESTS).bind(self.key).bind(ids);
        let rows = query.fetch_all(&mut *self.connection).await.map_err(DatastoreError::sql("read request ids"))?;
        rows.iter().map(|row| Reading { row, table: "write_request", store: self.store }.outcome()).collect()
    }

    async fn find(&mut self, filter: &TupleFilter, time: Timestamp) -> Result<Option<TupleKey>, DatastoreError> {
        let query = super::query(matching(Dialect::Postgres, self.key, filter, time));
        let row = query.fetch_optional(&mut *self.connection).await.map_err(DatastoreError::sql("look for a tuple"))?;
        row.map(|row| Reading { row: &row, table: "tuple", store: self.store }.key()).transpose()
    }

    async fn save(&mut self, unsaved: Unsaved) -> Result<(), DatastoreError> {
        let Unsaved { tuples, shapes, log, requests } = unsaved;
        let gone: Vec<_> = tuples.iter().filter(|(_, tuple)| tuple.is_none()).map(|(key, _)| key).collect();
        if !gone.is_empty() {
            let query = KeyColumns::of(gone).bind_to(sqlx::query(DELETE_TUPLES).bind(self.key));
            self.run("remove tuples", query).await?;
        }
        let there: Vec<_> = tuples.values().flatten().collect();
        if !there.is_empty() {
            self.write_tuples(&there).await?;
        }
        self.count(&shapes).await?;
        if !log.is_empty() {
            self.write_log(log).await?;
        }
        if requests.is_empty() { Ok(()) } else { self.write_requests(&requests).await }
    }

    async fn write_head(&mut self, head: &Head) -> Result<(), DatastoreError> {
        heads::write_head(self.connection, self.key, head).await
    }

    async fn purge_requests(&mut self, horizon: Timestamp, most: usize) -> Result<(), DatastoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let query = sqlx::query(PURGE_REQUESTS).bind(self.key).bind(horizon.microseconds()).bind(most);
        self.run("remove old request ids", query).await.map(|_| ())
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

impl PostgresTables<'_> {
    /// Runs a statement; how many rows it was about.
    async fn run(&mut self, doing: &'static str, query: Query<'_, sqlx::Postgres, PgArguments>) -> Result<u64, DatastoreError> {
        let done = query.execute(&mut *self.connection).await.map_err(DatastoreError::sql(doing))?;
        Ok(done.rows_affected())
    }

    async fn write_tuples(&mut self, tuples: &[&StoredTuple]) -> Result<(), DatastoreError> {
        let caveats = || tuples.iter().map(|stored| stored.tuple.caveat.as_ref());
        let names: Vec<Option<&str>> = caveats().map(|caveat| caveat.map(|caveat| &**caveat.name())).collect();
        // Writing to a vector cannot fail.
        let contexts: Vec<Option<Vec<u8>>> =
            caveats().map(|caveat| caveat.map(|caveat| borsh::to_vec(caveat.context()).unwrap_or_default())).collect();
        let expiries: Vec<Option<i64>> = tuples.iter().map(|stored| stored.tuple.expires_at.map(|time| time.microseconds())).collect();
        let revisions: Vec<i64> = tuples.iter().map(|stored| stored.revision.map_or(0, sql_number)).collect();
        let keys = KeyColumns::of(tuples.iter().map(|stored| &stored.tuple.key));
        let query = keys.bind_to(sqlx::query(UPSERT_TUPLES).bind(self.key));
        let query = query.bind(names).bind(contexts).bind(expiries).bind(revisions);
        self.run("write tuples", query).await.map(|_| ())
    }

    async fn count(&mut self, shapes: &BTreeMap<Shape, i64>) -> Result<(), DatastoreError> {
        let more = ShapeColumns::of(shapes.iter().filter(|(_, by)| **by > 0).map(|(shape, by)| (shape, *by)));
        if more.rows() > 0 {
            let query = more.bind_to(sqlx::query(ADD_SHAPES).bind(self.key));
            self.run("count tuples", query).await?;
        }
        let less = ShapeColumns::of(shapes.iter().filter(|(_, by)| **by < 0).map(|(shape, by)| (shape, -*by)));
        let rows = less.rows();
        if rows == 0 {
            return Ok(());
        }
        let query = less.bind_to(sqlx::query(TAKE_SHAPES).bind(self.key));
        let taken = self.run("count tuples", query).await?;
        if usize::try_from(taken) != Ok(rows) {
            let problem = format!("there are tuples of {rows} shapes that became fewer, but counts of {taken} of them");
            return Err(DatastoreError::Corrupt { table: "shape", store: self.store, problem });
        }
        let query = sqlx::query(DROP_EMPTY_SHAPES).bind(self.key);
        self.run("count tuples", query).await.map(|_| ())
    }

    async fn write_log(&mut self, log: Vec<(LogRecord, Vec<u8>)>) -> Result<(), DatastoreError> {
        let revisions: Vec<i64> = log.iter().map(|(record, _)| sql_number(record.entry.revision)).collect();
        let chains: Vec<&[u8]> = log.iter().map(|(record, _)| &record.chain.0[..]).collect();
        let entries: Vec<&[u8]> = log.iter().map(|(_, encoded)| &encoded[..]).collect();
        let query = sqlx::query(INSERT_LOG).bind(self.key).bind(revisions).bind(chains).bind(entries);
        self.run("write the log", query).await.map(|_| ())
    }

    async fn write_requests(&mut self, requests: &[(String, RequestOutcome)]) -> Result<(), DatastoreError> {
        let bytes = |of: fn(&(String, RequestOutcome)) -> &[u8]| requests.iter().map(of).collect::<Vec<&[u8]>>();
        let numbers = |of: fn(&RequestOutcome) -> i64| requests.iter().map(|(_, outcome)| of(outcome)).collect::<Vec<i64>>();
        let query = sqlx::query(UPSERT_REQUESTS)
            .bind(self.key)
            .bind(bytes(|(id, _)| id.as_bytes()))
            .bind(bytes(|(_, outcome)| &outcome.payload.0))
            .bind(numbers(|outcome| sql_number(outcome.written.revision)))
            .bind(bytes(|(_, outcome)| &outcome.written.chain.0))
            .bind(numbers(|outcome| i64::from(outcome.written.created)))
            .bind(numbers(|outcome| i64::from(outcome.written.replaced)))
            .bind(numbers(|outcome| i64::from(outcome.written.deleted)))
            .bind(numbers(|outcome| outcome.time.microseconds()));
        self.run("record request ids", query).await.map(|_| ())
    }
}
