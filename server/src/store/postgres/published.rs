//! How far each log is published to the changelog.

use dhow_engine::entry::{Chain, StoreId};
use sqlx::PgConnection;

use super::super::StoreInfo;
use super::super::error::DatastoreError;
use super::super::rows::{Reading, sql_number};
use super::leases::{self, LeaseKey};
use super::{PostgresStore, attempts, transaction};

/// Stores whose head is not where their log is published to. One look at every head: those of thousands of stores are a few hundred
/// pages.
pub(super) const SELECT_BEHIND: &str = "
    SELECT s.id, s.name, s.created_at, s.changelog_partition, p.revision, p.chain
    FROM head AS h JOIN store AS s ON s.key = h.store LEFT JOIN published AS p ON p.store = h.store
    WHERE h.revision > 0 AND (p.store IS NULL OR p.revision <> h.revision OR p.chain <> h.chain) LIMIT $1";

/// Notes places.
pub(super) const NOTE: &str = "
    INSERT INTO published (store, revision, chain)
    SELECT s.key, u.revision, u.chain
    FROM unnest($1::BYTEA[], $2::BIGINT[], $3::BYTEA[]) AS u (id, revision, chain) JOIN store AS s ON s.id = u.id
    ON CONFLICT (store) DO UPDATE SET revision = excluded.revision, chain = excluded.chain";

/// Keeps the partition that a store's entries go to, unless one is kept.
pub(super) const NOTE_PARTITION: &str = "
    UPDATE store AS s SET changelog_partition = u.partition
    FROM unnest($1::BYTEA[], $2::BIGINT[]) AS u (id, partition) WHERE s.id = u.id AND s.changelog_partition IS NULL";

/// A store whose log is not published up to its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unpublished {
    /// The store.
    pub(crate) store: StoreInfo,
    /// The partition that was kept for it.
    pub(crate) partition: Option<u32>,
    /// The revision that it is published to, and the chain there; `None`: nothing is published.
    pub(crate) place: Option<(u64, Chain)>,
}

/// How far a store was published, and in which partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublishedTo {
    /// The store.
    pub(crate) store: StoreId,
    /// The partition.
    pub(crate) partition: u32,
    /// The revision.
    pub(crate) revision: u64,
    /// The chain there.
    pub(crate) chain: Chain,
}

impl PostgresStore {
    /// At most `limit` stores whose log is not published up to its head. One statement.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn unpublished(&self, limit: usize) -> Result<Vec<Unpublished>, DatastoreError> {
        attempts!(self, readers, "look for unpublished entries", self.unpublished_once(limit))
    }

    async fn unpublished_once(&self, limit: usize) -> Result<Vec<Unpublished>, DatastoreError> {
        let mut lent = self.reader().await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = self.within("look for unpublished entries", async {
            let rows = sqlx::query(SELECT_BEHIND).bind(limit).fetch_all(&mut lent.connection).await;
            let rows = rows.map_err(DatastoreError::sql("look for unpublished entries"))?;
            rows.iter().map(|row| Reading::of_store(row).unpublished()).collect()
        });
        let found = found.await?;
        lent.give_back();
        Ok(found)
    }

    /// Notes how far stores are published, if a lease is still held; `false`: it is lost, and nothing was noted.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn note_published(&self, lease: LeaseKey, places: &[PublishedTo]) -> Result<bool, DatastoreError> {
        attempts!(self, writers, "note what is published", self.note_once(lease, places))
    }

    async fn note_once(&self, lease: LeaseKey, places: &[PublishedTo]) -> Result<bool, DatastoreError> {
        let mut lent = self.writer().await?;
        let noted = self.within("note what is published", async {
            transaction::begin(&mut lent.connection).await?;
            if !leases::lock(&mut lent.connection, lease).await? {
                return Ok(false);
            }
            note(&mut lent.connection, places).await.map_err(DatastoreError::sql("note what is published"))?;
            Ok(true)
        });
        let noted = noted.await;
        transaction::end(lent, noted, |noted| *noted).await
    }
}

async fn note(connection: &mut PgConnection, places: &[PublishedTo]) -> Result<(), sqlx::Error> {
    let ids = || places.iter().map(|place| place.store.0.to_vec()).collect::<Vec<_>>();
    let partitions: Vec<i64> = places.iter().map(|place| i64::from(place.partition)).collect();
    sqlx::query(NOTE_PARTITION).bind(ids()).bind(partitions).execute(&mut *connection).await?;
    let revisions: Vec<i64> = places.iter().map(|place| sql_number(place.revision)).collect();
    let chains: Vec<Vec<u8>> = places.iter().map(|place| place.chain.0.to_vec()).collect();
    sqlx::query(NOTE).bind(ids()).bind(revisions).bind(chains).execute(connection).await.map(|_| ())
}
