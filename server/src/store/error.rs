//! What can go wrong between dhow and its database.

use std::path::PathBuf;
use std::sync::Arc;

use dhow_engine::entry::StoreId;

/// The database failed, or holds what dhow did not write. Cheap to clone: many callers may wait for one statement.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum DatastoreError {
    /// The database cannot be opened.
    #[error("the database `{path}` cannot be opened")]
    Open {
        path: PathBuf,
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// A file beside the database cannot be made or locked.
    #[error("`{path}` cannot be used")]
    File {
        path: PathBuf,
        #[source]
        source: Arc<std::io::Error>,
    },
    /// Another process has this database open.
    #[error("the database `{path}` is in use by another process")]
    InUse { path: PathBuf },
    /// A setting that durability hangs on is not in force.
    #[error("the database connection has `{setting}` = `{found}`, it must be `{expected}`")]
    Setting { setting: &'static str, expected: &'static str, found: String },
    /// The tables cannot be brought to this version's form.
    #[error("the database's tables cannot be migrated")]
    Migrate {
        #[source]
        source: Arc<sqlx::migrate::MigrateError>,
    },
    /// A statement failed.
    #[error("the database failed while it was asked to {doing}")]
    Sql {
        doing: &'static str,
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// A row cannot be read back.
    #[error("table `{table}` has a row of store {store} that dhow did not write: {problem}")]
    Corrupt { table: &'static str, store: StoreId, problem: String },
    /// The transaction's end was not reported: it may be in or not.
    #[error("the database did not say whether a transaction was committed")]
    CommitUnknown {
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The database file itself is malformed.
    #[error("the database file is damaged: this was found while it was asked to {doing}")]
    Damaged {
        doing: &'static str,
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The database is not dhow's.
    #[error("the database `{path}` belongs to another program")]
    NotOurs { path: PathBuf },
    /// The store is not in the database.
    #[error("store {store} does not exist")]
    NoStore { store: StoreId },
    /// What the database holds of a store contradicts itself, even after reading it anew.
    #[error("store {store} was set aside: {problem}")]
    SetAside { store: StoreId, problem: String },
    /// The server is stopping.
    #[error("the database is closed")]
    Closed,
}

impl DatastoreError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "DH-D001",
            Self::File { .. } => "DH-D002",
            Self::InUse { .. } => "DH-D003",
            Self::Setting { .. } => "DH-D004",
            Self::Migrate { .. } => "DH-D005",
            Self::Sql { .. } => "DH-D006",
            Self::Corrupt { .. } => "DH-D007",
            Self::CommitUnknown { .. } => "DH-D008",
            Self::NoStore { .. } => "DH-D009",
            Self::SetAside { .. } => "DH-D010",
            Self::Closed => "DH-D011",
            Self::Damaged { .. } => "DH-D012",
            Self::NotOurs { .. } => "DH-D013",
        }
    }

    /// What to do.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Open { .. } => "check that the folder exists, that this user may write there and that the file is an SQLite database",
            Self::File { .. } => "check that the folder exists and that this user may write there",
            Self::InUse { .. } => "stop the other process, or give this one another file",
            Self::Setting { .. } => "put the database on a local file system that supports write-ahead logging",
            Self::Migrate { .. } => "use a dhow at least as new as the one that wrote this database, and a database that nothing else uses",
            Self::Sql { .. } => "look at the cause, try again, and check the disk",
            Self::Corrupt { .. } => "restore the database from a backup, and report this",
            Self::CommitUnknown { .. } => "look whether it is there, then send it again, a write of tuples under the same request id",
            Self::NoStore { .. } => "list the stores",
            Self::SetAside { .. } => "restore the database from a backup and restart the server, and report this",
            Self::Closed => "connect again",
            Self::Damaged { .. } => "restore the database from a backup, and look at the disk",
            Self::NotOurs { .. } => "name another file; dhow makes its own",
        }
    }

    /// A failed statement.
    pub(crate) fn sql(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| {
            let damaged = is_damage(&source);
            let source = Arc::new(source);
            if damaged { Self::Damaged { doing, source } } else { Self::Sql { doing, source } }
        }
    }
}

/// Whether SQLite found its file malformed: `SQLITE_CORRUPT` or `SQLITE_NOTADB`, the low byte of the extended code.
fn is_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    matches!(code.map(|code| code & 0xff), Some(11 | 26))
}

/// A store cannot be made.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CreateStoreError {
    /// The name breaks a rule.
    #[error("`{name}` cannot name a store")]
    Name { name: String },
    /// Another store has this name.
    #[error("a store named `{name}` exists already")]
    NameTaken { name: String },
    /// The database failed.
    #[error("the store was not created")]
    Datastore(#[from] DatastoreError),
}

impl CreateStoreError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "DH-W030",
            Self::NameTaken { .. } => "DH-W031",
            Self::Datastore(error) => error.code(),
        }
    }

    /// What to do.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Name { .. } => "use 1 to 64 of a-z, 0-9, `-`, `_` and `.`, and not the form of a UUID",
            Self::NameTaken { .. } => "choose another name, or use that store",
            Self::Datastore(error) => error.help(),
        }
    }
}
