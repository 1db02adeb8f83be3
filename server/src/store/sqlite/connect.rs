//! Opening an SQLite database so that what it acknowledges is durable, and so that nobody else writes.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::super::error::DatastoreError;
use super::rows::loose_text;

/// The tables, by number.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for a lock that somebody outside holds (a backup, a person with a shell).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How a database is opened again: the writer is, after a transaction whose end is not known.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A file.
    File(PathBuf),
    /// Memory of one connection; gone with it.
    Memory,
}

/// A setting that is read back.
pub(super) struct Setting {
    name: &'static str,
    pragma: &'static str,
    /// What SQLite answers when it is in force.
    expected: &'static str,
}

const FOREIGN_KEYS: Setting = Setting { name: "foreign_keys", pragma: "PRAGMA foreign_keys", expected: "1" };
pub(super) const FILE_SETTINGS: [Setting; 3] = [
    Setting { name: "journal_mode", pragma: "PRAGMA journal_mode", expected: "wal" },
    // 2 is FULL: every commit waits until it is on disk.
    Setting { name: "synchronous", pragma: "PRAGMA synchronous", expected: "2" },
    FOREIGN_KEYS,
];

impl Place {
    fn options(&self) -> SqliteConnectOptions {
        let options = SqliteConnectOptions::new().foreign_keys(true).busy_timeout(BUSY_TIMEOUT).disable_statement_logging();
        match self {
            Self::Memory => options.in_memory(true).filename(":memory:"),
            Self::File(path) => {
                options.filename(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
            }
        }
    }

    /// What error messages call it.
    fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Memory => Path::new(":memory:"),
        }
    }

    /// A new connection that may write, its settings asserted.
    pub(super) async fn connect(&self) -> Result<SqliteConnection, DatastoreError> {
        self.connect_with(self.options()).await
    }

    /// A new connection that only reads, its settings asserted.
    pub(super) async fn connect_reader(&self) -> Result<SqliteConnection, DatastoreError> {
        self.connect_with(self.options().create_if_missing(false).pragma("query_only", "ON")).await
    }

    async fn connect_with(&self, options: SqliteConnectOptions) -> Result<SqliteConnection, DatastoreError> {
        let failed = |source| DatastoreError::Open { path: self.path().to_owned(), source: Arc::new(source) };
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
        match self {
            Self::File(_) => assert_settings(&mut connection, &FILE_SETTINGS).await?,
            Self::Memory => assert_settings(&mut connection, &[FOREIGN_KEYS]).await?,
        }
        Ok(connection)
    }
}

/// Reads settings back: a file system that cannot do write-ahead logging leaves the old mode on, without an error.
pub(super) async fn assert_settings(connection: &mut SqliteConnection, settings: &[Setting]) -> Result<(), DatastoreError> {
    for setting in settings {
        let row = sqlx::query(setting.pragma).fetch_one(&mut *connection).await;
        let found = row.and_then(|row| loose_text(&row)).map_err(DatastoreError::sql("read a setting back"))?;
        if found != setting.expected {
            return Err(DatastoreError::Setting { setting: setting.name, expected: setting.expected, found });
        }
    }
    Ok(())
}

/// What SQLite's header calls dhow's databases (`PRAGMA application_id`): "dhow" in ASCII.
const APPLICATION_ID: i32 = 0x6468_6f77;

/// Makes a new database dhow's own; refuses one that has tables of somebody else.
pub(super) async fn claim(connection: &mut SqliteConnection, place: &Place) -> Result<(), DatastoreError> {
    let failed = || DatastoreError::sql("see whose database it is");
    let id: i32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await.map_err(failed())?;
    if id == APPLICATION_ID {
        return Ok(());
    }
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *connection).await.map_err(failed())?;
    if id != 0 || tables != 0 {
        return Err(DatastoreError::NotOurs { path: place.path().to_owned() });
    }
    let claimed = sqlx::query("PRAGMA application_id = 0x64686f77").execute(&mut *connection).await;
    claimed.map(|_| ()).map_err(DatastoreError::sql("make the database dhow's"))
}

/// Brings the tables to this build's form; refuses those of a newer build.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), DatastoreError> {
    match MIGRATIONS.run(connection).await {
        Ok(()) => Ok(()),
        Err(MigrateError::Execute(source)) => Err(DatastoreError::sql("look for migrations")(source)),
        Err(source) => Err(DatastoreError::Migrate { source: Arc::new(source) }),
    }
}

/// Takes the lock that makes this process the only writer: on a file beside the database, under the database's true path, because
/// two names of one file must meet in one lock. SQLite's own locks on the database file itself stay untouched.
pub(super) fn lock(path: &Path) -> Result<File, DatastoreError> {
    let failed = |path: PathBuf| move |source| DatastoreError::File { path, source: Arc::new(source) };
    let mut beside = true_path(path).map_err(failed(path.to_owned()))?.into_os_string();
    beside.push(".lock");
    let beside = PathBuf::from(beside);
    let file = File::options().write(true).create(true).truncate(false).open(&beside).map_err(failed(beside.clone()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DatastoreError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(beside)(source)),
    }
}

fn true_path(path: &Path) -> std::io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok(folder.canonicalize()?.join(path.file_name().unwrap_or_default()))
        }
        known => known,
    }
}
