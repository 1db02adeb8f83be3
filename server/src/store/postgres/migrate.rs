//! Bringing the tables to this build's form, safely from several servers at once.
//!
//! All migrations that are missing are applied in one transaction, which holds the lock of a table of its own: who comes second waits and
//! finds nothing to do. sqlx's own lock is an advisory one, which not every Postgres-compatible database has, so it is left out.

use std::sync::Arc;

use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration, Migrator};
use sqlx::{Connection, PgConnection};

use super::super::error::DatastoreError;
use super::DatabaseUrl;
use super::connect::{Place, Timing};
use super::retry::sqlstate;
use super::transaction::assert_writable;

/// The tables, by number.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Where it is kept which migrations were applied.
const TABLE: &str = "_sqlx_migrations";

/// How long to wait for another server that migrates.
const WAIT: &str = "SET LOCAL lock_timeout = '10min'; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// Attempts to make the table that is locked: two servers that make it at once get in each other's way.
const ATTEMPTS: u32 = 10;

/// One migration, and whether it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MigrationStatus {
    /// Its number.
    pub(crate) version: i64,
    /// What it is about.
    pub(crate) description: String,
    /// Whether the database has it.
    pub(crate) applied: bool,
}

/// The migrations of this build, with whether a database has them. Changes nothing.
///
/// # Errors
/// When the database cannot be read, or was migrated by another build.
pub(crate) async fn status(url: &DatabaseUrl) -> Result<Vec<MigrationStatus>, DatastoreError> {
    let mut connection = Place::parse(url, Timing::default())?.connect().await?;
    let status = look(&mut connection).await;
    close(connection).await;
    status
}

/// Applies what is missing; the migrations that were.
///
/// # Errors
/// When the database fails, or was migrated by another build; nothing was changed then.
pub(crate) async fn up(url: &DatabaseUrl) -> Result<Vec<MigrationStatus>, DatastoreError> {
    let mut connection = Place::parse(url, Timing::default())?.connect().await?;
    let applied = apply(&mut connection, &MIGRATIONS).await;
    close(connection).await;
    applied
}

async fn close(connection: PgConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a database connection did not close cleanly");
    }
}

/// Refuses a database that lacks migrations, or has those of a newer build.
pub(super) async fn check(connection: &mut PgConnection) -> Result<(), DatastoreError> {
    let missing: Vec<_> = look(connection).await?.into_iter().filter(|migration| !migration.applied).collect();
    match missing.first() {
        None => Ok(()),
        Some(first) => Err(DatastoreError::Outdated { missing: missing.len(), first: first.version }),
    }
}

async fn look(connection: &mut PgConnection) -> Result<Vec<MigrationStatus>, DatastoreError> {
    let failed = || DatastoreError::sql("look for migrations");
    let there: bool =
        sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(TABLE).fetch_one(&mut *connection).await.map_err(failed())?;
    let applied = if there { connection.list_applied_migrations(TABLE).await.map_err(refused)? } else { Vec::new() };
    agree(&MIGRATIONS, &applied).map_err(refused)?;
    let has = |version| applied.iter().any(|applied| applied.version == version);
    Ok(MIGRATIONS.iter().map(|migration| told(migration, has(migration.version))).collect())
}

fn told(migration: &Migration, applied: bool) -> MigrationStatus {
    MigrationStatus { version: migration.version, description: migration.description.to_string(), applied }
}

/// That what was applied are migrations of this build.
fn agree(migrator: &Migrator, applied: &[AppliedMigration]) -> Result<(), MigrateError> {
    for applied in applied {
        match migrator.iter().find(|migration| migration.version == applied.version) {
            None => return Err(MigrateError::VersionMissing(applied.version)),
            Some(ours) if ours.checksum != applied.checksum => return Err(MigrateError::VersionMismatch(applied.version)),
            Some(_) => {}
        }
    }
    Ok(())
}

/// Applies what is missing of these migrations, in one transaction.
pub(super) async fn apply(connection: &mut PgConnection, migrator: &Migrator) -> Result<Vec<MigrationStatus>, DatastoreError> {
    let failed = || DatastoreError::sql("migrate");
    make_lock(connection).await?;
    let mut transaction = connection.begin().await.map_err(failed())?;
    sqlx::raw_sql(WAIT).execute(&mut *transaction).await.map_err(failed())?;
    assert_writable(&mut transaction).await?;
    let locked = sqlx::raw_sql("LOCK TABLE migration_lock IN EXCLUSIVE MODE").execute(&mut *transaction).await;
    locked.map_err(failed())?;
    transaction.ensure_migrations_table(TABLE).await.map_err(refused)?;
    let applied = transaction.list_applied_migrations(TABLE).await.map_err(refused)?;
    agree(migrator, &applied).map_err(refused)?;
    let mut done = Vec::new();
    for migration in migrator.iter().filter(|ours| !applied.iter().any(|applied| applied.version == ours.version)) {
        transaction.apply(TABLE, migration).await.map_err(refused)?;
        done.push(told(migration, true));
    }
    transaction.commit().await.map_err(failed())?;
    Ok(done)
}

/// Makes the table that is locked, if it is not there.
async fn make_lock(connection: &mut PgConnection) -> Result<(), DatastoreError> {
    let mut attempt = 1;
    loop {
        let made = sqlx::raw_sql("CREATE TABLE IF NOT EXISTS migration_lock (nothing BIGINT)").execute(&mut *connection).await;
        match made {
            Ok(_) => return Ok(()),
            // Another server makes it at this moment: "unique violation" in the catalogue, "duplicate table", "duplicate object".
            Err(error) if attempt < ATTEMPTS && matches!(sqlstate(&error).as_deref(), Some("23505" | "42P07" | "42710")) => attempt += 1,
            Err(error) => return Err(DatastoreError::sql("migrate")(error)),
        }
    }
}

fn refused(source: MigrateError) -> DatastoreError {
    if let MigrateError::Execute(source) = source {
        return DatastoreError::sql("migrate")(source);
    }
    DatastoreError::Migrate { source: Arc::new(source) }
}
