//! A store that comes from another database, whole or not at all.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection};

use super::super::error::{CreateStoreError, DatastoreError};
use super::super::moving::{Column, Kind, MoveError, RowSink, Table, Whole};
use super::super::sqlite::SqliteStore;
use super::super::{StoreInfo, StoreKey};
use super::retry::{Failed, timed_out};
use super::{PostgresStore, heads, read, transaction};

/// Entries of the log that are read at once to see that they arrived.
const LOG_PAGE: usize = 1_000;

/// A thousand rows are in long before that.
const INSERTING: Duration = Duration::from_secs(60);

impl Failed for MoveError {
    fn datastore(&self) -> Option<&DatastoreError> {
        match self {
            Self::Datastore(error) | Self::Create(CreateStoreError::Datastore(error)) => Some(error),
            Self::NoStore { .. } | Self::OtherHistory { .. } | Self::NotWhole { .. } | Self::Create(_) => None,
        }
    }
}

impl PostgresStore {
    /// Takes in a store of a file, in one transaction that ends only when what arrived was read and is what it should be.
    ///
    /// # Errors
    /// [`MoveError`]; the store is not here then, unless it is [`DatastoreError::CommitUnknown`].
    pub(in super::super) async fn take_over(&self, info: &StoreInfo, from: &SqliteStore) -> Result<(), MoveError> {
        let mut lent = self.writer().await?;
        let outcome = take(&mut lent.connection, info, from, self.place.timing.load).await;
        transaction::end(lent, outcome, |()| true).await
    }
}

async fn take(connection: &mut PgConnection, info: &StoreInfo, from: &SqliteStore, patience: Duration) -> Result<(), MoveError> {
    transaction::begin(connection).await?;
    let milliseconds = patience.as_millis();
    // Nobody waits for this transaction's locks: what it writes, nobody else knows of.
    let settings = format!("SET LOCAL statement_timeout = {milliseconds}; SET LOCAL idle_in_transaction_session_timeout = {milliseconds}");
    let set = sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut *connection).await;
    set.map_err(DatastoreError::sql("begin a transaction"))?;
    let key = heads::insert(connection, info).await?;
    from.give(info.id, &mut Rows { connection, key }).await?;
    if heads::find(connection, StoreKey::Id(info.id)).await?.as_ref() != Some(info) {
        return Err(MoveError::NotWhole { store: info.id, problem: "it is not found by its id".to_owned() });
    }
    let mut whole = Whole::new(info.id);
    read::load(connection, info.id, patience, &mut whole).await?;
    loop {
        let records = read::log(connection, info.id, whole.logged(), LOG_PAGE).await?;
        if records.is_empty() {
            break;
        }
        whole.log(&records)?;
    }
    whole.end()
}

struct Rows<'c> {
    connection: &'c mut PgConnection,
    key: i64,
}

#[async_trait]
impl RowSink for Rows<'_> {
    async fn rows(&mut self, table: &'static Table, rows: Vec<Column>) -> Result<(), DatastoreError> {
        let names: Vec<_> = table.columns.iter().map(|(name, _)| *name).collect();
        let arrays = table.columns.iter().enumerate().map(|(place, (_, kind))| {
            let kind = match kind {
                Kind::Integer => "BIGINT",
                Kind::Text => "TEXT",
                Kind::Bytes => "BYTEA",
            };
            format!("${}::{kind}[]", place + 2)
        });
        let arrays: Vec<_> = arrays.collect();
        let sql =
            format!("INSERT INTO {} (store, {}) SELECT $1, new.* FROM unnest({}) AS new", table.name, names.join(", "), arrays.join(", "));
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(self.key);
        let query = rows.into_iter().fold(query, |query, column| match column {
            Column::Integers(values) => query.bind(values),
            Column::Texts(values) => query.bind(values),
            Column::Bytes(values) => query.bind(values),
        });
        let inserting = tokio::time::timeout(INSERTING, query.execute(&mut *self.connection)).await;
        inserting.unwrap_or_else(|_| Err(timed_out())).map(|_| ()).map_err(DatastoreError::sql("take in rows"))
    }
}
