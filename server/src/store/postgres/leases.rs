//! Leases: who does what only one server may do at a time.
//!
//! A lease is a row with a holder, an epoch that grows with every holder, and the time at which it ends, by the database's clock. Who was
//! paused for longer than that finds another epoch there. What only the holder may change is changed in a transaction that has the
//! row's lock and has looked at the epoch ([`lock`]).

use std::time::Duration;

use sqlx::PgConnection;

use super::super::error::DatastoreError;
use super::super::rows::sql_number;
use super::{PostgresStore, attempts, transaction};
use crate::clock::microseconds;

/// Takes a lease that is free, over, or this holder's own already; a higher epoch each time, above `$3 - 1` at least.
pub(super) const TAKE: &str = "
    INSERT INTO lease AS l (name, holder, epoch, expires)
    VALUES ($1, $2, $3, (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT + $4)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, epoch = GREATEST(l.epoch + 1, excluded.epoch), expires = excluded.expires
    WHERE l.holder = excluded.holder OR l.expires <= (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT
    RETURNING epoch";

/// Extends a lease, also one that is over and that nobody has taken since.
pub(super) const EXTEND: &str = "
    UPDATE lease SET expires = (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT + $4
    WHERE name = $1 AND holder = $2 AND epoch = $3";

/// Ends a lease now. Its epoch stays.
const GIVE_BACK: &str = "UPDATE lease SET expires = 0 WHERE name = $1 AND holder = $2 AND epoch = $3";

/// Finds out whether a lease is still the same, and sees to it that it stays so until the transaction ends.
pub(super) const LOCK: &str = "SELECT 1 FROM lease WHERE name = $1 AND holder = $2 AND epoch = $3 FOR UPDATE";

/// A lease as one server holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseKey {
    /// What it is for.
    pub(crate) name: &'static str,
    /// Who holds it: another one for each process.
    pub(crate) holder: [u8; 16],
    /// Which one it is.
    pub(crate) epoch: u64,
}

impl PostgresStore {
    /// Takes a lease for a while, with an epoch above `key.epoch` and above all before; `None`: somebody else holds it.
    ///
    /// # Errors
    /// When the database fails; the lease may have been taken then, and is over after its lifetime.
    pub(crate) async fn take_lease(&self, key: LeaseKey, lifetime: Duration) -> Result<Option<LeaseKey>, DatastoreError> {
        let epoch = attempts!(self, writers, "take a lease", self.take_lease_once(key, lifetime))?;
        Ok(epoch.map(|epoch| LeaseKey { epoch, ..key }))
    }

    async fn take_lease_once(&self, key: LeaseKey, lifetime: Duration) -> Result<Option<u64>, DatastoreError> {
        let mut lent = self.writer().await?;
        let taken = self.within("take a lease", async {
            transaction::begin(&mut lent.connection).await?;
            transaction::assert_writable(&mut lent.connection).await?;
            let query = sqlx::query_scalar::<_, i64>(TAKE).bind(key.name).bind(&key.holder[..]).bind(sql_number(key.epoch + 1));
            let epoch = query.bind(microseconds(lifetime)).fetch_optional(&mut lent.connection).await;
            Ok(epoch.map_err(DatastoreError::sql("take a lease"))?.and_then(|epoch| u64::try_from(epoch).ok()))
        });
        let taken = taken.await;
        transaction::end(lent, taken, Option::is_some).await
    }

    /// Extends a lease; `false`: it is lost.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn extend_lease(&self, key: LeaseKey, lifetime: Duration) -> Result<bool, DatastoreError> {
        attempts!(self, writers, "extend a lease", self.change_lease_once(EXTEND, key, Some(lifetime)))
    }

    /// Gives a lease back, if it is still held.
    ///
    /// # Errors
    /// When the database fails: then it is over after its lifetime.
    pub(crate) async fn give_lease_back(&self, key: LeaseKey) -> Result<(), DatastoreError> {
        self.change_lease_once(GIVE_BACK, key, None).await.map(|_| ())
    }

    async fn change_lease_once(&self, sql: &'static str, key: LeaseKey, lifetime: Option<Duration>) -> Result<bool, DatastoreError> {
        let mut lent = self.writer().await?;
        let changed = self.within("extend a lease", async {
            transaction::begin(&mut lent.connection).await?;
            let query = sqlx::query(sql).bind(key.name).bind(&key.holder[..]).bind(sql_number(key.epoch));
            let query = match lifetime {
                Some(lifetime) => query.bind(microseconds(lifetime)),
                None => query,
            };
            let done = query.execute(&mut lent.connection).await.map_err(DatastoreError::sql("extend a lease"))?;
            Ok(done.rows_affected() > 0)
        });
        let changed = changed.await;
        transaction::end(lent, changed, |changed| *changed).await
    }
}

/// Whether a lease is still held, in a transaction: nobody else takes it before that ends.
pub(super) async fn lock(connection: &mut PgConnection, key: LeaseKey) -> Result<bool, DatastoreError> {
    let query = sqlx::query(LOCK).bind(key.name).bind(&key.holder[..]).bind(sql_number(key.epoch));
    let row = query.fetch_optional(connection).await.map_err(DatastoreError::sql("look at a lease"))?;
    Ok(row.is_some())
}
