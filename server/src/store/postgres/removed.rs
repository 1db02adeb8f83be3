//! Stores that were removed, and of which the changelog's readers have not been told.

use dhow_engine::entry::StoreId;
use sqlx::Row as _;

use super::super::error::DatastoreError;
use super::leases::{self, LeaseKey};
use super::{PostgresStore, attempts, transaction};

/// Of one that was made again under its id there is nothing to tell.
const SELECT_REMOVED: &str = "
    SELECT r.id, r.changelog_partition FROM removed_store AS r
    WHERE NOT EXISTS (SELECT 1 FROM store AS s WHERE s.id = r.id) LIMIT $1";

const FORGET: &str = "DELETE FROM removed_store WHERE id = ANY($1)";

impl PostgresStore {
    /// At most `limit` stores that were removed and not told of, with the partition that their entries are in. One statement.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn removed(&self, limit: usize) -> Result<Vec<(StoreId, u32)>, DatastoreError> {
        attempts!(self, readers, "look for removed stores", self.removed_once(limit))
    }

    async fn removed_once(&self, limit: usize) -> Result<Vec<(StoreId, u32)>, DatastoreError> {
        let failed = || DatastoreError::sql("look for removed stores");
        let mut lent = self.reader().await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = self.within("look for removed stores", async {
            let rows = sqlx::query(SELECT_REMOVED).bind(limit).fetch_all(&mut lent.connection).await.map_err(failed())?;
            let mut removed = Vec::new();
            for row in &rows {
                let (id, partition): (Vec<u8>, i64) = (row.try_get(0).map_err(failed())?, row.try_get(1).map_err(failed())?);
                // A row that dhow did not write names no store.
                if let (Ok(id), Ok(partition)) = (id.try_into(), u32::try_from(partition)) {
                    removed.push((StoreId(id), partition));
                }
            }
            Ok(removed)
        });
        let found = found.await?;
        lent.give_back();
        Ok(found)
    }

    /// Forgets removed stores that were told of, if a lease is still held; `false`: it is lost, and nothing was forgotten.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn forget_removed(&self, lease: LeaseKey, stores: &[StoreId]) -> Result<bool, DatastoreError> {
        attempts!(self, writers, "forget removed stores", self.forget_once(lease, stores))
    }

    async fn forget_once(&self, lease: LeaseKey, stores: &[StoreId]) -> Result<bool, DatastoreError> {
        let mut lent = self.writer().await?;
        let forgotten = self.within("forget removed stores", async {
            transaction::begin(&mut lent.connection).await?;
            if !leases::lock(&mut lent.connection, lease).await? {
                return Ok(false);
            }
            let ids: Vec<Vec<u8>> = stores.iter().map(|store| store.0.to_vec()).collect();
            let query = sqlx::query(FORGET).bind(ids).execute(&mut lent.connection).await;
            query.map_err(DatastoreError::sql("forget removed stores"))?;
            Ok(true)
        });
        let forgotten = forgotten.await;
        transaction::end(lent, forgotten, |forgotten| *forgotten).await
    }
}
