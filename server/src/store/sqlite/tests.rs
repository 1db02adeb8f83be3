use std::sync::Arc;

use sqlx::{AssertSqlSafe, Row};
use tempfile::TempDir;

use super::super::StoredTuple;
use super::super::suite::{Loaded, Tenant, at, command, create, datastore_suite, delete, schema_command, touch};
use super::*;

mod corrupt;
mod divergence;
mod failures;
mod files;
mod migrations;
mod plans;

mod in_memory {
    use super::*;

    async fn open() -> (Arc<dyn Datastore>, ()) {
        (Arc::new(SqliteStore::in_memory().await.unwrap()), ())
    }

    datastore_suite!(open);
}

mod in_a_file {
    use super::*;

    async fn open() -> (Arc<dyn Datastore>, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Arc::new(open_in(&folder).await.unwrap()), folder)
    }

    datastore_suite!(open);
}

async fn open_in(folder: &TempDir) -> Result<SqliteStore, DatastoreError> {
    SqliteStore::open(&folder.path().join("dhow.db")).await
}

impl SqliteStore {
    /// Runs statements behind the store's back.
    async fn tamper(&self, sql: &str) {
        let mut writer = self.writer.lock().await;
        let connection = writer.connection().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}
